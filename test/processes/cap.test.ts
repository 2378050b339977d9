// Several processes against one budget: the cap holds to the nano-dollar, nearly all of it is used, and each alert is given once.
import { describe, expect, it } from 'vitest';
import { Governor } from '../../src/governor';
import { SERVERS, enginesAtHand } from './at-hand';
import { newPlace, open } from './engines';
import { costOf, workers } from './support';

const USAGE = { prompt: 20, output: 50 };
const CALL_NANOS = costOf(USAGE.prompt, USAGE.output);
/** Pays 40 calls. */
const CAP_USD = (40 * CALL_NANOS) / 1e9;
const governance = { teams: { chatbot: { monthlyBudgetUsd: CAP_USD, concurrency: 2_000 } } };

describe.each(await enginesAtHand())('4 processes x 250 calls at once on %s', (engine) => {
  it.each([
    ['whose clocks agree', [0, 0, 0, 0]],
    ['of which two have clocks that are 5 minutes wrong', [0, 300_000, -300_000, 0]],
  ])(
    '%s',
    async (_, skews) => {
      const place = await newPlace(engine, SERVERS);
      const here = await workers(USAGE);
      const opened = await open(place);
      try {
        const all = await Promise.all(skews.map((skewMs) => here.start({ place, governance, skewMs })));
        const burst = await Promise.all(all.map((worker) => worker.order({ calls: 250, atOnce: 250, maxTokens: 50 })));
        for (const { failures } of burst) expect(Object.keys(failures)).toEqual(['budget-exceeded']);
        expect(here.served()).toBeLessThanOrEqual(40);
        const rest = await Promise.all(all.map((worker) => worker.order({ atOnce: 1, maxTokens: 50, untilRefused: 3 })));
        expect(here.served()).toBeLessThanOrEqual(40);
        expect(here.served()).toBeGreaterThanOrEqual(36);
        const reports = [...burst, ...rest];
        expect(reports.reduce((sum, { served }) => sum + served, 0)).toBe(here.served());
        for (const worker of all) await worker.end();

        const governor = new Governor({ ...governance, ...opened.stores });
        // A record of a fast clock lies ahead.
        const to = Date.now() + 600_000;
        expect((await governor.report({ from: to - 86_400_000, to })).total.costNanos).toBe(here.servedNanos());
        expect(await governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
        const reached = [0.5, 0.8, 0.95].filter((level) => here.servedNanos() >= level * 40 * CALL_NANOS);
        expect(reports.flatMap(({ alerts }) => alerts).sort()).toEqual(reached.map((level) => `chatbot/month/${level}`));
      } finally {
        await here.close();
        await opened.close();
        await place.drop();
      }
    },
    60_000,
  );
});
