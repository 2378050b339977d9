// One span per call: where it hangs, what it says, and when it was.
import { SpanKind, SpanStatusCode, context } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { fetchScene } from '../fetch/support';
import type { Governance } from '../../src/governance';
import { Coalescer } from '../../src/coalescer';
import { instrument } from '../../src/otel';
import type { BudgetStore, Hold, Reserved } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import {
  MESSAGES,
  MODEL,
  type Scene,
  type SceneOptions,
  drain,
  rejection,
  scene,
  settle,
  until,
  usage,
} from '../governor/support';
import { type Telemetry, msOf, telemetry, useContexts } from './support';

useContexts();

const PARAMS = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const BUDGET = { monthlyBudgetUsd: 1 };

function storeWith(changes: Partial<BudgetStore>): BudgetStore {
  const store = memoryBudgetStore();
  return {
    reserve: (hold) => store.reserve(hold),
    settle: (settlement) => store.settle(settlement),
    read: (accounts, at) => store.read(accounts, at),
    ...changes,
  };
}

interface Watched extends Scene, Telemetry {
  readonly stop: () => void;
}

function watched(governance: Governance = { teams: { a: BUDGET } }, options: SceneOptions = {}): Watched {
  const here = scene(governance, { ...(governance.teams && { team: 'a' }), ...options });
  const told = telemetry();
  const stop = instrument(here.client, { ...told.providers, clock: here.clock });
  return { ...here, ...told, stop };
}

const only = ({ spans }: Telemetry): ReturnType<Telemetry['spans']>[number] => {
  const [span, ...others] = spans();
  if (span === undefined || others.length > 0) throw new Error(`expected one span, got ${spans().length}`);
  return span;
};

describe('a call', () => {
  it('is a span with the names of the conventions, and ours', async () => {
    const here = watched(
      { teams: { a: BUDGET }, keys: { key: () => ({ id: 'a-prod', secret: 'gsk_secret' }) } },
      { mock: { latencyMs: 250 } },
    );
    here.mock.reply('chat.completions', {
      content: 'Hello',
      usage: {
        ...usage(70, 10),
        prompt_tokens_details: { cached_tokens: 20 },
        completion_tokens_details: { reasoning_tokens: 4 },
      },
    });
    const start = here.clock.now();
    await here.clock.runUntil(here.client.chat.completions.create(PARAMS));
    await settle();
    const span = only(here);
    const [record] = here.records;
    expect(span.name).toBe(`chat ${MODEL}`);
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.instrumentationScope.name).toBe('governed-groq');
    expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(span.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'groq',
      'gen_ai.request.model': MODEL,
      'gen_ai.request.max_tokens': 100,
      'gen_ai.usage.input_tokens': 70,
      'gen_ai.usage.cache_read.input_tokens': 20,
      'gen_ai.usage.output_tokens': 10,
      'gen_ai.usage.reasoning.output_tokens': 4,
      'governed_groq.operation': 'chat.completions',
      'governed_groq.team': 'a',
      'governed_groq.cost_nanos': record?.costNanos,
      'governed_groq.cost_usd': (record?.costNanos ?? 0) / 1e9,
      'governed_groq.price_version': record?.priceVersion,
      'governed_groq.accuracy': 'exact',
      'governed_groq.outcome': 'success',
      'governed_groq.attempts': 1,
      'governed_groq.wait_ms': 0,
      'governed_groq.key_id': 'a-prod',
    });
    expect(msOf(span.startTime)).toBe(start);
    expect(msOf(span.endTime)).toBe(start + 250);
    expect(record?.costNanos).toBeGreaterThan(0);
  });

  it('names user and tags only if it is asked to', async () => {
    const here = scene({ teams: { a: BUDGET } });
    const [open, closed] = [telemetry(), telemetry()];
    instrument(here.governor, {
      ...open.providers,
      users: true,
      tags: ['feature', 'constructor'],
      attributes: { 'server.address': 'x' },
    });
    instrument(here.governor, closed.providers);
    const client = here.client.withTeam('a', { user: 'ana', tags: { feature: 'search', secret: 'no' } });
    await client.chat.completions.create(PARAMS);
    await rejection(client.chat.completions.create({ ...PARAMS, model: 'nonsense' }));
    await settle();
    const extra = { 'governed_groq.user': 'ana', 'server.address': 'x' };
    const [answered, refused] = open.spans().map(({ attributes }) => attributes);
    expect(answered).toMatchObject({ ...extra, 'governed_groq.tag.feature': 'search' });
    expect(refused).toMatchObject(extra);
    expect(JSON.stringify(open.spans().map(({ attributes }) => attributes))).not.toContain('"no"');
    expect(JSON.stringify(closed.spans().map(({ attributes }) => attributes))).not.toMatch(/ana|search|server\.address/);
  });

  it.each([
    ['embeddings', { model: 'nomic-embed-text-v1_5', input: 'x' }, '/openai/v1/embeddings', 'embeddings'],
    ['responses', { model: MODEL, input: 'hi', max_output_tokens: 10 }, '/openai/v1/responses', 'chat'],
    ['audio.speech', { model: 'playai-tts', input: 'hi', voice: 'x' }, '/openai/v1/audio/speech', 'audio.speech'],
  ])('of %s is named by the conventions where they have a name', async (operation, body, path, name) => {
    const here = watched({ teams: { a: {} }, unpricedModels: { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } });
    await here.client.post(path, { body }).asResponse();
    await settle();
    here.stop();
    expect(only(here)).toMatchObject({
      name: `${name} ${body.model}`,
      attributes: { 'gen_ai.operation.name': name, 'governed_groq.operation': operation },
    });
  });

  it('without a model is named by what it does', async () => {
    const here = watched();
    await here.client.models.list();
    await settle();
    const { name, attributes } = only(here);
    expect(name).toBe('models.list');
    expect(attributes).not.toHaveProperty('gen_ai.request.model');
    expect(attributes).not.toHaveProperty('gen_ai.usage.input_tokens');
  });

  it('of a client without governance is a span too', async () => {
    const here = watched({});
    await here.client.chat.completions.create(PARAMS);
    await settle();
    expect(only(here).attributes).toMatchObject({ 'governed_groq.team': 'default', 'governed_groq.outcome': 'success' });
  });
});

describe('the parent is what was active where the call was made', () => {
  const slow = (): Governance => {
    const store = memoryBudgetStore();
    const later = <T>(work: () => Promise<T>): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(work()), 5));
    const budgetStore = storeWith({
      reserve: (hold) => later(() => store.reserve(hold)),
      settle: (settlement) => later(() => store.settle(settlement)),
    });
    return { budgetStore };
  };
  const call = async (here: Watched): Promise<unknown> => here.client.chat.completions.create(PARAMS);

  it.each<[string, Governance, (here: Watched) => Promise<unknown>]>([
    ['ungoverned', {}, call],
    ['that holds nothing', { teams: { a: {} } }, call],
    ['held in memory', { teams: { a: BUDGET } }, call],
    ['held by a store that takes its time', { teams: { a: BUDGET }, ...slow() }, call],
    [
      'of a policy that takes its time',
      { teams: { a: {} }, policies: [{ name: 'p', check: () => Promise.resolve({ action: 'allow' }) }] },
      call,
    ],
    [
      'as a response',
      { teams: { a: BUDGET } },
      async ({ client }) => (await client.chat.completions.create(PARAMS).asResponse()).text(),
    ],
    [
      'streamed',
      { teams: { a: BUDGET } },
      async ({ client }) => drain(await client.chat.completions.create({ ...PARAMS, stream: true })),
    ],
    ['refused', { teams: { a: { maxTokensPerRequest: 5 } } }, (here) => call(here).catch(() => {})],
    ['refused by a budget', { teams: { a: { monthlyBudgetUsd: 0 } }, ...slow() }, (here) => call(here).catch(() => {})],
  ])('%s', async (_, governance, run) => {
    const here = watched(governance);
    const parent = await here.within('handler', async (span) => {
      await run(here);
      return span.spanContext();
    });
    await until(() => here.spans().length === 1);
    const span = only(here);
    expect(span.parentSpanContext?.spanId).toBe(parent.spanId);
    expect(span.spanContext().traceId).toBe(parent.traceId);
  });

  it('of each of many that are held together, and of those that wait', async () => {
    const store = memoryBudgetStore();
    const together = new Coalescer<Hold, Reserved>({
      name: 'store',
      maxItems: 7,
      run: (holds) =>
        new Promise((resolve) => setTimeout(() => resolve(Promise.all(holds.map((each) => store.reserve(each)))), 2)),
    });
    const budgetStore = storeWith({ reserve: (hold) => together.ask(hold), settle: (settlement) => store.settle(settlement) });
    const here = watched({ teams: { a: { ...BUDGET, concurrency: 3 } }, budgetStore }, { mock: { latencyMs: 10 } });
    const parents = new Map<string, string>();
    const calls = Array.from({ length: 30 }, (_, index) =>
      here.within(`handler ${index}`, async (span) => {
        const answer = await here.client.chat.completions.create({ ...PARAMS, max_completion_tokens: index + 10 });
        parents.set(span.spanContext().spanId, String(index + 10));
        return answer;
      }),
    );
    await here.clock.runUntil(Promise.all(calls));
    await until(() => here.spans().length === 30);
    for (const { parentSpanContext, attributes } of here.spans()) {
      expect(parents.get(parentSpanContext?.spanId ?? '')).toBe(String(attributes['gen_ai.request.max_tokens']));
    }
    expect(here.records.some(({ waitMs }) => waitMs > 0)).toBe(true);
  });

  it('also if the stream is read elsewhere', async () => {
    const here = watched();
    const [parent, stream] = await here.within('handler', async (span) => [
      span.spanContext(),
      await here.client.chat.completions.create({ ...PARAMS, stream: true }),
    ]);
    await here.within('reader', () => drain(stream));
    await until(() => here.spans().length === 1);
    expect(only(here).parentSpanContext?.spanId).toBe(parent.spanId);
  });

  it('of the governed fetch', async () => {
    const here = fetchScene();
    const told = telemetry();
    instrument(here.fetch, { ...told.providers, clock: here.clock });
    const parent = await told.within('handler', async (span) => {
      await (await here.chat()).json();
      return span.spanContext();
    });
    await until(() => told.spans().length === 1);
    expect(only(told).parentSpanContext?.spanId).toBe(parent.spanId);
  });

  it('which is none outside of any', async () => {
    const here = watched();
    await here.client.chat.completions.create(PARAMS);
    await settle();
    expect(only(here).parentSpanContext).toBeUndefined();
    expect(context.active().getValue(Symbol('x'))).toBeUndefined();
  });
});

describe('a stream', () => {
  it('says so, and has its usage', async () => {
    const here = watched();
    here.mock.reply('chat.completions', { content: 'one two three', usage: usage(70, 3) });
    await drain(await here.client.chat.completions.create({ ...PARAMS, stream: true }));
    await settle();
    expect(only(here).attributes).toMatchObject({
      'gen_ai.request.stream': true,
      'gen_ai.usage.input_tokens': 70,
      'gen_ai.usage.output_tokens': 3,
      'governed_groq.accuracy': 'exact',
    });
  });

  it('that is left is no error', async () => {
    const here = watched();
    here.mock.reply('chat.completions', { content: 'one two three four five six' });
    for await (const _ of await here.client.chat.completions.create({ ...PARAMS, stream: true })) break;
    await settle();
    const { status, attributes } = only(here);
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(attributes).toMatchObject({ 'governed_groq.outcome': 'aborted', 'governed_groq.accuracy': 'estimated' });
    expect(attributes).not.toHaveProperty('error.type');
    expect(attributes['governed_groq.cost_nanos']).toBe(here.records[0]?.costNanos);
  });

  it('that breaks is one', async () => {
    const here = watched();
    here.mock.reply('chat.completions', { content: 'one two three four', cutAfter: 2, how: 'reset' });
    const { error } = await drain(await here.client.chat.completions.create({ ...PARAMS, stream: true }));
    await settle();
    expect(error).toBeDefined();
    expect(only(here)).toMatchObject({ status: { code: SpanStatusCode.ERROR }, attributes: { 'error.type': '_OTHER' } });
  });
});

describe('a call that fails', () => {
  it('is an error', async () => {
    const here = watched();
    here.mock.reply('chat.completions', { status: 500, error: { message: 'PROMPTMARKER' } });
    await rejection(here.client.chat.completions.create(PARAMS));
    await settle();
    const span = only(here);
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.attributes).toMatchObject({
      'error.type': '_OTHER',
      'governed_groq.outcome': 'error',
      'governed_groq.cost_nanos': 0,
      'governed_groq.attempts': 1,
    });
    expect(span.events).toEqual([]);
  });

  it('is one span with all its attempts', async () => {
    const here = watched({ teams: { a: BUDGET } }, { client: { maxRetries: 3 } });
    here.mock.reply('chat.completions', { status: 503 });
    here.mock.reply('chat.completions', { status: 429, retryAfter: 7 });
    const start = here.clock.now();
    await here.clock.runUntil(here.client.chat.completions.create(PARAMS));
    await settle();
    const span = only(here);
    const [record] = here.records;
    expect(span.attributes).toMatchObject({ 'governed_groq.attempts': 3, 'governed_groq.outcome': 'success' });
    expect(span.attributes['governed_groq.wait_ms']).toBe(record?.waitMs);
    expect(record?.waitMs).toBeGreaterThanOrEqual(7_000);
    expect(msOf(span.endTime) - start).toBe((record?.waitMs ?? 0) + (record?.latencyMs ?? 0));
    const [first, ...rest] = span.events.map(({ name, attributes }) => ({ name, attributes }));
    expect(first).toEqual({
      name: 'rate-limited',
      attributes: { 'governed_groq.by': 'provider', 'governed_groq.retry_after_ms': 7_000 },
    });
    expect(rest.every(({ name, attributes }) => name === 'rate-limited' && attributes?.['governed_groq.by'] === 'local')).toBe(
      true,
    );
    const [told] = span.events;
    expect(told && msOf(told.time)).toBeLessThan(msOf(span.endTime));
    expect(told && msOf(told.time)).toBeGreaterThanOrEqual(start);
  });

  it('for its key and goes on with another says so', async () => {
    const key = ({ rejectedKeyId }: { rejectedKeyId?: string | undefined }): { id: string; secret: string } =>
      rejectedKeyId === undefined ? { id: 'old', secret: 'gsk_old' } : { id: 'new', secret: 'gsk_new' };
    const here = watched({ teams: { a: BUDGET }, keys: { key } }, { client: { maxRetries: 1 } });
    here.mock.reply('chat.completions', { status: 401 });
    await here.client.chat.completions.create(PARAMS);
    await settle();
    const span = only(here);
    expect(span.attributes).toMatchObject({ 'governed_groq.key_id': 'new', 'governed_groq.attempts': 2 });
    expect(span.events).toMatchObject([
      { name: 'key-changed', attributes: { 'governed_groq.from_key_id': 'old', 'governed_groq.to_key_id': 'new' } },
    ]);
  });

  it('by a timeout has that as its type', async () => {
    const here = watched({ teams: { a: BUDGET } }, { client: { timeout: 20 } });
    here.mock.reply('chat.completions', { hang: true });
    await rejection(here.client.chat.completions.create(PARAMS));
    await settle();
    expect(only(here)).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'timeout', 'governed_groq.accuracy': 'held' },
    });
    // What it was held for, which is all that is known.
    expect(only(here).attributes['governed_groq.cost_nanos']).toBe(here.records[0]?.costNanos);
  });

  it('because its caller gave up is none, and ends when he did', async () => {
    const here = watched();
    here.mock.reply('chat.completions', { hang: true });
    const start = here.clock.now();
    const abort = new AbortController();
    const call = here.client.chat.completions.create(PARAMS, { signal: abort.signal }).then(null, () => {});
    await settle();
    await here.clock.advance(400);
    abort.abort();
    await call;
    await here.clock.advance(9_000);
    const span = only(here);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes['governed_groq.outcome']).toBe('aborted');
    expect(msOf(span.startTime)).toBe(start);
    expect(msOf(span.endTime)).toBe(start + 400);
  });

  it('before anything was decided is a span too', async () => {
    const here = watched({ teams: { a: BUDGET }, budgetStore: storeWith({ reserve: () => new Promise(() => {}) }) });
    const abort = new AbortController();
    await here.within('handler', async (parent) => {
      const call = here.client.chat.completions.create(PARAMS, { signal: abort.signal }).then(null, () => {});
      await settle();
      abort.abort();
      await call;
      await settle();
      const span = only(here);
      expect(span.attributes).toMatchObject({ 'governed_groq.outcome': 'aborted', 'governed_groq.attempts': 0 });
      expect(span.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
    });
  });

  it('in the store tells which, and of nothing else', async () => {
    const store = memoryBudgetStore();
    const reserve = (): Promise<never> => Promise.reject(new Error('redis://user:SECRETMARKER@host'));
    const here = watched({ teams: { a: BUDGET }, budgetStore: storeWith({ reserve }), onStoreFailure: 'allow' });
    let failed = false;
    const settling = watched({
      teams: { a: BUDGET },
      budgetStore: storeWith({
        settle: (settlement) => (failed ? store.settle(settlement) : ((failed = true), reserve())),
      }),
    });
    await here.client.chat.completions.create(PARAMS);
    await settling.client.chat.completions.create(PARAMS);
    await settle();
    const start = settling.clock.now();
    await settling.clock.advance(1_000);
    expect(only(here).attributes['governed_groq.ungoverned']).toBe(true);
    const { events, endTime } = only(settling);
    expect(events).toMatchObject([
      { name: 'store-unavailable', attributes: { 'governed_groq.store': 'budgetStore', 'governed_groq.during': 'settle' } },
    ]);
    // When it was told is not when it ended.
    expect(msOf(endTime)).toBe(start);
    expect(
      JSON.stringify([...here.spans(), ...settling.spans()].map(({ events: all, attributes }) => [all, attributes])),
    ).not.toContain('SECRETMARKER');
  });
});

describe('a call that is refused', () => {
  it.each<[string, Governance, object, object]>([
    [
      'by a rule',
      { teams: { a: { maxTokensPerRequest: 50 } } },
      {},
      { code: 'max-tokens-exceeded', by: 'maxTokensPerRequest' },
    ],
    ['by a budget', { teams: { a: { monthlyBudgetUsd: 0.000001 } } }, {}, { code: 'budget-exceeded', by: 'a/month' }],
    ['for its price', { teams: { a: BUDGET } }, { model: 'nonsense' }, { code: 'unpriced-model' }],
    [
      'by a limit it can never meet',
      { teams: { a: { rateLimitTPM: 50 } } },
      {},
      { code: 'rate-limit-wait', by: 'a/tokens per minute' },
    ],
  ])('%s is a short span that says why', async (_, governance, changes, { code, by }: { code?: string; by?: string }) => {
    const here = watched(governance);
    const error = await rejection(here.client.chat.completions.create({ ...PARAMS, ...changes }));
    await settle();
    const span = only(here);
    expect(error).toMatchObject({ code });
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: code });
    expect(span.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'error.type': code,
      'governed_groq.denied_code': code,
      'governed_groq.outcome': 'denied',
      'governed_groq.team': 'a',
    });
    expect(span.attributes['governed_groq.denied_by']).toBe(by);
    expect(msOf(span.endTime)).toBe(msOf(span.startTime));
    expect(here.open()).toBe(0);
  });

  it('by a policy tells its name, and never what it says', async () => {
    const here = watched({
      teams: { a: {} },
      policies: [{ name: 'quiet-hours', check: () => ({ action: 'deny', reason: 'PROMPTMARKER' }) }],
    });
    await rejection(here.client.chat.completions.create(PARAMS));
    await settle();
    const { attributes, status, events } = only(here);
    expect(attributes['governed_groq.denied_by']).toBe('quiet-hours');
    expect(JSON.stringify([attributes, status, events])).not.toContain('PROMPTMARKER');
  });

  it('after it was admitted and has waited is the one span that it was', async () => {
    const here = watched({ teams: { a: { ...BUDGET, rateLimitRPM: 1 } }, queueTimeoutMs: 5_000 });
    await here.client.chat.completions.create(PARAMS);
    const start = here.clock.now();
    const ends = Promise.allSettled([
      here.client.chat.completions.create(PARAMS),
      rejection(here.client.chat.completions.create(PARAMS)),
    ]);
    await here.clock.runUntil(ends);
    await settle();
    const denied = here.spans().filter(({ attributes }) => attributes['governed_groq.outcome'] === 'denied');
    expect(denied).toHaveLength(2);
    expect(here.spans()).toHaveLength(3);
    for (const span of denied) {
      expect(span.attributes).toMatchObject({ 'error.type': 'rate-limit-wait', 'gen_ai.request.max_tokens': 100 });
      expect(msOf(span.startTime)).toBe(start);
      expect(msOf(span.endTime)).toBeLessThanOrEqual(start + 5_000);
      expect(span.events.map(({ name }) => name)).toEqual(['rate-limited']);
    }
    expect(here.open()).toBe(0);
  });

  it('after a store took its time began when it was made', async () => {
    const store = memoryBudgetStore();
    const here = watched({
      teams: { a: { monthlyBudgetUsd: 0 } },
      budgetStore: storeWith({ reserve: async (hold) => (await here.clock.sleep(80), store.reserve(hold)) }),
    });
    const start = here.clock.now();
    await here.clock.runUntil(rejection(here.client.chat.completions.create(PARAMS)));
    await settle();
    expect([msOf(only(here).startTime), msOf(only(here).endTime)]).toEqual([start, start + 80]);
  });

  it('in observe mode goes on, with a note of it', async () => {
    const here = watched({ mode: 'observe', teams: { a: { maxTokensPerRequest: 50, rateLimitRPM: 1 } } });
    await here.client.chat.completions.create(PARAMS);
    await settle();
    const span = only(here);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).toMatchObject({ 'governed_groq.outcome': 'success' });
    expect(span.attributes).not.toHaveProperty('error.type');
    expect(span.events).toMatchObject([
      {
        name: 'call-denied',
        attributes: { 'governed_groq.denied_code': 'max-tokens-exceeded', 'governed_groq.observed': true },
      },
    ]);
  });
});
