// Metrics agree with the records, to the nano-dollar.
import { createAllowListAttributesProcessor } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { Governance } from '../../src/governance';
import { instrument } from '../../src/otel';
import {
  MESSAGES,
  MODEL,
  type Scene,
  type SceneOptions,
  drain,
  rejection,
  scene,
  settle,
  sum,
  usage,
} from '../governor/support';
import { lines, start as startBatch } from '../batch/support';
import { type Telemetry, telemetry } from './support';

const PARAMS = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };

interface Counted extends Scene, Telemetry {}

function counted(governance: Governance, options: SceneOptions & { readonly tags?: readonly string[] } = {}): Counted {
  const here = scene(governance, options);
  const told = telemetry();
  instrument(here.governor, { ...told.providers, clock: here.clock, tags: options.tags });
  return { ...here, ...told };
}

const nanos = (usd: number): number => Math.round(usd * 1e9);

describe('cost and tokens', () => {
  it('sum to what was recorded, whatever the ending', async () => {
    const here = counted(
      { teams: { a: { monthlyBudgetUsd: 50, maxTokensPerRequest: 1_000 }, b: { monthlyBudgetUsd: 0.0003 } } },
      { client: { timeout: 30 } },
    );
    const { mock } = here;
    const [a, b] = [here.client.withTeam('a'), here.client.withTeam('b')];
    for (let round = 0; round < 60; round++) {
      const kind = round % 6;
      const request = { ...PARAMS, max_completion_tokens: 50 + round };
      if (kind === 0)
        mock.reply('chat.completions', {
          content: 'x',
          usage: { ...usage(71 + round, 13), prompt_tokens_details: { cached_tokens: 9 } },
        });
      if (kind === 1) mock.reply('chat.completions', { content: 'one two three four five' });
      if (kind === 2) mock.reply('chat.completions', { status: 500 });
      if (kind === 3 && round < 20) mock.reply('chat.completions', { hang: true });
      if (kind === 4) await rejection(a.chat.completions.create({ ...request, max_completion_tokens: 5_000 }));
      else if (kind === 5) await b.chat.completions.create(request).then(null, () => {});
      else if (kind === 1) for await (const _ of await a.chat.completions.create({ ...request, stream: true })) break;
      else await a.chat.completions.create(request).then(null, () => {});
    }
    await settle();
    expect(new Set(here.records.map(({ outcome }) => outcome))).toEqual(
      new Set(['success', 'aborted', 'error', 'timeout', 'denied']),
    );
    expect(new Set(here.records.map(({ accuracy }) => accuracy))).toEqual(new Set(['exact', 'estimated', 'held']));
    for (const team of ['a', 'b']) {
      const records = here.records.filter((record) => record.team === team);
      const labels = { 'governed_groq.team': team };
      expect(nanos(await here.sum('governed_groq.cost', labels))).toBe(sum(records.map(({ costNanos }) => costNanos)));
      for (const accuracy of ['exact', 'estimated', 'held']) {
        const such = records.filter((record) => record.accuracy === accuracy);
        const labelled = { ...labels, 'governed_groq.accuracy': accuracy };
        expect(nanos(await here.sum('governed_groq.cost', labelled))).toBe(sum(such.map(({ costNanos }) => costNanos)));
      }
      const tokens = (type: string): Promise<number> =>
        here.sum('gen_ai.client.token.usage', { ...labels, 'gen_ai.token.type': type });
      expect(await tokens('input')).toBe(sum(records.map(({ promptTokens }) => promptTokens)));
      expect(await tokens('output')).toBe(sum(records.map(({ completionTokens }) => completionTokens)));
    }
    const { total } = await here.governor.report();
    expect(nanos(await here.sum('governed_groq.cost'))).toBe(total.costNanos);
    const denied = here.records.filter(({ outcome }) => outcome === 'denied');
    expect(await here.sum('governed_groq.calls.denied')).toBe(denied.length);
    for (const [code, count] of Object.entries(total.deniedBy ?? {}))
      expect(await here.sum('governed_groq.calls.denied', { 'governed_groq.denied_code': code })).toBe(count);
  });

  it('have the labels of the conventions, the team, and no user', async () => {
    const here = counted({ teams: { a: {} } });
    const client = here.client.withTeam('a', { user: 'ana', tags: { feature: 'search' } });
    here.mock.reply('chat.completions', { content: 'x', usage: usage(70, 10) });
    await client.chat.completions.create(PARAMS);
    await settle();
    const common = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'groq',
      'gen_ai.request.model': MODEL,
      'governed_groq.team': 'a',
    };
    const points = await here.points('gen_ai.client.token.usage');
    expect(points.map(({ attributes }) => attributes)).toEqual([
      { ...common, 'governed_groq.accuracy': 'exact', 'gen_ai.token.type': 'input' },
      { ...common, 'governed_groq.accuracy': 'exact', 'gen_ai.token.type': 'output' },
    ]);
    expect(points[0]?.value).toMatchObject({
      sum: 70,
      buckets: { boundaries: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864] },
    });
    expect(await here.points('governed_groq.cost')).toEqual([
      { attributes: { ...common, 'governed_groq.accuracy': 'exact' }, value: (70 * 75 + 10 * 300) / 1e9 },
    ]);
    const [duration] = await here.points('gen_ai.client.operation.duration');
    expect(duration?.attributes).toEqual(common);
  });

  it('can be told apart by tags that are asked for', async () => {
    const here = counted({ teams: { a: {} } }, { tags: ['feature'] });
    for (const feature of ['search', 'search', 'summary'])
      await here.client.withTeam('a', { tags: { feature, other: 'x' } }).chat.completions.create(PARAMS);
    await settle();
    const of = (feature: string): Promise<number> => here.sum('governed_groq.cost', { 'governed_groq.tag.feature': feature });
    const booked = here.records.map(({ costNanos }) => costNanos);
    expect(nanos(await of('search'))).toBe(sum(booked.slice(0, 2)));
    expect(nanos(await of('summary'))).toBe(booked[2]);
    for (const { attributes } of await here.points('governed_groq.cost'))
      expect(Object.keys(attributes).join()).not.toContain('other');
  });

  it('are still right if a view drops a label', async () => {
    const here = scene({ teams: { a: {}, b: {} } });
    const told = telemetry([
      {
        instrumentName: 'governed_groq.cost',
        attributesProcessors: [createAllowListAttributesProcessor(['gen_ai.request.model'])],
      },
    ]);
    instrument(here.governor, told.providers);
    for (const team of ['a', 'b', 'a']) await here.client.withTeam(team).chat.completions.create(PARAMS);
    await settle();
    const [point, ...others] = await told.points('governed_groq.cost');
    expect(others).toEqual([]);
    expect(nanos(Number(point?.value))).toBe(sum(here.records.map(({ costNanos }) => costNanos)));
  });

  it('of a batch are counted, and its hours are no duration', async () => {
    const here = counted({ teams: { a: { monthlyBudgetUsd: 5 } } }, { team: 'a' });
    const id = await startBatch(here.client, lines(20));
    await here.clock.advance(3 * 3_600_000);
    here.mock.completeBatch(id);
    const { costNanos = 0 } = await here.governor.settleBatch(id);
    await settle();
    expect(costNanos).toBeGreaterThan(0);
    expect(nanos(await here.sum('governed_groq.cost', { 'gen_ai.operation.name': 'batches' }))).toBe(costNanos);
    expect(nanos(await here.sum('governed_groq.cost'))).toBe(sum(here.records.map((record) => record.costNanos)));
    expect(await here.sum('gen_ai.client.operation.duration', { 'gen_ai.operation.name': 'batches' })).toBe(0);
    expect(here.spans().filter(({ attributes }) => attributes['governed_groq.operation'] === 'batches')).toEqual([]);
  });
});

describe('time', () => {
  it('of a call is what it took and what it waited; waiting is also counted alone', async () => {
    const here = counted({ teams: { a: { rateLimitRPM: 2 } } }, { team: 'a', mock: { latencyMs: 300 } });
    await here.clock.runUntil(Promise.all(Array.from({ length: 4 }, () => here.client.chat.completions.create(PARAMS))));
    await settle();
    const waited = sum(here.records.map(({ waitMs }) => waitMs));
    expect(waited).toBeGreaterThan(100_000);
    expect(await here.sum('governed_groq.wait.duration')).toBeCloseTo(waited / 1000, 9);
    expect(await here.sum('gen_ai.client.operation.duration')).toBeCloseTo((waited + 4 * 300) / 1000, 9);
    const [duration] = await here.points('gen_ai.client.operation.duration');
    expect(duration?.value).toMatchObject({
      count: 4,
      buckets: { boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92] },
    });
    const [wait] = await here.points('governed_groq.wait.duration');
    // Two need not wait.
    expect(wait?.value).toMatchObject({ count: 4, min: 0, buckets: { counts: expect.arrayContaining([2]) } });
    expect(await here.sum('governed_groq.calls.rate_limited', { 'governed_groq.by': 'local' })).toBe(2);
  });

  it('of a call that failed says why', async () => {
    const here = counted({ teams: { a: {} } }, { team: 'a', client: { timeout: 20 } });
    here.mock.reply('chat.completions', { hang: true });
    here.mock.reply('chat.completions', { status: 429, retryAfter: 1, error: { message: 'Slow down.' } });
    await rejection(here.client.chat.completions.create(PARAMS));
    await rejection(here.client.chat.completions.create(PARAMS));
    await here.clock.advance(2_000);
    await drain(await here.client.chat.completions.create({ ...PARAMS, stream: true }));
    await settle();
    const types = (await here.points('gen_ai.client.operation.duration')).map(({ attributes }) => attributes['error.type']);
    expect(types).toEqual(['timeout', '_OTHER', undefined]);
    expect(await here.sum('governed_groq.calls.rate_limited', { 'governed_groq.by': 'provider' })).toBe(1);
  });
});

describe('what went wrong', () => {
  it('a refusal is counted by its code, and one that was only observed apart', async () => {
    const here = counted({ mode: 'observe', teams: { a: { allowedModels: [MODEL], maxTokensPerRequest: 50 } } });
    await here.client.withTeam('a').chat.completions.create(PARAMS);
    await settle();
    expect(await here.points('governed_groq.calls.denied')).toEqual([
      {
        attributes: {
          'governed_groq.denied_code': 'max-tokens-exceeded',
          'governed_groq.observed': true,
          'governed_groq.team': 'a',
        },
        value: 1,
      },
    ]);
  });

  it('names that callers make up make no series of their own', async () => {
    const here = counted({ teams: { a: {} } });
    for (let index = 0; index < 20; index++) {
      await rejection(here.client.withTeam(`team-${index}`).chat.completions.create(PARAMS));
      await rejection(here.client.withTeam('a').chat.completions.create({ ...PARAMS, model: `model-${index}` }));
    }
    const points = await here.points('governed_groq.calls.denied');
    expect(points.map(({ value }) => value)).toEqual([20, 20]);
    expect(points.map(({ attributes }) => attributes['governed_groq.team'])).toEqual([undefined, 'a']);
  });

  it('a store that is away is counted', async () => {
    const store = memoryBudgetStore();
    const here = counted(
      {
        teams: { a: { monthlyBudgetUsd: 1 } },
        budgetStore: {
          reserve: () => Promise.reject(new Error('SECRETMARKER')),
          settle: (settlement) => store.settle(settlement),
          read: (accounts, at) => store.read(accounts, at),
        },
      },
      { team: 'a' },
    );
    await rejection(here.client.chat.completions.create(PARAMS));
    expect(await here.points('governed_groq.store.unavailable')).toEqual([
      { attributes: { 'governed_groq.store': 'budgetStore', 'governed_groq.during': 'reserve' }, value: 1 },
    ]);
  });
});

describe('budgets', () => {
  const teams = {
    a: { monthlyBudgetUsd: 1, budgets: [{ limitUsd: 0.5, window: 'day' as const, per: 'user' as const }] },
    b: { budgets: [{ limitUsd: 2, window: { rollingMs: 60_000 }, soft: true, name: 'b/minute' }] },
  };
  const gauges = async (here: Counted, name: string): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await here.points(`governed_groq.budget.${name}`)).map(({ attributes, value }) => [
        `${String(attributes['governed_groq.scope'])} ${String(attributes['governed_groq.budget'])}`,
        nanos(Number(value)),
      ]),
    );

  it('show what is spent, held and allowed, and none per user', async () => {
    const here = counted({ teams, organization: { monthlyBudgetUsd: 10 } });
    expect(await gauges(here, 'limit')).toEqual({});
    const [a, b] = [here.client.withTeam('a', { user: 'ana' }), here.client.withTeam('b')];
    await a.chat.completions.create(PARAMS);
    await b.chat.completions.create(PARAMS);
    await settle();
    const [first = 0, second = 0] = here.records.map(({ costNanos }) => costNanos);
    expect(await gauges(here, 'used')).toEqual({
      'team:a a/month': first,
      'team:b b/minute': second,
      'organization organization/month': first + second,
    });
    expect(await gauges(here, 'limit')).toEqual({
      'team:a a/month': 1e9,
      'team:b b/minute': 2e9,
      'organization organization/month': 10e9,
    });
    expect(Object.values(await gauges(here, 'held'))).toEqual([0, 0, 0]);
    here.mock.reply('chat.completions', { hang: true });
    const abort = new AbortController();
    const hanging = a.chat.completions.create(PARAMS, { signal: abort.signal }).then(null, () => {});
    await settle();
    const held = await gauges(here, 'held');
    expect(held['team:a a/month']).toBe(112 * 75 + 100 * 300);
    expect(held['organization organization/month']).toBe(112 * 75 + 100 * 300);
    abort.abort();
    await hanging;
    await settle();
    expect(Object.values(await gauges(here, 'held'))).toEqual([0, 0, 0]);
    expect((await gauges(here, 'used'))['organization organization/month']).toBe(
      sum(here.records.map(({ costNanos }) => costNanos)),
    );
  });

  it('are empty again in the next window, before anybody calls', async () => {
    const here = counted({ teams });
    await here.client.withTeam('a', { user: 'ana' }).chat.completions.create(PARAMS);
    await settle();
    expect((await gauges(here, 'used'))['team:a a/month']).toBeGreaterThan(0);
    here.clock.set(Date.UTC(2026, 1, 1));
    expect(await gauges(here, 'used')).toEqual({ 'team:a a/month': 0 });
    expect(await gauges(here, 'limit')).toEqual({ 'team:a a/month': 1e9 });
    await here.client.withTeam('a', { user: 'ana' }).chat.completions.create(PARAMS);
    await settle();
    expect(await gauges(here, 'used')).toEqual({ 'team:a a/month': here.records[1]?.costNanos });
  });
});
