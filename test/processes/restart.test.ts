// An engine that is stopped under load and started again: calls are refused or go on as configured, nothing is booked twice, and
// service resumes by itself.
import { describe, expect, it } from 'vitest';
import { Governor } from '../../src/governor';
import { engineAtHand } from '../engine-at-hand';
import { newPlace, open } from './engines';
import { type OwnServer, ownPostgres, ownRedis } from './own-servers';
import { workers } from './support';

const USAGE = { prompt: 20, output: 50 };
const teams = { chatbot: { monthlyBudgetUsd: 10, concurrency: 1_000 } };
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const SERVERS = { redis: ownRedis, postgres: ownPostgres };

async function canStart(make: () => Promise<OwnServer>): Promise<void> {
  const server = await make();
  await server.start().finally(() => server.remove());
}

describe.each(['redis', 'postgres'] as const)('%s, stopped and started again under load', async (engine) => {
  const canRun = await engineAtHand(`a ${engine} server of our own`, () => canStart(SERVERS[engine]));

  it.skipIf(!canRun).each(['deny', 'allow'] as const)(
    "with onStoreFailure: '%s'",
    async (onStoreFailure) => {
      const server = await SERVERS[engine]();
      await server.start();
      const place = await newPlace(engine, { redis: server.url, postgres: server.url });
      const here = await workers(USAGE, 5);
      try {
        const governance = { teams, onStoreFailure, storeTimeoutMs: 500 };
        const [one, other] = await Promise.all([here.start({ place, governance }), here.start({ place, governance })]);
        const order = { atOnce: 8, forMs: 5_000, maxTokens: 50 };
        const reported = Promise.all([one.order(order), other.order(order)]);
        await sleep(1_000);
        const before = here.served();
        await server.stop();
        await sleep(800);
        const during = here.served();
        await sleep(400);
        const end = here.served();
        await server.start();
        const reports = await reported;
        const after = here.served();
        await Promise.all([one.end(), other.end()]);

        expect(before).toBeGreaterThan(20);
        expect(after).toBeGreaterThan(end + 20);
        const ungoverned = reports.reduce((sum, report) => sum + report.ungoverned, 0);
        for (const { failures } of reports)
          expect(Object.keys(failures)).toEqual(onStoreFailure === 'deny' ? ['store-unavailable'] : []);
        if (onStoreFailure === 'deny') expect(end).toBe(during);
        else expect(end).toBeGreaterThan(during);
        expect(ungoverned > 0).toBe(onStoreFailure === 'allow');

        // Each call that was served is in the log once; each that was held is in the counters once.
        const opened = await open(place);
        const governor = new Governor({ teams, ...opened.stores });
        expect((await governor.report()).total).toMatchObject({ calls: here.served(), costNanos: here.servedNanos() });
        const { live, expired, gaps } = await governor.reconcile();
        expect([live, expired]).toEqual([[], []]);
        const missing = gaps.reduce((sum, { gapNanos }) => sum - gapNanos, 0);
        if (onStoreFailure === 'deny') expect(missing).toBe(0);
        else expect(missing).toBeLessThanOrEqual((ungoverned * here.servedNanos()) / here.served());
        await opened.close();
      } finally {
        await here.close();
        await server.remove();
      }
    },
    60_000,
  );
});
