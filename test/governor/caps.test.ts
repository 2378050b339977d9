// A hard cap is a hard cap: under any concurrency, streamed or not, over one budget or many.
import { describe, expect, it } from 'vitest';
import type { GovernedGroq } from '../../src/client';
import { isGovernanceError } from '../../src/errors';
import type { Governance } from '../../src/governance';
import { memoryBudgetStore } from '../../src/budget/memory';
import { MESSAGES, MODEL, type Scene, costOf, drain, holdOf, scene, sum } from './support';

const params = { model: MODEL, messages: MESSAGES };

interface Way {
  readonly name: string;
  readonly call: (client: GovernedGroq) => Promise<unknown>;
}

const WAYS: readonly Way[] = [
  { name: 'explicit', call: async (client) => client.chat.completions.create({ ...params, max_completion_tokens: 100 }) },
  { name: 'injected', call: async (client) => client.chat.completions.create(params) },
  {
    name: 'streamed, explicit',
    call: async (client) =>
      drain(await client.chat.completions.create({ ...params, max_completion_tokens: 100, stream: true })),
  },
  {
    name: 'streamed, injected',
    call: async (client) => drain(await client.chat.completions.create({ ...params, stream: true })),
  },
  {
    name: 'streamed and left',
    call: async (client) => {
      for await (const _ of await client.chat.completions.create({ ...params, max_completion_tokens: 100, stream: true }))
        break;
    },
  },
];

/** How many calls got through; the others must have been refused by the library. */
async function admitted(calls: readonly Promise<unknown>[]): Promise<number> {
  const ends = await Promise.allSettled(calls);
  for (const end of ends) if (end.status === 'rejected' && !isGovernanceError(end.reason)) throw end.reason as Error;
  return ends.filter(({ status }) => status === 'fulfilled').length;
}

/** Calls on, one after the other, until the budget pays no more. */
async function exhaust({ clock }: Scene, call: () => Promise<unknown>): Promise<void> {
  for (let calls = 0; calls < 2000; calls++) {
    if ((await clock.runUntil(admitted([call()]))) === 0) return;
  }
  throw new Error('the budget never ended');
}

/** What really left: the truth that the books are compared with. */
const truth = ({ mock, records }: Scene): void => {
  expect(mock.calls).toHaveLength(sum(records.map(({ attempts }) => attempts)));
  expect(mock.calls).toHaveLength(records.filter(({ outcome }) => outcome !== 'denied').length);
};

describe.each(WAYS)('1,000 calls at once against a budget that pays 20, $name', ({ call }) => {
  it('stay within it, and use it up', async () => {
    const cap = 20 * holdOf(100);
    const here = scene(
      { teams: { a: { monthlyBudgetUsd: cap / 1e9, concurrency: Infinity, maxTokensPerRequest: 100 } } },
      { team: 'a', mock: { latencyMs: 50 } },
    );
    const first = await here.clock.runUntil(admitted(Array.from({ length: 1000 }, () => call(here.client))));
    expect(first).toBeGreaterThanOrEqual(20);
    await exhaust(here, () => call(here.client));
    const { total, rows } = await here.governor.report();
    expect(total.costNanos).toBeLessThanOrEqual(cap);
    expect(total.costNanos).toBeGreaterThanOrEqual(0.95 * cap);
    expect(rows[0]?.budgetUsed).toBe(total.costNanos / cap);
    expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
    truth(here);
  });
});

it('calls that take all that they may leave the cap whole', async () => {
  const cap = 20 * holdOf(100);
  const here = scene(
    { teams: { a: { monthlyBudgetUsd: cap / 1e9, concurrency: Infinity } } },
    { team: 'a', mock: { latencyMs: 50 } },
  );
  here.mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 112, completion_tokens: 100 } }).persist();
  const calls = Array.from({ length: 1000 }, () =>
    here.client.chat.completions.create({ ...params, max_completion_tokens: 100 }),
  );
  expect(await here.clock.runUntil(admitted(calls))).toBe(20);
  expect((await here.governor.report()).total.costNanos).toBe(cap);
  expect(here.mock.calls).toHaveLength(20);
});

it('retries are within the same hold', async () => {
  const cap = 2 * holdOf(100);
  const here = scene(
    { teams: { a: { monthlyBudgetUsd: cap / 1e9, concurrency: Infinity } } },
    { team: 'a', client: { maxRetries: 2 } },
  );
  here.mock.reply('chat.completions', { status: 500 }).times(4);
  const calls = Array.from({ length: 10 }, () =>
    here.client.chat.completions.create({ ...params, max_completion_tokens: 100 }),
  );
  expect(await here.clock.runUntil(admitted(calls))).toBe(2);
  expect((await here.governor.report()).total.costNanos).toBeLessThanOrEqual(cap);
});

describe('several scopes at once', () => {
  const call = holdOf(100);
  const usd = (calls: number): number => (calls * call) / 1e9;
  const CAPS: readonly [string, Governance][] = [
    ['the organisation', { organization: { monthlyBudgetUsd: usd(20) } }],
    ['the team’s day', { teams: { a: { budgets: [{ limitUsd: usd(20), window: 'day' }] } } }],
    ['the team’s week', { teams: { a: { budgets: [{ limitUsd: usd(20), window: 'week' }] } } }],
    ['the last hour', { teams: { a: { budgets: [{ limitUsd: usd(20), window: { rollingMs: 3_600_000 } }] } } }],
    ['the model', { organization: { budgets: [{ limitUsd: usd(20), window: 'day', per: 'model' }] } }],
    ['the key', { organization: { budgets: [{ limitUsd: usd(20), window: 'day', per: 'key' }] } }],
    ['each user, of two', { teams: { a: { budgets: [{ limitUsd: usd(10), window: 'day', per: 'user' }] } } }],
    ['each customer, of four', { teams: { a: { budgets: [{ limitUsd: usd(5), window: 'day', per: { tag: 'customer' } }] } } }],
    ['each team, of one', { organization: { budgets: [{ limitUsd: usd(20), window: 'day', per: 'team' }] } }],
  ];
  const wide = (factor: number): Governance => ({
    keys: { key: () => ({ id: 'k', secret: 's' }) },
    organization: {
      budgets: [
        { limitUsd: usd(factor * 100), window: 'day', per: 'model', name: 'm' },
        { limitUsd: usd(factor * 100), window: 'day', per: 'key', name: 'k' },
        { limitUsd: usd(0.5), window: 'day', soft: true, name: 'warning' },
      ],
    },
  });

  it.each(CAPS)('%s is the one that binds', async (_, governance) => {
    const base = wide(1);
    const team = { concurrency: Infinity, monthlyBudgetUsd: usd(100), ...governance.teams?.['a'] };
    const organization = {
      ...base.organization,
      ...governance.organization,
      budgets: [...(base.organization?.budgets ?? []), ...(governance.organization?.budgets ?? [])],
    };
    const here = scene({ ...base, organization, teams: { a: team } }, { mock: { latencyMs: 50 } });
    here.mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 112, completion_tokens: 100 } }).persist();
    const views = Array.from({ length: 4 }, (__, index) =>
      here.client.withTeam('a', { user: `u${index % 2}`, tags: { customer: `c${index}` } }),
    );
    const calls = Array.from({ length: 400 }, (__, index) =>
      views[index % 4]?.chat.completions.create({ ...params, max_completion_tokens: 100 }),
    );
    expect(await here.clock.runUntil(admitted(calls as Promise<unknown>[]))).toBe(20);
    expect((await here.governor.report()).total.costNanos).toBe(20 * call);
    expect(here.mock.calls).toHaveLength(20);
    expect(await here.governor.reconcile()).toMatchObject({ live: [], gaps: [] });
  });

  it('a refusal holds nothing anywhere', async () => {
    const store = memoryBudgetStore();
    const here = scene(
      { budgetStore: store, organization: { monthlyBudgetUsd: usd(100) }, teams: { a: { monthlyBudgetUsd: 0 } } },
      { team: 'a' },
    );
    await admitted([here.client.chat.completions.create(params)]);
    expect(await store.openHolds?.(here.clock.now())).toEqual([]);
    const { limits } = await here.governor.explain(params, { team: 'a' });
    expect(limits.filter(({ kind }) => kind === 'budget').map(({ name, used, held }) => [name, used, held])).toEqual([
      ['a/month', 0, 0],
      ['organization/month', 0, 0],
    ]);
  });

  it('soft budgets refuse nothing', async () => {
    const here = scene({ teams: { a: { budgets: [{ limitUsd: 0, window: 'month', soft: true }] } } }, { team: 'a' });
    expect(await admitted([here.client.chat.completions.create(params)])).toBe(1);
    expect(here.mock.calls[0]?.body).not.toHaveProperty('max_completion_tokens', 0);
  });

  it('a budget of 0 refuses what costs, and nothing else', async () => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: 0 } } }, { team: 'a' });
    expect(await admitted([here.client.chat.completions.create({ ...params, max_completion_tokens: 1 })])).toBe(0);
    await here.client.models.list();
    expect(here.mock.calls).toHaveLength(1);
  });
});

describe('what a budget can still pay', () => {
  it('is injected as the output bound', async () => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: holdOf(40) / 1e9 } } }, { team: 'a' });
    await here.client.chat.completions.create(params);
    expect(here.mock.calls[0]?.body).toMatchObject({ max_completion_tokens: 40 });
  });

  it('is refused below 16 tokens, and named above', async () => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: (holdOf(16) - 1) / 1e9 } } }, { team: 'a' });
    expect(await admitted([here.client.chat.completions.create(params)])).toBe(0);
    const other = scene({ teams: { a: { monthlyBudgetUsd: holdOf(40) / 1e9 } } }, { team: 'a' });
    const error: unknown = await other.client.chat.completions
      .create({ ...params, max_completion_tokens: 41 })
      .then(null, (reason: unknown) => reason);
    expect(String(error)).toContain('Lower max_completion_tokens to 40 or less');
    expect(await admitted([other.client.chat.completions.create({ ...params, max_completion_tokens: 40 })])).toBe(1);
  });

  it('lowers an explicit bound only where clampToBudget says so', async () => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: holdOf(40) / 1e9, clampToBudget: true } } }, { team: 'a' });
    await here.client.chat.completions.create({ ...params, max_completion_tokens: 5000 });
    expect(here.mock.calls[0]?.body).toMatchObject({ max_completion_tokens: 40 });
  });

  it('is none of an ungoverned call’s business', async () => {
    const here = scene({});
    await here.client.chat.completions.create(params);
    expect(here.mock.calls[0]?.body).toEqual(params);
    expect(here.records[0]?.costNanos).toBe(costOf(68, 8));
  });
});
