import { describe, expect, it } from 'vitest';
import type { Demand, RateLimiter } from '../../src/limit/rate-limiter';
import { manualClock, type ManualClock } from '../../src/testing/manual-clock';
import { limitersOver } from './shared-support';
import { demand, limit, mostInAnyWindow, NOTHING, type Departure } from './support';

interface Run extends Departure {
  readonly limiter: number;
  readonly endedAt: number;
}

interface Backlog {
  /** How many call at each limiter, one call after the other. */
  readonly callers: number;
  readonly untilMs: number;
  readonly lastsMs: () => number;
}

/** What departs at each limiter, and when, while more want to than may. */
async function underBacklog(
  clock: ManualClock,
  limiters: readonly RateLimiter[],
  fields: () => Partial<Demand>,
  { callers, untilMs, lastsMs }: Backlog,
): Promise<Run[]> {
  const runs: Run[] = [];
  const start = clock.now();
  const stop = new AbortController();
  const one = async (limiter: number): Promise<void> => {
    for (;;) {
      const wanted = demand(fields());
      const slot = await limiters[limiter]?.acquire(wanted, stop.signal);
      const at = clock.now() - start;
      slot?.begin?.();
      await clock.sleep(lastsMs());
      slot?.release();
      runs.push({ at, limiter, amount: wanted.amounts.tokens || 1, endedAt: clock.now() - start });
    }
  };
  const all = limiters.flatMap((_, index) => Array.from({ length: callers }, () => one(index)));
  const ended = Promise.allSettled(all);
  await clock.advance(untilMs - 1);
  stop.abort();
  await clock.runUntil(ended);
  return runs;
}

const sum = (runs: readonly Run[]): number => runs.reduce((total, { amount }) => total + amount, 0);

function leastShare(runs: readonly Run[], limiters: number): number {
  const of = (index: number): number => sum(runs.filter(({ limiter }) => limiter === index)) / sum(runs);
  return Math.min(...Array.from({ length: limiters }, (_, index) => of(index)));
}

describe('three limiters over one engine, each with a backlog', () => {
  it.each([
    [60, 10_000, 100, 8],
    [7, 1000, 100, 12],
    [1, 500, 400, 40],
    [100, 1000, 1500, 8],
  ])(
    'keep to %i requests per %i ms, use them up, and each gets some',
    async (max, windowMs, lastsMs, windows) => {
      const clock = manualClock(0);
      const fields = { limits: [limit('shared', max, 'requests', windowMs)] };
      const backlog = { callers: Math.ceil(max / 2) + 3, untilMs: windows * windowMs, lastsMs: () => lastsMs };
      const runs = await underBacklog(clock, limitersOver(3, clock), () => fields, backlog);
      expect(mostInAnyWindow(runs, windowMs)).toBe(max);
      expect(runs.length).toBeGreaterThan(0.95 * max * windows);
      expect(leastShare(runs, 3)).toBeGreaterThan(0.05);
    },
    60_000,
  );

  it('keep to a number of tokens, use them up, and each gets some', async () => {
    const clock = manualClock(0);
    const limits = [limit('shared', 6000, 'tokens', 5000)];
    const fields = () => ({ limits, amounts: { ...NOTHING, requests: 1, tokens: 50 + Math.floor(Math.random() * 250) } });
    const backlog = { callers: 20, untilMs: 40_000, lastsMs: () => 300 };
    const runs = await underBacklog(clock, limitersOver(3, clock), fields, backlog);
    expect(mostInAnyWindow(runs, 5000)).toBeLessThanOrEqual(6000);
    expect(sum(runs)).toBeGreaterThan(0.95 * 8 * 6000);
    expect(leastShare(runs, 3)).toBeGreaterThan(0.1);
  }, 60_000);

  it.each([1, 5])(
    'keep to %i at once, use them up, and each gets some',
    async (max) => {
      const clock = manualClock(0);
      const fields = { concurrency: [{ key: 'gate', name: 'gate', max }] };
      const backlog = { callers: 8, untilMs: 20_000, lastsMs: () => 400 + Math.floor(Math.random() * 800) };
      const runs = await underBacklog(clock, limitersOver(3, clock), () => fields, backlog);
      const ends = runs.flatMap(({ at, endedAt }) => [
        { at, by: 1 },
        { at: endedAt, by: -1 },
      ]);
      let out = 0;
      const most = ends.sort((one, other) => one.at - other.at || one.by - other.by).map(({ by }) => (out += by));
      expect(Math.max(...most)).toBe(max);
      const busy = runs.reduce((total, { at, endedAt }) => total + Math.min(endedAt, 20_000) - at, 0);
      expect(busy / (20_000 * max)).toBeGreaterThan(0.9);
      expect(leastShare(runs, 3)).toBeGreaterThan(0.05);
    },
    60_000,
  );
});
