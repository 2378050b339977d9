// Budgets begin anew when their window does, by the clocks of the time zone.
import { describe, expect, it } from 'vitest';
import type { Governance } from '../../src/governance';
import type { BudgetPeriod } from '../../src/budget/window';
import { MESSAGES, MODEL, type Scene, holdOf, rejection, scene } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const USD = holdOf(100) / 1e9;

function budgeted(window: BudgetPeriod, start: number, more: Partial<Governance> = {}): Scene {
  const here = scene({ teams: { a: { budgets: [{ limitUsd: USD, window }] } }, ...more }, { team: 'a', start });
  here.mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 112, completion_tokens: 100 } }).persist();
  return here;
}

const goes = async ({ client }: Scene): Promise<boolean> =>
  client.chat.completions.create(params).then(
    () => true,
    () => false,
  );

describe.each<[string, BudgetPeriod, number, string, number]>([
  ['a UTC day', 'day', Date.UTC(2026, 4, 15, 12), 'UTC', Date.UTC(2026, 4, 16)],
  ['a day in Berlin', 'day', Date.UTC(2026, 4, 15, 12), 'Europe/Berlin', Date.UTC(2026, 4, 15, 22)],
  ['the short day of spring in Berlin', 'day', Date.UTC(2026, 2, 28, 23), 'Europe/Berlin', Date.UTC(2026, 2, 29, 22)],
  ['the long day of autumn in New York', 'day', Date.UTC(2026, 10, 1, 4), 'America/New_York', Date.UTC(2026, 10, 2, 5)],
  ['a week in Kathmandu', 'week', Date.UTC(2026, 4, 15), 'Asia/Kathmandu', Date.UTC(2026, 4, 17, 18, 15)],
  ['February', 'month', Date.UTC(2026, 1, 10), 'UTC', Date.UTC(2026, 2, 1)],
  ['a month across the year in Auckland', 'month', Date.UTC(2026, 11, 20), 'Pacific/Auckland', Date.UTC(2026, 11, 31, 11)],
])('%s', (_, window, start, timeZone, end) => {
  it('ends to the millisecond', async () => {
    const here = budgeted(window, start, { timeZone });
    expect(await goes(here)).toBe(true);
    expect(await rejection(here.client.chat.completions.create(params))).toMatchObject({
      code: 'budget-exceeded',
      resetsAt: end,
    });
    here.clock.set(end - 1);
    expect(await goes(here)).toBe(false);
    here.clock.set(end);
    expect(await goes(here)).toBe(true);
    expect(await goes(here)).toBe(false);
    expect(await here.governor.reconcile()).toMatchObject({ live: [], gaps: [] });
  });
});

it('a rolling window frees what has left it', async () => {
  const here = budgeted({ rollingMs: 60_000 }, Date.UTC(2026, 0, 1));
  expect(await goes(here)).toBe(true);
  await here.clock.advance(59_999);
  expect(await goes(here)).toBe(false);
  await here.clock.advance(2);
  expect(await goes(here)).toBe(true);
});

it('a call counts in the window in which it began', async () => {
  const here = budgeted('month', Date.UTC(2026, 0, 31, 23, 59));
  here.mock.reset();
  here.mock.reply('chat.completions', () => {
    here.clock.set(Date.UTC(2026, 1, 1, 0, 1));
    return { content: 'x', usage: { prompt_tokens: 112, completion_tokens: 100 } };
  });
  expect(await goes(here)).toBe(true);
  expect(await goes(here)).toBe(true);
  here.clock.set(Date.UTC(2026, 0, 31, 23, 59, 59));
  expect(await goes(here)).toBe(false);
});

it('editing a limit keeps what was spent', async () => {
  const { budgetStore, usageLog } = {
    budgetStore: (await import('../../src/budget/memory')).memoryBudgetStore(),
    usageLog: (await import('../../src/usage/memory')).memoryUsageLog(),
  };
  const before = budgeted('month', Date.UTC(2026, 0, 10), { budgetStore, usageLog });
  expect(await goes(before)).toBe(true);
  const after = budgeted('month', Date.UTC(2026, 0, 11), {
    budgetStore,
    usageLog,
    teams: { a: { budgets: [{ limitUsd: 2 * USD, window: 'month' }] } },
  });
  expect(await goes(after)).toBe(true);
  expect(await goes(after)).toBe(false);
});

it('clocks that step back refuse and pay no more than once', async () => {
  const here = budgeted('day', Date.UTC(2026, 0, 10, 12));
  expect(await goes(here)).toBe(true);
  here.clock.set(Date.UTC(2026, 0, 10, 11));
  expect(await goes(here)).toBe(false);
});
