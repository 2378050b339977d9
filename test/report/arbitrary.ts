import fc from 'fast-check';
import type { Report, ReportBy, ReportRow } from '../../src/usage-report';
import { reportOf, row } from './reports';

/** Names that were made to do something where they are shown. */
export const HOSTILE: readonly string[] = [
  '',
  '=HYPERLINK("https://evil.example","x")',
  '+1',
  '-2+3',
  '@SUM(A1:A9)',
  '\t=1',
  '\r=1',
  '＝1+1',
  "'=1",
  "'tis",
  'a,b',
  'a"b',
  'a\nb',
  'a\r\nb',
  ' padded ',
  '\u001b[31mred\u001b[0m',
  '\u001b]0;title\u0007',
  '\u009b2J',
  '\u202eevil',
  'zero\u200bwidth',
  'half\ud800pair',
  '日本語のチーム',
  '한국어',
  '👩‍👩‍👧‍👦 family',
  '🇩🇪',
  '🫠🫠🫠',
  '👍🏽',
  'e\u0301\u0301\u0301\u0301\u0301\u0301',
  '\u0301alone',
  '</script><img src=x onerror=alert(1)>',
  '<!--',
  '"><svg onload=alert(1)>',
  'a|b',
  'a\\|b',
  '`code`',
  '[link](https://evil.example)',
  '@everyone #1',
  '__proto__',
  'constructor',
  'x'.repeat(200),
];

export const anyName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: fc.constantFrom('a', '日', '🫠', '\u0301', '\u200d', '\u001b', '[', ' '), maxLength: 40 }),
);

const count = fc.nat({ max: 2_000_000_000 });
// Six of them still add up exactly.
const money = fc.oneof(fc.nat({ max: 1_000_000 }), fc.integer({ min: 0, max: 2 ** 50 }));
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const percentiles = fc.record({ p50: fc.nat({ max: 10_000_000 }), p95: fc.nat({ max: 10_000_000 }) });

const anyBy: fc.Arbitrary<readonly ReportBy[]> = fc.oneof(
  fc.constant<readonly ReportBy[]>(['team']),
  fc.uniqueArray(
    fc.oneof(
      fc.constantFrom<ReportBy>('team', 'user', 'key', 'model', 'operation', 'endpoint'),
      anyName.map((tag) => ({ tag })),
    ),
    { maxLength: 6, selector: (by) => (typeof by === 'string' ? by : by.tag) },
  ),
);

const anyFigures = fc.record(
  {
    calls: count,
    denied: count,
    promptTokens: count,
    cachedTokens: count,
    completionTokens: count,
    reasoningTokens: count,
    costNanos: money,
    topModel: anyName,
    errors: count,
    deniedBy: fc.dictionary(fc.constantFrom('budget-exceeded', 'rate-limit-wait', 'policy-denied', ''), count),
    waitMs: percentiles,
    latencyMs: percentiles,
    budgetUsd: fc.nat({ max: 1_000_000 }),
    budgetSpentNanos: fc.nat(),
    budgetUsed: fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.constant(Infinity)),
    budgetResetsAt: time,
    budgetRunsOutAt: time,
  },
  { requiredKeys: ['calls', 'denied', 'costNanos'] },
);

const rowBy = (by: readonly ReportBy[]): fc.Arbitrary<ReportRow> =>
  fc.tuple(fc.array(anyName, { minLength: by.length, maxLength: by.length }), anyFigures).map(([names, given]) => {
    const fields: [string, string][] = [];
    const tags: [string, string][] = [];
    by.forEach((each, index) => {
      if (typeof each === 'string') fields.push([each, names[index] ?? '']);
      else tags.push([each.tag, names[index] ?? '']);
    });
    return row({ ...given, ...Object.fromEntries(fields), ...(tags.length > 0 && { tags: Object.fromEntries(tags) }) });
  });

/** Any report that is not by day, with hostile names of groups, tags and models. */
export const anyReport: fc.Arbitrary<Report> = anyBy.chain((by) =>
  fc.array(rowBy(by), { maxLength: 6 }).map((rows) => reportOf(by, rows)),
);
