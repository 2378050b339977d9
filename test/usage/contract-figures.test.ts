// The contract lets a log leave out what is optional, and finds what is wrong in what it tells.
import { describe, expect, it } from 'vitest';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import { memoryUsageLog } from '../../src/usage/memory';
import type { UsageLog, UsageSummary } from '../../src/usage/usage-log';
import { bareSummary } from './records';

/** A memory log whose summaries are changed before they are told. */
function logTelling(change: (summary: UsageSummary) => UsageSummary, knowsTotal = true): UsageLog {
  const log = memoryUsageLog();
  return {
    record: (usage) => log.record(usage),
    summarize: async ({ withTotal = false, ...query }) =>
      (await log.summarize({ ...query, withTotal: withTotal && knowsTotal })).map(change),
  };
}

/** The names of the contract's tests that a log fails. */
async function failuresOf(makeLog: () => UsageLog): Promise<string[]> {
  const tests: { readonly name: string; readonly body: () => Promise<void> | void }[] = [];
  const runner = {
    describe: (_: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void> | void) => void tests.push({ name, body }),
    expect: (value: unknown) => expect(value),
  };
  describeUsageLog(runner, makeLog);
  const failures: string[] = [];
  for (const { name, body } of tests) {
    try {
      await body();
    } catch {
      failures.push(name);
    }
  }
  return failures;
}

describe('the contract of usage logs', () => {
  it('passes one that tells none of the optional figures, and no total', async () => {
    expect(await failuresOf(() => logTelling(bareSummary, false))).toEqual([]);
  });

  it('passes one that tells all', async () => {
    expect(await failuresOf(() => logTelling((summary) => summary))).toEqual([]);
  });

  it.each<[string, (summary: UsageSummary) => UsageSummary]>([
    ['counts errors and timeouts', (summary) => ({ ...summary, errors: summary.calls })],
    ['counts denials by code', (summary) => ({ ...summary, deniedBy: { '': summary.denied } })],
    ['counts denials by code', ({ deniedBy = {}, ...rest }) => ({ ...rest, deniedBy: reversed(deniedBy) })],
    ['says when the latest call was', (summary) => ({ ...summary, lastAt: Date.UTC(2026, 9, 20, 14) })],
    ['finds the percentiles', ({ waitMs = { p50: 0, p95: 0 }, ...rest }) => ({ ...rest, waitMs: times(waitMs, 1.06) })],
    ['finds the percentiles', ({ waitMs = { p50: 0, p95: 0 }, ...rest }) => ({ ...rest, waitMs: times(waitMs, 0.99) })],
    ['finds the percentiles', ({ waitMs, ...rest }) => ({ ...rest, waitMs, latencyMs: waitMs })],
    ['puts the total in front', (summary) => (summary.group.length === 0 ? { ...summary, topModel: 'm2' } : summary)],
  ])('finds what is wrong, %s …', async (name, change) => {
    const failures = await failuresOf(() => logTelling(change));
    expect(failures.filter((failure) => failure.startsWith(name))).not.toEqual([]);
  });

  it('finds a total that is not in front', async () => {
    const log = (): UsageLog => {
      const inner = logTelling((summary) => summary);
      return { ...inner, summarize: async (query) => (await inner.summarize(query)).toReversed() };
    };
    expect(await failuresOf(log)).toContain('puts the total in front if asked for, if it knows of it');
  });
});

function reversed(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).reverse());
}

function times({ p50, p95 }: { readonly p50: number; readonly p95: number }, factor: number): { p50: number; p95: number } {
  return { p50: p50 * factor, p95: p95 * factor };
}
