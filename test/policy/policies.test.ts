// The user's own policies: every decision counts, and nothing that one does hurts a call in any other way.
import { describe, expect, it } from 'vitest';
import { allowModels, denyModels } from '../../src/policy/allow-models';
import { capOutputTokens } from '../../src/policy/cap-output-tokens';
import { denyTools } from '../../src/policy/deny-tools';
import { type Decision, type Policy, type PolicyCall, allow, amend, deny } from '../../src/policy/policy';
import { CHAT, MESSAGES, MODEL, rejection, scene, settle } from '../governor/support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const LARGE = 'openai/gpt-oss-120b';
const policy = (check: Policy['check'], name = 'mine'): Policy => ({ name, check });

describe('a policy that', () => {
  it('allows lets the call through', async () => {
    const { client, mock } = scene({ policies: [policy(allow), policy(() => Promise.resolve(allow()))] });
    await client.chat.completions.create(params);
    expect(mock.calls).toHaveLength(1);
  });

  it('denies refuses with its reason', async () => {
    const { client, mock, records } = scene({ policies: [policy(() => deny('not at night.'), 'quiet-hours')] });
    const error = await rejection(client.chat.completions.create(params));
    expect(error).toMatchObject({
      name: 'PolicyDeniedError',
      code: 'policy-denied',
      rule: 'quiet-hours',
      message: 'Policy "quiet-hours" denied the call: not at night.',
    });
    expect(mock.calls).toHaveLength(0);
    expect(records).toMatchObject([{ outcome: 'denied', code: 'policy-denied', costNanos: 0 }]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('MARKER');
      },
    ],
    ['rejects', () => Promise.reject(new Error('MARKER'))],
    [
      'throws nothing',
      () => {
        throw undefined as unknown as Error;
      },
    ],
    ['returns nothing', () => undefined],
    ['returns true', () => true],
    ['returns text', () => 'allow'],
    ['returns another action', () => ({ action: 'permit' })],
    ['returns an amendment without changes', () => ({ action: 'amend' })],
    ['returns an amendment whose changes are null', () => ({ action: 'amend', changes: null, reason: 'x' })],
    ['returns an amendment whose changes are text', () => ({ action: 'amend', changes: 'model', reason: 'x' })],
    ['returns an amendment that JSON cannot hold', () => amend({ seed: 1n }, 'x')],
    [
      'returns an amendment with a getter that throws',
      () =>
        amend(
          {
            get seed() {
              throw new Error('MARKER');
            },
          },
          'x',
        ),
    ],
    [
      'returns a decision with a getter that throws',
      () => ({
        get action() {
          throw new Error('MARKER');
        },
      }),
    ],
  ])('%s denies', async (_, check) => {
    const { client, mock, records } = scene({ policies: [policy(check as Policy['check'])] });
    const error = await rejection(client.chat.completions.create(params));
    expect(error).toMatchObject({ name: 'PolicyDeniedError', code: 'policy-denied', rule: 'mine' });
    expect(error.message).not.toContain('MARKER');
    expect(mock.calls).toHaveLength(0);
    expect(records.map(({ outcome }) => outcome)).toEqual(['denied']);
  });

  it('changes what it is shown changes nothing that is sent', async () => {
    const changes: unknown[] = [];
    const { client, mock } = scene({
      policies: [
        policy(({ body }) => {
          for (const change of [
            () => ((body as { model: string }).model = LARGE),
            () => (body['messages'] as unknown[]).push({}),
            () => ((body['messages'] as { content: string }[])[0]!.content = 'x'),
          ]) {
            try {
              change();
            } catch (error) {
              changes.push(error);
            }
          }
          return allow();
        }),
      ],
    });
    await client.chat.completions.create(params);
    expect(changes).toHaveLength(3);
    expect(mock.calls[0]?.body).toEqual(params);
  });

  it('is called once per call, not once per attempt', async () => {
    let calls = 0;
    const { client, mock, clock } = scene({ policies: [policy(() => (calls++, allow()))] }, { client: { maxRetries: 2 } });
    mock.reply('chat.completions', { status: 500 }).times(2);
    await clock.runUntil(client.chat.completions.create(params));
    expect(calls).toBe(1);
  });
});

describe('amendments', () => {
  it('are what is sent, and what is removed is not', async () => {
    const { client, mock } = scene({ policies: [policy(() => amend({ temperature: 0, user: undefined }, 'x'))] });
    await client.chat.completions.create({ ...params, user: 'u' });
    expect(mock.calls[0]?.body).toEqual({ ...params, temperature: 0 });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a model that is not allowed', { model: LARGE }, 'model-not-allowed'],
    ['more tokens than allowed', { max_completion_tokens: 5000 }, 'max-tokens-exceeded'],
    ['n', { n: 2 }, 'invalid-request'],
    ['a number that is none', { max_completion_tokens: NaN }, 'invalid-request'],
    ['no model', { model: undefined }, 'invalid-request'],
  ])('to %s do not pass what the rules refuse', async (_, changes, code) => {
    const { client, mock } = scene(
      { teams: { a: { allowedModels: [MODEL], maxTokensPerRequest: 100 } }, policies: [policy(() => amend(changes, 'x'))] },
      { team: 'a' },
    );
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code });
    expect(mock.calls).toHaveLength(0);
  });

  it('are seen by the policies that follow', async () => {
    const seen: PolicyCall[] = [];
    const { client } = scene({
      policies: [
        policy(() => amend({ model: LARGE, max_completion_tokens: 7 }, 'x')),
        policy((call) => (seen.push(call), allow())),
      ],
    });
    await client.chat.completions.create(params);
    expect(seen[0]?.body).toMatchObject({ model: LARGE, max_completion_tokens: 7 });
    expect(seen[0]?.model).toBe(LARGE);
  });

  it('to another model do not pass a policy that denies it', async () => {
    const { client, mock } = scene({ policies: [policy(() => amend({ model: LARGE }, 'x')), denyModels(LARGE)] });
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({
      code: 'policy-denied',
      rule: 'deny-models',
    });
    expect(mock.calls).toHaveLength(0);
  });

  it('to another model are what a key is chosen for', async () => {
    const models: string[] = [];
    const keys = { key: ({ model }: { model: string }) => (models.push(model), { id: 'k', secret: 's' }) };
    const { client } = scene({ keys, policies: [policy(() => amend({ model: LARGE }, 'x'))] });
    await client.chat.completions.create(params);
    expect(models).toEqual([LARGE]);
  });

  it('are priced and held at what they make of the call', async () => {
    const { client, records } = scene(
      { teams: { a: { monthlyBudgetUsd: 1 } }, policies: [policy(() => amend({ model: LARGE }, 'x'))] },
      { team: 'a' },
    );
    await client.chat.completions.create(params);
    expect(records[0]?.model).toBe(LARGE);
  });
});

describe('ended()', () => {
  it('is told the record, once', async () => {
    const records: unknown[] = [];
    const scene1 = scene({
      policies: [{ name: 'x', check: allow, ended: (call, record) => records.push([call.id, record.id, record.outcome]) }],
    });
    await scene1.client.chat.completions.create(params);
    expect(records).toEqual([[scene1.records[0]?.id, scene1.records[0]?.id, 'success']]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('x');
      },
    ],
    ['rejects', () => Promise.reject(new Error('x'))],
  ])('that %s hurts nobody', async (_, ended) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const { client, records } = scene({ policies: [{ name: 'x', check: allow, ended: ended as () => void }] });
      await client.chat.completions.create(params);
      await settle();
      expect(records).toHaveLength(1);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});

describe('the policies that come along', () => {
  const decide = async (one: Policy, call: Partial<PolicyCall>): Promise<Decision> =>
    one.check({
      id: 'x',
      at: 0,
      team: 'a',
      user: undefined,
      tags: undefined,
      operation: 'chat.completions',
      model: MODEL,
      body: {},
      budgets: () => Promise.resolve([]),
      priceOf: () => undefined,
      ...call,
    });

  it.each<[Policy, Partial<PolicyCall>, Decision['action']]>([
    [allowModels('openai/*'), {}, 'allow'],
    [allowModels('openai/*'), { model: 'qwen/x' }, 'deny'],
    [allowModels('openai/*'), { model: '', operation: 'models.list' }, 'allow'],
    [allowModels(), {}, 'deny'],
    [denyModels('*-120b'), { model: LARGE }, 'deny'],
    [denyModels('*-120b'), {}, 'allow'],
    [denyTools('browser_search'), { body: { tools: [{ type: 'browser_search' }] } }, 'deny'],
    [denyTools('browser_search'), { body: { tools: [{ type: 'function', function: { name: 'f' } }] } }, 'allow'],
    [denyTools('function'), { body: { tools: [{ type: 'function', function: { name: 'f' } }] } }, 'deny'],
    [denyTools('function'), { body: { functions: [{ name: 'f' }] } }, 'deny'],
    [denyTools('function'), { body: { tools: [], functions: [{ name: 'f' }] } }, 'deny'],
    [denyTools('function'), { body: { tools: [{ function: { name: 'f' } }] } }, 'deny'],
    [capOutputTokens(100), { body: { max_completion_tokens: 100 } }, 'allow'],
    [capOutputTokens(100), { body: { max_completion_tokens: 101 } }, 'amend'],
    [capOutputTokens(100), { body: { max_tokens: 101 } }, 'amend'],
    [capOutputTokens(100), { body: {} }, 'amend'],
  ])('%o decides on %o: %s', async (one, call, action) => {
    expect((await decide(one, call)).action).toBe(action);
  });

  it.each([
    ['allowModels', allowModels, [LARGE]],
    ['denyModels', denyModels, [LARGE]],
    ['denyTools', denyTools, ['browser_search']],
  ])('%s() does not take a list for a name', (name, make, list) => {
    const of = (...names: unknown[]): unknown => Reflect.apply(make, undefined, names);
    expect(() => of(list)).toThrow(`${name}: expected names, e.g. ${name}('first', 'second'), got a list; write ...list`);
    expect(() => of('a', undefined)).toThrow('got undefined');
    expect(() => of('')).toThrow('got no text');
    expect(of(...list)).toBeDefined();
  });

  it('capOutputTokens() lowers both fields', async () => {
    const { client, mock } = scene({ policies: [capOutputTokens(5)] });
    await client.post(CHAT, { body: { ...params, max_tokens: 10 } });
    expect(mock.calls[0]?.body).toEqual({ model: MODEL, messages: MESSAGES, max_completion_tokens: 5 });
  });

  it.each([0, -1, 1.5, NaN, Infinity])('capOutputTokens(%d) is a mistake', (max) => {
    expect(() => capOutputTokens(max)).toThrow(RangeError);
  });
});
