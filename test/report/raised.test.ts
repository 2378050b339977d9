// Budgets that were raised stand in every report that people read, and in the data.
import { describe, expect, it } from 'vitest';
import { formatReport } from '../../src/report';
import { reportOf, row } from './reports';

const report = reportOf(['team'], [row({ team: 'chatbot', calls: 1 })], {
  timeZone: 'Europe/Berlin',
  increases: [
    { budget: 'chatbot/month', byUsd: 50, until: '2026-12-01T00:00:00Z', reason: 'launch <week>' },
    { budget: 'chatbot/day', byUsd: 0.5, from: Date.UTC(2026, 10, 10), until: Date.UTC(2026, 10, 11) },
  ],
});

describe('increases', () => {
  it('are told below a table, in the time of the report', () => {
    expect(formatReport(report, 'table', { width: 120 })).toMatch(
      /\n\nBudget chatbot\/month was raised by \$50\.00 until 2026-12-01 01:00 \(launch <week>\)\.\n\nBudget chatbot\/day was raised by \$0\.50 from 2026-11-10 01:00 until 2026-11-11 01:00\.\n$/,
    );
    for (const line of formatReport(report, 'table', { width: 30 }).split('\n')) expect(line.length).toBeLessThanOrEqual(30);
  });

  it('are told below Markdown and on the page, once, and are no markup there', () => {
    expect(formatReport(report, 'markdown')).toContain('\nBudget chatbot/month was raised by $50.00');
    expect(formatReport(report, 'markdown')).toContain('launch &lt;week&gt;');
    const page = formatReport([report, report], 'html');
    expect(page.split('Budget chatbot/month was raised by $50.00')).toHaveLength(2);
    expect(page).toContain('launch &lt;week&gt;');
  });

  it('are in the data as they were written', () => {
    expect(JSON.parse(formatReport(report, 'json'))).toMatchObject({ increases: report.increases });
  });
});
