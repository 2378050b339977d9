// What a governance means as a whole: fields that exist, rules that agree with each other, and an object that is read once.
import { describe, expect, it } from 'vitest';
import { GovernanceConfigError } from '../src/errors';
import type { Governance, TeamOptions } from '../src/governance';
import { Governor } from '../src/governor';
import { defineGovernance } from '../src/options';
import { allow, deny } from '../src/policy/policy';
import { groqPrices } from '../src/price/groq-prices';
import { priceBook } from '../src/price/price-book';
import { manualClock } from '../src/testing/manual-clock';

const MODEL = 'openai/gpt-oss-20b';
const PARAMS = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_completion_tokens: 10 };

const TEAM_CONFIGS = {
  chatbot: {
    allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
    maxTokensPerRequest: 2048,
    monthlyBudgetUsd: 200,
    rateLimitRPM: 60,
  },
  analytics: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 512, monthlyBudgetUsd: 50, rateLimitRPM: 30 },
};

/** Path and message of what is wrong with a governance that nobody has typed. */
function issuesOf(governance: unknown): (readonly [string, string])[] {
  try {
    defineGovernance(governance as Governance);
    return [];
  } catch (error) {
    if (error instanceof GovernanceConfigError) return error.issues.map(({ path, message }) => [path, message]);
    throw error;
  }
}

describe('unknown fields', () => {
  it.each([
    [{ team: {} }, 'team'],
    [{ teams: { a: { ratelimit: 5 } } }, 'teams.a.ratelimit'],
    [JSON.parse('{"__proto__":{"teams":{}}}'), '__proto__'],
    [JSON.parse('{"teams":{"a":{"__proto__":{"rateLimitRPM":1}}}}'), 'teams.a.__proto__'],
    [{ organization: { priority: 1 } }, 'organization.priority'],
    [{ organization: { weight: 1 } }, 'organization.weight'],
  ])('%j is refused, and told which there are', (governance, path) => {
    const [issue, ...others] = issuesOf(governance);
    expect(others).toEqual([]);
    expect(issue?.[0]).toBe(path);
    expect(issue?.[1]).toMatch(/^Unknown field\. Known fields: /);
  });

  it.each([
    [{ timezone: 'UTC' }, 'timezone', 'timeZone'],
    [{ teams: { a: { rateLimitRpm: 5 } } }, 'teams.a.rateLimitRpm', 'rateLimitRPM'],
    [{ teams: { a: { monthlyBudgetUSD: 5 } } }, 'teams.a.monthlyBudgetUSD', 'monthlyBudgetUsd'],
    [{ teams: { a: { rateLimitPRM: 5 } } }, 'teams.a.rateLimitPRM', 'rateLimitRPM'],
    [{ organization: { rateLimitRpm: 5 } }, 'organization.rateLimitRpm', 'rateLimitRPM'],
    [{ organization: { budgets: [{ limitUsd: 1, window: 'day', Soft: true }] } }, 'organization.budgets.0.Soft', 'soft'],
    [{ teams: { a: { budgets: [{ limitUsd: 1, window: 'day', Name: 'x' }] } } }, 'teams.a.budgets.0.Name', 'name'],
    [{ teams: { a: { limits: [{ kind: 'requests', max: 1, windowMs: 1, Per: 'user' }] } } }, 'teams.a.limits.0.Per', 'per'],
  ])('%j is told the field that was meant', (governance, path, meant) => {
    expect(issuesOf(governance)).toEqual([[path, `Unknown field. Did you mean ${meant}?`]]);
  });

  it('the fields that are told are those of the place', () => {
    const [[, message] = ['', '']] = issuesOf({ organization: { budgets: [{ limitUsd: 1, window: 'day', x: 1 }] } });
    expect(message).toContain('limitUsd');
    expect(message).not.toContain('allowedModels');
  });
});

describe('rules that contradict each other', () => {
  const team = (options: TeamOptions): Governance => ({ teams: { a: options } });
  const above = (short: string, amount: number, long: string, other: number, at: string): string =>
    `A ${short} budget of $${amount} is above the ${long}'s $${other} (${at}). Lower it, or raise the other`;

  it.each<readonly [string, TeamOptions, (readonly [string, string])[]]>([
    [
      'a day above the month',
      { monthlyBudgetUsd: 4, budgets: [{ limitUsd: 5, window: 'day' }] },
      [['teams.a.budgets.0.limitUsd', above('day', 5, 'month', 4, 'teams.a.monthlyBudgetUsd')]],
    ],
    [
      'a week above the month, a day above the week',
      {
        budgets: [
          { limitUsd: 5, window: 'month' },
          { limitUsd: 6, window: 'week' },
        ],
      },
      [['teams.a.budgets.1.limitUsd', above('week', 6, 'month', 5, 'teams.a.budgets.0')]],
    ],
    [
      'a day above the month, of each user',
      {
        budgets: [
          { limitUsd: 5, window: 'month', per: 'user' },
          { limitUsd: 6, window: 'day', per: 'user' },
        ],
      },
      [['teams.a.budgets.1.limitUsd', above('day', 6, 'month', 5, 'teams.a.budgets.0')]],
    ],
    ['a day as high as the month', { monthlyBudgetUsd: 5, budgets: [{ limitUsd: 5, window: 'day' }] }, []],
    ['a soft day above the month', { monthlyBudgetUsd: 5, budgets: [{ limitUsd: 6, window: 'day', soft: true }] }, []],
    ['a day of each user above the month', { monthlyBudgetUsd: 5, budgets: [{ limitUsd: 6, window: 'day', per: 'user' }] }, []],
    [
      'two budgets of one name',
      {
        budgets: [
          { limitUsd: 1, window: 'day', name: 'x' },
          { limitUsd: 2, window: 'week', name: 'x' },
        ],
      },
      [['teams.a.budgets.1.name', 'Another budget has the name "x" already']],
    ],
    [
      'amounts to alert at, of no budget',
      { alertsAtUsd: [1] },
      [['teams.a.alertsAtUsd', 'Needs monthlyBudgetUsd: the amounts are of the monthly budget']],
    ],
  ])('%s', (_, options, issues) => {
    expect(issuesOf(team(options))).toEqual(issues);
    const { organization } = { organization: options };
    expect(issuesOf({ organization })).toEqual(
      issues.map(([path, message]) => [path.replace('teams.a', 'organization'), message.replace('teams.a', 'organization')]),
    );
  });

  it.each(['b', 'constructor', '__proto__', 'toString'])('defaultTeam %s is none of the teams', (defaultTeam) => {
    const issue = ['defaultTeam', `Expected one of the teams, got "${defaultTeam}"`];
    expect(issuesOf({ teams: { a: {} }, defaultTeam })).toEqual([issue]);
    expect(issuesOf({ defaultTeam })).toEqual([issue]);
  });

  it('allowedModels without a price are told, one by one', () => {
    const version = groqPrices.version;
    const unpriced = (name: string): string =>
      `"${name}" has no price in price book ${version}, so every call would be refused. Add one with priceBook({ base: groqPrices, overrides: { … } })`;
    expect(issuesOf(team({ allowedModels: ['nope', MODEL, 'nope*', 'openai/*', '*'] }))).toEqual([
      ['teams.a.allowedModels.0', unpriced('nope')],
      ['teams.a.allowedModels.2', unpriced('nope*')],
    ]);
    const price = { inputPerMillionUsd: 1, outputPerMillionUsd: 1 };
    const prices = priceBook({ base: groqPrices, overrides: { nope: price } });
    expect(issuesOf({ ...team({ allowedModels: ['nope', 'nope*'] }), prices })).toEqual([]);
    expect(issuesOf({ ...team({ allowedModels: ['nope'] }), unpricedModels: price })).toEqual([]);
  });
});

describe('teams are own keys', () => {
  it('`__proto__` as JSON brings it is a team like any other', async () => {
    const bad: unknown = JSON.parse('{"teams":{"__proto__":{"rateLimitRPM":-1}}}');
    expect(issuesOf(bad)).toEqual([['teams.__proto__.rateLimitRPM', 'Expected a whole number of 0 or more, got -1 (number)']]);
    const governor = new Governor(JSON.parse('{"teams":{"__proto__":{"monthlyBudgetUsd":0}}}') as Governance);
    expect((await governor.explain(PARAMS, { team: '__proto__' })).code).toBe('budget-exceeded');
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''])(
    '%j is unknown unless it is written',
    async (name) => {
      expect((await new Governor({ teams: { a: {} } }).explain(PARAMS, { team: name })).code).toBe('unknown-team');
    },
  );

  it('a name of nothing is refused', () => {
    expect(issuesOf({ teams: { '': {} } })).toEqual([['teams', 'A team needs a name that is not empty']]);
  });
});

describe('what is valid', () => {
  const full: Governance = {
    teams: {
      a: { budgets: [{ limitUsd: 0, window: { rollingMs: 1 }, per: { tag: 'x' }, soft: true, name: 'x' }], weight: 0.1 },
    },
    organization: { limits: [{ kind: 'audioSeconds', max: 0, windowMs: 1, per: 'model' }], concurrency: Infinity },
    defaultTeam: 'a',
    unpricedModels: 'deny',
    allowOperations: ['POST /openai/v1/x'],
    timeZone: 'Europe/Berlin',
    queueTimeoutMs: 0,
    maxQueueSize: Infinity,
    maxRetryAfterMs: Infinity,
    clock: manualClock(),
  };
  it.each<readonly [string, Governance]>([
    ['nothing', {}],
    ['the four fields', { teams: TEAM_CONFIGS }],
    ['everything', full],
    ['undefined for nothing', { teams: { a: {} } }],
    ['zeros', { teams: { a: { monthlyBudgetUsd: 0, rateLimitRPM: 0, alertsAtUsd: [0] } } }],
  ])('%s: comes back as the same object', (_, governance) => {
    expect(defineGovernance(governance)).toBe(governance);
  });
});

it('changes to the object after construction change nothing', async () => {
  const governance = {
    teams: { a: { allowedModels: [MODEL], monthlyBudgetUsd: 5 }, d: {} } as Record<string, Record<string, unknown>>,
    organization: { monthlyBudgetUsd: 10 } as Record<string, unknown>,
    policies: [{ name: 'p', check: () => allow() }],
    clock: manualClock(),
  };
  const governor = new Governor(governance as Governance);
  const before = await governor.explain(PARAMS, { team: 'a' });
  expect(before.allowed).toBe(true);
  Object.assign(governance.teams['a'] ?? {}, { monthlyBudgetUsd: 0, allowedModels: [] });
  governance.organization['monthlyBudgetUsd'] = 0;
  delete governance.teams['d'];
  expect(await governor.explain(PARAMS, { team: 'a' })).toEqual(before);
  expect((await governor.explain(PARAMS, { team: 'd' })).allowed).toBe(true);
  governance.policies.push({ name: 'late', check: () => deny('late') as never });
  expect((await governor.explain(PARAMS, { team: 'a' })).code).toBe(undefined);
  governance.teams['late'] = {};
  expect((await governor.explain(PARAMS, { team: 'late' })).code).toBe('unknown-team');
});

it('nor do they for teams that are only labels', async () => {
  const organization = { monthlyBudgetUsd: 10 };
  const governor = new Governor({ organization, clock: manualClock() });
  organization.monthlyBudgetUsd = 0;
  expect((await governor.explain(PARAMS, { team: 'seen later' })).allowed).toBe(true);
});
