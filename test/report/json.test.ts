import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReport } from '../../src/report';
import type { Report } from '../../src/usage-report';
import { HOSTILE, anyReport } from './arbitrary';
import { dayReport, reportOf, row, teamReport } from './reports';

const parsed = (report: Report): unknown => JSON.parse(formatReport(report, 'json'));

/** Without what was added to the report. */
const withoutIso = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).filter(([name]) => !/^(from|to|budgetResetsAt|budgetRunsOutAt)Iso$/.test(name)))
      : each,
  );

describe('JSON', () => {
  it('is the report, with times as text too', () => {
    const report = reportOf([{ tag: 'feature' }], [row({ tags: { feature: 'search' }, calls: 2, costNanos: 15_750 })]);
    expect(formatReport(report, 'json')).toBe(`{
  "from": 1793491200000,
  "fromIso": "2026-11-01T00:00:00.000Z",
  "to": 1796083200000,
  "toIso": "2026-12-01T00:00:00.000Z",
  "by": [
    {
      "tag": "feature"
    }
  ],
  "timeZone": "UTC",
  "rows": [
    {
      "tags": {
        "feature": "search"
      },
      "calls": 2,
      "costNanos": 15750,
      "denied": 0,
      "promptTokens": 0,
      "cachedTokens": 0,
      "completionTokens": 0,
      "reasoningTokens": 0,
      "costUsd": 0.00001575,
      "topModel": ""
    }
  ],
  "total": {
    "calls": 2,
    "denied": 0,
    "promptTokens": 0,
    "cachedTokens": 0,
    "completionTokens": 0,
    "reasoningTokens": 0,
    "costNanos": 15750,
    "costUsd": 0.00001575,
    "topModel": ""
  }
}
`);
  });

  it('has the times of budgets as text', () => {
    const [first] = (parsed(teamReport()) as { readonly rows: readonly unknown[] }).rows;
    expect(first).toMatchObject({
      budgetResetsAt: Date.UTC(2026, 11, 1),
      budgetResetsAtIso: '2026-12-01T00:00:00.000Z',
      budgetRunsOutAtIso: '2026-11-27T14:00:00.000Z',
    });
  });

  it('of several reports is an array', () => {
    const reports = [teamReport(), dayReport()];
    expect(JSON.parse(formatReport(reports, 'json'))).toEqual(reports.map(parsed));
  });

  it('never turns Infinity or NaN into null', () => {
    const report = reportOf(['team'], [row({ budgetUsed: Infinity })], { to: Infinity, from: NaN });
    expect(parsed(report)).toMatchObject({ from: 'NaN', to: 'Infinity', rows: [{ budgetUsed: 'Infinity' }] });
    expect(formatReport(report, 'json')).not.toContain('null');
  });

  it('has every digit of an amount', () => {
    const costNanos = Number.MAX_SAFE_INTEGER;
    expect(formatReport(reportOf(['team'], [row({ costNanos })]), 'json')).toContain('"costUsd": 9007199.254740991,');
  });

  it('holds names that other readers take for something else', () => {
    const report = reportOf(
      ['user', { tag: '__proto__' }],
      HOSTILE.map((user) => row({ user, tags: Object.fromEntries([['__proto__', user]]) })),
    );
    const text = formatReport(report, 'json');
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u);
    const { rows } = JSON.parse(text) as Report;
    expect(rows.map(({ user }) => user)).toEqual(HOSTILE);
    expect(rows.map(({ tags }) => Object.entries(tags ?? {}))).toEqual(HOSTILE.map((name) => [['__proto__', name]]));
  });

  it('reads back to the same report', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const expected: unknown = JSON.parse(
          JSON.stringify(report, (_, value: unknown) => (value === Infinity ? 'Infinity' : value)),
        );
        expect(withoutIso(parsed(report))).toEqual(expected);
      }),
    );
  });
});
