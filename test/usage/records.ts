import fc from 'fast-check';
import { expect } from 'vitest';
import type { GroupBy, UsageLog, UsageRecord } from '../../src/usage/usage-log';

export const NOON: number = Date.UTC(2026, 10, 21, 12);
const DAY = 86_400_000;

let count = 0;

/** A record with a new id. */
export function usageRecord(fields: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id: `id-${++count}`,
    at: NOON,
    team: 'chatbot',
    operation: 'chat.completions',
    model: 'openai/gpt-oss-20b',
    promptTokens: 10,
    cachedTokens: 4,
    completionTokens: 5,
    reasoningTokens: 2,
    costNanos: 1_000,
    accuracy: 'exact',
    priceVersion: '2026-11-13',
    attempts: 1,
    waitMs: 0,
    latencyMs: 250,
    outcome: 'success',
    ...fields,
  };
}

// Mostly the same, so that records meet in one group.
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constant('a') },
  { weight: 1, arbitrary: fc.constantFrom('b', '', '__proto__', '"\n,', '🚀') },
);
const tokens = fc.nat(1_000_000);

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
      outcome: fc.constantFrom('success', 'error', 'aborted', 'denied'),
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
        'outcome',
      ],
    },
  );
  return fc.array(
    one.map((fields) => usageRecord(fields)),
    { maxLength: 60 },
  );
}

const groupings: readonly (readonly GroupBy[])[] = [
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

/** What the first record with each id says, summed by a plain reading of the contract. */
function plainSums(records: readonly UsageRecord[], groupBy: readonly GroupBy[]): Map<string, number[]> {
  const sums = new Map<string, number[]>();
  const seen = new Set<string>();
  for (const record of records) {
    if (seen.has(record.id)) continue;
    seen.add(record.id);
    const group = groupBy.map((by) => {
      if (typeof by === 'object') return Object.entries(record.tags ?? {}).find(([tag]) => tag === by.tag)?.[1] ?? '';
      if (by === 'day') return new Date(record.at).toISOString().slice(0, 10);
      return (by === 'key' ? record.keyId : record[by]) ?? '';
    });
    const sum = sums.get(JSON.stringify(group)) ?? [0, 0, 0, 0];
    const denied = record.outcome === 'denied';
    const added = denied ? [0, 1, 0, 0] : [1, 0, record.promptTokens, record.costNanos];
    sums.set(
      JSON.stringify(group),
      sum.map((value, index) => value + (added[index] ?? 0)),
    );
  }
  return sums;
}

/** Records all, then checks that every grouping is right and sums to the same total. */
export async function expectOneTruth(log: UsageLog, records: readonly UsageRecord[], folded = false): Promise<void> {
  for (const record of records) await log.record(record);
  const [total = [0, 0, 0, 0]] = plainSums(records, []).values();
  for (const groupBy of groupings) {
    const rows = await log.summarize({ from: 0, to: Infinity, groupBy });
    const figures = rows.map((row) => [row.calls, row.denied, row.promptTokens, row.costNanos]);
    expect(total.map((_, index) => figures.reduce((sum, row) => sum + (row[index] ?? 0), 0))).toEqual(total);
    if (folded) continue;
    const groups = new Map(rows.map((row, index) => [JSON.stringify(row.group), figures[index] ?? []]));
    expect(groups).toEqual(plainSums(records, groupBy));
    expect(rows.map((row) => row.costNanos)).toEqual(rows.map((row) => row.costNanos).sort((a, b) => b - a));
  }
}
