import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryRateLimiter } from '../../src/limit/memory';
import type { Amounts, LimitKind, Slot } from '../../src/limit/rate-limiter';
import { manualClock } from '../../src/testing/manual-clock';
import { demand, limit, NOTHING } from './support';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Groq's own arithmetic: `wait = (used + requested − limit) · window / limit`, counted in `unit / window` to be exact. */
class Judge {
  used = 0;
  at = 0;
  constructor(
    readonly kind: LimitKind,
    readonly limit: number,
    readonly windowMs: number,
  ) {}
  waitMs(amount: number, now: number): number {
    this.used = Math.max(0, this.used - (now - this.at) * this.limit);
    this.at = now;
    return Math.max(0, (this.used + (amount - this.limit) * this.windowMs) / this.limit);
  }
  take(amount: number): void {
    this.used = Math.max(0, this.used + amount * this.windowMs);
  }
}

function tokens(amount: number): Amounts {
  return { ...NOTHING, requests: 1, tokens: amount };
}

describe('the provider’s limits', () => {
  it('are met to the millisecond: nothing is refused, and nobody waits longer than Groq’s formula says', async () => {
    const call = fc.record({
      tokens: fc.integer({ min: 1, max: 6000 }),
      used: fc.double({ min: 0, max: 1, noNaN: true }),
      arrivesAfter: fc.constantFrom(0, 0, 100, 2500),
      lasts: fc.integer({ min: 1, max: 3000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 3, maxLength: 25 }), async (calls) => {
        const clock = manualClock(0);
        const limiter = memoryRateLimiter({ clock });
        const judges = [new Judge('requests', 30, MINUTE), new Judge('tokens', 6000, MINUTE), new Judge('requests', 1000, DAY)];
        limiter.observe({
          provider: 'm',
          at: 0,
          limits: judges.map(({ kind, limit: max, windowMs }) => ({ kind, max, windowMs })),
        });
        let arrivesAt = 0;
        let lastStart = 0;
        let lastChange = 0;
        const wait = (amounts: Amounts): number =>
          Math.max(...judges.map((judge) => judge.waitMs(amounts[judge.kind], clock.now())));
        const one = async (it: (typeof calls)[number], arrival: number): Promise<void> => {
          await clock.sleep(arrival);
          const amounts = tokens(it.tokens);
          const slot = await limiter.acquire(demand({ provider: 'm', amounts }));
          slot.begin?.();
          expect(wait(amounts)).toBeLessThan(1e-3);
          // What could have made room for it, other than time, is at most a millisecond ago, or it fitted no earlier.
          const since = Math.max(arrival, lastStart, lastChange);
          if (clock.now() - since > 1) {
            const earlier = judges.map(
              (judge) => judge.used + judge.limit + (amounts[judge.kind] - judge.limit) * judge.windowMs,
            );
            expect(Math.max(...earlier)).toBeGreaterThan(0);
          }
          lastStart = clock.now();
          for (const judge of judges) judge.take(amounts[judge.kind]);
          await clock.sleep(it.lasts);
          const actual = Math.floor(it.tokens * it.used);
          wait(amounts);
          for (const judge of judges) if (judge.kind === 'tokens') judge.take(actual - it.tokens);
          lastChange = clock.now();
          slot.release({ tokens: actual });
        };
        await clock.runUntil(Promise.all(calls.map((it) => one(it, (arrivesAt += it.arrivesAfter)))));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  async function scene() {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({ clock });
    const go = async (amount: number, fields: Parameters<typeof demand>[0] = {}): Promise<Slot> => {
      const wanted = demand({ provider: 'm', amounts: tokens(amount), ...fields });
      const slot = await clock.runUntil(Promise.resolve(limiter.acquire(wanted)));
      slot.begin?.();
      return slot;
    };
    const learn = (max: number, remaining?: number): void =>
      limiter.observe({ provider: 'm', at: clock.now(), limits: [{ kind: 'tokens', windowMs: MINUTE, max, remaining }] });
    const used = (): number | undefined => limiter.peek(demand({ provider: 'm' })).find(({ kind }) => kind === 'tokens')?.used;
    return { clock, limiter, go, learn, used };
  }

  it('take the provider’s word for what remains while nothing is out, and only for less while something is', async () => {
    const { go, learn, used, clock } = await scene();
    learn(1000, 400);
    expect(used()).toBe(600);
    learn(1000, 900);
    expect(used()).toBe(100);
    const slot = await go(300);
    learn(1000, 900);
    expect(used()).toBe(400);
    learn(1000, 500);
    expect(used()).toBe(500);
    slot.release({ tokens: 100 });
    expect(used()).toBe(300);
    await clock.advance(6000);
    expect(used()).toBe(200);
  });

  it('keep what is used when the maximum changes', async () => {
    const { go, learn, used, limiter } = await scene();
    learn(1000);
    await go(600);
    learn(500);
    expect(used()).toBe(600);
    expect(limiter.headroom('m', 'tokens')).toBe(500);
    learn(2000);
    expect(used()).toBe(600);
    limiter.observe({ provider: 'm', at: 0, limits: [{ kind: 'tokens', windowMs: DAY, max: 1500 }] });
    expect(limiter.headroom('m', 'tokens')).toBe(1500);
    expect(limiter.headroom('m', 'outputTokens')).toBe(Infinity);
    expect(limiter.headroom('other', 'tokens')).toBe(Infinity);
  });

  it('are charged with what is expected, while the user’s are charged with the most it can be', async () => {
    const { go, learn, used, limiter } = await scene();
    learn(1000);
    const limits = [limit('own', 5000, 'tokens')];
    const slot = await go(3000, { limits, expected: tokens(800) });
    expect(used()).toBe(800);
    expect(limiter.peek(demand({ limits }))[0]?.used).toBe(3000);
    slot.release({ tokens: 700 });
    expect(used()).toBe(700);
    expect(limiter.peek(demand({ limits }))[0]?.used).toBe(700);
  });

  it('give everything back for an attempt that never departed', async () => {
    const { learn, used, limiter } = await scene();
    learn(1000);
    const slot = await limiter.acquire(demand({ provider: 'm', amounts: tokens(700) }));
    expect(used()).toBe(700);
    slot.release();
    expect(used()).toBe(0);
  });

  it('refuse those who wait already as soon as a new maximum shows that they never fit, and serve the others', async () => {
    const { clock, go, learn, limiter } = await scene();
    learn(1000);
    await go(1000);
    const large = Promise.resolve(limiter.acquire(demand({ provider: 'm', amounts: tokens(900) })));
    const behind = Promise.resolve(limiter.acquire(demand({ provider: 'm', amounts: tokens(800) })));
    const small = Promise.resolve(limiter.acquire(demand({ provider: 'm', amounts: tokens(100) })));
    const refusals = Promise.allSettled([large, behind]);
    learn(500);
    for (const refusal of await refusals) {
      expect(refusal).toMatchObject({ status: 'rejected', reason: { name: 'RateLimitWaitError', retryAfterMs: Infinity } });
    }
    await clock.runUntil(small);
    expect(clock.now()).toBe(((1000 + 100 - 500) * MINUTE) / 500);
  });

  it('refuse at once what would have to wait longer than maxProviderWaitMs, also behind others', async () => {
    const { clock, limiter, go } = await scene();
    const fields = { provider: 'm', maxProviderWaitMs: 5000 };
    limiter.observe({ provider: 'm', at: 0, limits: [], pauseMs: 5000 });
    const patient = Promise.resolve(limiter.acquire(demand(fields)));
    limiter.observe({ provider: 'm', at: 0, limits: [], pauseMs: 5001 });
    await expect(patient).rejects.toMatchObject({ name: 'RateLimitWaitError', retryAfterMs: 5001, limit: 'm/pause' });
    await expect(limiter.acquire(demand(fields))).rejects.toMatchObject({ retryAfterMs: 5001 });
    await go(1);
    expect(clock.now()).toBe(5001);
  });

  it('refuse at once what would have to wait longer than maxWaitMs, unless something that is out might come back', async () => {
    const { clock, limiter, learn, go } = await scene();
    learn(1000, 100);
    const wanted = demand({ provider: 'm', amounts: tokens(600), maxWaitMs: 29_999 });
    await expect(limiter.acquire(wanted)).rejects.toMatchObject({ retryAfterMs: 30_000, limit: 'm/tokens per minute' });
    expect(clock.sleeping).toBe(0);
    const slot = await go(100);
    const waiting = limiter.acquire(wanted);
    learn(1000, 0);
    slot.release({ tokens: 0 });
    await expect(clock.runUntil(Promise.resolve(waiting))).rejects.toMatchObject({ name: 'RateLimitWaitError' });
    expect(clock.now()).toBe(29_999);
  });

  it('take the provider’s word again after a slot that was lost', async () => {
    const { clock, learn, go, used } = await scene();
    learn(1000, 1000);
    const concurrency = [{ key: 'c', name: 'c', max: 1 }];
    const lost = await go(500, { concurrency, leaseMs: 1000 });
    const next = await go(0, { concurrency });
    expect(clock.now()).toBe(1000);
    lost.release();
    next.release();
    learn(1000, 900);
    expect(used()).toBe(100);
  });

  it('show the pause and every learnt limit to peek', async () => {
    const { limiter } = await scene();
    limiter.observe({
      provider: 'm',
      at: 0,
      limits: [{ kind: 'requests', windowMs: DAY, max: 10, remaining: 0 }],
      pauseMs: 700,
    });
    expect(limiter.peek(demand({ provider: 'm', concurrency: [{ key: 'c', name: 'chatbot/concurrency', max: 5 }] }))).toEqual([
      { name: 'm/pause', kind: 'pause', cap: 0, used: 0, requested: 0, availableAt: 700 },
      { name: 'm/requests per day', kind: 'requests', cap: 10, used: 10, requested: 1, availableAt: DAY / 10 },
      { name: 'chatbot/concurrency', kind: 'concurrency', cap: 5, used: 0, requested: 1, availableAt: 0 },
    ]);
    expect(limiter.peek(demand({ provider: 'unknown' }))).toEqual([]);
  });

  it('pause nobody because of a response whose time is of a clock that is fast', async () => {
    const clock = manualClock();
    const limiter = memoryRateLimiter({ clock });
    const fast = clock.now() + 300_000;
    const limits = [{ kind: 'tokens', windowMs: MINUTE, max: 1000, remaining: 900 }] as const;
    limiter.observe({ provider: 'm', at: fast, limits });
    expect(limiter.acquire(demand({ provider: 'm' }))).not.toBeInstanceOf(Promise);
    limiter.observe({ provider: 'm', at: fast, limits, pauseMs: 2_000 });
    const before = clock.now();
    await clock.runUntil(Promise.resolve(limiter.acquire(demand({ provider: 'm' }))));
    expect(clock.now() - before).toBe(2_000);
  });

  it('ignore numbers that cannot be', async () => {
    const { limiter } = await scene();
    const limits = [NaN, -1, Infinity].map((max) => ({ kind: 'tokens', windowMs: MINUTE, max }) as const);
    limiter.observe({ provider: 'm', at: 0, limits: [...limits, { kind: 'tokens', windowMs: 0, max: 1 }], pauseMs: NaN });
    expect(limiter.headroom('m', 'tokens')).toBe(Infinity);
    expect(limiter.acquire(demand({ provider: 'm' }))).not.toBeInstanceOf(Promise);
  });
});
