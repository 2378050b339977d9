// What is left behind, by whom it is told, and that no call suffers for it.
import { metrics, trace } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Events } from '../../src/events';
import { instrument } from '../../src/otel';
import { MESSAGES, MODEL, rejection, scene, settle, sum } from '../governor/support';
import { msOf, telemetry, useContexts } from './support';

useContexts();
// Ten thousand spans take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const PARAMS = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const BUDGET = { monthlyBudgetUsd: 100 };

const admitted = (callId: string, at: number): Parameters<typeof emitAdmitted>[1] => ({
  callId,
  at,
  team: 'a',
  user: undefined,
  operation: 'chat.completions',
  model: MODEL,
  heldNanos: 0,
  maxCompletionTokens: undefined,
  streaming: false,
});
function emitAdmitted(events: Events, value: Parameters<typeof events.emit<'call-admitted'>>[1]): void {
  events.emit('call-admitted', value);
}

describe('10,000 calls', () => {
  it('leave nothing behind, and add up', async () => {
    const here = scene({ teams: { a: { ...BUDGET, concurrency: 50, maxTokensPerRequest: 200 } } }, { team: 'a' });
    const told = telemetry();
    const { tracerProvider, meterProvider } = told.providers;
    // What is kept would be ended once more by stop().
    let ends = 0;
    const tracer = tracerProvider.getTracer('governed-groq');
    const startSpan: typeof tracer.startSpan = (...args) => {
      const span = tracer.startSpan(...args);
      const end = span.end.bind(span);
      return Object.assign(span, { end: (time?: Parameters<typeof end>[0]) => (ends++, end(time)) });
    };
    const counting = { getTracer: () => Object.assign(Object.create(tracer) as typeof tracer, { startSpan }) };
    const stop = instrument(here.client, { tracerProvider: counting, meterProvider, clock: here.clock });
    for (let round = 0; round < 100; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const refused = index % 10 === 0;
          const request = { ...PARAMS, max_completion_tokens: refused ? 201 : 1 + index };
          await here.client.chat.completions.create(request).then(null, () => {});
        }),
      );
    }
    await settle();
    expect(here.records).toHaveLength(10_000);
    expect(told.spans()).toHaveLength(10_000);
    expect(told.open()).toBe(0);
    expect(Math.round((await told.sum('governed_groq.cost')) * 1e9)).toBe(sum(here.records.map(({ costNanos }) => costNanos)));
    expect(await told.sum('governed_groq.calls.denied')).toBe(1_000);
    stop();
    expect(ends).toBe(10_000);
  });
});

describe('a call that never ends', () => {
  it('is given up after six hours, and not told of twice', async () => {
    const events = new Events();
    const told = telemetry();
    instrument({ on: events.on.bind(events) }, told.providers);
    const hour = 3_600_000;
    const start = Date.UTC(2026, 0, 1);
    emitAdmitted(events, admitted('lost', start));
    emitAdmitted(events, admitted('later', start + 6 * hour));
    expect(told.open()).toBe(2);
    emitAdmitted(events, admitted('last', start + 6 * hour + 1));
    const [span] = told.spans();
    expect(told.spans()).toHaveLength(1);
    expect(span?.attributes['governed_groq.outcome']).toBe('unknown');
    expect(span && msOf(span.endTime)).toBe(start + 6 * hour + 1);
    const here = scene({ teams: { a: BUDGET } }, { team: 'a' });
    await here.client.chat.completions.create(PARAMS);
    const [record] = here.records;
    if (record) events.emit('call-settled', { ...record, id: 'lost', at: start });
    expect(told.spans()).toHaveLength(1);
    // Its cost is known by now.
    expect(Math.round((await told.sum('governed_groq.cost')) * 1e9)).toBe(record?.costNanos);
  });

  it('makes room for others when there are too many', () => {
    const events = new Events();
    const told = telemetry();
    instrument({ on: events.on.bind(events) }, told.providers);
    for (let index = 0; index < 100_010; index++) emitAdmitted(events, admitted(`call ${index}`, index));
    expect(told.open()).toBe(100_000);
    expect(told.spans()).toHaveLength(10);
  });
});

describe('stopping', () => {
  it('ends what is open, and hears of nothing more', async () => {
    const here = scene({ teams: { a: { ...BUDGET, maxTokensPerRequest: 200 } } }, { team: 'a' });
    const told = telemetry();
    const stop = instrument(here.governor, { ...told.providers, clock: here.clock });
    here.mock.reply('chat.completions', { hang: true });
    const abort = new AbortController();
    const hanging = here.client.chat.completions.create(PARAMS, { signal: abort.signal }).then(null, () => {});
    await settle();
    await here.clock.advance(1_234);
    stop();
    const [span] = told.spans();
    expect(span?.attributes['governed_groq.outcome']).toBe('unknown');
    expect(span && msOf(span.endTime)).toBe(here.clock.now());
    abort.abort();
    await hanging;
    await here.client.chat.completions.create(PARAMS);
    await rejection(here.client.chat.completions.create({ ...PARAMS, max_completion_tokens: 500 }));
    await settle();
    stop();
    expect(told.spans()).toHaveLength(1);
    expect(told.open()).toBe(0);
    expect(await told.sum('governed_groq.cost')).toBe(0);
    expect(await told.sum('governed_groq.calls.denied')).toBe(0);
    // An SDK may go on showing a gauge; it is not moved any more.
    const used = await told.sum('governed_groq.budget.used');
    expect(used).toBe(0);
  });

  it('can begin anew, in the middle of a call', async () => {
    const here = scene({ teams: { a: BUDGET } }, { team: 'a' });
    const told = telemetry();
    instrument(here.governor, told.providers)();
    const stream = await here.client.chat.completions.create({ ...PARAMS, stream: true });
    instrument(here.governor, told.providers);
    for await (const _ of stream);
    await settle();
    expect(told.spans()).toHaveLength(1);
    expect(told.spans()[0]?.attributes['governed_groq.cost_nanos']).toBe(here.records[0]?.costNanos);
  });
});

describe('two governors', () => {
  it('share their spans and counters, and can be told apart', async () => {
    const told = telemetry();
    const [one, two] = ['one', 'two'].map((name) => {
      const here = scene({ teams: { a: BUDGET } }, { team: 'a' });
      return { ...here, stop: instrument(here.client, { ...told.providers, attributes: { governor: name } }) };
    });
    if (!one || !two) throw new Error('unreachable');
    await Promise.all([one, two, two].map(({ client }) => client.chat.completions.create(PARAMS)));
    await settle();
    const costs = [one, two].map(({ records }) => sum(records.map(({ costNanos }) => costNanos)));
    const told1 = await told.sum('governed_groq.cost', { governor: 'one' });
    const told2 = await told.sum('governed_groq.cost', { governor: 'two' });
    expect([told1, told2].map((usd) => Math.round(usd * 1e9))).toEqual(costs);
    expect((await told.points('governed_groq.budget.used')).map(({ attributes }) => attributes['governor'])).toEqual([
      'one',
      'two',
    ]);
    one.stop();
    await Promise.all([one, two].map(({ client }) => client.chat.completions.create(PARAMS)));
    await settle();
    expect(told.spans().map(({ attributes }) => attributes['governor'])).toEqual(['one', 'two', 'two', 'two']);
  });
});

describe('no call suffers', () => {
  it('from a tracer and a meter that throw', async () => {
    const here = scene({ teams: { a: { ...BUDGET, maxTokensPerRequest: 200 } } }, { team: 'a' });
    const fail = (): never => {
      throw new Error('broken');
    };
    const told = telemetry();
    const { tracerProvider, meterProvider } = told.providers;
    instrument(here.governor, {
      meterProvider,
      tracerProvider: { getTracer: () => ({ startSpan: fail, startActiveSpan: fail }) },
    });
    const meter = meterProvider.getMeter('x');
    const broken = { ...Object.fromEntries(['record', 'add'].map((name) => [name, fail])), record: fail, add: fail };
    instrument(here.governor, {
      tracerProvider,
      meterProvider: {
        getMeter: () =>
          Object.assign(Object.create(meter) as typeof meter, { createHistogram: () => broken, createCounter: () => broken }),
      },
    });
    const answer = await here.client.chat.completions.create(PARAMS);
    expect(answer.choices).toHaveLength(1);
    const error = await rejection(here.client.chat.completions.create({ ...PARAMS, max_completion_tokens: 500 }));
    expect(error).toMatchObject({ code: 'max-tokens-exceeded' });
    await settle();
    expect(here.records.map(({ outcome }) => outcome)).toEqual(['success', 'denied']);
    expect((await here.governor.reconcile()).gaps).toEqual([]);
  });

  it('where no SDK is set up', async () => {
    const here = scene({ teams: { a: BUDGET } }, { team: 'a' });
    const stop = instrument(here.client);
    await here.client.chat.completions.create(PARAMS);
    await settle();
    stop();
    expect(here.records.map(({ outcome }) => outcome)).toEqual(['success']);
  });
});

describe('the providers', () => {
  afterEach(() => {
    trace.disable();
    metrics.disable();
  });

  it('are the global ones, and that of spans may be set later', async () => {
    const here = scene({ teams: { a: BUDGET } }, { team: 'a' });
    const told = telemetry();
    metrics.setGlobalMeterProvider(told.providers.meterProvider);
    instrument(here.client);
    trace.setGlobalTracerProvider(told.providers.tracerProvider);
    await here.client.chat.completions.create(PARAMS);
    await settle();
    expect(told.spans()).toHaveLength(1);
    expect(await told.sum('governed_groq.cost')).toBeGreaterThan(0);
  });

  it('may be Prometheus’', async () => {
    const exporter = new PrometheusExporter({ host: '127.0.0.1', port: 0, preventServerStart: true });
    const meterProvider = new MeterProvider({ readers: [exporter] });
    const here = scene({ teams: { a: BUDGET } }, { team: 'a' });
    instrument(here.client, { meterProvider, clock: here.clock });
    await here.client.chat.completions.create(PARAMS);
    await settle();
    const { resourceMetrics } = await exporter.collect();
    const names = resourceMetrics.scopeMetrics.flatMap(({ metrics: all }) => all.map(({ descriptor }) => descriptor.name));
    expect(names).toEqual([
      'gen_ai.client.token.usage',
      'gen_ai.client.operation.duration',
      'governed_groq.wait.duration',
      'governed_groq.cost',
      'governed_groq.budget.used',
      'governed_groq.budget.held',
      'governed_groq.budget.limit',
    ]);
    await meterProvider.shutdown();
  });
});

describe('options', () => {
  it.each<[string, object, RegExp]>([
    ['unknown', { tracer: {} }, /tracer: Unknown option\. Known options: tracerProvider, /],
    ['tags that are no list', { tags: 'feature' }, /tags: Expected the names of tags, e\.g\. \['feature'\]/],
    ['tags that are no names', { tags: [1] }, /tags: Expected the names of tags/],
    ['users that are neither', { users: 'yes' }, /users: Expected true or false/],
  ])('%s are refused', (_, options, message) => {
    const { governor } = scene({});
    expect(() => instrument(governor, options)).toThrow(message);
    expect(() => instrument(governor, options)).toThrow(expect.objectContaining({ code: 'invalid-config' }));
  });
});
