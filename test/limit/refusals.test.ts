import { describe, expect, it } from 'vitest';
import { memoryRateLimiter } from '../../src/limit/memory';
import type { Demand, LimitKind, Slot } from '../../src/limit/rate-limiter';
import { manualClock } from '../../src/testing/manual-clock';
import { demand, limit, NOTHING } from './support';

function scene() {
  const clock = manualClock(Date.UTC(2026, 0, 1));
  const limiter = memoryRateLimiter({ clock });
  const refusal = async (fields: Partial<Demand>): Promise<unknown> =>
    clock.runUntil(
      Promise.resolve(limiter.acquire(demand(fields))).then(
        () => 'granted',
        (error: unknown) => error,
      ),
    );
  return { clock, limiter, refusal };
}

describe('what can never fit', () => {
  it.each<[LimitKind, Partial<Demand['amounts']>, string]>([
    ['tokens', { tokens: 9000, inputTokens: 5000, outputTokens: 4000 }, 'Lower max_completion_tokens to at most 3000.'],
    ['outputTokens', { outputTokens: 9000 }, 'Lower max_completion_tokens to at most 8000.'],
    ['inputTokens', { inputTokens: 9000 }, 'Shorten the prompt to at most 8000 tokens.'],
    ['audioSeconds', { audioSeconds: 9000 }, 'Send at most 8000 seconds of audio per request.'],
    [
      'tokens',
      { tokens: 9000, inputTokens: 8500, outputTokens: 500 },
      'The prompt alone is too long: shorten it to less than 8000 tokens',
    ],
  ])('is refused with the number to lower: %s', async (kind, amounts, advice) => {
    const { refusal, limiter, clock } = scene();
    const wanted = { amounts: { ...NOTHING, requests: 1, ...amounts }, limits: [limit('chatbot/own', 8000, kind)] };
    const error = await refusal(wanted);
    expect(error).toMatchObject({ name: 'RateLimitWaitError', limit: 'chatbot/own', retryAfterMs: Infinity });
    const unit = kind.replace('Tokens', ' tokens').replace('audioSeconds', 'seconds of audio');
    expect(String(error)).toContain(
      `Limit "chatbot/own" can never let this call through: it needs 9000 ${unit}, and the limit is 8000 per minute. ${advice}`,
    );
    limiter.observe({ provider: 'm', at: clock.now(), limits: [{ kind, windowMs: 60_000, max: 8000 }] });
    expect(String(await refusal({ ...wanted, limits: [], provider: 'm' }))).toContain(advice);
    expect(limiter.peek(demand(wanted))[0]).toMatchObject({ used: 0, requested: 9000, availableAt: Infinity });
  });

  it('is refused if the limit allows nothing', async () => {
    const { refusal } = scene();
    expect(await refusal({ limits: [limit('l', 0)] })).toMatchObject({ limit: 'l', retryAfterMs: Infinity });
    expect(await refusal({ concurrency: [{ key: 'c', name: 'gate', max: 0 }] })).toMatchObject({
      limit: 'gate',
      retryAfterMs: Infinity,
    });
  });

  it.each([NaN, -1, Infinity])('is refused if the amount is %s', async (requests) => {
    const { refusal, limiter } = scene();
    const limits = [limit('l', 5)];
    expect(await refusal({ limits, amounts: { ...NOTHING, requests } })).toBeInstanceOf(RangeError);
    expect(limiter.peek(demand({ limits }))[0]?.used).toBe(0);
  });
});

describe('waits that are too long', () => {
  const limits = [limit('chatbot/requests per minute', 2)];

  function filled() {
    const all = scene();
    const slots = [0, 1].map(() => all.limiter.acquire(demand({ limits })) as Slot);
    for (const slot of slots) slot.begin?.();
    return { ...all, slots };
  }

  it('are refused at once if nothing can shorten them', async () => {
    const { refusal, slots, clock } = filled();
    for (const slot of slots) slot.release();
    const start = clock.now();
    const error = await refusal({ limits, maxWaitMs: 59_999 });
    expect(clock.now()).toBe(start);
    expect(error).toMatchObject({ name: 'RateLimitWaitError', limit: 'chatbot/requests per minute', retryAfterMs: 60_000 });
    expect(String(error)).toContain(
      'Limit "chatbot/requests per minute" has no room within 60 s: 2 of 2 requests are in use, this call needs 1. ' +
        'Room is expected in 60 s, at 2026-01-01T00:01:00Z; try again then, or raise queueTimeoutMs.',
    );
    expect(await refusal({ limits, maxWaitMs: 60_000 })).toBe('granted');
  });

  it('are refused when they have lasted maxWaitMs, as something might have been given back', async () => {
    const { refusal, clock } = filled();
    const start = clock.now();
    expect(await refusal({ limits, maxWaitMs: 5000 })).toMatchObject({ retryAfterMs: 55_000 });
    expect(clock.now() - start).toBe(5000);
    expect(clock.sleeping).toBe(0);
  });

  it('are refused for the first of several that waits too long, and the next gets its turn', async () => {
    const { limiter, clock } = filled();
    const ends: [string, number][] = [];
    const start = clock.now();
    const enter = (name: string, fields: Partial<Demand>): Promise<unknown> =>
      Promise.resolve(limiter.acquire(demand({ limits, ...fields }))).then(
        () => ends.push([name, clock.now() - start]),
        () => ends.push([`${name} refused`, clock.now() - start]),
      );
    const two = { ...NOTHING, requests: 2 };
    const all = [
      enter('first', { maxWaitMs: 70_000, amounts: two }),
      enter('second', { maxWaitMs: 20_000 }),
      enter('third', { maxWaitMs: 60_000 }),
    ];
    await clock.runUntil(Promise.all(all));
    expect(ends).toEqual([
      ['second refused', 20_000],
      ['first', 60_000],
      ['third refused', 60_000],
    ]);
  });
});

describe('a full queue', () => {
  it('refuses with the expected wait, and has room again when somebody leaves', async () => {
    const { refusal, limiter, clock } = scene();
    const limits = [limit('l', 1)];
    (limiter.acquire(demand({ limits })) as Slot).begin?.();
    const controller = new AbortController();
    const waiting = [0, 1].map(() => Promise.resolve(limiter.acquire(demand({ limits, maxQueueSize: 2 }), controller.signal)));
    const error = await refusal({ limits, maxQueueSize: 2 });
    expect(error).toMatchObject({ name: 'RateLimitWaitError', limit: 'l', retryAfterMs: 180_000 });
    expect(String(error)).toContain(
      'Team "chatbot" has 2 calls waiting for room under limit "l", and its queue holds 2. Room is expected in 180 s, ' +
        'at 2026-01-01T00:03:00Z; try again then, or raise maxQueueSize.',
    );
    const settled = Promise.allSettled(waiting);
    controller.abort();
    await settled;
    expect(await refusal({ limits, maxQueueSize: 1 })).toBe('granted');
    expect(await refusal({ limits, maxQueueSize: 0 })).toMatchObject({ limit: 'l' });
    expect(clock.sleeping).toBe(0);
  });
});

describe('close', () => {
  it('refuses those who wait and all who come later', async () => {
    const { refusal, limiter } = scene();
    const limits = [limit('l', 1)];
    (limiter.acquire(demand({ limits })) as Slot).begin?.();
    const waiting = refusal({ limits });
    await limiter.close();
    expect(await waiting).toMatchObject({ name: 'RateLimitWaitError', limit: 'closed' });
    expect(await refusal({})).toMatchObject({ limit: 'closed' });
  });
});
