import { describe, expect, it } from 'vitest';
import { type ConfigIssue, GovernanceConfigError } from '../src/errors';
import type { Governance } from '../src/governance';
import { defineGovernance } from '../src/options';

/** What is wrong with a governance that nobody has typed. */
function issuesOf(governance: unknown): readonly ConfigIssue[] {
  try {
    defineGovernance(governance as Governance);
    return [];
  } catch (error) {
    if (error instanceof GovernanceConfigError) return error.issues;
    throw error;
  }
}

const PLACES = {
  'teams.a': (options: object): unknown => ({ teams: { a: options } }),
  organization: (options: object): unknown => ({ organization: options }),
};

const COUNT = /^Expected a whole number of 0 or more, got /;
const POSITIVE = /^Expected a whole number of 1 or more, got /;
const USD = /^Expected an amount in USD from 0 to 9007199, got /;
const HOSTILE = [-1, 1.5, Number.NaN, Infinity, -Infinity, '30', null, {}, [], true, 2 ** 53, 1n];

type Row = readonly [field: string, bad: readonly unknown[], message: RegExp, suffix: string];

/** A suffix that is left out is none. */
const rows = (...given: readonly (readonly [string, readonly unknown[], RegExp, string?])[]): Row[] =>
  given.map(([field, bad, message, suffix = '']) => [field, bad, message, suffix]);

const LISTS = ['allowedModels', 'deniedModels', 'allowedTools', 'allowedServiceTiers'];
const COUNTS = ['RPM', 'RPD', 'TPM', 'TPD', 'ITPM', 'OTPM', 'ASH', 'ASD'].map((limit) => `rateLimit${limit}`);
const AMOUNTS = [-0.01, Number.NaN, Infinity, '5', null, [], true, 9_007_200, 5n];

const RULE_ROWS = rows(
  ...COUNTS.map((field) => [field, HOSTILE, COUNT] as const),
  ...['maxTokensPerRequest', 'defaultMaxTokens'].map((field) => [field, [0, ...HOSTILE], POSITIVE] as const),
  ...LISTS.map((field) => [field, ['x', 5, null, {}], /^Expected a list of names, got /] as const),
  ...LISTS.map((field) => [field, [[''], [5], [null]], /^Expected a name that is not empty, got /, '.0'] as const),
  ['concurrency', [0, -1, 1.5, Number.NaN, '5', null], /^Expected a whole number of 1 or more, or Infinity, got /],
  ['monthlyBudgetUsd', AMOUNTS, USD],
  ['alertsAtUsd', AMOUNTS.map((amount) => [amount]), USD, '.0'],
  [
    'alertsAt',
    [[0], [-1], [50], [Infinity], [Number.NaN], ['0.5']],
    /^Expected a share of the budget above 0 and up to 10, e.g. 0.8 for 80 %, got /,
    '.0',
  ],
);

describe.each(Object.entries(PLACES))('%s', (place, at) => {
  it.each(RULE_ROWS)('%s: what is no such value is named with its place', (field, bad, message, suffix) => {
    for (const value of bad) {
      expect(issuesOf(at({ [field]: value })), String(value)).toEqual([
        { path: `${place}.${field}${suffix}`, message: expect.stringMatching(message) as string },
      ]);
    }
  });

  const budget = { limitUsd: 1, window: 'day' };
  const limit = { kind: 'requests', max: 1, windowMs: 1000 };
  it.each<readonly [string, object, Readonly<Record<string, unknown>>, readonly unknown[], RegExp]>([
    ['budgets', budget, { budgets: 'limitUsd' }, AMOUNTS, USD],
    [
      'budgets',
      budget,
      { budgets: 'window' },
      ['year', 5, null, {}, { rollingMs: 0 }, { rollingMs: 1, x: 1 }],
      /^Expected 'day', 'week', 'month' or \{ rollingMs/,
    ],
    [
      'budgets',
      budget,
      { budgets: 'per' },
      ['organisation', 5, null, {}, { tag: '' }, { tag: 5 }],
      /^Expected 'team', 'user', 'key', 'model' or \{ tag: name \}, got /,
    ],
    ['budgets', budget, { budgets: 'name' }, ['', 5, null], /^Expected a name that is not empty, got /],
    ['limits', limit, { limits: 'kind' }, ['request', 5, null], /^Expected 'requests' or 'tokens' or /],
    ['limits', limit, { limits: 'max' }, HOSTILE, COUNT],
    [
      'limits',
      limit,
      { limits: 'windowMs' },
      [0, -1, Number.NaN, Infinity, '60', null],
      /^Expected milliseconds, a number of 1 or more, got /,
    ],
    [
      'limits',
      limit,
      { limits: 'per' },
      ['organisation', { tag: 'x' }, null],
      /^Expected 'team' or 'user' or 'key' or 'model', got /,
    ],
  ])('%s: each field of an entry %#', (list, base, { [list]: field }, bad, message) => {
    for (const value of bad) {
      const entry = { ...base, [String(field)]: value };
      expect(issuesOf(at({ [list]: [base, entry] })), String(value)).toEqual([
        { path: `${place}.${list}.1.${String(field)}`, message: expect.stringMatching(message) as string },
      ]);
    }
  });

  it.each([
    ['clampToBudget', 'yes', '"yes" (string)', ''],
    ['budgets', {}, 'object', ''],
    ['budgets', [5], '5 (number)', '.0'],
    ['budgets', [{ ...budget, soft: 'no' }], '"no" (string)', '.0.soft'],
    ['limits', 5, '5 (number)', ''],
    ['limits', [null], 'null', '.0'],
    ['alertsAt', 0.5, '0.5 (number)', ''],
    ['alertsAtUsd', 100, '100 (number)', ''],
  ])('%s: a value of another kind is told with what to write instead (%#)', (field, value, got, suffix) => {
    const [issue, ...others] = issuesOf(at({ [field]: value }));
    expect(others).toEqual([]);
    expect(issue?.path).toBe(`${place}.${field}${suffix}`);
    expect(issue?.message).toMatch(/^Expected /);
    expect(issue?.message).toContain(got);
  });
});

describe('the governance’s own fields', () => {
  it.each(
    rows(
      ['defaultTeam', ['', 5, null], /^Expected the name of a team, got /],
      ['budgetStore', [{}, 5, { reserve() {} }], /^Expected a BudgetStore, an object with reserve, settle, read, got /],
      ['rateLimiter', [{}, 5, { acquire: 1 }], /^Expected a RateLimiter, an object with acquire, got /],
      ['usageLog', [{}, null, { record() {} }], /^Expected a UsageLog, an object with record, summarize, got /],
      ['prices', [{}, 5], /^Expected a PriceBook, an object with price, got /],
      ['keys', [5, null, 'gsk_', new Map()], /^Expected a KeyProvider, a list of keys, or a record of secrets by name, got /],
      ['keys', [{}, []], /^Expected at least one key, got none$/],
      ['clock', [{}, Date, 5], /^Expected a Clock, an object with now, sleep, got /],
      ['policies', [[{}], [5], [null]], /^Expected a policy, an object with check, got /, '.0'],
      ['unpricedModels', ['allow', 5, {}, { inputPerMillionUsd: 1 }, null], /^Expected 'deny' or a price row /],
      ['mode', ['dry', 5, null], /^Expected 'enforce' or 'observe', got /],
      ['onStoreFailure', ['open', 5], /^Expected 'deny' or 'allow', got /],
      ['allowOperations', [['/x'], ['post /x'], ['POST x'], ['POST /x y'], [5]], /^Expected 'POST \/path', got /, '.0'],
      ['timeZone', ['Mars', '', 5], /^Expected an IANA time zone, e.g. 'Europe\/Berlin', got /],
      ['storeTimeoutMs', [0, -1, Infinity, Number.NaN, '5'], /^Expected milliseconds, a number of 1 or more, got /],
      ['holdTimeoutMs', [0, -1, Infinity, Number.NaN, '5'], /^Expected milliseconds, a number of 1 or more, got /],
      ['queueTimeoutMs', [-1, Number.NaN, '5'], /^Expected milliseconds, a number of 0 or more, or Infinity, got /],
      ['maxRetryAfterMs', [-1, Number.NaN, '5'], /^Expected milliseconds, a number of 0 or more, or Infinity, got /],
      ['maxQueueSize', [-1, 1.5, Number.NaN, '5'], /^Expected a whole number of 0 or more, or Infinity, got /],
      ['teams', [5, 'a', [], null], /^Expected a record of teams by name, got /],
    ),
  )('%s', (field, bad, message, suffix) => {
    for (const value of bad) {
      expect(issuesOf({ [field]: value }), String(value)).toEqual([
        { path: `${field}${suffix}`, message: expect.stringMatching(message) as string },
      ]);
    }
  });

  it.each([
    [null, ''],
    [5, ''],
    ['x', ''],
    [[], ''],
    [{ organization: 5 }, 'organization'],
    [{ organization: null }, 'organization'],
    [{ teams: { a: null } }, 'teams.a'],
    [{ teams: { a: 'x' } }, 'teams.a'],
    [{ policies: 'x' }, 'policies'],
    [{ allowOperations: 'POST /x' }, 'allowOperations'],
  ])('%j is of the wrong kind, and told what to write instead', (governance, path) => {
    expect(issuesOf(governance)).toEqual([{ path, message: expect.stringMatching(/^Expected .+, got /) as string }]);
  });

  it.each([
    ['priority', ['1', Number.NaN, Infinity, null], /^Expected a finite number, got /],
    ['weight', [0, -1, Infinity, Number.NaN, '1'], /^Expected a number above 0, got /],
  ])('a team’s %s', (field, bad, message) => {
    for (const value of bad) {
      const issue = { path: `teams.a.${field}`, message: expect.stringMatching(message) as string };
      expect(issuesOf({ teams: { a: { [field]: value } } }), String(value)).toEqual([issue]);
    }
  });

  it('prices for unpriced models are numbers of 0 or more', () => {
    for (const bad of [-1, Number.NaN, Infinity, '1']) {
      const row = { inputPerMillionUsd: bad, outputPerMillionUsd: 1 };
      expect(issuesOf({ unpricedModels: row }), String(bad)).toMatchObject([
        { path: expect.stringMatching(/^unpricedModels/) as string },
      ]);
    }
  });

  it('symbols are told like everything else', () => {
    expect(issuesOf({ mode: Symbol('x') })).toMatchObject([{ path: 'mode' }]);
    expect(issuesOf({ teams: Symbol('x') })).toMatchObject([{ path: 'teams' }]);
  });

  it('every mistake is listed at once', () => {
    const governance = { mode: 'x', organization: { rateLimitRPM: -1 }, teams: { a: { rateLimitRPM: -1, weight: 0 }, b: 5 } };
    const paths = issuesOf(governance).map(({ path }) => path);
    expect(paths.toSorted()).toEqual([
      'mode',
      'organization.rateLimitRPM',
      'teams.a.rateLimitRPM',
      'teams.a.weight',
      'teams.b',
    ]);
  });

  it('a secret that was put in the wrong place is not repeated', () => {
    const key = 'gsk_0123456789abcdef';
    for (const field of [
      'keys',
      'budgetStore',
      'rateLimiter',
      'usageLog',
      'clock',
      'prices',
      'apiKey',
      'organization',
      'teams',
    ]) {
      expect(JSON.stringify(issuesOf({ [field]: key })), field).not.toContain('0123456789');
      expect(JSON.stringify(issuesOf({ [field]: `redis://user:${key}@host` })), field).not.toContain('0123456789');
    }
  });
});
