// Processes that are killed with calls in flight: no money is lost, the cap holds, and what they held is charged and listed.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock';
import { Governor } from '../../src/governor';
import { SERVERS, enginesAtHand } from './at-hand';
import { newPlace, open } from './engines';
import { costOf, workers } from './support';

const USAGE = { prompt: 20, output: 50 };
const CAP_NANOS = 1_500 * costOf(USAGE.prompt, USAGE.output);
const HOLD_MS = 15 * 60_000;
const governance = { teams: { chatbot: { monthlyBudgetUsd: CAP_NANOS / 1e9, concurrency: 1_000 } } };

describe.each(await enginesAtHand())('kill -9, 20 times over, on %s', (engine) => {
  it('loses no money and exceeds no cap', async () => {
    const place = await newPlace(engine, SERVERS);
    const here = await workers(USAGE, 10);
    const opened = await open(place);
    try {
      for (let round = 0; round < 5; round++) {
        const doomed = await Promise.all([0, 1, 2, 3].map(() => here.start({ place, governance })));
        const before = here.served();
        for (const worker of doomed) worker.begin({ atOnce: 10, maxTokens: 50 });
        // Not a fixed time, so that the end comes at any point of a call.
        while (here.served() < before + 20 + 13 * round) await new Promise((resolve) => setTimeout(resolve, 1));
        await Promise.all(doomed.map((worker) => worker.kill()));
      }
      // Those left use what is left.
      const last = await here.start({ place, governance });
      await last.order({ atOnce: 20, maxTokens: 50, untilRefused: 30 });
      await last.end();

      const later = { ...systemClock, now: () => systemClock.now() + 2 * HOLD_MS };
      const governor = new Governor({ ...governance, ...opened.stores, clock: later });
      const { live, expired, gaps } = await governor.reconcile();
      const logged = (await governor.report({ last: '2d' })).total.costNanos;
      const [gap] = gaps;
      const counted = gap?.counterNanos ?? logged;
      expect(live).toEqual([]);
      expect(expired.length).toBeGreaterThan(0);
      // What was charged for them is the difference between counter and log.
      expect(counted - logged).toBe(expired.reduce((sum, { nanos }) => sum + nanos, 0));
      expect(counted).toBeGreaterThanOrEqual(here.servedNanos());
      expect(counted).toBeLessThanOrEqual(CAP_NANOS);
      expect(here.servedNanos()).toBeLessThanOrEqual(CAP_NANOS);
      expect(counted).toBeGreaterThanOrEqual(0.9 * CAP_NANOS);
    } finally {
      await here.close();
      await opened.close();
      await place.drop();
    }
  }, 120_000);
});
