// When a budget runs out at the pace of its window so far, and where that is told.
import { describe, expect, it } from 'vitest';
import { alertText } from '../../src/alerts';
import { runsOutAt } from '../../src/budget/forecast';
import { MESSAGES, MODEL, scene } from '../governor/support';

const DAY = 86_400_000;
const startsAt = Date.UTC(2026, 10, 1);
const window = { startsAt, resetsAt: Date.UTC(2026, 11, 1) };
const forecast = (spentNanos: number, days: number, limitNanos = 100): number | undefined =>
  runsOutAt({ spentNanos, limitNanos, window }, startsAt + days * DAY);

describe('runsOutAt()', () => {
  it.each([
    ['half of it in ten days lasts ten more', 50, 10, startsAt + 20 * DAY],
    ['a tenth of it on the first day lasts ten days', 10, 1, startsAt + 10 * DAY],
    ['a third is rounded up to the millisecond', 30, 1 / 1440, startsAt + Math.ceil(60_000 / 0.3)],
    ['what is used up is used up now', 100, 12, startsAt + 12 * DAY],
    ['so is what is overspent', 130, 12, startsAt + 12 * DAY],
    ['and a budget of nothing', 0, 12, startsAt + 12 * DAY, 0],
    ['what lasts to the end of the window has no such day', 50, 15, undefined],
    ['nor has what nothing was spent of', 0, 15, undefined],
    ['nor a window that has not begun', 5, 0, undefined],
  ])('%s', (_, spentNanos, days, at, limitNanos = 100) => {
    expect(forecast(spentNanos, days, limitNanos)).toBe(at);
  });

  it('tells nothing of a rolling window, which has no beginning', () => {
    expect(runsOutAt({ spentNanos: 50, limitNanos: 100, window: { rollingMs: DAY } }, startsAt)).toBeUndefined();
  });
});

it('an alert, its log line and the report tell the same day', async () => {
  const usage = { prompt_tokens: 0, completion_tokens: 1000 };
  const teams = { a: { monthlyBudgetUsd: 0.0006, alertsAt: [0.5] } };
  const { client, mock, governor, clock } = scene({ teams }, { team: 'a', start: startsAt + 10 * DAY });
  const told: string[] = [];
  const days: (number | undefined)[] = [];
  governor.on('budget-threshold', (alert) => {
    days.push(alert.runsOutAt);
    told.push(alertText(alert));
  });
  mock.reply('chat.completions', { usage });
  await client.chat.completions.create({ model: MODEL, messages: MESSAGES, max_completion_tokens: 1000 });
  const { rows } = await governor.report();
  expect(clock.now()).toBe(startsAt + 10 * DAY);
  expect([...days, rows[0]?.budgetRunsOutAt]).toEqual([startsAt + 20 * DAY, startsAt + 20 * DAY]);
  expect(told).toEqual([
    expect.stringContaining('At this pace it runs out 2026-11-21T00:00:00Z. Resets 2026-12-01T00:00:00Z.'),
  ]);
});
