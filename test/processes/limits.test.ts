// Several processes against one rate limit: never above it in any window, as the requests left, and nearly all of it used.
import { describe, expect, it } from 'vitest';
import type { LimitOptions } from '../../src/governance';
import { SERVERS, enginesAtHand } from './at-hand';
import { newPlace } from './engines';
import { type Worker, mostInAnyWindow, workers } from './support';
import type { WorkerReport } from './worker';

const USAGE = { prompt: 20, output: 50 };

describe.each(await enginesAtHand())('4 processes on %s', (engine) => {
  async function backlog(
    team: { readonly limits?: readonly LimitOptions[]; readonly concurrency?: number },
    forMs: number,
    skews: readonly number[] = [0, 0, 0, 0],
    latencyMs = 5,
  ): Promise<{
    readonly reports: readonly WorkerReport[];
    readonly departures: readonly number[];
    readonly mostAtOnce: number;
  }> {
    const place = await newPlace(engine, SERVERS);
    const here = await workers(USAGE, latencyMs);
    try {
      const governance = { teams: { chatbot: { concurrency: 1_000, ...team } } };
      const all: readonly Worker[] = await Promise.all(skews.map((skewMs) => here.start({ place, governance, skewMs })));
      const reports = await Promise.all(all.map((worker) => worker.order({ atOnce: 15, forMs, maxTokens: 50 })));
      for (const worker of all) await worker.end();
      for (const { failures } of reports) expect(failures).toEqual({});
      return { reports, departures: reports.flatMap(({ departures }) => departures), mostAtOnce: here.mostAtOnce() };
    } finally {
      await here.close();
      await place.drop();
    }
  }

  it('keep a limit of requests together, also if two of their clocks are wrong', async () => {
    const limits = [{ kind: 'requests', max: 40, windowMs: 1_000 }] as const;
    const { reports, departures } = await backlog({ limits }, 2_500, [0, 300_000, -300_000, 0]);
    expect(mostInAnyWindow(departures, 1_000)).toBeLessThanOrEqual(40);
    expect(departures.length).toBeGreaterThanOrEqual(0.9 * 40 * 3);
    // Everybody gets a share.
    for (const { served } of reports) expect(served).toBeGreaterThan(0);
  }, 60_000);

  it('keep a limit of tokens together', async () => {
    // Room for 20 calls as they turn out; each asks for more than twice of it before it is known.
    const max = 20 * (USAGE.prompt + USAGE.output);
    const { departures } = await backlog({ limits: [{ kind: 'tokens', max, windowMs: 1_000 }] }, 2_500);
    expect(mostInAnyWindow(departures, 1_000)).toBeLessThanOrEqual(20);
    expect(departures.length).toBeGreaterThanOrEqual(0.8 * 20 * 3);
  }, 60_000);

  it('share a number of calls at once', async () => {
    const { departures, mostAtOnce } = await backlog({ concurrency: 6 }, 1_000, [0, 0, 0, 0], 20);
    expect(mostAtOnce).toBeLessThanOrEqual(6);
    expect(mostAtOnce).toBeGreaterThanOrEqual(5);
    expect(departures.length).toBeGreaterThan(30);
  }, 60_000);
});
