import fc from 'fast-check';
import { expect } from 'vitest';
import { record } from '../../src/testing/contracts/usage-log-fixtures';
import { countedMs } from '../../src/usage/duration-histogram';
import type { GroupBy, Percentiles, UsageLog, UsageRecord, UsageSummary } from '../../src/usage/usage-log';

export const NOON: number = Date.UTC(2026, 10, 21, 12);
const DAY = 86_400_000;

/** A record with a new id. */
export const usageRecord = (fields: Partial<UsageRecord> = {}): UsageRecord => record({ at: NOON, ...fields });

/** A summary by a log that tells nothing of what is optional. */
export function bareSummary(summary: UsageSummary): UsageSummary {
  const { group, calls, denied, promptTokens, cachedTokens, completionTokens, reasoningTokens, costNanos, topModel } = summary;
  return { group, calls, denied, promptTokens, cachedTokens, completionTokens, reasoningTokens, costNanos, topModel };
}

// Mostly the same, so that records meet in one group.
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constant('a') },
  { weight: 1, arbitrary: fc.constantFrom('b', '', '__proto__', '"\n,', '🚀') },
);
const tokens = fc.nat(1_000_000);
const duration = fc.oneof(fc.constant(0), fc.nat(300), fc.nat(2_000_000), fc.double({ min: 0, max: 5_000, noNaN: true }));

/** Histories of up to 60 calls on four days, some recorded twice. */
export function usageRecords(): fc.Arbitrary<readonly UsageRecord[]> {
  const one = fc.record(
    {
      id: fc.nat(80).map((id) => `id-${id}`),
      at: fc.tuple(fc.integer({ min: -2, max: 2 }), fc.nat(800_000)).map(([days, ms]) => NOON + days * DAY + ms),
      team: name,
      user: name,
      keyId: name,
      tags: fc.dictionary(fc.constantFrom('x', 'y', '__proto__'), name, { noNullPrototype: true }),
      operation: fc.constantFrom('chat.completions', 'audio.speech'),
      model: name,
      promptTokens: tokens,
      cachedTokens: tokens,
      completionTokens: tokens,
      reasoningTokens: tokens,
      costNanos: fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: 2 ** 45 })),
      waitMs: duration,
      latencyMs: duration,
      outcome: fc.constantFrom('success', 'error', 'timeout', 'aborted', 'denied'),
      code: fc.constantFrom('budget-exceeded', 'no-key', '__proto__'),
    },
    {
      requiredKeys: [
        'id',
        'at',
        'team',
        'operation',
        'model',
        'promptTokens',
        'cachedTokens',
        'completionTokens',
        'reasoningTokens',
        'costNanos',
        'waitMs',
        'latencyMs',
        'outcome',
      ],
    },
  );
  return fc.array(
    one.map((fields) => usageRecord(fields)),
    { maxLength: 60 },
  );
}

/** All that can be grouped by, and some together. */
export const groupings: readonly (readonly GroupBy[])[] = [
  [],
  ['team'],
  ['user'],
  ['key'],
  ['model'],
  ['operation'],
  ['day'],
  [{ tag: 'x' }],
  [{ tag: '__proto__' }],
  ['model', 'team', 'day'],
  ['user', { tag: 'y' }, 'key'],
];

/** What the first record with each id says, by group. */
function plainGroups(records: readonly UsageRecord[], groupBy: readonly GroupBy[]): Map<string, UsageRecord[]> {
  const groups = new Map<string, UsageRecord[]>();
  const seen = new Set<string>();
  for (const record of records) {
    if (seen.has(record.id)) continue;
    seen.add(record.id);
    const group = groupBy.map((by) => {
      if (typeof by === 'object') return Object.entries(record.tags ?? {}).find(([tag]) => tag === by.tag)?.[1] ?? '';
      if (by === 'day') return new Date(record.at).toISOString().slice(0, 10);
      return (by === 'key' ? record.keyId : record[by]) ?? '';
    });
    const key = JSON.stringify(group);
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  return groups;
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** By a plain reading of the contract. */
function plainFigures(records: readonly UsageRecord[]): Partial<UsageSummary> {
  const calls = records.filter(({ outcome }) => outcome !== 'denied');
  const codes = records.filter(({ outcome }) => outcome === 'denied').map(({ code = '' }) => code);
  return {
    calls: calls.length,
    denied: codes.length,
    promptTokens: sumOf(calls.map(({ promptTokens }) => promptTokens)),
    cachedTokens: sumOf(calls.map(({ cachedTokens }) => cachedTokens)),
    completionTokens: sumOf(calls.map(({ completionTokens }) => completionTokens)),
    reasoningTokens: sumOf(calls.map(({ reasoningTokens }) => reasoningTokens)),
    costNanos: sumOf(calls.map(({ costNanos }) => costNanos)),
    errors: calls.filter(({ outcome }) => outcome === 'error' || outcome === 'timeout').length,
    deniedBy: Object.fromEntries([...new Set(codes)].map((code) => [code, codes.filter((one) => one === code).length])),
    lastAt: calls.length === 0 ? undefined : Math.max(...calls.map(({ at }) => at)),
    waitMs: plainPercentiles(calls.map(({ waitMs }) => waitMs)),
    latencyMs: plainPercentiles(calls.map(({ latencyMs }) => latencyMs)),
  };
}

function plainPercentiles(values: readonly number[]): Percentiles | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const ranked = (percent: number): number => countedMs(sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? NaN);
  return sorted.length === 0 ? undefined : { p50: ranked(50), p95: ranked(95) };
}

/** Records all, then checks that every grouping is right and sums to the same total. */
export async function expectOneTruth(log: UsageLog, records: readonly UsageRecord[], folded = false): Promise<void> {
  for (const record of records) await log.record(record);
  const [whole] = plainGroups(records, []).values();
  for (const groupBy of groupings) {
    const rows = await log.summarize({ from: 0, to: Infinity, groupBy });
    const total = await log.summarize({ from: 0, to: Infinity, groupBy, withTotal: true });
    expect(total.slice(groupBy.length === 0 || whole === undefined ? 0 : 1)).toEqual(rows);
    expect(total[0]?.group).toEqual(whole && []);
    if (whole !== undefined) expect(total[0]).toEqual({ ...plainFigures(whole), group: [], topModel: total[0]?.topModel });
    for (const figure of ['calls', 'denied', 'promptTokens', 'costNanos'] as const)
      expect(sumOf(rows.map((row) => row[figure]))).toBe(total[0]?.[figure] ?? 0);
    if (folded) continue;
    const groups = plainGroups(records, groupBy);
    expect(new Set(rows.map(({ group }) => JSON.stringify(group)))).toEqual(new Set(groups.keys()));
    for (const row of rows) {
      const { group, topModel } = row;
      expect(row).toEqual({ ...plainFigures(groups.get(JSON.stringify(group)) ?? []), group, topModel });
    }
    expect(rows.map((row) => row.costNanos)).toEqual(rows.map((row) => row.costNanos).sort((a, b) => b - a));
  }
}
