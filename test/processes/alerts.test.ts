// Several processes and one budget: each level is told once, by one of them, however it is passed, and again in the next window.
import { describe, expect, it } from 'vitest';
import { SERVERS, enginesAtHand } from './at-hand';
import { newPlace } from './engines';
import { type Worker, costOf, workers } from './support';
import type { WorkerReport } from './worker';

/** One in a hundred of the budget. */
const TOKENS = 100;
const CAP_USD = (100 * costOf(0, TOKENS)) / 1e9;
const governance = { teams: { chatbot: { monthlyBudgetUsd: CAP_USD, concurrency: 100 } } };
const LEVELS = [0.5, 0.8, 0.95].map((level) => `chatbot/month/${level}`);
const NEXT_MONTH_MS = 32 * 86_400_000;

const told = (reports: readonly WorkerReport[]): string[] => reports.flatMap(({ alerts }) => alerts).sort();

describe.each(await enginesAtHand())('4 processes and the levels of one budget on %s', (engine) => {
  it('passed by one of them in one call, after a part of each, and in the next window by all at once', async () => {
    const usage = { prompt: 0, output: TOKENS };
    const place = await newPlace(engine, SERVERS);
    const here = await workers(usage);
    const four = (skewMs: number): Promise<Worker[]> =>
      Promise.all([0, 0, 0, 0].map(() => here.start({ place, governance, skewMs })));
    try {
      const all = await four(0);
      // To 40 %, together.
      const part = await Promise.all(all.map((worker) => worker.order({ calls: 10, atOnce: 10, maxTokens: TOKENS })));
      expect(part.map(({ served }) => served)).toEqual([10, 10, 10, 10]);
      expect(told(part)).toEqual([]);
      // From 40 % to 97 % in one.
      usage.output = 57 * TOKENS;
      const jump = await all[2]?.order({ calls: 1, atOnce: 1, maxTokens: usage.output });
      expect(jump).toMatchObject({ served: 1, failures: {} });
      expect(jump?.alerts).toEqual(LEVELS);
      usage.output = TOKENS;
      const rest = await Promise.all(all.map((worker) => worker.order({ atOnce: 1, maxTokens: TOKENS, untilRefused: 2 })));
      expect(told(rest)).toEqual([]);
      for (const worker of all) await worker.end();

      const next = await four(NEXT_MONTH_MS);
      const together = await Promise.all(next.map((worker) => worker.order({ calls: 24, atOnce: 24, maxTokens: TOKENS })));
      // Each hold is larger than what its call will cost, so the last few only fit one after the other.
      const after = await Promise.all(next.map((worker) => worker.order({ atOnce: 1, maxTokens: TOKENS, untilRefused: 3 })));
      const reports = [...together, ...after];
      expect(reports.reduce((sum, { served }) => sum + served, 0)).toBeGreaterThanOrEqual(96);
      expect(told(reports)).toEqual(LEVELS);
      for (const worker of next) await worker.end();
    } finally {
      await here.close();
      await place.drop();
    }
  }, 60_000);
});
