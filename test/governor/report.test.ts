// Reports: sums of the log, and how much of the budget they are.
import { describe, expect, it } from 'vitest';
import { memoryUsageLog } from '../../src/usage/memory';
import type { UsageLog, UsageQuery, UsageRecord, UsageSummary } from '../../src/usage/usage-log';
import type { ReportQuery } from '../../src/usage-report';
import { bareSummary, NOON, usageRecord } from '../usage/records';
import { MESSAGES, MODEL, type Scene, costOf, rejection, scene } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const LARGE = 'openai/gpt-oss-120b';
const DAY = 86_400_000;

async function filled(): Promise<Scene> {
  const here = scene(
    { teams: { a: { monthlyBudgetUsd: 0.001, maxTokensPerRequest: 100 }, b: {} }, organization: { monthlyBudgetUsd: 5 } },
    { start: Date.UTC(2026, 4, 10, 23) },
  );
  const usage = { prompt_tokens: 70, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 20 } };
  here.mock.reply('chat.completions', { content: 'x', usage }).persist();
  const a = here.client.withTeam('a', { user: 'u', tags: { customer: 'c' } });
  await a.chat.completions.create(params);
  await a.chat.completions.create({ ...params, model: LARGE });
  await rejection(a.chat.completions.create({ ...params, max_completion_tokens: 101 }));
  await here.clock.advance(DAY);
  await here.client.withTeam('b').chat.completions.create(params);
  return here;
}

const SMALL_COST = costOf(70, 10, 20);
const LARGE_COST = 2 * SMALL_COST;

describe('report()', () => {
  it('sums per team, with the share of the budget', async () => {
    const { governor } = await filled();
    const { rows, total } = await governor.report();
    expect(rows).toEqual([
      {
        team: 'a',
        calls: 2,
        denied: 1,
        promptTokens: 140,
        cachedTokens: 40,
        completionTokens: 20,
        reasoningTokens: 0,
        costNanos: SMALL_COST + LARGE_COST,
        costUsd: (SMALL_COST + LARGE_COST) / 1e9,
        topModel: LARGE,
        errors: 0,
        deniedBy: { 'max-tokens-exceeded': 1 },
        waitMs: { p50: 0, p95: 0 },
        latencyMs: { p50: 0, p95: 0 },
        budgetName: 'a/month',
        budgetUsd: 0.001,
        budgetSpentNanos: SMALL_COST + LARGE_COST,
        budgetUsed: (SMALL_COST + LARGE_COST) / 1_000_000,
        budgetResetsAt: Date.UTC(2026, 5, 1),
      },
      {
        team: 'b',
        calls: 1,
        denied: 0,
        promptTokens: 70,
        cachedTokens: 20,
        completionTokens: 10,
        reasoningTokens: 0,
        costNanos: SMALL_COST,
        costUsd: SMALL_COST / 1e9,
        topModel: MODEL,
        errors: 0,
        deniedBy: {},
        waitMs: { p50: 0, p95: 0 },
        latencyMs: { p50: 0, p95: 0 },
      },
    ]);
    expect(total).toEqual({
      calls: 3,
      denied: 1,
      promptTokens: 210,
      cachedTokens: 60,
      completionTokens: 30,
      reasoningTokens: 0,
      costNanos: 2 * SMALL_COST + LARGE_COST,
      costUsd: (2 * SMALL_COST + LARGE_COST) / 1e9,
      topModel: MODEL,
      errors: 0,
      deniedBy: { 'max-tokens-exceeded': 1 },
      waitMs: { p50: 0, p95: 0 },
      latencyMs: { p50: 0, p95: 0 },
    });
  });

  it('says when a budget runs out at its pace', async () => {
    const { client, clock, governor } = await filled();
    const a = client.withTeam('a');
    for (let calls = 0; calls < 30; calls++) await a.chat.completions.create({ ...params, model: LARGE });
    const [{ budgetSpentNanos = NaN, budgetRunsOutAt = NaN } = {}] = (await governor.report()).rows;
    const start = Date.UTC(2026, 4, 1);
    const expected = start + (1_000_000 / budgetSpentNanos) * (clock.now() - start);
    expect(Math.abs(budgetRunsOutAt - expected)).toBeLessThan(2);
  });

  it('has budgets for teams alone, each read once', async () => {
    const { governor } = await filled();
    for (const by of [['team', 'model'], ['model', 'team'], ['team', 'day'], []] as const) {
      const { rows } = await governor.report({ by });
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.filter((row) => Object.keys(row).some((name) => name.startsWith('budget')))).toEqual([]);
    }
  });

  it('has a row of all by nothing, and none of nothing', async () => {
    const { governor } = await filled();
    const { rows, total, by } = await governor.report({ by: [] });
    expect([rows, by]).toEqual([[total], []]);
    const empty = await scene({}).governor.report();
    expect(empty.rows).toEqual([]);
    expect(empty.total).toMatchObject({ calls: 0, denied: 0, costNanos: 0, costUsd: 0, topModel: '', errors: 0, deniedBy: {} });
  });

  it('knows endpoint as another word for operation', async () => {
    const { governor } = await filled();
    const { rows, by } = await governor.report({ by: ['endpoint', 'team'] });
    expect(by).toEqual(['endpoint', 'team']);
    expect(rows.map(({ endpoint, operation, team }) => [endpoint, operation, team])).toEqual([
      ['chat.completions', undefined, 'a'],
      ['chat.completions', undefined, 'b'],
    ]);
  });

  it.each([['model'], ['user'], ['key'], ['operation'], ['endpoint'], ['day'], [{ tag: 'customer' }]] as const)(
    'by %j sums to the same',
    async (by) => {
      const { governor } = await filled();
      const { rows, total } = await governor.report({ by: [by] });
      expect(rows.reduce((sum, row) => sum + row.costNanos, 0)).toBe(total.costNanos);
      expect(rows.every((row) => row.budgetUsd === undefined)).toBe(true);
    },
  );

  it('by day follows the time zone', async () => {
    const { governor } = await filled();
    expect((await governor.report({ by: ['day'] })).rows.map(({ day }) => day)).toEqual(['2026-05-10', '2026-05-11']);
    const berlin = scene({ timeZone: 'Europe/Berlin' }, { start: Date.UTC(2026, 4, 10, 23) });
    await berlin.client.chat.completions.create(params);
    expect((await berlin.governor.report({ by: ['day'] })).rows.map(({ day }) => day)).toEqual(['2026-05-11']);
  });

  it('covers the period asked for', async () => {
    const { governor, clock } = await filled();
    expect((await governor.report({ last: '1h' })).total.calls).toBe(1);
    expect((await governor.report({ last: '2d' })).total.calls).toBe(3);
    expect((await governor.report({ from: clock.now() - DAY, to: clock.now() })).total.calls).toBe(2);
    expect((await governor.report({ from: clock.now() + 1, to: clock.now() + 2 })).rows).toEqual([]);
  });

  it('takes times as dates, in words, and as days of the time zone', async () => {
    const { governor } = scene({ timeZone: 'Europe/Berlin' });
    const period = async (query: ReportQuery): Promise<unknown[]> => {
      const { from, to } = await governor.report(query);
      return [new Date(from).toISOString(), new Date(to).toISOString()];
    };
    const [from, to] = [new Date('2026-05-10T23:30:00Z'), '2026-05-12T01:30:00.250+02:00'];
    expect(await period({ from, to })).toEqual(['2026-05-10T23:30:00.000Z', '2026-05-11T23:30:00.250Z']);
    expect(await period({ from: '2026-03-29', to: '2026-03-30' })).toEqual([
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ]);
    expect(await period({ last: '1d', to: '2026-05-10' })).toEqual(['2026-05-08T22:00:00.000Z', '2026-05-09T22:00:00.000Z']);
  });

  it.each([
    ['Pacific/Kiritimati', '2026-11-20T10:00:00.000Z'],
    ['Etc/GMT+12', '2026-11-21T12:00:00.000Z'],
    ['America/St_Johns', '2026-11-21T03:30:00.000Z'],
    ['Pacific/Chatham', '2026-11-20T10:15:00.000Z'],
    ['UTC', '2026-11-21T00:00:00.000Z'],
  ])('begins a day where it begins in %s', async (timeZone, start) => {
    const { from } = await scene({ timeZone }).governor.report({ from: '2026-11-21', to: '2026-11-23' });
    expect(new Date(from).toISOString()).toBe(start);
  });

  it.each<[string, unknown]>([
    ...['', '7', 'd', '-1d', '0d', '1y', '1.5d', '7d ', '__proto__', `${'9'.repeat(20)}w`].map((last): [string, unknown] => [
      'last',
      { last },
    ]),
    ['last', { last: 7 }],
    ['last', { last: '7d', from: 0 }],
    ['from', { from: NaN }],
    ['from', { from: 9e15 }],
    ['from', { from: new Date(NaN) }],
    ['from', { from: '' }],
    ['from', { from: '2026-02-30' }],
    ['from', { from: '2026-13-01' }],
    ['from', { from: '1234-01-01' }],
    ['from', { from: '9999-01-01' }],
    ['from', { from: 'yesterday' }],
    // The machine's own zone is nobody's business.
    ['from', { from: '2026-05-10T10:00:00' }],
    ['from', { from: '2026-05-10T99:00:00Z' }],
    ['from', { from: 2, to: 1 }],
    ['from', { from: '2026-05-11', to: '2026-05-10' }],
    ['to', { to: null }],
    ['to', { to: Infinity }],
    ['to', { from: 0, to: '7d' }],
    ['by', { by: 'team' }],
    ['by', { by: ['teams'] }],
    ['by', { by: ['team', 'constructor'] }],
    ['by', { by: [{ tag: 5 }] }],
    ['by', { by: [null] }],
    ['by', { by: null }],
    ['since', { since: '7d' }],
  ])('refuses a wrong %s: %j', async (rule, query) => {
    const { governor } = scene({});
    await expect(governor.report(query as ReportQuery)).rejects.toMatchObject({ code: 'invalid-request', rule });
  });

  it('says what to write instead', async () => {
    const { governor } = scene({});
    const messageOf = async (query: unknown): Promise<string> =>
      (await rejection(governor.report(query as ReportQuery))).message;
    expect(await messageOf({ last: 'a week' })).toBe(
      'Expected last to be a number and m, h, d or w, e.g. \'7d\', got "a week".',
    );
    expect(await messageOf({ by: ['teams'] })).toBe(
      'Cannot report by "teams"; known are team, user, key, model, operation, endpoint, day and { tag: \'name\' }.',
    );
    expect(await messageOf({ by: 'team' })).toBe(`Expected by to be a list, e.g. ['team', 'model'], got "team".`);
    expect(await messageOf({ from: 'now' })).toBe(
      "Expected from to be epoch milliseconds, a Date, a date as '2026-11-21' or a time as '2026-11-21T09:30:00Z', got \"now\".",
    );
    expect(await messageOf({ by: [{ tags: 'x' }] })).toMatch(/^Cannot report by an object; known are /);
    expect(await messageOf({ to: new Date(NaN) })).toMatch(/, got Invalid Date\.$/);
    expect(await messageOf({ until: 5 })).toBe('Unknown option "until" of a report; known are last, from, to, by.');
  });

  it('of a client without governance is of the team default', async () => {
    const { client, governor } = scene({});
    await client.chat.completions.create(params);
    expect((await governor.report()).rows).toMatchObject([{ team: 'default', calls: 1 }]);
  });

  it('waits for what has ended', async () => {
    const { client, governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
    const call = client.chat.completions.create(params);
    await call;
    expect((await governor.report()).total.calls).toBe(1);
  });
});

/** A log of records that are there already. */
function logOf(records: readonly Partial<UsageRecord>[]): UsageLog {
  const log = memoryUsageLog();
  for (const fields of records) log.record(usageRecord(fields));
  return log;
}

const RECORDS: readonly Partial<UsageRecord>[] = [
  ...Array.from({ length: 18 }, (_, index) => ({ team: 'a', latencyMs: 10 * index, model: `own-${index}`, costNanos: 5 })),
  { team: 'a', latencyMs: 90_000, waitMs: 61, outcome: 'timeout', model: 'shared', costNanos: 3 },
  { team: 'b', latencyMs: 5_000, waitMs: 30, outcome: 'error', model: 'shared', costNanos: 4 },
  ...['no-key', 'budget-exceeded', 'no-key'].map((code) => ({ team: 'b', outcome: 'denied' as const, code })),
];

describe('the total of a report', () => {
  const query = { from: 0, to: NOON + 1, by: ['team'] } as const;

  it('has percentiles and a top model that no row tells', async () => {
    const { governor } = scene({ usageLog: logOf(RECORDS) });
    const { rows, total } = await governor.report(query);
    expect(rows.map(({ team, topModel, latencyMs, errors }) => [team, topModel, latencyMs, errors])).toEqual([
      ['a', 'own-0', { p50: 90, p95: 90_000 }, 1],
      ['b', 'shared', { p50: 5_000, p95: 5_000 }, 1],
    ]);
    expect(total).toMatchObject({
      calls: 20,
      denied: 3,
      costNanos: 97,
      topModel: 'shared',
      errors: 2,
      deniedBy: { 'no-key': 2, 'budget-exceeded': 1 },
      waitMs: { p50: 0, p95: 30 },
      latencyMs: { p50: 90, p95: 5_000 },
    });
    expect(Object.keys(total.deniedBy ?? {})).toEqual(['no-key', 'budget-exceeded']);
  });

  it('is of one pass over the log', async () => {
    const log = logOf(RECORDS);
    const queries: UsageQuery[] = [];
    const summarize = async (one: UsageQuery): Promise<readonly UsageSummary[]> => {
      queries.push(one);
      return log.summarize(one);
    };
    await scene({ usageLog: { record: (usage) => log.record(usage), summarize } }).governor.report(query);
    expect(queries).toEqual([{ from: 0, to: NOON + 1, groupBy: ['team'], timeZone: 'UTC', withTotal: true }]);
  });

  it('is what the rows add up to if the log tells none, though calls go on', async () => {
    const log = logOf(RECORDS);
    const summarize = async ({ from, to, groupBy }: UsageQuery): Promise<readonly UsageSummary[]> => {
      const summaries = await log.summarize({ from, to, groupBy });
      await log.record(usageRecord({ team: 'a', costNanos: 1_000, outcome: 'error' }));
      await log.record(usageRecord({ team: 'a', outcome: 'denied', code: 'no-key' }));
      return summaries;
    };
    const { governor } = scene({ usageLog: { record: (usage) => log.record(usage), summarize } });
    const { rows, total } = await governor.report(query);
    expect([total.calls, total.denied, total.costNanos, total.errors, total.deniedBy]).toEqual([
      20,
      3,
      97,
      2,
      { 'no-key': 2, 'budget-exceeded': 1 },
    ]);
    expect(rows.reduce((sum, row) => sum + row.promptTokens, 0)).toBe(total.promptTokens);
    expect(total.waitMs?.p95).toBeGreaterThanOrEqual(0);
  });

  it('leaves out what the log does not tell', async () => {
    const log = logOf(RECORDS);
    const summarize = async ({ from, to, groupBy }: UsageQuery): Promise<readonly UsageSummary[]> =>
      (await log.summarize({ from, to, groupBy })).map(bareSummary);
    const { governor } = scene({ usageLog: { record: (usage) => log.record(usage), summarize } });
    const { rows, total } = await governor.report(query);
    for (const { calls, errors, deniedBy, waitMs, latencyMs } of [...rows, total]) {
      expect(calls).toBeGreaterThan(0);
      expect([errors, deniedBy, waitMs, latencyMs]).toEqual([undefined, undefined, undefined, undefined]);
    }
    expect([total.calls, total.costNanos, total.topModel]).toEqual([20, 97, 'shared']);
  });
});
