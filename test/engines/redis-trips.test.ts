import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { Redis } from 'ioredis';
import type { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import type { Hold } from '../../src/budget/budget-store';
import { redisBackend, type RedisBackend } from '../../src/redis';
import { senderOf, type RedisClient, type Send } from '../../src/redis/client';
import { engineAtHand } from '../engine-at-hand';
import { usageRecord } from '../usage/records';
import { clientThrough, inspector, LIBRARIES, newPrefix, ownServer, sweep, type Opened } from './redis-servers';

const isAtHand = await engineAtHand('Redis', async () => (await inspector()).quit());
const isInstalled = await engineAtHand('redis-server', async () => (await ownServer()).dispose());
const NOW = Date.UTC(2026, 10, 21, 12);
const WINDOW = { startsAt: NOW - 1, resetsAt: NOW + 86_400_000 };

function hold(id: string, nanos = 10, at = NOW): Hold {
  return { id, at, expiresAt: at + 60_000, lines: [{ account: 'a', limitNanos: 1_000_000, nanos, window: WINDOW }] };
}

async function counters({ budgetStore }: RedisBackend, at = NOW): Promise<readonly unknown[]> {
  return (await budgetStore.read(['a'], at)).flatMap(({ spentNanos, heldNanos }) => [spentNanos, heldNanos]);
}

describe.skipIf(!isAtHand)('trips to Redis', () => {
  let opened: Opened;
  let backend: RedisBackend;
  let sent: string[];
  let losesAnswers = false;
  beforeAll(async () => {
    opened = await LIBRARIES.ioredis();
  });
  beforeEach(() => {
    const send: Send = senderOf(opened.client);
    sent = [];
    losesAnswers = false;
    const client = clientThrough(async (command, args, key) => {
      sent.push(command);
      const answer = await send(command, args, key);
      if (losesAnswers) throw new Error('connection lost');
      return answer;
    });
    backend = redisBackend({ client, prefix: newPrefix() });
  });
  afterAll(async () => {
    await opened.close();
    await sweep();
  });

  /** What one call after the other costs, once the scripts are known. */
  async function warmUp(): Promise<void> {
    await backend.budgetStore.reserve(hold('warm'));
    await backend.budgetStore.settle({ id: 'warm', spentNanos: 0, at: NOW });
    await backend.budgetStore.read([], NOW);
    await backend.usageLog.record(usageRecord());
    sent.length = 0;
  }

  it('are one for a reservation and one for a settlement with its record', async () => {
    await warmUp();
    await backend.budgetStore.reserve(hold('h'));
    await backend.budgetStore.settle({ id: 'h', spentNanos: 1, at: NOW, usage: usageRecord() });
    expect(sent).toEqual(['EVALSHA', 'EVALSHA']);
  });

  it('take along all that is asked meanwhile', async () => {
    await warmUp();
    const pair = async (id: string): Promise<void> => {
      await backend.budgetStore.reserve(hold(id));
      await backend.budgetStore.settle({ id, spentNanos: 1, at: NOW, usage: usageRecord() });
    };
    await Promise.all(Array.from({ length: 100 }, (_, index) => pair(`h${index}`)));
    expect(sent.length).toBeLessThan(10);
    expect(await counters(backend)).toEqual([100, 0]);
  });

  it('can be repeated when their answer was lost', async () => {
    const { budgetStore, usageLog } = backend;
    const usage = usageRecord({ costNanos: 3 });
    const settlement = { id: 'h', spentNanos: 3, at: NOW, usage };
    losesAnswers = true;
    await expect(budgetStore.reserve(hold('h'))).rejects.toThrow('connection lost');
    losesAnswers = false;
    expect((await budgetStore.reserve(hold('h'))).states[0]?.heldNanos).toBe(10);
    losesAnswers = true;
    await expect(budgetStore.settle(settlement)).rejects.toThrow('connection lost');
    await expect(usageLog.record(usage)).rejects.toThrow('connection lost');
    losesAnswers = false;
    expect(await budgetStore.settle(settlement)).toEqual({ states: [] });
    await usageLog.record(usage);
    expect(await counters(backend)).toEqual([3, 0]);
    expect((await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] }))[0]?.costNanos).toBe(3);
  });

  it('that come after the settlement of their hold, because its caller has given up, hold nothing', async () => {
    const { budgetStore } = backend;
    for (const at of [NOW + 5, NOW + 6]) {
      expect(await budgetStore.settle({ id: 'late', spentNanos: 0, at })).toEqual({ states: [] });
    }
    expect((await budgetStore.reserve(hold('late', 10, NOW))).ok).toBe(true);
    expect(await counters(backend)).toEqual([0, 0]);
    expect((await budgetStore.reserve(hold('late', 10, NOW + 5))).states[0]?.heldNanos).toBe(10);
    await budgetStore.settle({ id: 'late', spentNanos: 4, at: NOW + 6 });
    expect(await counters(backend)).toEqual([4, 0]);
  });

  it('write a record once, in the transaction of the settlement, also if the hold is unknown', async () => {
    const { budgetStore, usageLog } = backend;
    expect(budgetStore.recordsInto).toBe(usageLog);
    const usage = usageRecord({ costNanos: 5 });
    for (const id of ['unknown', 'unknown', 'other']) await budgetStore.settle({ id, spentNanos: 5, at: NOW, usage });
    expect(
      (await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] })).map(({ calls, costNanos }) => [calls, costNanos]),
    ).toEqual([[1, 5]]);
    expect(await counters(backend)).toEqual([0, 0]);
  });

  it('are not made for what cannot be counted, and the rest of a trip goes on without what cannot be asked', async () => {
    const { budgetStore, usageLog } = backend;
    await expect(budgetStore.reserve(hold('h', 0.5))).rejects.toThrow(RangeError);
    await expect(budgetStore.settle({ id: 'h', spentNanos: -1, at: NOW })).rejects.toThrow(RangeError);
    await expect(budgetStore.settle({ id: 'h', spentNanos: 1, at: NOW, usage: usageRecord({ at: NaN }) })).rejects.toThrow(
      RangeError,
    );
    await expect(usageLog.record(usageRecord({ id: '' }))).rejects.toThrow(TypeError);
    await expect(budgetStore.read(['a'], NaN)).rejects.toThrow(RangeError);
    expect(sent).toEqual([]);
    const rolling = { ...hold('r'), lines: [{ account: 'a', limitNanos: 10, nanos: 1, window: { rollingMs: 1000 } }] };
    const answers = await Promise.allSettled([hold('1'), rolling, hold('2')].map((asked) => budgetStore.reserve(asked)));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[1]).toMatchObject({ reason: { name: 'RangeError', message: expect.stringContaining('fixed window') } });
    expect(await counters(backend)).toEqual([0, 20]);
  });
});

describe.skipIf(!isInstalled)('a Redis that goes away', () => {
  it('fails calls in time, and the next ones work when it is back, without what was given up', async () => {
    const server = await ownServer();
    const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    client.on('error', () => undefined);
    const backend = redisBackend({ client, timeoutMs: 100 });
    const { budgetStore, usageLog, rateLimiter } = backend;
    try {
      expect((await budgetStore.reserve(hold('before'))).ok).toBe(true);
      await server.stop();
      await expect(budgetStore.reserve(hold('lost'))).rejects.toThrow('did not answer within 100 ms');
      await expect(budgetStore.settle({ id: 'lost', spentNanos: 0, at: NOW + 100 })).rejects.toThrow('did not answer');
      await expect(usageLog.record(usageRecord())).rejects.toThrow('did not answer');
      await expect(budgetStore.read(['a'], NOW)).rejects.toThrow('did not answer');
      await server.start();
      // What the client kept goes out first, in order.
      await client.ping();
      expect((await budgetStore.reserve(hold('after', 7))).ok).toBe(true);
      expect(await counters(backend)).toEqual([0, 7]);
      expect((await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] })).length).toBe(1);
    } finally {
      await rateLimiter.close?.();
      client.disconnect();
      await server.dispose();
    }
  });

  it('is sent the scripts again when it has lost them, and does what they say once', async () => {
    const server = await ownServer();
    const client = new Redis(server.url);
    const sent: string[] = [];
    const through = clientThrough((command, args) => {
      sent.push(command);
      return client.call(command, args);
    });
    const backend = redisBackend({ client: through });
    const { budgetStore } = backend;
    try {
      for (const [id, spentNanos] of [
        ['warm', 0],
        ['h', 3],
      ] as const) {
        await client.script('FLUSH');
        sent.length = 0;
        expect((await budgetStore.reserve(hold(id))).ok).toBe(true);
        await budgetStore.settle({ id, spentNanos, at: NOW });
      }
      expect(sent).toEqual(['EVALSHA', 'EVAL', 'EVALSHA', 'EVAL']);
      expect(await counters(backend)).toEqual([3, 0]);
    } finally {
      client.disconnect();
      await server.dispose();
    }
  });

  it('refuses a whole trip when its memory is full, and half of none', async () => {
    const server = await ownServer('--maxmemory-policy', 'noeviction');
    const client = new Redis(server.url);
    const backend = redisBackend({ client });
    try {
      await backend.budgetStore.reserve(hold('h'));
      await client.config('SET', 'maxmemory', '1');
      await expect(backend.budgetStore.reserve(hold('i'))).rejects.toThrow('OOM');
      const settlement = { id: 'h', spentNanos: 4, at: NOW, usage: usageRecord() };
      await expect(backend.budgetStore.settle(settlement)).rejects.toThrow('OOM');
      await client.config('SET', 'maxmemory', '0');
      expect(await counters(backend)).toEqual([0, 10]);
      await backend.budgetStore.settle(settlement);
      expect(await counters(backend)).toEqual([4, 0]);
    } finally {
      client.disconnect();
      await server.dispose();
    }
  });
});

describe('redisBackend', () => {
  const client = clientThrough(async () => []);

  it('says what is wrong with an option', () => {
    const refuses = (options: object, message: RegExp): void => {
      expect(() => redisBackend({ client, ...options })).toThrow(message);
    };
    const cast = (value: unknown): RedisClient => value as RedisClient;
    for (const bad of [null, undefined, 'redis://x', {}, 7]) refuses({ client: cast(bad) }, /createClient\(\)/);
    expect(() => redisBackend(cast(undefined) as never)).toThrow(/createClient\(\)/);
    refuses({ prefx: 'a' }, /^redisBackend: unknown option "prefx"; known are client, prefix, /);
    for (const bad of ['', '{a}', 'a}b', 7]) refuses({ prefix: bad }, /without braces/);
    for (const bad of [0, -1, NaN, '5']) refuses({ timeoutMs: bad }, /timeoutMs/);
    for (const bad of [-1, 0.5, NaN, '5']) refuses({ maxRecords: bad }, /maxRecords/);
    expect(redisBackend({ client, timeoutMs: Infinity, maxRecords: Infinity }).budgetStore).toBeDefined();
  });

  it('sends to the master through a Sentinel client of node-redis', async () => {
    const sent: unknown[] = [];
    const sentinel: RedisClient = {
      sendCommand: async (isReadonly: boolean | undefined, args: string[]) => sent.push([isReadonly, args[0], args[2]]) && [],
      getSentinelNode: () => undefined,
    };
    await redisBackend({ client: sentinel })
      .budgetStore.read([], NOW)
      .catch(() => {});
    expect(sent).toContainEqual([false, expect.stringMatching(/^EVAL/), '1']);
  });

  it('takes the clients of node-redis by their own types', () => {
    expectTypeOf<ReturnType<typeof createClient>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createClientPool>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createSentinel>>().toExtend<RedisClient>();
  });

  it('does not close the client', async () => {
    const { budgetStore, usageLog, rateLimiter } = redisBackend({
      client: { ...client, quit: () => expect.fail('closed') } as RedisClient,
    });
    await budgetStore.close?.();
    await usageLog.close?.();
    await rateLimiter.close?.();
  });
});
