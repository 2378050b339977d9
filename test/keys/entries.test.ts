// What a registry takes, and what it says of what it does not take.
import { describe, expect, it } from 'vitest';
import { GovernanceConfigError } from '../../src/errors';
import type { KeyEntry } from '../../src/keys/key-entry';
import { keyRegistry } from '../../src/keys/key-registry';
import { T0, ask, states } from './support';

const good = { name: 'chatbot-prod-web', secret: 'gsk_1' };

function issuesOf(make: () => unknown): Record<string, string> {
  try {
    make();
  } catch (error) {
    if (!(error instanceof GovernanceConfigError)) throw error;
    return Object.fromEntries(error.issues.map(({ path, message }) => [path, message]));
  }
  return {};
}

const entryIssues = (entry: object): Record<string, string> => issuesOf(() => keyRegistry([{ ...good, ...entry }]));

describe('a name', () => {
  it.each<[string, string | undefined, string | undefined, string | undefined]>([
    ['chatbot-prod-web', 'chatbot', 'prod', 'web'],
    ['chatbot-prod-2026-04', 'chatbot', 'prod', '2026-04'],
    ['customer-care-eu-staging-nightly-jobs', 'customer-care-eu', 'staging', 'nightly-jobs'],
    ['chatbot-dev', 'chatbot', 'dev', undefined],
    ['chatbot-test-prod', 'chatbot', 'test', 'prod'],
    ['chatbot-PROD-web', 'chatbot', 'PROD', 'web'],
    ['chatbot', 'chatbot', undefined, undefined],
    ['customer-care', 'customer-care', undefined, undefined],
    ['prod-2026-04', undefined, 'prod', '2026-04'],
    ['production', undefined, 'production', undefined],
    ['products-web', 'products-web', undefined, undefined],
  ])('%s is of team %s, environment %s, purpose %s', (name, team, environment, purpose) => {
    expect(keyRegistry({ [name]: 'gsk_1' }).list(T0)).toMatchObject([{ id: name, team, environment, purpose }]);
  });

  it('says less than the entry', () => {
    const entry = { ...good, team: 'support', environment: 'live', purpose: 'phone' };
    expect(keyRegistry([entry]).list(T0)).toMatchObject([{ team: 'support', environment: 'live', purpose: 'phone' }]);
    expect(keyRegistry([{ ...good, team: '*' }]).list(T0)).toMatchObject([{ team: undefined }]);
  });
});

describe('entries', () => {
  it('can be a record of secrets by name', () => {
    const registry = keyRegistry({ chatbot: 'gsk_1', 'analytics-prod-web': { file: '/run/secrets/analytics' } });
    expect(registry.list(T0)).toMatchObject([{ id: 'chatbot' }, { id: 'analytics-prod-web', team: 'analytics' }]);
    expect(ask(registry).secret).toBe('gsk_1');
  });

  it('of other environments are left out, unset variables and all', () => {
    const entries = [
      { name: 'chatbot-prod-web', secret: 'gsk_prod' },
      { name: 'chatbot-dev-web', secret: 'GG_TEST_UNSET_VARIABLE' },
      { name: 'search-blue', secret: 'gsk_blue', environment: 'dev' },
      { name: 'analytics', secret: 'gsk_any' },
    ];
    const registry = keyRegistry(entries, { environment: 'prod' });
    expect(Object.keys(states(registry))).toEqual(['chatbot-prod-web', 'analytics']);
    registry.add({ name: 'chatbot-dev-web', secret: 'gsk_dev' });
    expect(Object.keys(states(registry))).toEqual(['chatbot-prod-web', 'analytics']);
    registry.add({ name: 'analytics', secret: 'gsk_any', environment: 'dev' });
    expect(Object.keys(states(registry))).toEqual(['chatbot-prod-web']);
  });

  it('are copied', () => {
    const allowedModels = ['a'];
    const budgets = [{ limitUsd: 5, window: 'day' as const }];
    const registry = keyRegistry([{ ...good, allowedModels, budgets }]);
    allowedModels.push('b');
    budgets.pop();
    expect(ask(registry, { model: 'b' }).id).toBeUndefined();
    expect(ask(registry, { model: 'a' }).key?.rules).toEqual({
      allowedModels: ['a'],
      budgets: [{ limitUsd: 5, window: 'day' }],
    });
  });

  it.each<[string, KeyEntry['notBefore'], number]>([
    ['epoch milliseconds', T0, T0],
    ['a Date', new Date(T0), T0],
    ['a day', '2026-11-21', T0],
    ['an instant', '2026-11-21T09:30:00Z', T0 + 34_200_000],
    ['an instant elsewhere', '2026-11-21T09:30+02:00', T0 + 27_000_000],
    ['an instant with fractions', '2026-11-21T00:00:00.250Z', T0 + 250],
  ])('have times as %s', (_, notBefore, at) => {
    expect(keyRegistry([{ ...good, notBefore }]).list(T0)).toMatchObject([{ notBefore: at }]);
  });
});

describe('what is wrong is told', () => {
  it.each<[string, object, string, string]>([
    [
      'no name',
      { name: undefined },
      'keys.0.name',
      "Expected a name like 'chatbot-prod-web', up to 200 characters long, got undefined",
    ],
    ['an empty name', { name: ' ' }, 'keys.0.name', 'Expected a name'],
    ['a long name', { name: 'x'.repeat(201) }, 'keys.0.name', 'up to 200 characters'],
    ['a line break in the name', { name: 'a\nb' }, 'keys.0.name', 'without white space around it or control characters'],
    ['a secret as the name', { name: 'gsk_abc' }, 'keys.0.name', 'got what looks like a secret'],
    ['no secret', { secret: undefined }, 'keys.0.secret', 'got undefined. Is an environment variable missing?'],
    ['an empty secret', { secret: '' }, 'keys.0.secret', 'got an empty text. Is an environment variable missing?'],
    [
      'a secret with a space',
      { secret: 'gsk 1' },
      'keys.0.secret',
      'got text with white space or other characters that no header can carry',
    ],
    [
      'an unset variable',
      { secret: 'GG_TEST_UNSET_VARIABLE' },
      'keys.0.secret',
      'The environment variable GG_TEST_UNSET_VARIABLE is not set',
    ],
    [
      'an unset { env }',
      { secret: { env: 'ggTestUnset' } },
      'keys.0.secret',
      'The environment variable ggTestUnset is not set',
    ],
    [
      'an empty { env }',
      { secret: { env: '' } },
      'keys.0.secret',
      'Expected the name of an environment variable, got an empty text',
    ],
    [
      'an empty { file }',
      { secret: { file: '' } },
      'keys.0.secret',
      'Expected a secret, the name of an environment variable, { env: name }, { file: path } or a function, got object',
    ],
    ['a promise of a secret', { secret: Promise.resolve('gsk_1') }, 'keys.0.secret', 'got a promise (is an await missing?)'],
    ['an empty team', { team: '' }, 'keys.0.team', 'Expected text that is not empty, got an empty text'],
    ['models that are no list', { allowedModels: 'a' }, 'keys.0.allowedModels', 'Expected a list of models, got string'],
    [
      'a model that is no text',
      { allowedModels: ['a', 5] },
      'keys.0.allowedModels.1',
      'Expected the name of a model, got 5 (number)',
    ],
    [
      'a fraction of a request',
      { rateLimitRPM: 0.5 },
      'keys.0.rateLimitRPM',
      'Expected a whole number of 0 or more, got 0.5 (number)',
    ],
    ['negative tokens', { rateLimitTPM: -1 }, 'keys.0.rateLimitTPM', 'Expected a whole number of 0 or more'],
    [
      'a budget that is NaN',
      { monthlyBudgetUsd: NaN },
      'keys.0.monthlyBudgetUsd',
      'Expected an amount in USD from 0 to 9007199, got NaN (number)',
    ],
    ['a budget without a window', { budgets: [{ limitUsd: 5 }] }, 'keys.0.budgets.0.window', 'Is missing'],
    [
      'a budget of an hour',
      { budgets: [{ limitUsd: 5, window: 'hour' }] },
      'keys.0.budgets.0.window',
      "Expected 'day', 'week', 'month' or { rollingMs: milliseconds }, got string",
    ],
    ['a budget of no length', { budgets: [{ limitUsd: 5, window: { rollingMs: 0 } }] }, 'keys.0.budgets.0.window', 'Expected'],
    [
      'a budget per nothing',
      { budgets: [{ limitUsd: 5, window: 'day', per: { tag: '' } }] },
      'keys.0.budgets.0.per',
      'Expected',
    ],
    [
      'a budget with another field',
      { budgets: [{ limitUsd: 5, window: 'day', limit: 1 }] },
      'keys.0.budgets.0.limit',
      'Unknown field. Known fields: limitUsd, window, per, soft, name',
    ],
    [
      'an alert at 80',
      { alertsAt: [0.5, 80] },
      'keys.0.alertsAt.1',
      'Expected a share of the budget above 0 and up to 10, e.g. 0.8 for 80 %, got 80 (number)',
    ],
    [
      'a time that is none',
      { notBefore: 'tomorrow' },
      'keys.0.notBefore',
      "or a text like '2026-04-01' or '2026-04-01T09:00:00Z', got \"tomorrow\"",
    ],
    ['a time without a zone', { notBefore: '2026-04-01T09:00:00' }, 'keys.0.notBefore', 'Expected'],
    ['a day that does not exist', { notBefore: '2026-02-30' }, 'keys.0.notBefore', 'Expected'],
    [
      'a time in seconds',
      { notBefore: 1_795_219_200 },
      'keys.0.notBefore',
      'got 1795219200, which is in seconds. Multiply it by 1000',
    ],
    ['a time that is NaN', { notBefore: NaN }, 'keys.0.notBefore', 'got NaN'],
    ['a Date that is none', { retireAfter: new Date(NaN) }, 'keys.0.retireAfter', 'got object'],
    ['a time of another kind', { retireAfter: [] }, 'keys.0.retireAfter', 'got a list'],
    [
      'an end before the beginning',
      { notBefore: T0, retireAfter: T0 },
      'keys.0.retireAfter',
      'Expected a time after notBefore',
    ],
    ['a misspelt field', { notbefore: T0 }, 'keys.0.notbefore', 'Unknown field. Did you mean notBefore?'],
    [
      'an unknown field',
      { models: [] },
      'keys.0.models',
      'Unknown field. Known fields: name, secret, team, environment, purpose',
    ],
  ])('of %s', (_, entry, path, message) => {
    const issues = entryIssues(entry);
    expect(Object.keys(issues)).toEqual([path]);
    expect(issues[path]).toContain(message);
  });

  it('all at once', () => {
    const issues = issuesOf(() =>
      keyRegistry([good, { ...good, rateLimitRPM: -1 }, { name: 'x', secret: '', notBefore: 'x' }, 5 as never], {
        refreshMs: 0,
        timeout: 5,
      } as never),
    );
    expect(Object.keys(issues)).toEqual([
      'options.refreshMs',
      'options.timeout',
      'keys.1.rateLimitRPM',
      'keys.1.name',
      'keys.2.secret',
      'keys.2.notBefore',
      'keys.3',
    ]);
    expect(issues['keys.1.name']).toBe('Another key has the name "chatbot-prod-web" already');
  });

  it('of a record, with the name', () => {
    expect(issuesOf(() => keyRegistry({ chatbot: 'gsk_1', analytics: undefined }))).toEqual({
      'keys.analytics.secret': expect.stringContaining('got undefined. Is an environment variable missing?') as string,
    });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'got undefined'],
    ['text', 'gsk_1', 'got string'],
    ['a promise', Promise.resolve([]), 'got a promise (is an await missing?)'],
    ['a Map', new Map(), 'got object'],
  ])('of %s instead of entries', (_, entries, message) => {
    expect(issuesOf(() => keyRegistry(entries as never))).toEqual({ keys: expect.stringContaining(message) as string });
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'options'],
    ['an endless refresh that is negative', { refreshMs: -Infinity }, 'options.refreshMs'],
    ['a listener that is no function', { onProblem: {} }, 'options.onProblem'],
    ['a clock without sleep', { clock: { now: () => 0 } }, 'options.clock'],
    ['an empty environment', { environment: '' }, 'options.environment'],
  ])('of options that are %s', (_, options, path) => {
    expect(Object.keys(issuesOf(() => keyRegistry([], options as never)))).toEqual([path]);
  });

  it('when an entry is added, and nothing is changed', () => {
    const registry = keyRegistry([good]);
    expect(issuesOf(() => registry.add({ ...good, secret: '', rateLimitRPM: -1 }))).toMatchObject({
      'entry.secret': expect.any(String) as string,
      'entry.rateLimitRPM': expect.any(String) as string,
    });
    expect(ask(registry).secret).toBe('gsk_1');
  });
});
