import { afterAll, describe, expect, it } from 'vitest';
import type { BudgetStore, Hold } from '../../src/budget/budget-store';
import type { UsageRecord } from '../../src/usage/usage-log';
import { postgresBackend } from '../../src/postgres';
import { engineAtHand } from '../engine-at-hand';
import { emptied, probe, Server, sharedLimits, WatchedClient } from './postgres-at-hand';

const NOW = Date.UTC(2026, 10, 21, 12);
const HOUR = 3_600_000;
const WINDOW = { startsAt: NOW - HOUR, resetsAt: NOW + HOUR };
const ROLLING = { rollingMs: 60_000 };

function hold(id: string, accounts: readonly string[], nanos = 10, limitNanos = 1e9, at = NOW): Hold {
  const lines = accounts.map((account) => ({ account, limitNanos, nanos, window: account.startsWith('r') ? ROLLING : WINDOW }));
  return { id, at, expiresAt: at + 1000, lines };
}

function record(id: string, costNanos: number, fields: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id,
    at: NOW,
    team: 't',
    operation: 'chat.completions',
    model: 'm',
    promptTokens: 1,
    cachedTokens: 0,
    completionTokens: 1,
    reasoningTokens: 0,
    costNanos,
    accuracy: 'exact',
    priceVersion: 'p',
    attempts: 1,
    waitMs: 0,
    latencyMs: 1,
    outcome: 'success',
    ...fields,
  };
}

const sum = async (store: BudgetStore, account: string, at = NOW): Promise<readonly unknown[]> => {
  const [state] = await store.read([account], at);
  return [state?.spentNanos, state?.heldNanos];
};

describe.skipIf(!(await engineAtHand('PostgreSQL', probe)))('PostgreSQL, shared', () => {
  const server = new Server();
  const name = server.schema();
  const other = server.anotherPool(4);
  afterAll(() => server.close(), 60_000);
  const schema = (): Promise<string> => emptied(server.pool, name);

  it('eight connections that lock the same accounts in opposite orders never stand still, and every sum is exact', async () => {
    const own = await schema();
    const stores = Array.from(
      { length: 8 },
      (_, index) => postgresBackend({ client: index % 2 ? server.pool : other, schema: own }).budgetStore,
    );
    const names = ['a', 'b', 'c', 'd', 'r1', 'r2'];
    const HOLDS = 400;
    let granted = 0;
    const work = stores.map(async (store, worker) => {
      const jobs = Array.from({ length: HOLDS }, async (_, n) => {
        const turned = [...names.slice(n % 6), ...names.slice(0, n % 6)];
        const accounts = worker % 2 ? turned : turned.reverse();
        // Room for three quarters of all that is asked for.
        const { ok } = await store.reserve(hold(`${worker}/${n}`, accounts, 10, HOLDS * 60));
        if (!ok) return;
        granted++;
        await store.settle({ id: `${worker}/${n}`, spentNanos: 10, at: NOW });
      });
      await Promise.all(jobs);
    });
    await Promise.all(work);
    expect(granted).toBe(HOLDS * 6);
    const [store] = stores;
    if (store === undefined) throw new Error('no store');
    for (const account of names) expect(await sum(store, account)).toEqual([granted * 10, 0]);
    expect(await store.openHolds?.(NOW)).toEqual([]);
  }, 120_000);

  it('records and settles as one: sums, log and ids agree, whoever repeats what', async () => {
    const own = await schema();
    const [one, two] = [server.pool, other].map((client) => postgresBackend({ client, schema: own }));
    if (one === undefined || two === undefined) throw new Error('no backend');
    await one.budgetStore.reserve(hold('h', ['a']));
    const settlement = { id: 'h', spentNanos: 7, at: NOW, usage: record('h', 7) };
    await Promise.all([one, two, one, two].map(({ budgetStore }) => budgetStore.settle(settlement)));
    await two.budgetStore.settle({ id: 'unknown', spentNanos: 5, at: NOW, usage: record('unknown', 5) });
    expect(one.budgetStore.recordsInto).toBe(one.usageLog);
    const [all] = await two.usageLog.summarize({ from: NOW, to: NOW + 1, groupBy: [] });
    expect([await sum(two.budgetStore, 'a'), all?.calls, all?.costNanos]).toEqual([[7, 0], 2, 12]);
  });

  it('asks once for what is asked at the same time, and once for each by itself', async () => {
    const own = await schema();
    const client = new WatchedClient(server.pool);
    const { budgetStore, rateLimiter, usageLog } = postgresBackend({ client, schema: own });
    await budgetStore.reserve(hold('first', ['a']));
    const trips = async (work: () => Promise<unknown>): Promise<number> => {
      const before = client.statements.length;
      await work();
      return client.statements.length - before;
    };
    const demand = {
      id: 'x',
      team: 't',
      amounts: { requests: 1, tokens: 1, inputTokens: 1, outputTokens: 0, audioSeconds: 0 },
      limits: [{ key: 'k', name: 'k', kind: 'requests', max: 1000, windowMs: 1000 }],
      concurrency: [],
      priority: 0,
      weight: 1,
      maxWaitMs: 1000,
      maxQueueSize: 1000,
      leaseMs: 1000,
    } as const;
    const many = Array.from({ length: 50 }, (_, n) => n);
    expect([
      await trips(() => budgetStore.reserve(hold('h', ['a']))),
      await trips(() => budgetStore.settle({ id: 'h', spentNanos: 1, at: NOW, usage: record('h', 1) })),
      await trips(() => Promise.all(many.map((n) => budgetStore.reserve(hold(`h${n}`, ['a']))))),
      await trips(() => Promise.all(many.map((n) => budgetStore.settle({ id: `h${n}`, spentNanos: 1, at: NOW })))),
      await trips(() => Promise.all(many.map(async (n) => usageLog.record(record(`u${n}`, 1))))),
      await trips(async () => rateLimiter.acquire(demand)),
      await trips(() => Promise.all(many.map(async (n) => rateLimiter.acquire({ ...demand, id: `x${n}` })))),
    ]).toEqual([1, 1, 1, 1, 1, 1, 1]);
    await rateLimiter.close?.();
  });

  it('an answer that was lost is given again, and nothing is counted twice', async () => {
    const client = new WatchedClient(server.pool);
    const { budgetStore, usageLog } = postgresBackend({ client, schema: await schema() });
    await budgetStore.read(['a'], NOW);
    const lose = async (ask: () => ReturnType<typeof client.query>): ReturnType<typeof client.query> => {
      await ask();
      throw new Error('connection lost');
    };
    const settlement = { id: 'h', spentNanos: 8, at: NOW, usage: record('h', 8) };
    client.instead.push(lose);
    await expect(budgetStore.reserve(hold('h', ['a', 'r']))).rejects.toThrow('connection lost');
    expect((await budgetStore.reserve(hold('h', ['a', 'r']))).states.map(({ heldNanos }) => heldNanos)).toEqual([10, 10]);
    client.instead.push(lose);
    await expect(budgetStore.settle(settlement)).rejects.toThrow('connection lost');
    expect(await budgetStore.settle(settlement)).toEqual({ states: [] });
    expect([await sum(budgetStore, 'a'), await sum(budgetStore, 'r')]).toEqual([
      [8, 0],
      [8, 0],
    ]);
    expect((await usageLog.summarize({ from: NOW, to: NOW + 1, groupBy: [] }))[0]?.costNanos).toBe(8);
  });

  it('gives up a trip that gets no answer, and works again with the next', async () => {
    const client = new WatchedClient(server.pool);
    const { budgetStore } = postgresBackend({ client, schema: await schema(), timeoutMs: 50 });
    client.instead.push(() => new Promise(() => undefined));
    await expect(budgetStore.read(['a'], NOW)).rejects.toThrow('did not answer within 50 ms');
  });

  it('charges an expired hold once, whoever looks first, and the items of a trip each at its own time', async () => {
    const own = await schema();
    const [store, second] = [server.pool, other].map((client) => postgresBackend({ client, schema: own }).budgetStore);
    if (store === undefined || second === undefined) throw new Error('no store');
    await store.reserve(hold('early', ['a', 'b', 'r']));
    await store.reserve(hold('late', ['a', 'r'], 10, 1e9, NOW + 500));
    // One trip: before the first expiry, after it, after a hold of the same trip has expired, and before it again.
    const times = [999, 1000, 1500, 999];
    const answers = await Promise.all(
      times.map((ms, n) => store.reserve({ ...hold(`n${n}`, ['a', 'r'], 0), at: NOW + ms, expiresAt: NOW + ms + 1 })),
    );
    expect(answers.map(({ states }) => states.map(({ spentNanos, heldNanos }) => [spentNanos, heldNanos]))).toEqual([
      [
        [0, 20],
        [0, 20],
      ],
      [
        [10, 10],
        [10, 10],
      ],
      [
        [20, 0],
        [20, 0],
      ],
      [
        [20, 0],
        [20, 0],
      ],
    ]);
    const looks = await Promise.all([store, second, store, second].map((each) => sum(each, 'a', NOW + 2000)));
    expect(looks).toEqual([
      [20, 0],
      [20, 0],
      [20, 0],
      [20, 0],
    ]);
    await second.settle({ id: 'early', spentNanos: 3, at: NOW + 3000 });
    expect([await sum(store, 'a', NOW + 3000), await sum(store, 'b', NOW + 3000), await sum(store, 'r', NOW + 3000)]).toEqual([
      [13, 0],
      [3, 0],
      [13, 0],
    ]);
  });

  it('merges the bookings of a rolling window when they are many, exactly, and lets none leave early', async () => {
    const own = await schema();
    const { budgetStore } = postgresBackend({ client: server.pool, schema: own });
    const COUNT = 1_600;
    for (let from = 0; from < COUNT; from += 200) {
      const part = Array.from({ length: 200 }, (_, n) => from + n);
      await Promise.all(
        part.map((n) => budgetStore.reserve({ ...hold(`m${n}`, ['r'], 1, 1e9, NOW + 30 * n), expiresAt: NOW + HOUR })),
      );
      await Promise.all(part.map((n) => budgetStore.settle({ id: `m${n}`, spentNanos: 1, at: NOW + 30 * n })));
    }
    const end = NOW + 30 * (COUNT - 1);
    expect(await sum(budgetStore, 'r', end)).toEqual([COUNT, 0]);
    const { rows } = await server.pool.query(`SELECT count(*)::int AS count, max(b.nanos)::int AS most FROM ${own}.bookings b`);
    expect(rows[0].count).toBeLessThan(1025);
    expect(rows[0].most).toBeGreaterThan(1);
    // At most 1/256 of the window late.
    for (const ms of [60_000, 70_000, 90_000]) {
      const [spent] = await sum(budgetStore, 'r', NOW + ms);
      const exact = Array.from({ length: COUNT }, (_, n) => 30 * n).filter((at) => at > ms - 60_000).length;
      expect(Number(spent) - exact).toBeGreaterThanOrEqual(0);
      expect(Number(spent) - exact).toBeLessThanOrEqual(Math.ceil(60_000 / 256 / 30));
    }
    expect(await sum(budgetStore, 'r', end + 60_000)).toEqual([0, 0]);
  }, 60_000);

  it('clears away what is over: holds, accounts, entries', async () => {
    const own = await schema();
    const { budgetStore } = postgresBackend({ client: server.pool, schema: own });
    for (let n = 0; n < 100; n++) void budgetStore.reserve(hold(`h${n}`, [`a${n}`, `r${n}`]));
    await Promise.all(Array.from({ length: 100 }, (_, n) => budgetStore.settle({ id: `h${n}`, spentNanos: 1, at: NOW })));
    await budgetStore.reserve(hold('never settled', ['x']));
    const later = NOW + 72 * HOUR;
    const window = { startsAt: later, resetsAt: later + HOUR };
    const fresh = (n: number): Hold => ({
      ...hold(`n${n}`, [], 1, 1, later),
      lines: [{ account: `n${n}`, limitNanos: 9, nanos: 1, window }],
    });
    for (let n = 0; n < 130; n++) await budgetStore.reserve(fresh(n));
    const counts = async (table: string): Promise<unknown> =>
      (await server.pool.query(`SELECT count(*)::int AS count FROM ${own}.${table}`)).rows[0].count;
    expect([await counts('counters'), await counts('holds'), await counts('bookings')]).toEqual([130, 130, 0]);

    let now = NOW;
    const limits = sharedLimits(server.pool, own, { now: () => now, sleep: async () => undefined });
    const demand = (n: number) => ({
      id: `d${n}`,
      needs: [{ type: 'window', key: `k${n}`, max: 5, windowMs: 1000, kind: 'requests', amount: 1 }] as const,
      provider: undefined,
      leaseMs: 1000,
    });
    await limits.take(Array.from({ length: 60 }, (_, n) => demand(n)));
    now += 72 * HOUR;
    for (let n = 100; n < 120; n++) await limits.take([demand(n)]);
    expect([await counts('limits'), await counts('entries')]).toEqual([20, 20]);
  }, 60_000);

  it('goes by the clock of the database unless it was given one', async () => {
    const own = await schema();
    const limits = sharedLimits(server.pool, own);
    const needs = [{ type: 'window', key: 'k', max: 1, windowMs: 60_000, kind: 'requests', amount: 1 }] as const;
    const demand = { needs, provider: undefined, leaseMs: 60_000 };
    expect(await limits.take([{ ...demand, id: 'a' }])).toEqual([{ granted: true }]);
    await limits.change([{ demand: { ...demand, id: 'a' }, begun: true, released: true }]);
    const [grant] = await limits.take([{ ...demand, id: 'b' }]);
    const wait = grant?.granted === false ? grant.retryInMs : NaN;
    expect(wait).toBeGreaterThan(1_000);
    expect(wait).toBeLessThanOrEqual(60_000);
    const { rows } = await server.pool.query(
      `SELECT abs(extract(epoch FROM clock_timestamp()) * 1000 + 60000 - leaves_at) < 60000 AS near FROM ${own}.entries`,
    );
    expect(rows).toEqual([{ near: true }]);
  });

  it('waits for the disk with money, not with rate limits', async () => {
    const own = await schema();
    const client = await server.pool.connect();
    try {
      const backend = postgresBackend({ client, schema: own });
      const after = async (work: () => Promise<unknown>): Promise<unknown> => {
        await client.query('BEGIN');
        await work();
        const { rows } = await client.query('SHOW synchronous_commit');
        await client.query('COMMIT');
        return rows[0].synchronous_commit;
      };
      expect([
        await after(() => backend.budgetStore.reserve(hold('h', ['a']))),
        await after(() => sharedLimits(client, own).take([{ id: 'a', needs: [], provider: undefined, leaseMs: 1 }])),
      ]).toEqual(['on', 'off']);
      const { rows } = await client.query('SHOW synchronous_commit');
      expect(rows[0].synchronous_commit).toBe('on');
    } finally {
      client.release();
    }
  });
});
