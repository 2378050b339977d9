// Counters and reports of a governed history come to the same integer, on every engine.
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { postgresBackend } from '../../src/postgres';
import { redisBackend } from '../../src/redis';
import { sqliteBackend } from '../../src/sqlite';
import type { BudgetStore } from '../../src/budget/budget-store';
import type { MockScript } from '../../src/testing/mock-script';
import type { GroupBy, UsageLog } from '../../src/usage/usage-log';
import { engineAtHand, REDIS_URL } from '../engine-at-hand';
import { MESSAGES, MODEL, scene, sum, usage } from '../governor/support';
import { probe, Server } from './postgres-at-hand';
import { inspector, newPrefix, sweep } from './redis-servers';
import { driversAtHand, Files } from './sqlite-drivers';

interface Backend {
  readonly budgetStore: BudgetStore;
  readonly usageLog: UsageLog;
}

const isRedisAtHand = await engineAtHand('Redis', async () => (await inspector()).quit());
const isPostgresAtHand = await engineAtHand('PostgreSQL', probe);
const drivers = await driversAtHand();

const LARGE = 'openai/gpt-oss-120b';
const WORDS = ['one ', 'two ', 'three ', 'four '];
const ENDINGS: readonly MockScript[] = [
  { content: 'x', usage: usage(70, 10) },
  { content: 'x', usage: usage(33, 27) },
  { stream: WORDS, usage: usage(50, 4) },
  { stream: WORDS, cutAfter: 2 },
  { stream: WORDS, usage: null },
  { status: 500 },
  { status: 400 },
  { networkError: 'ECONNRESET' },
];
const GROUPINGS: readonly (readonly GroupBy[])[] = [
  ['model'],
  ['user'],
  ['day'],
  ['team', 'model', 'day'],
  [{ tag: 'job' }],
  [],
];

async function expectOneSum({ budgetStore, usageLog }: Backend): Promise<void> {
  const { client, mock, clock, governor } = scene({
    budgetStore,
    usageLog,
    teams: {
      rich: { monthlyBudgetUsd: 1, maxTokensPerRequest: 30 },
      poor: { monthlyBudgetUsd: 0.000_1, maxTokensPerRequest: 30, concurrency: 50 },
      strict: { budgets: [{ limitUsd: 1, window: 'month' }], allowedModels: [MODEL], maxTokensPerRequest: 30 },
    },
    organization: { monthlyBudgetUsd: 10 },
  });
  for (let round = 0; round < 12; round++) {
    const calls = ['rich', 'poor', 'strict'].flatMap((team, place) => {
      const step = round * 3 + place;
      mock.reply('chat.completions', ENDINGS[step % ENDINGS.length] ?? {}).times(2);
      const view = client.withTeam(team, { user: `user-${step % 4}`, tags: { job: `job-${step % 3}` } });
      return [MODEL, LARGE].map(async (model) => {
        const params = { model, messages: MESSAGES, max_completion_tokens: step % 5 === 4 ? 31 : 30 };
        if (step % 2 === 0) return view.chat.completions.create(params);
        for await (const _ of await view.chat.completions.create({ ...params, stream: true })) continue;
        return undefined;
      });
    });
    // How they end is in the records.
    await clock.during(Promise.allSettled(calls));
    await clock.advance(40 * 60_000);
  }
  const { rows, total } = await governor.report({ last: '1d' });
  expect(new Set(rows.map(({ team }) => team))).toEqual(new Set(['poor', 'rich', 'strict']));
  expect(rows.length).toBe(3);
  for (const row of rows) expect([row.team, row.budgetSpentNanos]).toEqual([row.team, row.costNanos]);
  expect(sum(rows.map(({ costNanos }) => costNanos))).toBe(total.costNanos);
  expect(total.costNanos).toBeGreaterThan(0);
  expect(total.errors).toBeGreaterThan(0);
  expect(Object.keys(total.deniedBy ?? {}).sort()).toEqual(['budget-exceeded', 'max-tokens-exceeded', 'model-not-allowed']);
  expect(sum(Object.values(total.deniedBy ?? {}))).toBe(total.denied);
  expect(total.calls + total.denied).toBe(12 * 3 * 2);
  for (const by of GROUPINGS) {
    const other = await governor.report({ last: '1d', by });
    expect([by, other.total]).toEqual([by, total]);
    for (const figure of ['calls', 'denied', 'costNanos', 'promptTokens', 'completionTokens'] as const)
      expect([by, figure, sum(other.rows.map((row) => row[figure]))]).toEqual([by, figure, total[figure]]);
  }
  expect(await governor.reconcile()).toMatchObject({ live: [], gaps: [] });
}

describe('after a governed history, counters and report are one number', () => {
  it.each(drivers)('on SQLite by $name', async (driver) => {
    const files = new Files();
    try {
      await expectOneSum(sqliteBackend({ database: files.open(driver) }));
    } finally {
      files.remove();
    }
  });

  it.skipIf(!isRedisAtHand)('on Redis', async () => {
    const client = new Redis(REDIS_URL);
    try {
      await expectOneSum(redisBackend({ client, prefix: newPrefix() }));
    } finally {
      await client.quit();
      await sweep();
    }
  });

  it.skipIf(!isPostgresAtHand)(
    'on PostgreSQL',
    async () => {
      const server = new Server();
      try {
        await expectOneSum(postgresBackend({ client: server.pool, schema: server.schema() }));
      } finally {
        await server.close();
      }
    },
    60_000,
  );
});
