// Reports: sums of the log, and how much of the budget they are.
import { describe, expect, it } from 'vitest';
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
        costNanos: SMALL_COST + LARGE_COST,
        costUsd: (SMALL_COST + LARGE_COST) / 1e9,
        topModel: LARGE,
        budgetUsd: 0.001,
        budgetSpentNanos: SMALL_COST + LARGE_COST,
        budgetUsed: (SMALL_COST + LARGE_COST) / 1_000_000,
      },
      {
        team: 'b',
        calls: 1,
        denied: 0,
        promptTokens: 70,
        cachedTokens: 20,
        completionTokens: 10,
        costNanos: SMALL_COST,
        costUsd: SMALL_COST / 1e9,
        topModel: MODEL,
      },
    ]);
    expect(total).toMatchObject({ calls: 3, denied: 1, costNanos: 2 * SMALL_COST + LARGE_COST });
  });

  it.each([['model'], ['user'], ['key'], ['operation'], ['day'], [{ tag: 'customer' }]] as const)(
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

  it.each(['', '7', 'd', '-1d', '1y', '1.5d', '7d ', '__proto__'])('refuses last: %j', async (last) => {
    const { governor } = scene({});
    await expect(governor.report({ last })).rejects.toMatchObject({ code: 'invalid-request' });
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
