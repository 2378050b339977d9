// Alerts where something goes wrong, or the levels change.
import { describe, expect, it } from 'vitest';
import type { BudgetStore } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { BudgetThreshold } from '../../src/events';
import type { Governance } from '../../src/governance';
import { MESSAGES, MODEL, type Scene, scene } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 1000 };
/** What each call costs. */
const COST = 300_000;
const USAGE = { usage: { prompt_tokens: 0, completion_tokens: 1000 } };

interface Alerted extends Scene {
  readonly alerts: BudgetThreshold[];
  readonly levels: () => number[];
  call(): Promise<void>;
}

function alerted(governance: Governance, start?: number): Alerted {
  const made = scene(governance, { team: 'a', ...(start !== undefined && { start }) });
  made.mock.reply('chat.completions', USAGE).persist();
  const alerts: BudgetThreshold[] = [];
  made.governor.on('budget-threshold', (alert) => void alerts.push(alert));
  return {
    ...made,
    alerts,
    levels: () => alerts.map(({ level }) => level),
    async call() {
      await made.client.chat.completions.create(params);
      await made.governor.report();
    },
  };
}

const month = (limitNanos: number): Governance => ({ teams: { a: { monthlyBudgetUsd: limitNanos / 1e9 } } });

describe('a settlement whose answer is lost', () => {
  const losing = (store: BudgetStore): BudgetStore => {
    let lost = false;
    return {
      ...store,
      reserve: store.reserve.bind(store),
      read: store.read.bind(store),
      async settle(settlement) {
        const settled = await store.settle(settlement);
        if (lost) return settled;
        lost = true;
        throw new Error('the answer is lost');
      },
    };
  };

  it('still tells the levels that it passed, once', async () => {
    const here = alerted({ ...month(1.2 * COST), budgetStore: losing(memoryBudgetStore()) });
    await here.call();
    await here.clock.advance(1_000);
    await here.governor.report();
    expect(here.levels()).toEqual([0.5, 0.8]);
    await here.clock.advance(10_000);
    expect(here.levels()).toEqual([0.5, 0.8]);
    expect(await here.governor.reconcile()).toMatchObject({ gaps: [] });
  });
});

describe('a settlement that is given up', () => {
  it('is told as a settled call all the same', async () => {
    const store = memoryBudgetStore();
    const budgetStore: BudgetStore = {
      reserve: store.reserve.bind(store),
      read: store.read.bind(store),
      settle: () => Promise.reject(new Error('away')),
    };
    const here = alerted({ ...month(10 * COST), budgetStore });
    const settled: string[] = [];
    here.governor.on('call-settled', ({ id }) => void settled.push(id));
    await here.call();
    expect(settled).toEqual([]);
    await here.clock.advance(60_000);
    expect(settled).toEqual(here.records.map(({ id }) => id));
  });
});

describe('levels', () => {
  it('that a share and an amount have in common are told once', async () => {
    const usd = (2 * COST) / 1e9;
    const here = alerted({ teams: { a: { monthlyBudgetUsd: usd, alertsAt: [0.5, 0.5], alertsAtUsd: [usd / 2] } } });
    await here.call();
    expect(here.levels()).toEqual([0.5]);
  });

  it('say whose they are, where a budget counts apart', async () => {
    const limitUsd = (1.2 * COST) / 1e9;
    const budgets = [
      { limitUsd, window: 'month' as const, per: 'team' as const },
      { limitUsd, window: 'day' as const, per: 'user' as const },
      { limitUsd, window: 'day' as const, per: { tag: 'feature' } },
    ];
    const here = alerted({ teams: { a: {} }, organization: { budgets, alertsAt: [0.8] } });
    await here.client.withTeam('a', { user: 'ana', tags: { feature: 'search' } }).chat.completions.create(params);
    await here.governor.report();
    expect(here.alerts.map(({ budget, per, of }) => [budget, per, of])).toEqual([
      ['organization/team/month', 'team', 'a'],
      ['organization/user/day', 'user', 'ana'],
      ['organization/tag feature/day', 'tag feature', 'search'],
    ]);
    expect(here.lines.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/budget "organization\/user\/day" of user "ana" has reached/),
    );
  });
});
