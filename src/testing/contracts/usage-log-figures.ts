// What a log may tell besides: it can leave each of these figures undefined, but what it tells must be right.
import type { Percentiles, UsageLog, UsageRecord } from '../../usage/usage-log';
import { type Expect, MINUTE, NOON, record, recordAll, summaries, type Test } from './usage-log-fixtures';

const denied = (code?: string): UsageRecord =>
  record({ outcome: 'denied', at: NOON + 90 * MINUTE, waitMs: 700_000, ...(code !== undefined && { code }) });

/** By the definition: the smallest of the values that so many in a hundred do not exceed. */
function exactly(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0;
}

/** Whether a log's figures are what they may be: not below the exact ones, and at most 5 % above. */
function areNear(told: Percentiles, values: readonly number[]): boolean {
  const isNear = (figure: number, exact: number): boolean => figure >= exact && figure <= exact * 1.05;
  return isNear(told.p50, exactly(values, 50)) && isNear(told.p95, exactly(values, 95));
}

/** The figures that a `UsageSummary` has optionally, and the total. */
export function describeFigures(expect: Expect, test: Test): void {
  test('counts errors and timeouts as errors, if it tells', async (log) => {
    const outcomes = ['success', 'error', 'timeout', 'aborted', 'unknown', 'error'] as const;
    await recordAll(log, [...outcomes.map((outcome) => record({ outcome })), denied('budget-exceeded')]);
    const [sum] = await summaries(log);
    expect(sum?.errors ?? 3).toBe(3);
  });

  test('counts denials by code, most frequent first, if it tells', async (log) => {
    const codes = ['rate-limit-wait', '__proto__', 'no-key', 'rate-limit-wait', undefined, 'no-key', 'no-key'];
    await recordAll(log, [record({ code: 'budget-exceeded' }), ...codes.map(denied)]);
    const [sum] = await summaries(log);
    if (sum?.deniedBy === undefined) return;
    const counts = Object.entries(sum.deniedBy);
    expect(counts.slice(0, 2)).toEqual([
      ['no-key', 3],
      ['rate-limit-wait', 2],
    ]);
    expect([counts.length, sum.deniedBy[''], sum.deniedBy['__proto__']]).toEqual([4, 1, 1]);
  });

  test('says when the latest call was, denied ones aside, if it tells', async (log) => {
    await recordAll(log, [record({ at: NOON + MINUTE }), record({ at: NOON + 2 * MINUTE }), record(), denied('no-key')]);
    const [sum] = await summaries(log);
    expect(sum?.lastAt ?? NOON + 2 * MINUTE).toBe(NOON + 2 * MINUTE);
    const [none] = await summaries(log, { from: NOON + 30 * MINUTE });
    expect([none?.denied, none?.lastAt, none?.waitMs, none?.latencyMs]).toEqual([1, undefined, undefined, undefined]);
  });

  describeDurations(expect, test);
  describeTotal(expect, test);
}

function describeDurations(expect: Expect, test: Test): void {
  const durations: readonly [name: string, values: readonly number[]][] = [
    ['one', [1_234]],
    ['two', [7, 9_999]],
    ['twenty', Array.from({ length: 20 }, (_, index) => 3 ** index)],
    ['many short ones', Array.from({ length: 99 }, (_, index) => (index * 37) % 100)],
    ['many of all lengths', Array.from({ length: 99 }, (_, index) => Math.floor(1.2 ** index))],
    ['zeros, and some that are not', [...Array.from({ length: 95 }, () => 0), 100, 200, 300, 400, 500]],
  ];
  for (const [name, values] of durations) {
    test(`finds the percentiles of ${name}, if it tells`, async (log) => {
      await recordAll(log, [denied('no-key'), ...values.map((ms) => record({ waitMs: ms, latencyMs: 2 * ms }))]);
      const [sum] = await summaries(log);
      expect(sum?.waitMs ? areNear(sum.waitMs, values) : true).toBe(true);
      const doubled = values.map((ms) => 2 * ms);
      expect(sum?.latencyMs ? areNear(sum.latencyMs, doubled) : true).toBe(true);
    });
  }
}

function describeTotal(expect: Expect, test: Test): void {
  test('puts the total in front if asked for, if it knows of it', async (log) => {
    const withTotal = true;
    expect(await summaries(log, { groupBy: ['team'], withTotal })).toEqual([]);
    await recordCalls(log);
    const [all] = await summaries(log);
    expect([all?.topModel, all?.calls, all?.denied, all?.costNanos]).toEqual(['shared', 7, 1, 193]);
    const teams = await summaries(log, { groupBy: ['team', 'user'] });
    const together = await summaries(log, { groupBy: ['team', 'user'], withTotal });
    expect(together).toEqual(together.length === teams.length ? teams : [all, ...teams]);
    expect(await summaries(log, { withTotal })).toEqual([all]);
  });
}

// The model that all teams together use most is nobody's own.
function recordCalls(log: UsageLog): Promise<void> {
  return recordAll(log, [
    record({ team: 'a', user: 'ada', model: 'm1', costNanos: 50, waitMs: 30, outcome: 'error' }),
    record({ team: 'a', user: 'ada', model: 'shared', costNanos: 40, waitMs: 10, latencyMs: 4_321 }),
    record({ team: 'b', model: 'm2', costNanos: 60, waitMs: 20, at: NOON + MINUTE }),
    record({ team: 'b', model: 'shared', costNanos: 40, waitMs: 5 }),
    ...['c', 'c', 'd'].map((team) => record({ team, model: 'cheap', costNanos: 1 })),
    denied('no-key'),
  ]);
}
