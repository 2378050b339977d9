// Alerts: once per budget, window and level.
import { describe, expect, it } from 'vitest';
import type { BudgetThreshold } from '../../src/events';
import type { RuleOptions } from '../../src/governance';
import { MESSAGES, MODEL, type Scene, scene, settle } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10_000 };
const byText = (one: unknown, other: unknown): number => (String(one) < String(other) ? -1 : 1);
const CENT = 10_000_000;

interface Alerting extends Scene {
  readonly alerts: BudgetThreshold[];
  /** A call that costs this much. */
  spend(nanos: number): Promise<void>;
  readonly levels: () => (readonly [string, number])[];
}

function alerting(rules: RuleOptions, organization: RuleOptions = {}, options: Parameters<typeof scene>[1] = {}): Alerting {
  const here = scene({ teams: { a: rules }, organization }, { team: 'a', client: { logLevel: 'info' }, ...options });
  const alerts: BudgetThreshold[] = [];
  here.governor.on('budget-threshold', (alert) => alerts.push(alert));
  return {
    ...here,
    alerts,
    levels: () => alerts.map(({ budget, level }) => [budget, level] as const),
    async spend(nanos) {
      here.mock.reply('chat.completions', {
        content: 'x',
        usage: { prompt_tokens: 0, completion_tokens: Math.ceil(nanos / 300) },
      });
      await here.clock.runUntil(here.client.chat.completions.create(params));
      await settle();
    },
  };
}

describe('levels', () => {
  it('are told as they are reached, once', async () => {
    const here = alerting({ monthlyBudgetUsd: 0.1 });
    const told: number[] = [];
    for (let percent = 5; percent <= 100; percent += 5) {
      // The last cents are paid for at the price of a whole hold.
      here.mock.reply('chat.completions', {
        content: 'x',
        usage: { prompt_tokens: 0, completion_tokens: Math.ceil((5 * 0.1 * CENT) / 300) },
      });
      const before = here.alerts.length;
      await here.client.chat.completions.create({ ...params, max_completion_tokens: 16 });
      await settle();
      if (here.alerts.length > before) told.push(percent);
    }
    expect(told).toEqual([50, 80, 95]);
    expect(here.levels()).toEqual([
      ['a/month', 0.5],
      ['a/month', 0.8],
      ['a/month', 0.95],
    ]);
    expect(new Set(here.alerts.map(({ id }) => id)).size).toBe(3);
  });

  it('are all told if one call jumps over them', async () => {
    const here = alerting({ monthlyBudgetUsd: 0.1 });
    await here.spend(9.7 * CENT);
    expect(here.levels()).toEqual([
      ['a/month', 0.5],
      ['a/month', 0.8],
      ['a/month', 0.95],
    ]);
    expect(here.alerts.at(-1)).toMatchObject({
      team: 'a',
      spentNanos: here.records[0]?.costNanos,
      limitNanos: 10 * CENT,
      thresholdNanos: 9.5 * CENT,
      soft: false,
      resetsAt: Date.UTC(2026, 1, 1),
    });
  });

  it('are told exactly at the level', async () => {
    const here = alerting({ monthlyBudgetUsd: 0.000006 });
    await here.client.chat.completions.create({ ...params, max_completion_tokens: 1 }).then(null, () => {});
    const exact = alerting({ monthlyBudgetUsd: 0.06 });
    await exact.spend(3 * CENT);
    expect(exact.levels()).toEqual([['a/month', 0.5]]);
  });

  it('arm again with the next window', async () => {
    const here = alerting({ monthlyBudgetUsd: 0.1 });
    await here.spend(6 * CENT);
    here.clock.set(Date.UTC(2026, 1, 1));
    await here.spend(6 * CENT);
    expect(here.alerts.map(({ level, account }) => [level, account.slice(-7)])).toEqual([
      [0.5, '2026-01'],
      [0.5, '2026-02'],
    ]);
    expect(new Set(here.alerts.map(({ id }) => id)).size).toBe(2);
  });

  it('can be chosen, as shares and in USD', async () => {
    const shares = alerting({ monthlyBudgetUsd: 0.1, alertsAt: [0.1, 0.6] });
    await shares.spend(7 * CENT);
    expect(shares.levels()).toEqual([
      ['a/month', 0.1],
      ['a/month', 0.6],
    ]);
    const usd = alerting({ monthlyBudgetUsd: 0.1, alertsAtUsd: [0.01, 0.065] });
    await usd.spend(7 * CENT);
    expect(usd.alerts.map(({ thresholdNanos }) => thresholdNanos)).toEqual([CENT, 6.5 * CENT]);
    const both = alerting({ monthlyBudgetUsd: 0.1, alertsAt: [0.5], alertsAtUsd: [0.01] });
    await both.spend(7 * CENT);
    expect(both.alerts.map(({ thresholdNanos }) => thresholdNanos)).toEqual([CENT, 5 * CENT]);
  });

  it('are told of each budget, soft ones too', async () => {
    const here = alerting(
      { monthlyBudgetUsd: 0.1, budgets: [{ limitUsd: 0.02, window: 'day', soft: true, name: 'warning' }] },
      { monthlyBudgetUsd: 0.12 },
    );
    await here.spend(6 * CENT);
    expect(here.levels().toSorted(byText)).toEqual([
      ['a/month', 0.5],
      ['organization/month', 0.5],
      ['warning', 0.5],
      ['warning', 0.8],
      ['warning', 0.95],
    ]);
    expect(here.alerts.filter(({ soft }) => soft).map(({ budget }) => budget)).toEqual(['warning', 'warning', 'warning']);
  });

  it('are told once by many calls at once', async () => {
    const here = alerting({ monthlyBudgetUsd: 1, concurrency: Infinity });
    here.mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 0, completion_tokens: 100_000 } }).times(25);
    await Promise.all(
      Array.from({ length: 25 }, () => here.client.chat.completions.create({ ...params, max_completion_tokens: 100 })),
    );
    await settle();
    expect(here.levels()).toEqual([['a/month', 0.5]]);
  });

  it('are told when it was an expired hold that reached them', async () => {
    const here = alerting({ budgets: [{ limitUsd: 0.005, window: 'month' }] });
    here.mock.reply('chat.completions', { hang: true });
    const abort = new AbortController();
    const call = here.client.chat.completions.create(params, { signal: abort.signal }).then(null, () => {});
    await settle();
    await here.clock.advance(16 * 60_000);
    // The hold of 10,000 tokens was $0.003.
    here.mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 1, completion_tokens: 1 } });
    await here.client.chat.completions.create({ ...params, max_completion_tokens: 10 });
    await settle();
    expect(here.levels()).toEqual([['a/month', 0.5]]);
    abort.abort();
    await call;
  });

  it('of a rolling budget arm again once it has emptied', async () => {
    const here = alerting({ budgets: [{ limitUsd: 0.1, window: { rollingMs: 60_000 } }] });
    await here.spend(6 * CENT);
    await here.clock.advance(120_000);
    await here.spend(1 * CENT);
    await here.spend(6 * CENT);
    expect(here.levels().map(([, level]) => level)).toEqual([0.5, 0.5]);
  });
});

describe('the client’s logger', () => {
  it('gets a line per level: info, warn from 80 %, error from 95 %', async () => {
    const here = alerting({ monthlyBudgetUsd: 0.1 });
    await here.spend(9.7 * CENT);
    const lines = here.lines.filter(({ text }) => text.startsWith('governed-groq:'));
    expect(lines.map(({ level }) => level)).toEqual(['info', 'warn', 'error']);
    expect(lines[1]?.text).toMatch(
      /^governed-groq: budget "a\/month" has reached \$0\.097\d* of \$0\.10 \(97 %\)\. Resets 2026-02-01T00:00:00Z\.$/,
    );
  });

  it('is quiet at the SDK’s usual level below 80 %, and when it is off', async () => {
    const usual = alerting({ monthlyBudgetUsd: 0.1 }, {}, { client: { logLevel: 'warn' } });
    await usual.spend(9.7 * CENT);
    expect(usual.lines.map(({ level }) => level)).toEqual(['warn', 'error']);
    const off = alerting({ monthlyBudgetUsd: 0.1 }, {}, { client: { logLevel: 'off' } });
    await off.spend(9.7 * CENT);
    expect(off.lines).toEqual([]);
    expect(off.alerts).toHaveLength(3);
  });

  it('that throws, and listeners that do, hurt nobody', async () => {
    const logger = {
      debug() {},
      info() {
        throw new Error('x');
      },
      warn() {
        throw new Error('x');
      },
      error() {
        throw new Error('x');
      },
    };
    const here = alerting({ monthlyBudgetUsd: 0.1 }, {}, { client: { logger, logLevel: 'warn' } });
    here.governor.on('budget-threshold', () => {
      throw new Error('x');
    });
    here.governor.on('call-settled', () => Promise.reject(new Error('x')) as never);
    await here.spend(9.7 * CENT);
    expect(here.alerts).toHaveLength(3);
    expect((await here.governor.reconcile()).live).toEqual([]);
  });
});
