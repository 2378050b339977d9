// Numbers that a comparison would wave through.
import { describe, expect, it } from 'vitest';
import { CHAT, MESSAGES, MODEL, rejection, scene } from './support';

const body = { model: MODEL, messages: MESSAGES };
const teams = { a: { monthlyBudgetUsd: 1, maxTokensPerRequest: 1000 }, free: { allowedModels: [MODEL] } };

const BAD: readonly (readonly [string, unknown])[] = [
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-1', -1],
  ['0', 0],
  ['-0', -0],
  ['1.5', 1.5],
  ["'100'", '100'],
  ['1e308', 1e308],
  ['above 2^53', 2 ** 53],
  ['a list', [100]],
  ['an object', {}],
  ['true', true],
  ['false', false],
  ["''", ''],
];

describe.each(['max_completion_tokens', 'max_tokens'])('%s', (field) => {
  it.each(BAD)('%s is refused', async (_, value) => {
    for (const team of ['a', 'free']) {
      const { client, mock, records } = scene({ teams }, { team });
      const error = await rejection(client.post(CHAT, { body: { ...body, [field]: value } }));
      expect(error).toMatchObject({ name: 'PolicyDeniedError', code: 'invalid-request', rule: field });
      expect(error.message).toContain(field);
      expect(mock.calls).toHaveLength(0);
      expect(records.map(({ costNanos, outcome }) => [costNanos, outcome])).toEqual([[0, 'denied']]);
    }
  });

  it.each(BAD)('%s is refused as text too', async (_, value) => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    const text = JSON.stringify({ ...body, [field]: value });
    const kept = (JSON.parse(text) as Record<string, unknown>)[field] !== null;
    const call = client.post(CHAT, { body: text, headers: { 'content-type': 'application/json' } } as never);
    if (!kept) return void (await call);
    expect(await rejection(call)).toMatchObject({ code: 'invalid-request', rule: field });
    expect(mock.calls).toHaveLength(0);
  });

  it('a BigInt is not sent', async () => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    await rejection(client.post(CHAT, { body: { ...body, [field]: 100n } }));
    expect(mock.calls).toHaveLength(0);
  });

  it('null is none: the bound is injected', async () => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    await client.post(CHAT, { body: { ...body, [field]: null } });
    expect(mock.calls[0]?.body).toMatchObject({ max_completion_tokens: 1000 });
  });

  it('the largest whole number is refused with a message, not with a RangeError', async () => {
    for (const team of ['a', 'free', 'budget']) {
      const { client, mock } = scene({ teams: { ...teams, budget: { monthlyBudgetUsd: 1 } } }, { team });
      const error = await client.post(CHAT, { body: { ...body, [field]: Number.MAX_SAFE_INTEGER } }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ name: expect.stringMatching(/PolicyDeniedError|BudgetExceededError/) as string });
      expect(mock.calls).toHaveLength(0);
    }
  });

  it('the largest whole number is explained, not thrown', async () => {
    const { governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } });
    expect(await governor.explain({ ...body, [field]: Number.MAX_SAFE_INTEGER }, { team: 'a' })).toMatchObject({
      allowed: false,
    });
  });
});

describe('both fields', () => {
  it('equal are one bound', async () => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    await client.post(CHAT, { body: { ...body, max_tokens: 7, max_completion_tokens: 7 } });
    expect(mock.calls[0]?.body).toMatchObject({ max_tokens: 7, max_completion_tokens: 7 });
  });

  it('different are refused', async () => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    expect(await rejection(client.post(CHAT, { body: { ...body, max_tokens: 7, max_completion_tokens: 8 } }))).toMatchObject({
      code: 'invalid-request',
    });
    expect(await rejection(client.post(CHAT, { body: { ...body, max_tokens: 5000, max_completion_tokens: 8 } }))).toMatchObject(
      { code: 'invalid-request' },
    );
    expect(mock.calls).toHaveLength(0);
  });

  it('one null leaves the other', async () => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    await client.post(CHAT, { body: { ...body, max_tokens: null, max_completion_tokens: 8 } });
    expect(
      await rejection(client.post(CHAT, { body: { ...body, max_tokens: 5000, max_completion_tokens: null } })),
    ).toMatchObject({ code: 'max-tokens-exceeded' });
    expect(mock.calls).toHaveLength(1);
  });

  it('both lowered where the budget clamps', async () => {
    const { client, mock } = scene({ teams: { a: { monthlyBudgetUsd: 0.00002, clampToBudget: true } } }, { team: 'a' });
    await client.post(CHAT, { body: { ...body, max_tokens: 5000, max_completion_tokens: 5000 } });
    // (20,000 - 112 × 75) ÷ 300
    expect(mock.calls[0]?.body).toMatchObject({ max_tokens: 38, max_completion_tokens: 38 });
  });
});

describe('n', () => {
  it.each<readonly [string, unknown]>([...BAD, ['50', 50], ['2', 2], ["'1'", '1']])('%s is refused', async (_, n) => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    expect(await rejection(client.post(CHAT, { body: { ...body, n } }))).toMatchObject({ code: 'invalid-request', rule: 'n' });
    expect(mock.calls).toHaveLength(0);
  });

  it.each([[1], [null], [undefined]])('%s is let through', async (n) => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    await client.post(CHAT, { body: { ...body, n } });
    expect(mock.calls).toHaveLength(1);
  });
});
