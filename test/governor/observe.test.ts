// mode 'observe': everything is decided and recorded, nothing is refused, delayed or changed.
import { describe, expect, it } from 'vitest';
import type { CallDenied } from '../../src/events';
import type { Governance } from '../../src/governance';
import { CHAT, MESSAGES, MODEL, type Scene, holdOf, scene, settle } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };

function observed(governance: Governance, team = 'a'): Scene & { readonly denied: CallDenied[] } {
  const here = scene({ ...governance, mode: 'observe' }, { team });
  const denied: CallDenied[] = [];
  here.governor.on('call-denied', (event) => denied.push(event));
  return { ...here, denied };
}

describe('a call that would have been refused goes out as it is', () => {
  it.each<[string, Governance, object, string]>([
    ['model', { teams: { a: { allowedModels: ['openai/gpt-oss-120b'] } } }, {}, 'model-not-allowed'],
    ['tokens', { teams: { a: { maxTokensPerRequest: 10 } } }, {}, 'max-tokens-exceeded'],
    ['n', { teams: { a: {} } }, { n: 1.5 }, 'invalid-request'],
    ['budget', { teams: { a: { monthlyBudgetUsd: 0 } } }, {}, 'budget-exceeded'],
    ['price', { teams: { a: {} } }, { model: 'nobody/knows' }, 'unpriced-model'],
    [
      'policy',
      { teams: { a: {} }, policies: [{ name: 'no', check: () => ({ action: 'deny', reason: 'no' }) }] },
      {},
      'policy-denied',
    ],
    ['team', { teams: { b: {} } }, {}, 'unknown-team'],
  ])('%s', async (_, governance, change, code) => {
    const here = observed(governance);
    here.mock.reply('chat.completions', (request) => ({
      json: { model: request.body['model'], usage: { prompt_tokens: 1, completion_tokens: 1 } },
    }));
    const body = { ...params, ...change };
    await here.client.post(CHAT, { body });
    expect(here.mock.calls.map((call) => call.body)).toEqual([body]);
    expect(here.denied).toMatchObject([{ code, observed: true }]);
    expect(here.records).toMatchObject([{ outcome: 'success' }]);
  });

  it.each<[string, object]>([
    ['a body that is text', { body: 'hello', headers: { 'content-type': 'text/plain' } }],
    ['a list', { body: [] }],
    ['bytes', { body: new Uint8Array(3) }],
    ['the largest number of tokens', { body: { ...params, max_completion_tokens: Number.MAX_SAFE_INTEGER } }],
    ['no model', { body: { messages: MESSAGES } }],
    ['no body', {}],
  ])('%s', async (_, options) => {
    const here = observed({ teams: { a: { monthlyBudgetUsd: 1 } } });
    here.mock.reply('*', { json: { ok: true } });
    expect(await here.client.post(CHAT, options)).toEqual({ ok: true });
    expect(here.mock.calls).toHaveLength(1);
  });

  it('an unknown endpoint', async () => {
    const here = observed({ teams: { a: {} } });
    here.mock.reply('*', { json: { ok: true } });
    expect(await here.client.post('/openai/v1/videos', { body: {} })).toEqual({ ok: true });
    expect(here.denied).toMatchObject([{ code: 'ungoverned-request', observed: true }]);
  });

  it('a request that never fits a limit, and it is told', async () => {
    const here = observed({ teams: { a: { rateLimitRPM: 0 } } });
    await here.client.chat.completions.create(params);
    await settle();
    expect(here.mock.calls).toHaveLength(1);
    expect(here.denied).toMatchObject([{ code: 'rate-limit-wait', observed: true }]);
  });
});

describe('what is spent', () => {
  it('is counted against the limits that are not enforced', async () => {
    const here = observed({ teams: { a: { monthlyBudgetUsd: holdOf(100) / 1e9 } } });
    for (let calls = 0; calls < 20; calls++) await here.client.chat.completions.create(params);
    const { rows } = await here.governor.report();
    expect(rows[0]).toMatchObject({ calls: 20, denied: 0 });
    expect(rows[0]?.budgetUsed).toBeGreaterThan(1);
    expect(here.denied.length).toBeGreaterThan(10);
    expect(here.denied[0]).toMatchObject({ code: 'budget-exceeded' });
    expect(await here.governor.reconcile()).toMatchObject({ live: [], gaps: [] });
  });
});

describe('waiting', () => {
  it('is none', async () => {
    const here = observed({ teams: { a: { rateLimitRPM: 1, concurrency: 1 } } });
    const start = here.clock.now();
    await Promise.all(Array.from({ length: 5 }, () => here.client.chat.completions.create(params)));
    expect(here.clock.now()).toBe(start);
    expect(here.mock.calls).toHaveLength(5);
  });
});
