// Budgets that are raised for a time.
import { describe, expect, it } from 'vitest';
import { GovernanceConfigError } from '../../src/errors';
import type { BudgetIncreased } from '../../src/events';
import type { BudgetIncrease } from '../../src/governance';
import { Governor } from '../../src/governor';
import { MESSAGES, MODEL, type Scene, holdOf, rejection, scene } from './support';

const START = Date.parse('2026-11-10T12:00:00Z');
const HOUR = 3_600_000;
const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
/** What each call costs; the budget pays one. */
const USAGE = { usage: { prompt_tokens: 112, completion_tokens: 100 } };
const COST = holdOf(100);
const teams = { a: { monthlyBudgetUsd: COST / 1e9 } };

function raised(increases?: readonly BudgetIncrease[]): Scene {
  const made = scene({ teams, ...(increases && { increases }) }, { team: 'a', start: START });
  made.mock.reply('chat.completions', USAGE).times(100);
  return made;
}

const call = ({ client }: Scene): Promise<unknown> => client.chat.completions.create(params);

describe('an increase', () => {
  it('of the configuration counts from its beginning to its end', async () => {
    const from = new Date(START + HOUR).toISOString();
    const until = new Date(START + 2 * HOUR).toISOString();
    const here = raised([{ budget: 'a/month', byUsd: (2 * COST) / 1e9, from, until, reason: 'launch' }]);
    await call(here);
    expect(await rejection(call(here))).toMatchObject({ code: 'budget-exceeded', limitNanos: COST });
    await here.clock.advance(HOUR);
    await call(here);
    expect(await here.governor.explain(params, { team: 'a' })).toMatchObject({
      limits: expect.arrayContaining([expect.objectContaining({ name: 'a/month', cap: (3 * COST) / 1e9 })]) as unknown,
    });
    await here.clock.advance(HOUR);
    expect(await rejection(call(here))).toMatchObject({ code: 'budget-exceeded', limitNanos: COST, spentNanos: 2 * COST });
    expect(await here.governor.reconcile()).toMatchObject({ gaps: [], live: [] });
  });

  it('that is asked for at run time is told, takes hold at once, and ends', async () => {
    const here = raised();
    const told: BudgetIncreased[] = [];
    here.governor.on('budget-increased', (increase) => void told.push(increase));
    await call(here);
    here.governor.increaseBudget({ budget: 'a/month', byUsd: COST / 1e9, until: START + HOUR, reason: 'late launch' });
    await call(here);
    await rejection(call(here));
    expect(told).toEqual([
      { at: START, budget: 'a/month', byNanos: COST, from: START, until: START + HOUR, reason: 'late launch' },
    ]);
    expect(here.lines.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/budget "a\/month" is raised by \$0\.\d+ until 2026-11-10T13:00:00Z \(late launch\)/),
    );
    expect((await here.governor.report({ from: START })).increases).toEqual([
      { budget: 'a/month', byUsd: COST / 1e9, from: START, until: START + HOUR, reason: 'late launch' },
    ]);
    await here.clock.advance(HOUR);
    expect(await rejection(call(here))).toMatchObject({ limitNanos: COST });
  });

  it('adds up with another', async () => {
    const here = raised([{ budget: 'a/month', byUsd: COST / 1e9, until: START + HOUR }]);
    here.governor.increaseBudget({ budget: 'a/month', byUsd: COST / 1e9, until: START + HOUR });
    for (let calls = 0; calls < 3; calls++) await call(here);
    await rejection(call(here));
  });

  it('raises the levels of alerts with it, and lowers them again', async () => {
    const here = raised([{ budget: 'a/month', byUsd: (3 * COST) / 1e9, until: START + HOUR }]);
    const levels: unknown[] = [];
    here.governor.on(
      'budget-threshold',
      ({ level, limitNanos, spentNanos }) => void levels.push([level, spentNanos / limitNanos]),
    );
    for (let calls = 0; calls < 3; calls++) {
      await call(here);
      await here.governor.report();
    }
    expect(levels).toEqual([[0.5, 0.5]]);
    await here.clock.advance(HOUR);
    await rejection(call(here));
    expect(levels).toEqual([
      [0.5, 0.5],
      // Three times the limit: of the levels passed the highest is told.
      [0.95, 3],
    ]);
  });

  it.each([
    [{ budget: 'b/month', byUsd: 1, until: START + HOUR }, /No budget has the name "b\/month". Known budgets: a\/month/],
    [{ budget: 'a/month', byUsd: 0, until: START + HOUR }, /above 0/],
    [{ budget: 'a/month', byUsd: NaN, until: START + HOUR }, /above 0/],
    [{ budget: 'a/month', byUsd: 1, until: 'tomorrow' }, /Expected a time/],
    [{ budget: 'a/month', byUsd: 1, until: '2026-11-10T12:00:00' }, /with a time zone/],
    [{ budget: 'a/month', byUsd: 1, until: '2027-02-30T12:00:00Z' }, /Expected a time/],
    [{ budget: 'a/month', byUsd: 1, until: START - HOUR }, /Ends before it begins/],
  ])('%j is refused, and changes nothing', async (increase, message) => {
    const here = raised();
    expect(() => here.governor.increaseBudget(increase)).toThrow(GovernanceConfigError);
    expect(() => here.governor.increaseBudget(increase)).toThrow(message);
    await call(here);
    expect(await rejection(call(here))).toMatchObject({ limitNanos: COST });
  });

  it('of a name that two budgets have is refused', () => {
    const budgets = [{ limitUsd: 1, window: 'day' as const, name: 'daily' }];
    const increases = [{ budget: 'daily', byUsd: 1, until: START }];
    expect(() => new Governor({ teams: { a: { budgets }, b: { budgets } }, increases })).toThrow(/2 budgets have the name/);
  });
});
