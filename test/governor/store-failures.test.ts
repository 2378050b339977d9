// Stores that are away, and come back, or do not.
import { describe, expect, it } from 'vitest';
import type { BudgetStore } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { Governance } from '../../src/governance';
import type { RateLimiter } from '../../src/limit/rate-limiter';
import { memoryRateLimiter } from '../../src/limit/memory';
import { memoryUsageLog } from '../../src/usage/memory';
import type { UsageLog } from '../../src/usage/usage-log';
import { MESSAGES, MODEL, holdOf, rejection, scene, settle } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const teams = { a: { monthlyBudgetUsd: 1 } };
const down = new Error('connect ECONNREFUSED');

interface Failing extends BudgetStore {
  readonly failures: Map<'reserve' | 'settle' | 'read', number>;
  readonly asked: string[];
}

/** A memory store whose methods fail so many times first. */
function failing(
  failures: readonly (readonly ['reserve' | 'settle' | 'read', number])[],
  { afterwards = false, sync = false } = {},
): Failing {
  const inner = memoryBudgetStore();
  const left = new Map(failures);
  const asked: string[] = [];
  const guard = <T>(method: 'reserve' | 'settle' | 'read', work: () => Promise<T>): Promise<T> => {
    asked.push(method);
    const rest = left.get(method) ?? 0;
    if (rest <= 0) return work();
    left.set(method, rest - 1);
    if (sync) throw down;
    return (afterwards ? work() : Promise.resolve()).then(() => Promise.reject(down));
  };
  return {
    failures: left,
    asked,
    reserve: (hold) => guard('reserve', () => inner.reserve(hold)),
    settle: (settlement) => guard('settle', () => inner.settle(settlement)),
    read: (accounts, at) => guard('read', () => inner.read(accounts, at)),
    openHolds: (at) => inner.openHolds?.(at) ?? Promise.resolve([]),
  };
}

const governed = (
  budgetStore: BudgetStore,
  more: Partial<Governance> = {},
): ReturnType<typeof scene> & { events: unknown[] } => {
  const here = scene({ teams, budgetStore, ...more }, { team: 'a' });
  const events: unknown[] = [];
  here.governor.on('store-unavailable', ({ store, during, error }) => events.push([store, during, error]));
  return { ...here, events };
};

describe.each([
  ['rejects', false],
  ['throws', true],
])('reserve() that %s', (_, sync) => {
  it('refuses the call', async () => {
    const { client, mock, records, events, governor } = governed(failing([['reserve', 1]], { sync }));
    const error = await rejection(client.chat.completions.create(params));
    expect(error).toMatchObject({
      name: 'StoreError',
      code: 'store-unavailable',
      store: 'budgetStore',
      cause: down,
      team: 'a',
    });
    expect(error.message).not.toContain('ECONNREFUSED');
    expect(mock.calls).toHaveLength(0);
    expect(records).toMatchObject([{ outcome: 'denied', code: 'store-unavailable', costNanos: 0 }]);
    expect(events).toEqual([['budgetStore', 'reserve', down]]);
    await client.chat.completions.create(params);
    expect((await governor.reconcile()).live).toEqual([]);
  });

  it("lets the call through with 'allow', and says so", async () => {
    const { client, mock, records, governor } = governed(failing([['reserve', 1]], { sync }), { onStoreFailure: 'allow' });
    await client.chat.completions.create(params);
    expect(mock.calls).toHaveLength(1);
    expect(records).toMatchObject([{ outcome: 'success', ungoverned: true, accuracy: 'exact' }]);
    expect(records[0]?.costNanos).toBeGreaterThan(0);
    expect((await governor.report()).total).toMatchObject({ calls: 1, costNanos: records[0]?.costNanos });
  });
});

it('a hold whose answer was lost is given back', async () => {
  const store = failing([['reserve', 1]], { afterwards: true });
  const { client, governor } = governed(store);
  await rejection(client.chat.completions.create(params));
  await settle();
  expect((await governor.reconcile()).live).toEqual([]);
});

it('in observe mode a store that is away refuses nothing', async () => {
  const { client, mock, records } = governed(failing([['reserve', 1]]), { mode: 'observe' });
  await client.chat.completions.create(params);
  expect(mock.calls).toHaveLength(1);
  expect(records[0]?.outcome).toBe('success');
});

describe('settle()', () => {
  it.each([1, 2, 5])('that fails %i times is tried again, and nothing is booked twice', async (times) => {
    for (const afterwards of [false, true]) {
      const store = failing([['settle', times]], { afterwards });
      const { client, clock, governor, events, records } = governed(store);
      await client.chat.completions.create(params);
      // A report waits for the first try; closing waits for all of them.
      await governor.report();
      await clock.runUntil(governor.close());
      const report = await governor.report();
      expect(report.total.costNanos).toBe(records[0]?.costNanos);
      expect(events).toHaveLength(times);
      expect(await governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
    }
  });

  it('does not keep the caller waiting', async () => {
    const { client } = governed(failing([['settle', Infinity]]));
    expect(await client.chat.completions.create(params)).toMatchObject({ object: 'chat.completion' });
  });

  it('that fails for ever: the hold expires and is charged, once, and the gap is shown', async () => {
    const { client, clock, governor, records } = governed(failing([['settle', Infinity]]));
    await client.chat.completions.create(params);
    await clock.runUntil(governor.close());
    await clock.advance(16 * 60_000);
    const { live, expired, gaps } = await clock.runUntil(governor.reconcile());
    expect({ live, expired: expired.map(({ nanos }) => nanos) }).toEqual({ live: [], expired: [holdOf(100)] });
    expect(gaps).toMatchObject([{ budget: 'a/month', gapNanos: holdOf(100) - (records[0]?.costNanos ?? NaN) }]);
    expect(records).toHaveLength(1);
  });

  it('that throws is as one that rejects', async () => {
    const { client, clock, governor } = governed(failing([['settle', 2]], { sync: true }));
    await client.chat.completions.create(params);
    await clock.runUntil(governor.close());
    expect(await governor.reconcile()).toMatchObject({ live: [], gaps: [] });
  });

  it('keeps the time at which the call ended', async () => {
    const store = failing([['settle', 3]]);
    const { client, clock, governor } = governed(store);
    const settled: number[] = [];
    const inner = store.settle.bind(store);
    store.settle = (settlement) => (settled.push(settlement.at), inner(settlement));
    const ended = clock.now();
    await client.chat.completions.create(params);
    await clock.runUntil(governor.close());
    expect(settled).toEqual([ended, ended, ended, ended]);
  });
});

describe('the usage log', () => {
  const log = (times: number, sync: boolean): UsageLog & { readonly tries: { count: number } } => {
    const inner = memoryUsageLog();
    const tries = { count: 0 };
    return {
      tries,
      record(usage) {
        if (tries.count++ >= times) return inner.record(usage);
        if (sync) throw down;
        return Promise.reject(down);
      },
      summarize: (query) => inner.summarize(query),
    };
  };

  it.each([
    ['rejects', false],
    ['throws', true],
  ])('that %s is told again', async (_, sync) => {
    const usageLog = log(2, sync);
    const here = scene({ teams, usageLog }, { team: 'a' });
    const events: unknown[] = [];
    here.governor.on('store-unavailable', ({ store, during }) => events.push([store, during]));
    await here.client.chat.completions.create(params);
    await here.clock.runUntil(here.governor.close());
    const { total } = await here.governor.report();
    expect(total.calls).toBe(1);
    expect(events).toEqual([
      ['usageLog', 'record'],
      ['usageLog', 'record'],
    ]);
    expect((await here.governor.reconcile()).gaps).toEqual([]);
  });

  it('that fails for ever does not stop the books, and the gap is shown', async () => {
    const here = scene({ teams, usageLog: log(Infinity, false) }, { team: 'a' });
    await here.client.chat.completions.create(params);
    await here.clock.runUntil(here.governor.close());
    const { gaps, live } = await here.governor.reconcile();
    expect(live).toEqual([]);
    expect(gaps).toMatchObject([{ budget: 'a/month', logNanos: 0 }]);
    expect(gaps[0]?.counterNanos).toBe(here.records[0]?.costNanos);
  });
});

describe('the rate limiter', () => {
  const limiter = (acquire: RateLimiter['acquire']): RateLimiter => ({ ...memoryRateLimiter(), acquire });

  it.each<[string, RateLimiter['acquire']]>([
    ['rejects', () => Promise.reject(down)],
    [
      'throws',
      () => {
        throw down;
      },
    ],
  ])('that %s refuses the call, and gives its hold back', async (_, acquire) => {
    const here = scene({ teams, rateLimiter: limiter(acquire) }, { team: 'a' });
    expect(await rejection(here.client.chat.completions.create(params))).toMatchObject({
      code: 'store-unavailable',
      store: 'rateLimiter',
      cause: down,
    });
    expect(here.mock.calls).toHaveLength(0);
    expect(here.records).toMatchObject([{ outcome: 'denied', code: 'store-unavailable', costNanos: 0 }]);
    expect((await here.governor.reconcile()).live).toEqual([]);
    const allowing = scene({ teams, rateLimiter: limiter(acquire), onStoreFailure: 'allow' }, { team: 'a' });
    await allowing.client.chat.completions.create(params);
    expect(allowing.records).toMatchObject([{ outcome: 'success', ungoverned: true }]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw down;
      },
    ],
    ['rejects', () => Promise.reject(down)],
  ])('whose observe() and release() %s hurts no call', async (_, fail) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const rateLimiter: RateLimiter = {
        acquire: () => ({ waitedMs: 0, begin: fail as () => void, release: fail as () => void }),
        observe: fail as () => void,
      };
      const here = scene({ teams, rateLimiter }, { team: 'a' });
      await here.client.chat.completions.create(params);
      await settle();
      expect(here.mock.calls).toHaveLength(1);
      expect(here.records).toMatchObject([{ outcome: 'success', accuracy: 'exact' }]);
      expect((await here.governor.reconcile()).live).toEqual([]);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});
