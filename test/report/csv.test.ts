import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReport } from '../../src/report';
import type { Report } from '../../src/usage-report';
import { HOSTILE, anyReport } from './arbitrary';
import { dayReport, reportOf, row, teamReport } from './reports';

/** By RFC 4180 and nothing else; throws on what it does not allow. */
function parse(text: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const [all = '', quoted, plain = ''] = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))/.exec(rest) ?? [];
    line.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    at += all.length;
    const end = text.startsWith('\r\n', at) ? 2 : 1;
    if (end === 1 && text[at] !== ',') throw new Error(`Unexpected ${JSON.stringify(rest.slice(all.length, 5))} in a line`);
    at += end;
    if (end === 2) {
      lines.push(line);
      line = [];
    }
  }
  if (line.length > 0) throw new Error('The last line has no end');
  return lines;
}

function table(report: Report, options?: { readonly total?: boolean }): Record<string, string>[] {
  const [header = [], ...lines] = parse(formatReport(report, 'csv', options));
  expect(new Set(header).size).toBe(header.length);
  return lines.map((line) => {
    expect(line).toHaveLength(header.length);
    return Object.fromEntries(header.map((name, index) => [name, line[index] ?? '']));
  });
}

/** Takes away the apostrophe that a text got in front. */
const unguarded = (text: string): string => (/^'+[=+\-@\t\r\n＝＋－＠]/.test(text) ? text.slice(1) : text);
const withoutControls = (text: string): string => text.replace(/(?![\t\r\n])\p{Cc}/gu, '\ufffd');

describe('CSV', () => {
  it('of teams', () => {
    expect(formatReport(teamReport(), 'csv')).toBe(
      [
        'team,calls,errors,denied,deniedBy,promptTokens,cachedTokens,completionTokens,reasoningTokens,costNanos,costUsd,topModel,waitP50Ms,waitP95Ms,latencyP50Ms,latencyP95Ms,budgetName,budgetUsd,budgetSpentUsd,budgetUsed,budgetResetsAt,budgetRunsOutAt,from,to',
        'chatbot,18204,31,12,budget-exceeded=9; rate-limit-wait=3,61204118,20113400,9871002,3100250,164903217450,164.90321745,openai/gpt-oss-120b,0,420,640,2310,chatbot/month,200.00,164.90321745,0.82451608725,2026-12-01T00:00:00.000Z,2026-11-27T14:00:00.000Z,2026-11-01T00:00:00.000Z,2026-12-01T00:00:00.000Z',
        'analytics,2417,4,208,budget-exceeded=208,8300411,0,1204300,204117,51020000000,51.02,openai/gpt-oss-20b,12,1900,410,1120,analytics/month,50.00,51.02,1.0204,2026-12-01T00:00:00.000Z,,2026-11-01T00:00:00.000Z,2026-12-01T00:00:00.000Z',
        'support,96,0,0,,41002,1024,12400,0,15750,0.00001575,llama-3.1-8b-instant,0,0,180,390,,,,,,,2026-11-01T00:00:00.000Z,2026-12-01T00:00:00.000Z',
        '',
      ].join('\r\n'),
    );
  });

  it('has the same columns whatever happened', () => {
    const header = (report: Report): string => formatReport(report, 'csv').split('\r\n')[0] ?? '';
    expect(header(reportOf(['team'], []))).toBe(header(teamReport()));
    expect(header(reportOf(['team', { tag: 'calls' }], []))).toMatch(/^team,tag:calls,calls,errors,/);
    expect(header(dayReport())).toMatch(/^day,team,calls,/);
    expect(header(dayReport())).not.toContain('budget');
  });

  it('has a total only if asked, so that columns can be added up', () => {
    const report = teamReport();
    expect(table(report)).toHaveLength(3);
    const lines = table(report, { total: true });
    expect(lines.at(-1)).toMatchObject({ team: '', calls: '20717', costNanos: '215923233200', costUsd: '215.9232332' });
    const rows = lines.slice(0, -1).reduce((sum, { costNanos = '' }) => sum + BigInt(costNanos), 0n);
    expect(rows).toBe(BigInt(report.total.costNanos));
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠A'])(
    'no name is a formula: %j',
    (name) => {
      const report = reportOf([{ tag: name }], [row({ tags: { [name]: name }, topModel: name, calls: 1 })]);
      const [header = [], line = []] = parse(formatReport(report, 'csv'));
      expect(header[0]).toBe(`tag:${name}`);
      expect(line[0]).toBe(`'${name}`);
      expect(line[header.indexOf('topModel')]).toBe(`'${name}`);
      expect(line[header.indexOf('calls')]).toBe('1');
    },
  );

  it('leaves other names alone, and numbers are numbers', () => {
    const names = ["'tis", 'a=b', 'a-b', '日本', 'x@y.example'];
    const report = reportOf(
      ['user'],
      names.map((user) => row({ user, costNanos: 1 })),
    );
    expect(table(report).map(({ user }) => user)).toEqual(names);
    expect(table(report).every(({ costNanos, costUsd }) => costNanos === '1' && costUsd === '0.000000001')).toBe(true);
  });

  it('cannot be told to do something by a terminal that shows it', () => {
    const report = reportOf(
      ['user'],
      HOSTILE.map((user) => row({ user })),
    );
    expect(formatReport(report, 'csv').replace(/[\t\r\n]/g, '')).not.toMatch(/\p{Cc}/u);
  });

  it('shows a budget of nothing that was spent from as Infinity', () => {
    expect(table(reportOf(['team'], [row({ budgetUsd: 0, budgetUsed: Infinity })]))[0]).toMatchObject({
      budgetUsd: '0.00',
      budgetUsed: 'Infinity',
    });
  });

  it('reads back to the same values', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const lines = table(report);
        expect(lines).toHaveLength(report.rows.length);
        report.rows.forEach((each, index) => {
          const line = lines[index] ?? {};
          for (const by of report.by) {
            const name = typeof by === 'string' ? by : unguarded(withoutControls(`tag:${by.tag}`));
            const value = (typeof by === 'string' ? each[by] : each.tags?.[by.tag]) ?? '';
            expect(unguarded(line[name] ?? 'missing')).toBe(withoutControls(value));
          }
          const { calls, denied, promptTokens, cachedTokens, completionTokens, reasoningTokens, costNanos } = each;
          const figures = { calls, denied, promptTokens, cachedTokens, completionTokens, reasoningTokens, costNanos };
          for (const [name, value] of Object.entries(figures)) expect(line[name]).toBe(String(value));
          expect(unguarded(line['topModel'] ?? '')).toBe(withoutControls(each.topModel));
          expect(line['errors']).toBe(each.errors === undefined ? '' : String(each.errors));
          expect(line['latencyP95Ms']).toBe(each.latencyMs === undefined ? '' : String(each.latencyMs.p95));
          const counts = Object.entries(each.deniedBy ?? {}).map(([code, count]) => `${code || 'none'}=${count}`);
          expect(line['deniedBy']?.split('; ').filter(Boolean).sort()).toEqual(counts.sort());
        });
        const cost = lines.reduce((sum, { costNanos = '' }) => sum + BigInt(costNanos), 0n);
        expect(cost).toBe(report.rows.reduce((sum, { costNanos }) => sum + BigInt(costNanos), 0n));
      }),
    );
  });
});
