// What a client is made into stays governed.
import Groq from 'groq-sdk';
import { describe, expect, it } from 'vitest';
import { GovernedGroq } from '../../src/client';
import { CHAT, MESSAGES, MODEL, rejection, scene } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const forbidden = { ...params, model: 'openai/gpt-oss-120b' };
const teams = { a: { allowedModels: [MODEL] }, b: {} };

describe('options of the client', () => {
  it.each([
    [{ teams }, 'teams: Write it as governance: { teams: … }'],
    [{ mode: 'observe' }, 'mode: Write it as governance: { mode: … }'],
    [{ governence: { teams } }, 'governence: Unknown option. Did you mean governance?'],
    [{ Governance: { teams } }, 'Governance: Unknown option. Did you mean governance?'],
  ])('%#: rules in the wrong place are not taken for none', (options, message) => {
    expect(() => new GovernedGroq({ apiKey: 'gsk_test', ...options })).toThrow(message);
  });
});

describe('withOptions()', () => {
  it.each<[string, object]>([
    ['nothing', {}],
    ['governance: undefined', { governance: undefined }],
    ['an empty governance', { governance: {} }],
    ['team: undefined', { team: undefined }],
    ['another team', { team: 'b' }],
    ['another binding', { binding: { team: 'b' } }],
    ['another key and base URL', { apiKey: 'gsk_other', baseURL: 'https://other.example' }],
    [
      'everything',
      {
        governance: undefined,
        team: undefined,
        binding: undefined,
        apiKey: 'gsk_other',
        baseURL: 'https://other.example',
        maxRetries: 1,
      },
    ],
    ['an own __proto__', JSON.parse('{"__proto__":{"governance":null}}') as object],
  ])('with %s keeps governance and team', async (_, options) => {
    const { client, mock, governor } = scene({ teams }, { team: 'a' });
    const copy = client.withOptions(options).withOptions({}).withOptions(options);
    expect(copy).toBeInstanceOf(GovernedGroq);
    expect(copy).toBeInstanceOf(Groq);
    expect(copy.governor).toBe(governor);
    expect(copy.team).toBe('a');
    expect(await rejection(copy.chat.completions.create(forbidden))).toMatchObject({ code: 'model-not-allowed', team: 'a' });
    expect(mock.calls).toHaveLength(0);
  });

  it('shares the budget with every copy', async () => {
    const { client, governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
    await client.chat.completions.create(params);
    await client.withOptions({ timeout: 1000 }).chat.completions.create(params);
    expect((await governor.report()).rows[0]?.calls).toBe(2);
  });
});

describe('a request that the client did not make', () => {
  it('is not sent by fetchWithTimeout()', async () => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    const error = await rejection(
      client.fetchWithTimeout(
        `https://api.groq.com${CHAT}`,
        { method: 'post', body: JSON.stringify(forbidden) },
        1000,
        new AbortController(),
      ),
    );
    expect(error).toMatchObject({ code: 'ungoverned-request', method: 'POST', path: CHAT });
    expect(mock.calls).toHaveLength(0);
  });

  it('is not sent with the built request of another', async () => {
    const { client, mock } = scene({ teams }, { team: 'a' });
    const built = await client.buildRequest({ method: 'post', path: CHAT, body: forbidden });
    await rejection(client.fetchWithTimeout(built.url, built.req, 1000, new AbortController()));
    expect(mock.calls).toHaveLength(0);
  });
});

describe('getters on the client’s options', () => {
  it('are read once', () => {
    let reads = 0;
    const options = {
      apiKey: 'k',
      get governance() {
        return reads++ === 0 ? { teams } : undefined;
      },
      get team() {
        return 'a';
      },
    };
    const client = new GovernedGroq(options);
    expect(reads).toBe(1);
    expect(client.governor.passive).toBe(false);
  });
});
