// Names that JavaScript has a meaning for, and names that are none.
import { describe, expect, it } from 'vitest';
import { CHAT, MESSAGES, MODEL, rejection, scene } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

describe('as team', () => {
  it.each(INHERITED)('%s is unknown', async (name) => {
    const { client, mock, governor } = scene({ teams: { a: {} } });
    expect(await rejection(client.withTeam(name).chat.completions.create(params))).toMatchObject({
      code: 'unknown-team',
      knownTeams: 1,
    });
    expect(await governor.explain(params, { team: name })).toMatchObject({ allowed: false, code: 'unknown-team' });
    expect(mock.calls).toHaveLength(0);
  });

  it.each(INHERITED)('%s is known where it is written down', async (name) => {
    const teams = JSON.parse(`{"${name}":{"monthlyBudgetUsd":1}}`) as Record<string, { monthlyBudgetUsd: number }>;
    const { client, governor } = scene({ teams });
    await client.withTeam(name).chat.completions.create(params);
    const { rows } = await governor.report();
    expect(rows.map(({ team, calls, budgetUsd }) => [team, calls, budgetUsd])).toEqual([[name, 1, 1]]);
  });

  it.each(INHERITED)('%s cannot be the default unless it is written down', (name) => {
    expect(() => scene({ teams: { a: {} }, defaultTeam: name as 'a' })).toThrow('Invalid governance');
  });

  it('a client bound to none is refused, unless there is a default', async () => {
    const { client, mock } = scene({ teams: { a: {} } });
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'unknown-team' });
    expect(mock.calls).toHaveLength(0);
    const other = scene({ teams: { a: {} }, defaultTeam: 'a' });
    await other.client.chat.completions.create(params);
    expect(other.records[0]?.team).toBe('a');
  });
});

describe('as tag, user and value', () => {
  it.each(INHERITED)('%s counts apart and takes nothing from Object.prototype', async (name) => {
    const { client, governor } = scene({
      teams: {
        a: {
          budgets: [
            { limitUsd: 1, window: 'day', per: { tag: name } },
            { limitUsd: 1, window: 'day', per: 'user', name: 'u' },
          ],
        },
      },
    });
    await client.withTeam('a').chat.completions.create(params);
    await client.withTeam('a', { user: name, tags: Object.fromEntries([[name, name]]) }).chat.completions.create(params);
    const { rows } = await governor.report({ by: [{ tag: name }, 'user'] });
    expect(rows.map(({ user, tags }) => [user, tags && Object.hasOwn(tags, name) ? tags[name] : undefined])).toEqual(
      expect.arrayContaining([
        ['', ''],
        [name, name],
      ]),
    );
  });

  it('separators in a user’s name do not reach another user’s account', async () => {
    // Each may spend one call.
    const { client } = scene({ teams: { a: { budgets: [{ limitUsd: 0.000013, window: 'day', per: 'user' }] } } });
    for (const user of ['x', 'x@2026-01-01', 'x/y', 'x%2Fy', 'x%2fy', ' '])
      await client.withTeam('a', { user }).chat.completions.create(params);
    expect(await rejection(client.withTeam('a', { user: 'x/y' }).chat.completions.create(params))).toMatchObject({
      code: 'budget-exceeded',
    });
  });

  it('tags changed after withTeam() change nothing', async () => {
    const { client, records } = scene({ teams: { a: {} } });
    const tags = { customer: 'c1' };
    const view = client.withTeam('a', { tags });
    tags.customer = 'c2';
    await view.chat.completions.create(params);
    expect(records[0]?.tags).toEqual({ customer: 'c1' });
  });

  it.each<[string, object]>([
    ['a number as user', { user: 5 }],
    ['a number as tag', { tags: { customer: 5 } }],
  ])('%s is counted or refused with a governance error, not with a TypeError', async (_, binding) => {
    const { client, mock } = scene({
      teams: {
        a: {
          budgets: [
            { limitUsd: 1, window: 'day', per: 'user' },
            { limitUsd: 1, window: 'day', per: { tag: 'customer' } },
          ],
        },
      },
    });
    const outcome: unknown = await Promise.resolve()
      .then(() => client.withTeam('a', binding).chat.completions.create(params))
      .then(
        () => 'sent',
        (error: unknown) => error,
      );
    if (outcome !== 'sent') expect(outcome).toMatchObject({ code: expect.any(String) as string });
    expect(mock.calls).toHaveLength(outcome === 'sent' ? 1 : 0);
  });
});

describe('as model', () => {
  it.each<[string, unknown, string]>([
    ...INHERITED.map((name): [string, unknown, string] => [name, name, 'unpriced-model']),
    ['another case', 'OpenAI/GPT-OSS-20B', 'unpriced-model'],
    ['a trailing space', `${MODEL} `, 'unpriced-model'],
    ['a trailing zero', `${MODEL}\0`, 'unpriced-model'],
    ['a full-width letter', MODEL.replace('o', 'ｏ'), 'unpriced-model'],
    ['a list', [MODEL], 'invalid-request'],
    ['an object', { toString: () => MODEL }, 'invalid-request'],
    ['a number', 5, 'invalid-request'],
    ['nothing', undefined, 'invalid-request'],
    ['null', null, 'invalid-request'],
    ['an empty text', '', 'invalid-request'],
    ['a very long text', MODEL.padEnd(100_000, 'x'), 'invalid-request'],
  ])('%s is refused', async (_, model, code) => {
    const { client, mock, records } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
    const error = await rejection(client.post(CHAT, { body: { ...params, model } }));
    expect(error).toMatchObject({ code });
    expect(error.message.length).toBeLessThan(1000);
    expect(mock.calls).toHaveLength(0);
    expect(records.map(({ costNanos }) => costNanos)).toEqual([0]);
  });

  it.each(INHERITED)('%s is not allowed by a list that does not name it', async (model) => {
    const { client } = scene(
      { teams: { a: { allowedModels: [MODEL] } }, unpricedModels: { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } },
      { team: 'a' },
    );
    expect(await rejection(client.post(CHAT, { body: { ...params, model } }))).toMatchObject({ code: 'model-not-allowed' });
  });
});
