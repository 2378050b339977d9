// Requests whose form would let something past the rules.
import { describe, expect, it } from 'vitest';
import type { GovernedGroq } from '../../src/client';
import { allowModels, denyModels } from '../../src/policy/allow-models';
import { denyTools } from '../../src/policy/deny-tools';
import type { Policy } from '../../src/policy/policy';
import { groqPrices } from '../../src/price/groq-prices';
import { priceBook } from '../../src/price/price-book';
import { CHAT, MESSAGES, MODEL, rejection, scene } from '../governor/support';

const prices = priceBook({
  base: groqPrices,
  overrides: { 'groq/compound': { inputPerMillionUsd: 1, outputPerMillionUsd: 5 } },
});

const formOf = (fields: Record<string, string>): FormData => {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  return form;
};

it.each([CHAT, '/openai/v1/responses', '/openai/v1/embeddings', '/openai/v1/audio/speech'])(
  'a form to %s is refused: nothing can be written into it',
  async (path) => {
    const teams = { a: { monthlyBudgetUsd: 1 } };
    const { client, mock } = scene({ teams, unpricedModels: { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } }, { team: 'a' });
    const body = formOf({ model: MODEL, messages: JSON.stringify(MESSAGES), input: 'hi' });
    expect(await rejection(client.post(path, { body }))).toMatchObject({ code: 'invalid-request', rule: 'body' });
    expect(mock.calls).toEqual([]);
  },
);

it('speech of what is no text is refused: its length is not known', async () => {
  const { client, mock } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
  const speak = (input: unknown): Promise<unknown> =>
    client.post('/openai/v1/audio/speech', { body: { model: 'canopylabs/orpheus-v1-english', voice: 'hannah', input } });
  for (const input of [['x'.repeat(3000)], { text: 'x' }, 5, true])
    expect(await rejection(speak(input))).toMatchObject({ code: 'invalid-request', rule: 'input' });
  expect(mock.calls).toEqual([]);
});

describe('models that a request chooses for a system', () => {
  const ask = (client: GovernedGroq, models: unknown): Promise<unknown> =>
    client.post(CHAT, { body: { model: 'groq/compound', messages: MESSAGES, compound_custom: { models } } });

  it.each<readonly [object, unknown, string | undefined]>([
    [{ allowedModels: ['groq/compound'] }, { answering_model: 'openai/gpt-oss-120b' }, 'openai/gpt-oss-120b'],
    [{ allowedModels: ['groq/compound', MODEL] }, { answering_model: MODEL, reasoning_model: 'x/y' }, 'x/y'],
    [{ allowedModels: ['groq/compound', MODEL] }, { answering_model: MODEL, reasoning_model: null }, undefined],
    [{ allowedModels: ['groq/compound'] }, { answering_model: ['x'] }, 'object'],
    [{ allowedModels: ['groq/compound'] }, 'x/y', 'x/y'],
    [{ allowedModels: ['groq/compound'] }, null, undefined],
    [{ deniedModels: [MODEL] }, { reasoning_model: MODEL }, MODEL],
    [{}, { reasoning_model: 'x/y' }, undefined],
  ])('%j: %j', async (rules, models, refused) => {
    const { client, mock } = scene({ prices, teams: { a: { monthlyBudgetUsd: 1, ...rules } } }, { team: 'a' });
    if (refused === undefined) await ask(client, models);
    else expect(await rejection(ask(client, models))).toMatchObject({ code: 'model-not-allowed', requested: refused });
    expect(mock.calls).toHaveLength(refused === undefined ? 1 : 0);
  });

  it.each<readonly [string, Policy, object, string | undefined]>([
    ['a model', allowModels('groq/*'), { models: { answering_model: 'x/y' } }, '"x/y" is not among'],
    ['its own model alone', allowModels('groq/*'), {}, undefined],
    ['a denied model', denyModels('x/*'), { models: { answering_model: 'x/y' } }, '"x/y" is among'],
    ['another', denyModels('x/*'), { models: { answering_model: 'y/x' } }, undefined],
    ['all tools', denyTools('visit_website'), {}, '"visit_website"'],
    ['a denied tool', denyTools('visit_website'), { tools: { enabled_tools: ['visit_website'] } }, '"visit_website"'],
    ['another tool', denyTools('visit_website'), { tools: { enabled_tools: ['web_search'] } }, undefined],
  ])('policies see %s', async (_what, policy, setup, reason) => {
    const { client, mock } = scene({ prices, policies: [policy], teams: { a: {} } }, { team: 'a' });
    const call = client.post(CHAT, { body: { model: 'groq/compound', messages: MESSAGES, compound_custom: setup } });
    if (reason === undefined) await call;
    else expect((await rejection(call)).message).toContain(reason);
    expect(mock.calls).toHaveLength(reason === undefined ? 1 : 0);
  });
});
