// explain() says what would happen, and nothing comes of it.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryBudgetStore } from '../../src/budget/memory';
import { isGovernanceError } from '../../src/errors';
import type { Governance } from '../../src/governance';
import { CHAT, MESSAGES, MODEL, type Scene, holdOf, scene, settle } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };

/** Explains a call, makes it, and says where the two differ. */
async function compare({ client, governor, mock, clock }: Scene, body: object, team: string): Promise<void> {
  const told = await governor.explain(body, { team });
  const before = mock.calls.length;
  const call = client.withTeam(team).post(CHAT, { body });
  const happened: unknown = await clock.runUntil(
    call.then(
      () => 'sent',
      (error: unknown) => error,
    ),
  );
  if (told.allowed) {
    expect(happened).toBe('sent');
    expect(mock.calls).toHaveLength(before + 1);
    if (told.maxCompletionTokens !== undefined)
      expect(mock.calls.at(-1)?.body['max_completion_tokens'] ?? mock.calls.at(-1)?.body['max_tokens']).toBe(
        told.maxCompletionTokens,
      );
    else expect(mock.calls.at(-1)?.body).not.toHaveProperty('max_completion_tokens');
  } else {
    if (!isGovernanceError(happened)) throw new Error(`told ${told.code}, got ${String(happened)}`);
    expect(happened.code).toBe(told.code);
    expect(mock.calls).toHaveLength(before);
  }
}

describe('what is explained', () => {
  it('is what happens', async () => {
    const bound = fc.oneof(fc.constant(undefined), fc.integer({ min: 1, max: 3000 }), fc.constantFrom(0, -1, 1.5, '5', null));
    const governance: Governance = {
      teams: {
        a: { allowedModels: ['openai/*'], maxTokensPerRequest: 1000, monthlyBudgetUsd: 0.0005 },
        b: { budgets: [{ limitUsd: 0.0002, window: 'day', per: 'model' }], defaultMaxTokens: 200, clampToBudget: true },
        c: { rateLimitTPM: 2000, rateLimitRPM: 3 },
        d: { rateLimitOTPM: 500, allowedTools: ['f'] },
        e: {},
      },
      organization: { deniedModels: ['qwen/*'], monthlyBudgetUsd: 0.003 },
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record(
            {
              team: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '__proto__'),
              model: fc.constantFrom(MODEL, MODEL, 'openai/gpt-oss-120b', 'qwen/qwen3.8-27b', 'nobody/knows', ''),
              max_completion_tokens: bound,
              max_tokens: fc.option(bound, { nil: undefined, freq: 5 }),
              n: fc.constantFrom(undefined, 1, 2),
              tools: fc.constantFrom(undefined, [{ type: 'function', function: { name: 'f' } }], [{ type: 'browser_search' }]),
              text: fc.string({ minLength: 1, maxLength: 40 }),
            },
            { requiredKeys: ['team', 'model', 'text'] },
          ),
          { minLength: 1, maxLength: 12 },
        ),
        async (calls) => {
          const here = scene(governance, { start: Date.UTC(2026, 4, 15) });
          for (const { team, text, ...body } of calls) {
            await compare(here, { ...body, messages: [{ role: 'user', content: text }] }, team);
            await here.clock.advance(10_000);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused if the wait would be too long', async () => {
    const here = scene({ teams: { a: { rateLimitRPM: 1 } }, queueTimeoutMs: 1000 });
    await compare(here, params, 'a');
    await compare(here, params, 'a');
  });

  it('is refused if the queue is full', async () => {
    const here = scene({ teams: { a: { rateLimitRPM: 1 } }, maxQueueSize: 0 });
    await compare(here, params, 'a');
    await compare(here, params, 'a');
  });

  it('is refused if the provider’s pause is too long', async () => {
    const here = scene({ teams: { a: {} }, maxRetryAfterMs: 1000 }, { mock: { limits: { tpm: 1000 } } });
    await compare(here, { ...params, max_completion_tokens: 800 }, 'a');
    await compare(here, { ...params, max_completion_tokens: 800 }, 'a');
  });
});

describe('explain()', () => {
  it('writes nothing and tells nobody', async () => {
    const store = memoryBudgetStore();
    const events: string[] = [];
    const here = scene({ teams: { a: { monthlyBudgetUsd: 1, rateLimitRPM: 1 } }, budgetStore: store });
    for (const event of ['call-admitted', 'call-denied', 'call-settled', 'rate-limited'] as const)
      here.governor.on(event, () => events.push(event));
    for (let times = 0; times < 5; times++) {
      expect(await here.governor.explain(params, { team: 'a' })).toMatchObject({ allowed: true, waitMs: 0 });
      expect(await here.governor.explain({ ...params, n: 2 }, { team: 'a' })).toMatchObject({
        allowed: false,
        code: 'invalid-request',
      });
    }
    await settle();
    expect(await store.openHolds?.(here.clock.now())).toEqual([]);
    expect({ events, records: here.records, calls: here.mock.calls }).toEqual({ events: [], records: [], calls: [] });
  });

  it('lists every limit, and which one binds', async () => {
    const here = scene({
      teams: { a: { monthlyBudgetUsd: 1, budgets: [{ limitUsd: holdOf(150) / 1e9, window: 'day' }], rateLimitRPM: 10 } },
      organization: { monthlyBudgetUsd: 100 },
    });
    const told = await here.governor.explain(params, { team: 'a' });
    expect(told.upperCostUsd).toBe(holdOf(100) / 1e9);
    expect(told.limits.filter(({ kind }) => kind === 'budget' || kind === 'requests')).toEqual([
      {
        name: 'a/month',
        kind: 'budget',
        cap: 1,
        used: 0,
        held: 0,
        requested: holdOf(100) / 1e9,
        resetsAt: Date.UTC(2026, 1, 1),
        binding: false,
      },
      {
        name: 'a/day',
        kind: 'budget',
        cap: holdOf(150) / 1e9,
        used: 0,
        held: 0,
        requested: holdOf(100) / 1e9,
        resetsAt: Date.UTC(2026, 0, 2),
        binding: true,
      },
      {
        name: 'organization/month',
        kind: 'budget',
        cap: 100,
        used: 0,
        held: 0,
        requested: holdOf(100) / 1e9,
        resetsAt: Date.UTC(2026, 1, 1),
        binding: false,
      },
      {
        name: 'a/requests per minute',
        kind: 'requests',
        cap: 10,
        used: 0,
        held: 0,
        requested: 1,
        resetsAt: here.clock.now(),
        binding: false,
      },
    ]);
    expect(told.limits.filter(({ binding }) => binding)).toHaveLength(1);
  });

  it('tells the expected wait', async () => {
    const here = scene({ teams: { a: { rateLimitRPM: 1 } } }, { team: 'a' });
    await here.client.chat.completions.create(params);
    await here.clock.advance(10_000);
    expect(await here.governor.explain(params, { team: 'a' })).toMatchObject({ allowed: true, waitMs: 50_000 });
  });

  it('lists the steps, with the rule that refused', async () => {
    const here = scene({ teams: { a: { maxTokensPerRequest: 10 } } });
    const told = await here.governor.explain(params, { team: 'a' });
    expect(told.code).toBe('max-tokens-exceeded');
    expect(told.decisions.at(-1)).toEqual({ rule: 'maxTokensPerRequest', action: 'deny', reason: told.reason });
    expect(told.decisions.slice(0, -1).every(({ action }) => action === 'allow')).toBe(true);
  });

  it('refuses an operation that it does not know', async () => {
    await expect(scene({}).governor.explain(params, { operation: 'videos' })).rejects.toMatchObject({
      code: 'invalid-request',
    });
  });
});

it('tells that a rate limiter cannot be asked, as a call would be told', async () => {
  const away = new Error('connect ECONNREFUSED');
  const rateLimiter = { acquire: () => Promise.reject(away), peek: () => Promise.reject(away) };
  for (const [onStoreFailure, allowed] of [
    ['deny', false],
    ['allow', true],
  ] as const) {
    const { governor } = scene({ teams: { a: {} }, rateLimiter, onStoreFailure });
    const explanation = await governor.explain({ model: MODEL, messages: MESSAGES }, { team: 'a' });
    expect([explanation.allowed, explanation.code]).toEqual([allowed, allowed ? undefined : 'store-unavailable']);
  }
});
