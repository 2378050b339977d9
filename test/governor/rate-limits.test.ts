// Rate limits end to end, against a mock that counts as Groq does.
import { APIUserAbortError, RateLimitError } from 'groq-sdk';
import { describe, expect, it } from 'vitest';
import { RateLimitWaitError } from '../../src/errors';
import { sharedRateLimiter } from '../../src/limit/shared';
import type { SharedLimits } from '../../src/limit/shared-limits';
import { manualClock } from '../../src/testing/manual-clock';
import { MemorySharedLimits } from '../limit/memory-shared-limits';
import { mostInAnyWindow } from '../limit/support';
import { MESSAGES, MODEL, type Scene, rejection, scene, settle, sum } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 20 };
const MINUTE = 60_000;

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const ask = ({ client }: Scene): Promise<unknown> => Promise.resolve(client.chat.completions.create(params));

describe('Groq’s own limits, learnt', () => {
  it('a backlog of 300 calls uses what the limits allow, and never meets a 429 more than it must to learn them', async () => {
    const here = scene(
      { teams: { a: { concurrency: Infinity } } },
      { team: 'a', mock: { limits: { rpm: 30, tpm: 6000 } }, client: { maxRetries: 2 } },
    );
    const start = here.clock.now();
    const ends = await here.clock.runUntil(Promise.allSettled(times(300, () => ask(here))));
    const refused = here.mock.calls.filter(({ status }) => status === 429).length;
    expect(ends.filter(({ status }) => status === 'fulfilled').length + refused).toBeGreaterThan(0);
    const minutes = (here.clock.now() - start) / MINUTE;
    // 30 at once and 30 a minute, unless tokens are fewer.
    expect(here.mock.calls.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(
      0.95 * Math.min(300, 30 * (1 + minutes)) - 1,
    );
  });

  it('a backlog within limits that are known already meets no 429', async () => {
    const here = scene(
      { teams: { a: { concurrency: Infinity } } },
      { team: 'a', mock: { limits: { rpm: 30, tpm: 6000 } }, client: { maxRetries: 2 } },
    );
    // One refusal tells each limit; then all is known.
    await here.clock.runUntil(Promise.allSettled(times(60, () => ask(here))));
    await here.clock.advance(10 * MINUTE);
    const before = here.mock.calls.length;
    const start = here.clock.now();
    const ends = await here.clock.runUntil(Promise.allSettled(times(300, () => ask(here))));
    const later = here.mock.calls.slice(before);
    expect(later.filter(({ status }) => status === 429)).toEqual([]);
    expect(ends.every(({ status }) => status === 'fulfilled')).toBe(true);
    // 30 are free at once, 270 come at 30 a minute.
    expect(here.clock.now() - start).toBeLessThanOrEqual(((270 / 30) * MINUTE) / 0.95);
  });

  it('the pause of one 429 holds for all who share the limit', async () => {
    const here = scene({ teams: { a: { concurrency: Infinity }, b: {} } }, { client: { maxRetries: 2 } });
    here.mock.reply('chat.completions', { status: 429, retryAfter: 20, error: { message: 'Slow down.' } });
    const a = here.client.withTeam('a').chat.completions.create(params);
    await settle();
    const b = here.client.withTeam('b').chat.completions.create(params);
    const start = here.clock.now();
    await here.clock.runUntil(Promise.all([a, b]));
    expect(here.mock.calls.map(({ at }) => at - start)).toEqual([0, 20_000, 20_000]);
    expect(here.mock.calls).toHaveLength(3);
  });

  it('another model is not paused', async () => {
    const here = scene({ teams: { a: {} } }, { team: 'a' });
    here.mock.reply('chat.completions', { status: 429, retryAfter: 20 });
    await rejection(ask(here));
    await here.client.chat.completions.create({ ...params, model: 'openai/gpt-oss-120b' });
    expect(here.mock.calls.map(({ status }) => status)).toEqual([429, 200]);
  });

  it('a retry-after above maxRetryAfterMs surfaces at once', async () => {
    const here = scene({ teams: { a: {} }, maxRetryAfterMs: 10_000 }, { team: 'a', client: { maxRetries: 2 } });
    here.mock.reply('chat.completions', { status: 429, retryAfter: 11, error: { message: 'Slow down.' } });
    const start = here.clock.now();
    const error = await rejection(ask(here));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(here.mock.calls).toHaveLength(1);
    expect(here.clock.now()).toBe(start);
    await here.client.chat.completions.create(params);
  });

  it('a request that can never fit is refused before it is sent, with the number to lower', async () => {
    const here = scene({ teams: { a: {} } }, { team: 'a', mock: { limits: { tpm: 6000 } } });
    await here.client.chat.completions.create(params);
    const error = await rejection(here.client.chat.completions.create({ ...params, max_completion_tokens: 7000 }));
    expect(error).toMatchObject({ name: 'RateLimitWaitError', code: 'rate-limit-wait', retryAfterMs: Infinity });
    expect(error.message).toMatch(/Lower max_completion_tokens to at most \d+\./);
    expect(here.mock.calls).toHaveLength(1);
    expect(here.records.map(({ outcome, costNanos }) => [outcome, costNanos > 0])).toEqual([
      ['success', true],
      ['denied', false],
    ]);
    expect((await here.governor.reconcile()).live).toEqual([]);
  });

  it('a bound that the caller left open is lowered to what fits', async () => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a', mock: { limits: { tpm: 6000 } } });
    await here.client.chat.completions.create(params);
    await here.clock.runUntil(here.client.chat.completions.create({ model: MODEL, messages: MESSAGES }));
    expect(here.mock.calls.map(({ status }) => status)).toEqual([200, 200]);
    expect(here.mock.calls[1]?.body['max_completion_tokens']).toBeLessThanOrEqual(6000 - 68);
    expect(here.mock.calls[1]?.body['max_completion_tokens']).toBeGreaterThan(5000);
  });
});

describe('the user’s limits', () => {
  it('hold in any window, and are used', async () => {
    const here = scene({ teams: { a: { rateLimitRPM: 30, concurrency: Infinity } } }, { team: 'a' });
    const start = here.clock.now();
    await here.clock.runUntil(Promise.all(times(300, () => ask(here))));
    expect(here.clock.now() - start).toBe(9 * MINUTE);
    expect(
      mostInAnyWindow(
        here.mock.calls.map(({ at }) => ({ at, amount: 1 })),
        MINUTE,
      ),
    ).toBe(30);
  });

  it('of tokens hold in any window by what was really taken, and are used', async () => {
    const here = scene({ teams: { a: { rateLimitTPM: 6000, concurrency: Infinity } } }, { team: 'a' });
    const start = here.clock.now();
    here.mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 68, completion_tokens: 20 } }).persist();
    await here.clock.runUntil(Promise.all(times(300, () => ask(here))));
    const minutes = (here.clock.now() - start) / MINUTE;
    expect(
      mostInAnyWindow(
        here.mock.calls.map(({ at }) => ({ at, amount: 88 })),
        MINUTE,
      ),
    ).toBeLessThanOrEqual(6000);
    expect(300 * 88).toBeGreaterThanOrEqual(0.9 * 6000 * minutes);
  });

  it('of 100 a second hold in any second, on manual time', async () => {
    const here = scene(
      { teams: { a: { limits: [{ kind: 'requests', max: 100, windowMs: 1000 }], concurrency: Infinity } } },
      { team: 'a' },
    );
    const start = here.clock.now();
    await here.clock.runUntil(Promise.all(times(500, () => ask(here))));
    expect(
      mostInAnyWindow(
        here.mock.calls.map(({ at }) => ({ at, amount: 1 })),
        1000,
      ),
    ).toBe(100);
    expect(here.clock.now() - start).toBe(4000);
  });

  it('count each retry', async () => {
    const here = scene({ teams: { a: { rateLimitRPM: 2 } } }, { team: 'a', client: { maxRetries: 2 } });
    here.mock.reply('chat.completions', { status: 500 }).times(2);
    await here.clock.runUntil(ask(here));
    expect(
      mostInAnyWindow(
        here.mock.calls.map(({ at }) => ({ at, amount: 1 })),
        MINUTE,
      ),
    ).toBeLessThanOrEqual(2);
    expect(here.mock.calls).toHaveLength(3);
  });

  it('per user count each apart', async () => {
    const here = scene({ teams: { a: { limits: [{ kind: 'requests', max: 1, windowMs: MINUTE, per: 'user' }] } } });
    const view = (user: string): Promise<unknown> =>
      Promise.resolve(here.client.withTeam('a', { user }).chat.completions.create(params));
    const start = here.clock.now();
    await here.clock.runUntil(Promise.all([view('u1'), view('u2'), view('u1')]));
    expect(here.mock.calls.map(({ at }) => at - start)).toEqual([0, 0, MINUTE]);
  });

  it('of the organisation are shared by its teams', async () => {
    const here = scene({ organization: { rateLimitRPM: 10 }, teams: { a: {}, b: {} } });
    const calls = times(40, (index) => here.client.withTeam(index < 20 ? 'a' : 'b').chat.completions.create(params));
    await here.clock.runUntil(Promise.all(calls));
    expect(
      mostInAnyWindow(
        here.mock.calls.map(({ at }) => ({ at, amount: 1 })),
        MINUTE,
      ),
    ).toBe(10);
    const first = here.records.slice(0, 20).map(({ team }) => team);
    expect(first.filter((team) => team === 'b').length).toBeGreaterThanOrEqual(5);
  });

  it('bound what runs at once', async () => {
    const here = scene({ teams: { a: { concurrency: 3 } } }, { team: 'a', mock: { latencyMs: 1000 } });
    const start = here.clock.now();
    await here.clock.runUntil(Promise.all(times(9, () => ask(here))));
    expect(here.mock.calls.map(({ at }) => at - start)).toEqual([0, 0, 0, 1000, 1000, 1000, 2000, 2000, 2000]);
  });
});

describe('waiting', () => {
  const governance = { teams: { a: { rateLimitRPM: 1, monthlyBudgetUsd: 1 } } };

  it('ends with the signal, and takes nothing', async () => {
    const here = scene(governance, { team: 'a' });
    await ask(here);
    const abort = new AbortController();
    const call = rejection(here.client.chat.completions.create(params, { signal: abort.signal }));
    await settle();
    expect((await here.governor.reconcile()).live).toHaveLength(1);
    abort.abort();
    expect(await call).toBeInstanceOf(APIUserAbortError);
    expect((await here.governor.reconcile()).live).toEqual([]);
    expect(here.mock.calls).toHaveLength(1);
    const start = here.clock.now();
    await here.clock.runUntil(ask(here));
    expect(here.clock.now() - start).toBe(MINUTE);
  });

  it('ends with queueTimeoutMs', async () => {
    const here = scene({ ...governance, queueTimeoutMs: 5000 }, { team: 'a' });
    await ask(here);
    const error = await here.clock.runUntil(rejection(ask(here)));
    expect(error).toBeInstanceOf(RateLimitWaitError);
    expect(error).toMatchObject({ code: 'rate-limit-wait', limit: 'a/requests per minute', team: 'a' });
    expect(here.records.map(({ outcome, code }) => [outcome, code])).toEqual([
      ['success', undefined],
      ['denied', 'rate-limit-wait'],
    ]);
    expect((await here.governor.reconcile()).live).toEqual([]);
  });

  it('ends with maxQueueSize', async () => {
    const here = scene({ ...governance, maxQueueSize: 2 }, { team: 'a' });
    await ask(here);
    const waiting = [ask(here), ask(here)];
    await settle();
    expect(await rejection(ask(here))).toMatchObject({ code: 'rate-limit-wait' });
    await here.clock.runUntil(Promise.all(waiting));
    expect(here.mock.calls).toHaveLength(3);
  });

  it('is not part of the request’s timeout, and is recorded', async () => {
    const here = scene(governance, { team: 'a' });
    await ask(here);
    await here.clock.runUntil(here.client.chat.completions.create(params, { timeout: 10_000 }));
    expect(here.records.map(({ waitMs, latencyMs }) => [waitMs, latencyMs])).toEqual([
      [0, 0],
      [MINUTE, 0],
    ]);
    expect(sum(here.records.map(({ attempts }) => attempts))).toBe(2);
  });

  it('longer than the hold lives keeps the money held', async () => {
    // 20 minutes of queue, 15 of hold: what is in flight must still be within the cap.
    const here = scene({ teams: { a: { rateLimitRPM: 1, monthlyBudgetUsd: 1, concurrency: Infinity } } }, { team: 'a' });
    await here.clock.runUntil(Promise.all(times(21, () => ask(here))));
    expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
  });

  it('tells rate-limited', async () => {
    const here = scene(governance, { team: 'a' });
    const events: unknown[] = [];
    here.governor.on('rate-limited', ({ by, team, model, retryAfterMs }) => events.push([by, team, model, retryAfterMs]));
    await ask(here);
    await here.clock.runUntil(ask(here));
    here.mock.reply('chat.completions', { status: 429, retryAfter: 3 });
    await here.clock.runUntil(rejection(ask(here)));
    expect(events).toEqual([
      ['local', 'a', MODEL, undefined],
      ['local', 'a', MODEL, undefined],
      ['provider', 'a', MODEL, 3000],
    ]);
  });

  it('tells rate-limited only of calls that have to wait, if processes share the limits', async () => {
    const clock = manualClock();
    const limits = new MemorySharedLimits({ clock });
    // A trip takes its time.
    const take: SharedLimits['take'] = async (demands) => {
      const grants = await limits.take(demands);
      await clock.sleep(3);
      return grants;
    };
    const engine: SharedLimits = {
      take,
      change: (changes) => limits.change(changes),
      learn: (snapshots) => limits.learn(snapshots),
      look: (demand) => limits.look(demand),
    };
    const rateLimiter = sharedRateLimiter({ limits: engine, clock });
    const here = scene({ teams: { a: { rateLimitRPM: 3 } }, clock, rateLimiter }, { team: 'a' });
    const waits: string[] = [];
    here.governor.on('rate-limited', ({ by }) => waits.push(by));
    for (let calls = 0; calls < 3; calls++) await clock.runUntil(ask(here));
    expect(waits).toEqual([]);
    await clock.runUntil(ask(here));
    expect(waits).toEqual(['local']);
  });
});

it('a call that waits for longer than holdTimeoutMs is not taken for a crashed one, if queueTimeoutMs lets it wait', async () => {
  const limits = [{ kind: 'requests', max: 1, windowMs: 600_000 }] as const;
  const here = scene(
    { teams: { a: { monthlyBudgetUsd: 1, limits } }, holdTimeoutMs: 60_000, queueTimeoutMs: 1_200_000 },
    { team: 'a' },
  );
  await here.client.chat.completions.create(params);
  const waiting = here.client.chat.completions.create(params);
  await here.clock.advance(300_000);
  expect(await here.governor.reconcile()).toMatchObject({ live: [{ expired: false }], expired: [] });
  await here.clock.runUntil(waiting);
  expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
});
