// mode 'observe': everything is decided and recorded, nothing is refused, delayed or changed.
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock';
import type { CallDenied } from '../../src/events';
import type { Governance } from '../../src/governance';
import type { RateLimiter } from '../../src/limit/rate-limiter';
import { sharedRateLimiter } from '../../src/limit/shared';
import type { SharedLimits } from '../../src/limit/shared-limits';
import { manualClock } from '../../src/testing/manual-clock';
import { MemorySharedLimits } from '../limit/memory-shared-limits';
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

describe('a rate limiter that several processes share', () => {
  const governance: Governance = { teams: { a: { rateLimitRPM: 3 } }, queueTimeoutMs: 50 };
  const shared = (clock: Clock, limits: SharedLimits = new MemorySharedLimits({ clock })): RateLimiter =>
    sharedRateLimiter({ limits, clock });

  it('counts the calls that it lets through, and tells of the others', async () => {
    const clock = manualClock();
    const rateLimiter = shared(clock);
    const here = observed({ ...governance, clock, rateLimiter });
    for (let calls = 0; calls < 10; calls++) await here.client.chat.completions.create(params);
    await clock.advance(100);
    expect(here.denied.map(({ code }) => code)).toEqual(Array.from({ length: 7 }, () => 'rate-limit-wait'));
    const { limits } = await here.governor.explain(params, { team: 'a' });
    expect(limits.find(({ name }) => name === 'a/requests per minute')).toMatchObject({ used: 3 });
    expect(limits.find(({ name }) => name === 'a/concurrency')).toMatchObject({ used: 0 });
  });

  it('that is away is told', async () => {
    const clock = manualClock();
    const limits = new MemorySharedLimits({ clock });
    const away: SharedLimits = {
      take: () => Promise.reject(new Error('away')),
      change: (changes) => limits.change(changes),
      learn: (snapshots) => limits.learn(snapshots),
      look: (demand) => limits.look(demand),
    };
    const here = observed({ ...governance, clock, rateLimiter: shared(clock, away) });
    const told: unknown[] = [];
    here.governor.on('store-unavailable', ({ store, during }) => told.push([store, during]));
    await here.client.chat.completions.create(params);
    await settle();
    expect(told).toEqual([['rateLimiter', 'acquire']]);
    expect(here.records).toMatchObject([{ outcome: 'success' }]);
  });
});
