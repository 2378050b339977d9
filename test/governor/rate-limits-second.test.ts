// 100 requests a second under a backlog: never more in any second, and hardly fewer. On manual time and on the real clock.
import { describe, expect, it } from 'vitest';
import { GovernedGroq } from '../../src/client';
import { mockGroq } from '../../src/testing/mock-groq';
import { mostInAnyWindow } from '../limit/support';
import { MESSAGES, MODEL, scene } from './support';

const SECOND = 1000;
const MAX = 100;
const CALLS = 400;
const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 20 };
const governance = {
  teams: { a: { limits: [{ kind: 'requests' as const, max: MAX, windowMs: SECOND }], concurrency: Infinity } },
};

const most = (starts: readonly number[]): number =>
  mostInAnyWindow(
    starts.map((at) => ({ at, amount: 1 })),
    SECOND,
  );

/**
 * The share of what was allowed that was used: the limit lets the last full batch leave after so many whole windows; the
 * time that it really took says how much of them was used.
 */
function use(starts: readonly number[]): number {
  const sorted = [...starts].sort((a, b) => a - b);
  const [first = 0] = sorted;
  const beginOfLast = sorted[sorted.length - MAX] ?? 0;
  return (sorted.length - MAX) / MAX / ((beginOfLast - first) / SECOND);
}

describe('100 requests a second, with a backlog', () => {
  it('on the real clock', async () => {
    const mock = mockGroq();
    const starts: number[] = [];
    const fetch: typeof mock.fetch = Object.assign(
      (...args: Parameters<typeof mock.fetch>) => {
        starts.push(performance.now());
        return mock.fetch(...args);
      },
      { Response },
    );
    const client = new GovernedGroq({ apiKey: 'gsk_client', fetch, maxRetries: 0, governance, team: 'a' });
    await Promise.all(Array.from({ length: CALLS }, () => client.chat.completions.create(params)));
    expect(starts).toHaveLength(CALLS);
    expect(most(starts)).toBeLessThanOrEqual(MAX);
    // A busy machine starts late; the bench shows how little is lost on a quiet one.
    expect(use(starts)).toBeGreaterThanOrEqual(0.7);
    await client.governor.close();
  }, 20_000);

  it('on manual time', async () => {
    const here = scene(governance, { team: 'a' });
    await here.clock.runUntil(Promise.all(Array.from({ length: CALLS }, () => here.client.chat.completions.create(params))));
    const starts = here.mock.calls.map(({ at }) => at);
    expect(starts).toHaveLength(CALLS);
    expect(most(starts)).toBe(MAX);
    expect(use(starts)).toBeGreaterThanOrEqual(0.97);
  });

  it('on manual time, when the backlog builds up unevenly and answers take their time', async () => {
    const here = scene(governance, { team: 'a', mock: { latencyMs: 130 } });
    const calls: Promise<unknown>[] = [];
    for (let index = 0; index < CALLS; index++) {
      calls.push(Promise.resolve(here.client.chat.completions.create(params)));
      // 250 a second arrive, in bursts of 25.
      if (index % 25 === 24) await here.clock.advance(SECOND / 10);
    }
    await here.clock.runUntil(Promise.all(calls));
    const starts = here.mock.calls.map(({ at }) => at);
    expect(starts).toHaveLength(CALLS);
    expect(most(starts)).toBe(MAX);
    expect(use(starts)).toBeGreaterThanOrEqual(0.97);
  });
});
