// The configuration of a gateway that somebody had before: four fields per team, keys by name, one cap of $500 with alerts at
// $100, $250 and $400 and a pause when it is reached. It works as it is.
import { describe, expect, it } from 'vitest';
import { BudgetExceededError, PolicyDeniedError } from '../../src/errors';
import { keyRegistry } from '../../src/keys/key-registry';
import { defineGovernance } from '../../src/options';
import { priceBook } from '../../src/price/price-book';
import { keyFingerprint } from '../../src/testing';
import { MESSAGES, type Scene, rejection, scene, settle, sum } from './support';

/** Nobody can change it, as nobody could. */
function frozen<T extends object>(value: T): T {
  for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) frozen(each);
  return Object.freeze(value);
}

const TEAM_CONFIGS = frozen({
  chatbot: {
    allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
    maxTokensPerRequest: 30_000,
    monthlyBudgetUsd: 450,
    rateLimitRPM: 60,
  },
  analytics: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 10_000, monthlyBudgetUsd: 150, rateLimitRPM: 30 },
});
const KEYS = frozen({ chatbot: 'gsk_of_chatbot', analytics: 'gsk_of_analytics' });
const ORGANIZATION = frozen({ monthlyBudgetUsd: 500, alertsAtUsd: [100, 250, 400] });

// A cent per token of output, so that $500 are 50,000 tokens.
const row = { inputPerMillionUsd: 0, outputPerMillionUsd: 10_000 };
const prices = priceBook({ overrides: { 'openai/gpt-oss-120b': row, 'openai/gpt-oss-20b': row } });
const MODEL = 'openai/gpt-oss-20b';
const USD = 1_000_000_000;

type Team = keyof typeof TEAM_CONFIGS;

interface Migrated extends Scene {
  /** Which alerts of the organisation came, in USD. */
  readonly alerts: number[];
  /** A call that may take `maxUsd` and takes `usd`. */
  call(team: Team, usd: number, maxUsd?: number): Promise<unknown>;
}

function migrated(): Migrated {
  const governance = { teams: TEAM_CONFIGS, organization: ORGANIZATION, keys: keyRegistry(KEYS), prices };
  const here = scene(defineGovernance(governance), { client: { apiKey: undefined }, start: Date.UTC(2026, 10, 20) });
  const alerts: number[] = [];
  here.governor.on('budget-threshold', ({ budget, thresholdNanos }) => {
    if (budget === 'organization/month') alerts.push(thresholdNanos / USD);
  });
  here.mock
    .reply('chat.completions', ({ body }) => ({
      content: 'x',
      usage: { prompt_tokens: 8, completion_tokens: Number(body['seed']) },
    }))
    .persist();
  return {
    ...here,
    alerts,
    async call(team, usd, maxUsd = usd) {
      const params = { model: MODEL, messages: MESSAGES, seed: usd * 100, max_completion_tokens: maxUsd * 100 };
      const answer = await here.clock.runUntil(here.client.withTeam(team).chat.completions.create(params));
      await settle();
      return answer;
    },
  };
}

const spentUsd = ({ records }: Scene): number => sum(records.map(({ costNanos }) => costNanos)) / USD;

describe('the configuration', () => {
  it('passes as it is, and is not touched', () => {
    const governance = frozen({ teams: TEAM_CONFIGS, organization: ORGANIZATION, prices });
    expect(defineGovernance(governance)).toBe(governance);
  });

  it('has each team call with its own key, and the client needs none', async () => {
    const here = migrated();
    await here.call('chatbot', 1);
    await here.call('analytics', 1);
    expect(here.records.map(({ team, keyId }) => [team, keyId])).toEqual([
      ['chatbot', 'chatbot'],
      ['analytics', 'analytics'],
    ]);
    expect(here.mock.calls.map(({ headers }) => headers['authorization'])).toEqual(
      [KEYS.chatbot, KEYS.analytics].map(keyFingerprint),
    );
  });

  it('holds, all four fields of it', async () => {
    const here = migrated();
    const analytics = here.client.withTeam('analytics').chat.completions;
    const model = await rejection(analytics.create({ model: 'openai/gpt-oss-120b', messages: MESSAGES }));
    expect(model).toMatchObject({ code: 'model-not-allowed', team: 'analytics' });
    const tokens = await rejection(analytics.create({ model: MODEL, messages: MESSAGES, max_completion_tokens: 10_001 }));
    expect(tokens).toBeInstanceOf(PolicyDeniedError);
    expect(tokens).toMatchObject({ code: 'max-tokens-exceeded', limit: 10_000 });
    for (let call = 0; call < 30; call++) await here.call('analytics', 1);
    const before = here.clock.now();
    await here.call('analytics', 1);
    expect(here.clock.now() - before).toBeGreaterThanOrEqual(60_000);
    await here.call('analytics', 99);
    const budget = await rejection(here.call('analytics', 21));
    expect(budget).toBeInstanceOf(BudgetExceededError);
    expect(budget).toMatchObject({ budget: 'analytics/month', limitNanos: 150 * USD, spentNanos: 130 * USD });
    // The other team goes on.
    await here.call('chatbot', 21);
  });
});

describe('the cap of $500', () => {
  it('gives its alerts once each, as they are passed', async () => {
    const here = migrated();
    const told: (readonly [usd: number, alerts: readonly number[]])[] = [];
    for (let spent = 25; spent <= 475; spent += 25) {
      const before = here.alerts.length;
      await here.call(spent <= 350 ? 'chatbot' : 'analytics', 25);
      if (here.alerts.length > before) told.push([spent, here.alerts.slice(before)]);
    }
    expect(told).toEqual([
      [100, [100]],
      [250, [250]],
      [400, [400]],
    ]);
  });

  it('gives all that one call jumps over, and those of concurrent calls once', async () => {
    const jump = migrated();
    await jump.call('chatbot', 260);
    expect(jump.alerts).toEqual([100, 250]);
    const together = migrated();
    const calls = Array.from({ length: 20 }, (_, index) => together.call(index % 4 === 0 ? 'analytics' : 'chatbot', 22));
    await Promise.all(calls);
    expect(together.alerts).toEqual([100, 250, 400]);
  });

  it('is not passed, however many calls come at once', async () => {
    const here = migrated();
    for (let round = 0; round < 7; round++) {
      const calls = Array.from({ length: 80 }, (_, index) => here.call(index % 3 === 0 ? 'analytics' : 'chatbot', 5, 8));
      const refused = (await Promise.allSettled(calls)).flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
      expect(refused.every((error) => error instanceof BudgetExceededError)).toBe(true);
    }
    expect(spentUsd(here)).toBeLessThanOrEqual(500);
    expect(spentUsd(here)).toBeGreaterThan(500 - 8);
    expect(here.mock.calls).toHaveLength(spentUsd(here) / 5);
    expect(here.alerts).toEqual([100, 250, 400]);
  });

  it('pauses every team when it is reached, and lets them go on when the month is over', async () => {
    const here = migrated();
    await here.call('chatbot', 300);
    await here.call('chatbot', 100);
    await here.call('analytics', 100);
    const sent = here.mock.calls.length;
    for (const team of ['chatbot', 'analytics'] as const) {
      const refusal = await rejection(here.call(team, 1));
      expect(refusal).toBeInstanceOf(BudgetExceededError);
      expect(refusal).toMatchObject({
        budget: 'organization/month',
        limitNanos: 500 * USD,
        spentNanos: 500 * USD,
        resetsAt: Date.UTC(2026, 11, 1),
      });
    }
    await here.clock.advance(Date.UTC(2026, 11, 1) - 1 - here.clock.now());
    await rejection(here.call('chatbot', 1));
    expect(here.mock.calls).toHaveLength(sent);
    expect(here.alerts).toEqual([100, 250, 400]);
    await here.clock.advance(1);
    await here.call('chatbot', 260);
    await here.call('analytics', 1);
    expect(here.mock.calls).toHaveLength(sent + 2);
    expect(here.alerts).toEqual([100, 250, 400, 100, 250]);
  });
});
