import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisBackend } from '../../src/redis';
import { senderOf } from '../../src/redis/client';
import { Engine } from '../../src/redis/engine';
import { RedisSharedLimits } from '../../src/redis/shared-limits';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';
import { describeRateLimiter } from '../../src/testing/contracts/rate-limiter';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import type { ManualClock } from '../../src/testing/manual-clock';
import { engineAtHand } from '../engine-at-hand';
import { describeSharedLimits } from '../limit/shared-limits-contract';
import { usageRecord } from '../usage/records';
import { clientThrough, inspector, LIBRARIES, newPrefix, sweep, type Opened } from './redis-servers';

const runner = { describe, it, expect };
const isAtHand = await engineAtHand('Redis', async () => (await inspector()).quit());

afterAll(async () => {
  if (isAtHand) await sweep();
});

for (const library of ['ioredis', 'node-redis'] as const) {
  describe.skipIf(!isAtHand)(`Redis through ${library}`, () => {
    let opened: Opened;
    beforeAll(async () => {
      opened = await LIBRARIES[library]();
    });
    afterAll(() => opened.close());

    describeBudgetStore(runner, () => redisBackend({ client: opened.client, prefix: newPrefix() }).budgetStore);
    describeUsageLog(runner, () => redisBackend({ client: opened.client, prefix: newPrefix() }).usageLog);
    describeSharedLimits(runner, ({ clock }) => {
      return new RedisSharedLimits({ engine: new Engine(senderOf(opened.client), newPrefix()), clock });
    });
  });
}

describe.skipIf(!isAtHand)('Redis, as a rate limiter', () => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await LIBRARIES.ioredis();
  });
  afterAll(() => opened.close());

  describeRateLimiter(runner, ({ clock }) => {
    const send = senderOf(opened.client);
    // Manual time stands still while a trip is under way.
    const manual = clock as ManualClock;
    const client = clientThrough((command, args, key) => manual.during(send(command, args, key)));
    return redisBackend({ client, prefix: newPrefix(), clock }).rateLimiter;
  });
});

describe.skipIf(!isAtHand).each(['iovalkey', 'node-redis pool'] as const)('Redis through %s', (library) => {
  it('counts, limits and records', async () => {
    const opened = await LIBRARIES[library]();
    const { budgetStore, rateLimiter, usageLog } = redisBackend({ client: opened.client, prefix: newPrefix() });
    const usage = usageRecord({ costNanos: 7 });
    const lines = [{ account: 'a', limitNanos: 10, nanos: 6, window: { startsAt: 0, resetsAt: usage.at + 1 } }];
    for (const [id, ok] of [
      ['h', true],
      ['i', false],
    ] as const) {
      expect((await budgetStore.reserve({ id, at: usage.at, expiresAt: usage.at + 1000, lines })).ok).toBe(ok);
    }
    const { states } = await budgetStore.settle({ id: 'h', spentNanos: 7, at: usage.at, usage });
    expect(states.map(({ spentNanos, heldNanos }) => [spentNanos, heldNanos])).toEqual([[7, 0]]);
    const [sum] = await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] });
    expect(sum?.costNanos).toBe(7);
    const limits = [{ key: 'k', name: 'k', kind: 'requests', max: 1, windowMs: 60_000 }] as const;
    const amounts = { requests: 1, tokens: 0, inputTokens: 0, outputTokens: 0, audioSeconds: 0 };
    const demand = { id: 'd', team: 't', amounts, limits, concurrency: [], priority: 0, weight: 1, maxWaitMs: 0 };
    const slot = await rateLimiter.acquire({ ...demand, maxQueueSize: 1, leaseMs: 1000 });
    slot.begin?.();
    slot.release();
    await expect(rateLimiter.acquire({ ...demand, id: 'e', maxQueueSize: 1, leaseMs: 1000 })).rejects.toThrow(/"k"/);
    await rateLimiter.close?.();
    await opened.close();
  });
});
