import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReport } from '../../src/report';
import { IMPORTANCE } from '../../src/report/columns';
import { anyReport } from './arbitrary';
import { dayReport, reportOf, row, teamReport } from './reports';

const lines = (...all: readonly string[]): string => all.map((line) => `${line}\n`).join('');

/** As a terminal counts that knows nothing of clusters: each character by itself. */
function columnsTaken(line: string): number {
  const wide =
    /(?![\u1160-\u11ff\ud7b0-\ud7ff\uff61-\uffdc])[\p{Script=Han}\p{Script=Hiragana}\p{Script=Hangul}\uff01-\uff60]|(?!\p{Regional_Indicator})\p{Emoji_Presentation}/u;
  return Array.from(line).reduce<number>((sum, each) => sum + (/[\p{Mn}\p{Me}]/u.test(each) ? 0 : wide.test(each) ? 2 : 1), 0);
}
const withoutColors = (text: string): string => text.replace(/\p{Cc}\[\d+m/gu, '');

describe('table', () => {
  it('in 80 columns', () => {
    expect(formatReport(teamReport(), 'table', { width: 80 })).toBe(
      lines(
        'Groq usage by team',
        '2026-11-01 to 2026-11-30 (UTC)',
        '',
        'team          cost   budget  of budget   calls  denied       input      output',
        '─────────  ───────  ───────  ─────────  ──────  ──────  ──────────  ──────────',
        'chatbot    $164.90  $200.00       82 %  18,204      12  61,204,118   9,871,002',
        'analytics   $51.02   $50.00      102 %   2,417     208   8,300,411   1,204,300',
        'support     <$0.01        –          –      96       0      41,002      12,400',
        '─────────  ───────  ───────  ─────────  ──────  ──────  ──────────  ──────────',
        'total      $215.92                      20,717     220  69,545,531  11,087,702',
        '',
        'No room for: runs out, errors, cached, reasoning, latency p50, latency p95, wait',
        'p50, wait p95, top model, denied by.',
      ),
    );
  });

  it('in 100 columns, which is the default, has bars for budgets', () => {
    const text = formatReport(teamReport(), 'table');
    expect(text).toBe(formatReport(teamReport(), 'table', { width: 100 }));
    expect(text).toContain(
      lines(
        'team          cost   budget  of budget               calls  errors  denied       input      output',
        '─────────  ───────  ───────  ─────────  ──────────  ──────  ──────  ──────  ──────────  ──────────',
        'chatbot    $164.90  $200.00       82 %  ████████░░  18,204      31      12  61,204,118   9,871,002',
        'analytics   $51.02   $50.00      102 %  ██████████   2,417       4     208   8,300,411   1,204,300',
        'support     <$0.01        –          –                  96       0       0      41,002      12,400',
      ),
    );
  });

  it('in 30 columns shortens names in their middle', () => {
    const report = reportOf(
      ['team'],
      [
        row({ team: 'customer-support-europe', calls: 1_204, costNanos: 12_340_000_000 }),
        row({ team: 'customer-support-asia', calls: 87, costNanos: 1_000_000_000 }),
      ],
    );
    expect(formatReport(report, 'table', { width: 30, title: 'November' })).toBe(
      lines(
        'November by team',
        '2026-11-01 to 2026-11-30 (UTC)',
        '',
        'team               cost  calls',
        '───────────────  ──────  ─────',
        'custome…-europe  $12.34  1,204',
        'custome…rt-asia   $1.00     87',
        '───────────────  ──────  ─────',
        'total            $13.34  1,291',
        '',
        'No room for: denied, input,',
        'cached, output, reasoning.',
      ),
    );
  });

  it('has everything where there is no limit', () => {
    const text = formatReport(teamReport(), 'table', { width: Infinity });
    expect(text).not.toContain('No room');
    expect(text).toContain('denied by\n');
    expect(text).toContain('  openai/gpt-oss-120b   budget-exceeded 9, rate-limit-wait 3\n');
  });

  it('drops the least important figures first, whatever the width', () => {
    const shownAt = (width: number): string => formatReport(teamReport(), 'table', { width }).split('\n')[3] ?? '';
    const titles: Partial<Record<string, string>> = {
      budgetUsed: 'of budget',
      budgetRunsOut: 'runs out',
      latencyP95: 'latency p95',
      latencyP50: 'latency p50',
      waitP95: 'wait p95',
      waitP50: 'wait p50',
      topModel: 'top model',
      deniedBy: 'denied by',
    };
    const order = IMPORTANCE.filter((id) => id !== 'budgetBar').map((id) => titles[id] ?? id);
    let most = 0;
    for (let width = 20; width <= 260; width++) {
      // "budget" is also part of "of budget".
      const header = shownAt(width).split(/ {2,}/);
      const shown = order.filter((title) => header.includes(title));
      expect(shown).toEqual(order.slice(0, shown.length));
      expect(shown.length).toBeGreaterThanOrEqual(most);
      most = shown.length;
    }
    expect(most).toBe(order.length);
  });

  it('says so if there is nothing', () => {
    expect(formatReport(reportOf(['team'], []), 'table')).toBe(
      lines('Groq usage by team', '2026-11-01 to 2026-11-30 (UTC)', '', 'There were no calls in this time.'),
    );
  });

  it('has one row and no total for a report of no groups', () => {
    const text = formatReport(reportOf([], [row({ calls: 3, costNanos: 2e9 })]), 'table');
    expect(text).toContain('Groq usage in all\n');
    expect(text).toMatch(/^group {2}.*\n─.*\nall {4}.*\n$/m);
    expect(text).not.toContain('total');
  });

  it('is by day if it is grouped by day first', () => {
    const days = [...formatReport(dayReport(), 'table').matchAll(/^2026-11-\d\d(?= {2})/gm)].map(([day]) => day);
    expect(days).toHaveLength(39);
    expect(days).toEqual([...days].sort());
  });

  it('leaves out what is not known, and shows – where one group knows', () => {
    const report = reportOf(['user'], [row({ user: 'ada', calls: 1, errors: 1 }), row({ user: '', calls: 1 })]);
    const text = formatReport(report, 'table');
    expect(text).toMatch(/^user .*errors/m);
    expect(text).not.toContain('latency');
    expect(text).toMatch(/^\(none\) .* – /m);
  });

  it('writes several reports one after the other', () => {
    const text = formatReport([teamReport(), dayReport()], 'table');
    expect(text).toBe(`${formatReport(teamReport(), 'table')}\n${formatReport(dayReport(), 'table')}`);
  });
});

describe('colours', () => {
  it('are off unless asked for, and change nothing else', () => {
    const plain = formatReport(teamReport(), 'table');
    expect(plain).not.toContain('\u001b');
    expect(withoutColors(formatReport(teamReport(), 'table', { color: true }))).toBe(plain);
  });

  it('tell how full a budget is', () => {
    const text = formatReport(teamReport(), 'table', { color: true, width: 60 });
    expect(text).toContain('\u001b[33m82 %\u001b[39m');
    expect(text).toContain('\u001b[31m102 %\u001b[39m');
    expect(text).toContain('\u001b[1mtotal\u001b[22m');
  });
});

describe('whatever the names', () => {
  it('no line is wider than the terminal', () => {
    fc.assert(
      fc.property(anyReport, fc.integer({ min: 1, max: 220 }), fc.boolean(), (report, width, color) => {
        const text = formatReport(report, 'table', { width, color });
        for (const line of withoutColors(text).split('\n')) {
          expect(columnsTaken(line)).toBeLessThanOrEqual(Math.max(20, width));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('nothing is in it that a terminal obeys', () => {
    fc.assert(
      fc.property(anyReport, anyTitle(), (report, title) => {
        const text = formatReport(report, 'table', { title, width: Infinity });
        expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('each group has its line', () => {
    fc.assert(
      fc.property(anyReport, fc.integer({ min: 20, max: 200 }), (report, width) => {
        // What looks like a rule is found by what rules are made of.
        fc.pre(!JSON.stringify(report).includes('─'));
        const text = formatReport(report, 'table', { width });
        const rules = [...text.matchAll(/^─.*$/gm)];
        const between = report.by.length > 0 ? text.split(/^─.*\n/m)[1] : undefined;
        if (report.rows.length === 0) expect(rules).toHaveLength(0);
        else if (between !== undefined) expect(between.split('\n')).toHaveLength(report.rows.length + 1);
      }),
    );
  });

  const anyTitle = (): fc.Arbitrary<string> => fc.string({ unit: 'binary' });
});
