import { APIError, GroqError } from 'groq-sdk';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  BudgetExceededError,
  GovernanceConfigError,
  GovernanceError,
  NoKeyError,
  PolicyDeniedError,
  RateLimitWaitError,
  StoreError,
  UngovernedRequestError,
  UnknownTeamError,
  UnpricedModelError,
  formatInstant,
  isGovernanceError,
} from '../src/errors';

const SUBJECT = { callId: 'call-1', team: 'chatbot', model: 'openai/gpt-oss-20b' };
const RESETS = Date.UTC(2026, 11, 1);
const SECRET = 'gsk_0123456789abcdef';
const money = { limitNanos: 200e9, spentNanos: 199.98e9, heldNanos: 10_000_000, requestedNanos: 30_000_000 };
const budget = { ...SUBJECT, budget: 'chatbot/month', ...money, resetsAt: RESETS };
const cause = new Error(`connect redis://user:${SECRET}@host failed`);

interface Case {
  readonly error: GovernanceError;
  readonly of: abstract new (...args: never) => GovernanceError;
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const CASES: readonly Case[] = [
  {
    error: new PolicyDeniedError({
      ...SUBJECT,
      code: 'max-tokens-exceeded',
      rule: 'maxTokensPerRequest',
      reason: 'Too many.',
      limit: 512,
      requested: 513,
    }),
    of: PolicyDeniedError,
    name: 'PolicyDeniedError',
    code: 'max-tokens-exceeded',
    message: 'Too many.',
    fields: { rule: 'maxTokensPerRequest', limit: 512, requested: 513 },
  },
  {
    error: new UnknownTeamError({ ...SUBJECT, knownTeams: 2 }),
    of: UnknownTeamError,
    name: 'UnknownTeamError',
    code: 'unknown-team',
    message: 'Unknown team "chatbot": 2 teams are configured, and this is none of them. Add it to governance.teams.',
    fields: { knownTeams: 2 },
  },
  {
    error: new BudgetExceededError(budget),
    of: BudgetExceededError,
    name: 'BudgetExceededError',
    code: 'budget-exceeded',
    message:
      'Budget "chatbot/month" exceeded: $199.98 spent + $0.01 held of $200.00; this call needs up to $0.03. Resets 2026-12-01T00:00:00Z.',
    fields: { budget: 'chatbot/month', ...money, resetsAt: RESETS },
  },
  {
    error: new RateLimitWaitError({
      ...SUBJECT,
      limit: 'chatbot/requests per minute',
      retryAfterMs: 2000,
      message: 'Wait for 2 s.',
    }),
    of: RateLimitWaitError,
    name: 'RateLimitWaitError',
    code: 'rate-limit-wait',
    message: 'Wait for 2 s.',
    fields: { limit: 'chatbot/requests per minute', retryAfterMs: 2000 },
  },
  {
    error: new UnpricedModelError({ ...SUBJECT, priceVersion: '2026-11-13' }),
    of: UnpricedModelError,
    name: 'UnpricedModelError',
    code: 'unpriced-model',
    message:
      'Model "openai/gpt-oss-20b" has no price in price book 2026-11-13, so its cost cannot be held against a budget. ' +
      'Add it with prices: priceBook({ base: groqPrices, overrides: { … } }), or set governance.unpricedModels to a price.',
    fields: {},
  },
  {
    error: new NoKeyError(SUBJECT),
    of: NoKeyError,
    name: 'NoKeyError',
    code: 'no-key',
    message: 'No API key is available for team "chatbot". Check governance.keys.',
    fields: {},
  },
  {
    error: new StoreError({ ...SUBJECT, store: 'budgetStore', cause }),
    of: StoreError,
    name: 'StoreError',
    code: 'store-unavailable',
    message:
      "The budgetStore could not be asked, and governance.onStoreFailure is 'deny', so the call was not sent. The cause is in error.cause.",
    fields: { store: 'budgetStore', cause },
  },
  {
    error: new UngovernedRequestError({ ...SUBJECT, method: 'POST', path: '/x', reason: 'nobody knows it.' }),
    of: UngovernedRequestError,
    name: 'UngovernedRequestError',
    code: 'ungoverned-request',
    message: 'POST /x was not sent: nobody knows it.',
    fields: { method: 'POST', path: '/x' },
  },
];

const CONFIG = new GovernanceConfigError([
  { path: '', message: 'Expected an object' },
  { path: 'teams.a.rateLimitRPM', message: 'Expected a whole number' },
]);

describe.each(CASES)('$name', ({ error, of, name, code, message, fields }) => {
  it('has its name, code, subject and fields', () => {
    for (const [field, value] of Object.entries({ ...SUBJECT, ...fields, name, code })) {
      expect(Reflect.get(error, field), field).toEqual(value);
    }
    expect(error.cause).toBe(fields['cause']);
    expect(error.stack).toContain(message);
  });

  it('says what, how much, until when and what to do', () => {
    expect(error.message).toBe(message);
  });

  it('is a GroqError of its own class, and no APIError', () => {
    expect(error).toBeInstanceOf(of);
    expect(error).toBeInstanceOf(GovernanceError);
    expect(error).toBeInstanceOf(GroqError);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(APIError);
    expect('status' in error).toBe(false);
    for (const other of CASES) if (other.of !== of) expect(error).not.toBeInstanceOf(other.of);
  });

  it('is told by its brand, which nobody sees, and asks LangChain not to retry', () => {
    expect(isGovernanceError(error)).toBe(true);
    expect(Object.keys(error).some((key) => key.includes('brand'))).toBe(false);
    expect(Object.getOwnPropertySymbols(Object.assign({}, error))).toEqual([]);
    expect(Reflect.get(error, Symbol.for('langchain.errors.retryable'))).toBe(false);
  });

  it('shows no secret when it is printed or written as JSON', () => {
    expect(`${String(error)}${JSON.stringify(error)}`).not.toContain(SECRET);
  });
});

describe('GovernanceConfigError', () => {
  it('lists every issue, with the place of each', () => {
    expect(CONFIG.message).toBe(
      'Invalid governance:\n  governance: Expected an object\n  teams.a.rateLimitRPM: Expected a whole number',
    );
    expect(CONFIG).toMatchObject({ name: 'GovernanceConfigError', code: 'invalid-config', issues: { length: 2 } });
    expect(CONFIG).toBeInstanceOf(GroqError);
    expect(CONFIG).not.toBeInstanceOf(APIError);
    expect(isGovernanceError(CONFIG)).toBe(true);
  });

  it('is about no call', () => {
    expect([CONFIG.callId, CONFIG.team, CONFIG.model]).toEqual([undefined, undefined, undefined]);
  });
});

describe('messages that depend on what is known', () => {
  it.each([
    [
      new UnknownTeamError({ knownTeams: 3 }),
      'This client is bound to no team. Call it through client.withTeam(name), or set governance.defaultTeam (3 teams are configured).',
    ],
    [new NoKeyError(), 'No API key is available for this call. Check governance.keys.'],
    [
      new BudgetExceededError({ ...budget, resetsAt: Infinity, advice: 'Lower it.' }),
      'Budget "chatbot/month" exceeded: $199.98 spent + $0.01 held of $200.00; this call needs up to $0.03. Resets never. Lower it.',
    ],
  ])('%#', (error, message) => {
    expect(error.message).toBe(message);
  });

  it.each([
    ['a team', new UnknownTeamError({ team: 'x'.repeat(10_000), knownTeams: 1 })],
    ['a model', new UnpricedModelError({ model: 'x'.repeat(10_000), priceVersion: '1' })],
    ['a path', new UngovernedRequestError({ method: 'POST', path: `/${'x'.repeat(10_000)}`, reason: 'r' })],
  ])('%s of any length is cut', (_, error) => {
    expect(error.message.length).toBeLessThan(600);
  });

  it('control characters in a name cannot forge a line of the log', () => {
    const named = new UnknownTeamError({ team: 'a\nERROR forged', knownTeams: 1 });
    const model = new UnpricedModelError({ model: 'a\nERROR forged', priceVersion: '1' });
    expect(named.message).not.toContain('\n');
    expect(model.message).not.toContain('\n');
  });
});

describe('formatInstant', () => {
  it.each([
    [0, '1970-01-01T00:00:00Z'],
    [RESETS, '2026-12-01T00:00:00Z'],
    [RESETS + 999.9, '2026-12-01T00:00:00Z'],
    [8.64e15, '+275760-09-13T00:00:00Z'],
    [8.64e15 + 1, 'never'],
    [Infinity, 'never'],
    [-Infinity, 'never'],
    [Number.NaN, 'never'],
  ])('%d is %s', (at, text) => {
    expect(formatInstant(at)).toBe(text);
  });
});

describe('isGovernanceError', () => {
  afterEach(() => vi.resetModules());

  it('knows the errors of another copy of the package, which instanceof does not', async () => {
    vi.resetModules();
    const copy = await import('../src/errors');
    expect(copy.NoKeyError).not.toBe(NoKeyError);
    const foreign: unknown = new copy.NoKeyError(SUBJECT);
    expect(foreign).not.toBeInstanceOf(GovernanceError);
    expect(isGovernanceError(foreign)).toBe(true);
    expect(copy.isGovernanceError(new NoKeyError(SUBJECT))).toBe(true);
    if (isGovernanceError(foreign)) expect(foreign).toMatchObject({ name: 'NoKeyError', code: 'no-key', team: 'chatbot' });
  });

  it.each([
    undefined,
    null,
    0,
    'PolicyDeniedError',
    {},
    new Error('x'),
    new GroqError('x'),
    { name: 'PolicyDeniedError', code: 'no-key' },
    Object.assign(new Error('x'), { name: 'NoKeyError', code: 'no-key', callId: 'c' }),
    new APIError(429, undefined, 'x', undefined),
  ])('is false for what is none: %s', (value) => {
    expect(isGovernanceError(value)).toBe(false);
  });
});
