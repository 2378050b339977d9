// What the governor does with a store that several processes share, or that is the usage log as well.
import { describe, expect, it } from 'vitest';
import type { BudgetStore } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import { GovernedGroq } from '../../src/client';
import { Governor } from '../../src/governor';
import { mockGroq } from '../../src/testing/mock-groq';
import type { Governance } from '../../src/governance';
import { type MemoryUsageLog, memoryUsageLog } from '../../src/usage/memory';
import { MESSAGES, MODEL, type Scene, rejection, scene, settle } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const teams = { a: { monthlyBudgetUsd: 1 } };

const governed = (more: Partial<Governance>): Scene => scene({ teams, ...more }, { team: 'a' });

describe('a store that records with the settlement', () => {
  interface Both {
    readonly budgetStore: BudgetStore;
    readonly usageLog: MemoryUsageLog;
    /** Which records came in which way. */
    readonly ways: string[];
  }

  function both(failures = 0): Both {
    const inner = memoryBudgetStore();
    const log = memoryUsageLog();
    const ways: string[] = [];
    let left = failures;
    const usageLog: MemoryUsageLog = {
      get records() {
        return log.records;
      },
      record(usage) {
        ways.push(`record ${usage.outcome}`);
        log.record(usage);
      },
      summarize: (query) => log.summarize(query),
    };
    const budgetStore: BudgetStore = {
      recordsInto: usageLog,
      reserve: (hold) => inner.reserve(hold),
      async settle(settlement) {
        if (left-- > 0) throw new Error('away');
        ways.push(`settle ${settlement.usage?.outcome ?? 'without usage'}`);
        if (settlement.usage) log.record(settlement.usage);
        return inner.settle(settlement);
      },
      read: (accounts, at) => inner.read(accounts, at),
    };
    return { budgetStore, usageLog, ways };
  }

  it('gets each record once, with the settlement', async () => {
    const { ways, ...stores } = both();
    const { client, governor } = governed(stores);
    await client.chat.completions.create(params);
    expect((await governor.report()).total.calls).toBe(1);
    expect(ways).toEqual(['settle success']);
    expect((await governor.reconcile()).gaps).toEqual([]);
  });

  it('gets those records by themselves that nothing was held for', async () => {
    const { ways, ...stores } = both();
    const { client, governor } = governed(stores);
    await rejection(client.chat.completions.create({ ...params, model: 'unknown' }));
    await client.models.list();
    await governor.report();
    expect(ways).toEqual(['record denied', 'record success']);
  });

  it('gets the record with the retry, and by itself once the settlement is given up', async () => {
    for (const [failures, expected] of [
      [2, ['settle success']],
      [100, ['record success']],
    ] as const) {
      const { ways, ...stores } = both(failures);
      const { client, clock, governor } = governed(stores);
      await client.chat.completions.create(params);
      await clock.runUntil(governor.close());
      expect(ways).toEqual(expected);
      expect(stores.usageLog.records).toHaveLength(1);
    }
  });

  it('is not one if another log was asked for', async () => {
    const { budgetStore, ways } = both();
    const usageLog = memoryUsageLog();
    const governor = new Governor({ teams, budgetStore, usageLog });
    const client = new GovernedGroq({ apiKey: 'gsk_client', fetch: mockGroq().fetch, governance: governor, team: 'a' });
    await client.chat.completions.create(params);
    await governor.report();
    expect([ways, usageLog.records.length]).toEqual([['settle success'], 1]);
  });
});

describe('alerts of several governors on one store', () => {
  const spend = async ({ client, mock }: Scene, usd: number): Promise<void> => {
    const tokens = Math.round((usd * 1e9) / 300);
    mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 0, completion_tokens: tokens } });
    await client.chat.completions.create({ ...params, max_completion_tokens: tokens });
    await settle();
  };

  it('are given once per level by them all', async () => {
    const budgetStore = memoryBudgetStore();
    const told: (readonly [string, number])[] = [];
    const scenes = ['one', 'two', 'three'].map((name) => {
      const here = scene({ teams: { a: { monthlyBudgetUsd: 0.09 } }, budgetStore }, { team: 'a' });
      here.governor.on('budget-threshold', ({ level }) => told.push([name, level]));
      return here;
    });
    const [one, two, three] = scenes;
    if (!one || !two || !three) throw new Error('three scenes');
    for (const [here, usd] of [
      [one, 0.0135],
      [two, 0.0135],
      // From 30 % to 60 %, while the first has last seen 15 %.
      [three, 0.027],
      [one, 0.009],
      [two, 0.0135],
      [one, 0.0009],
      [three, 0.0009],
    ] as const)
      await spend(here, usd);
    expect(told).toEqual([
      ['three', 0.5],
      ['two', 0.8],
    ]);
  });
});

describe('storeTimeoutMs', () => {
  const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

  it('refuses a call whose budget store does not answer, and gives the hold back once it does', async () => {
    const inner = memoryBudgetStore();
    let answers = false;
    const budgetStore: BudgetStore = {
      reserve(hold) {
        const reserved = inner.reserve(hold);
        return answers ? reserved : never();
      },
      settle: (settlement) => inner.settle(settlement),
      read: (accounts, at) => inner.read(accounts, at),
    };
    const { client, mock } = governed({ budgetStore, storeTimeoutMs: 5 });
    const error = await rejection(client.chat.completions.create(params));
    expect(error).toMatchObject({ name: 'StoreError', store: 'budgetStore' });
    expect(error.cause).toMatchObject({ message: 'The budget store did not answer within 5 ms.' });
    expect(mock.calls).toHaveLength(0);
    await settle();
    expect(await inner.openHolds?.(Date.UTC(2026, 0, 1))).toEqual([]);
    answers = true;
    await client.chat.completions.create(params);
    expect(mock.calls).toHaveLength(1);
  });

  it('lets nobody wait for a settlement or a record that hangs', async () => {
    const inner = memoryBudgetStore();
    const log = memoryUsageLog();
    let hangs = 2;
    const { client, clock, governor, mock } = governed({
      budgetStore: {
        reserve: (hold) => inner.reserve(hold),
        settle: (settlement) => (hangs-- > 0 ? never() : inner.settle(settlement)),
        read: (accounts, at) => inner.read(accounts, at),
      },
      usageLog: {
        record: (usage) => (hangs-- > 0 ? never() : log.record(usage)),
        summarize: (query) => log.summarize(query),
      },
      storeTimeoutMs: 5,
    });
    await client.chat.completions.create(params);
    expect(mock.calls).toHaveLength(1);
    await governor.report();
    await clock.runUntil(governor.close());
    expect(log.records).toHaveLength(1);
    expect(await governor.reconcile()).toMatchObject({ gaps: [] });
  });
});
