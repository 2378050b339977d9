// Limits that are changed while calls wait: each call brings the maximum that holds from then on, for all.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitWaitError } from '../../src/errors';
import { memoryRateLimiter } from '../../src/limit/memory';
import type { Demand, Slot } from '../../src/limit/rate-limiter';
import { manualClock } from '../../src/testing/manual-clock';
import { demand, limit, mostInAnyWindow, NOTHING, type Departure } from './support';

const MINUTE = 60_000;

function scene() {
  const clock = manualClock(0);
  const limiter = memoryRateLimiter({ clock });
  const order: string[] = [];
  const departures: Departure[] = [];
  /** Departs when it may, and ends after `lastsMs`. */
  const call = async (name: string, fields: Partial<Demand>, lastsMs = 0): Promise<void> => {
    const slot = await limiter.acquire(demand(fields));
    order.push(name);
    departures.push({ at: clock.now(), amount: 1 });
    slot.begin?.();
    if (lastsMs > 0) await clock.sleep(lastsMs);
    slot.release();
  };
  const waitMs = (fields: Partial<Demand>): number =>
    Math.max(0, ...limiter.peek(demand(fields)).map(({ availableAt }) => availableAt)) - clock.now();
  return { clock, limiter, order, departures, call, waitMs };
}

const rules = (max: number): Pick<Demand, 'limits'> => ({ limits: Object.freeze([limit('shared', max)]) });
const gate = (max: number): Pick<Demand, 'concurrency'> => ({
  concurrency: Object.freeze([{ key: 'gate', name: 'gate', max }]),
});
const names = (count: number, start = 1): string[] => Array.from({ length: count }, (_, index) => `${start + index}`);

describe('a limit that is raised', () => {
  it('lets those who wait go at once, in their order, and the call that brings it after them', async () => {
    const { clock, limiter, order, call } = scene();
    const [before, after] = [rules(1), rules(1000)];
    const waiting = names(6).map((name) => call(name, before));
    await clock.advance(1000);
    expect(order).toEqual(['1']);
    const slot = limiter.acquire(demand(after));
    expect(slot).not.toBeInstanceOf(Promise);
    await Promise.all(waiting);
    expect(order).toEqual(names(6));
    expect([clock.now(), clock.sleeping]).toEqual([1000, 0]);
    expect(limiter.peek(demand(after))[0]).toMatchObject({ used: 7, cap: 1000 });
  });

  it('lets no more go than it has room for, and the call that brings it waits behind the rest', async () => {
    const { clock, order, departures, call, waitMs } = scene();
    const waiting = names(5).map((name) => call(name, rules(1)));
    await clock.advance(1000);
    const last = call('6', rules(3));
    await clock.advance(0);
    expect(order).toEqual(['1', '2', '3']);
    expect(waitMs(rules(3))).toBe(2 * MINUTE - 1000);
    await clock.runUntil(Promise.all([...waiting, last]));
    expect(order).toEqual(names(6));
    expect(departures.map(({ at }) => at)).toEqual([0, 1000, 1000, 60_000, 61_000, 61_000]);
  });

  it('keeps priorities and the shares of the teams', async () => {
    const { clock, order, call } = scene();
    const fill = call('first', rules(1));
    const waiting = [
      ...['a1', 'a2', 'a3', 'a4'].map((name) => call(name, { ...rules(1), team: 'a' })),
      call('a5, urgent', { ...rules(1), team: 'a', priority: 1 }),
      ...['b1', 'b2'].map((name) => call(name, { ...rules(1), team: 'b' })),
    ];
    await clock.advance(0);
    const last = call('c1', { ...rules(6), team: 'c' });
    await clock.advance(0);
    expect(order).toEqual(['first', 'a5, urgent', 'b1', 'a1', 'b2', 'a2']);
    await clock.runUntil(Promise.all([fill, ...waiting, last]));
    expect(order.slice(6).toSorted()).toEqual(['a3', 'a4', 'c1']);
    expect(clock.now()).toBe(MINUTE);
  });

  it('counts before the length of the queue does', async () => {
    const { clock, limiter, call } = scene();
    const waiting = names(6).map((name) => call(name, { ...rules(1), maxQueueSize: 5 }));
    await expect(limiter.acquire(demand({ ...rules(1), maxQueueSize: 5 }))).rejects.toThrow(RateLimitWaitError);
    await call('7', { ...rules(7), maxQueueSize: 5 });
    await Promise.all(waiting);
    expect(clock.now()).toBe(0);
  });

  it('holds for a number of calls at once in the same way', async () => {
    const { clock, limiter, order, call } = scene();
    const all = names(5).map((name) => call(name, gate(1), 10_000));
    await clock.advance(1000);
    expect(order).toEqual(['1']);
    all.push(call('6', gate(4), 10_000));
    await clock.advance(0);
    expect(order).toEqual(names(4));
    all.push(call('7', gate(50), 10_000));
    await clock.advance(0);
    // Who need not wait gets its slot itself, no promise.
    expect(order).toEqual([...names(4), '7', '5', '6']);
    expect(limiter.peek(demand(gate(50)))[0]).toMatchObject({ used: 7, cap: 50 });
    await clock.runUntil(Promise.all(all));
    expect(clock.now()).toBe(11_000);
  });

  it('wakes only whom it concerns, and others still wait for what stops them', async () => {
    const { clock, order, call } = scene();
    const other = limit('other', 1);
    const all = [
      call('fill', { limits: [limit('shared', 1), other] }),
      call('both', { limits: [limit('shared', 1), other] }),
      call('one', { limits: [limit('shared', 1)] }),
    ];
    await clock.advance(1000);
    all.push(call('new', { limits: [limit('shared', 10)] }));
    await clock.advance(0);
    expect(order).toEqual(['fill', 'new', 'one']);
    await clock.runUntil(Promise.all(all));
    expect(clock.now()).toBe(MINUTE);
  });
});

describe('a limit that is lowered', () => {
  it('holds for those who wait already', async () => {
    const { clock, departures, call } = scene();
    const all = names(20).map((name) => call(name, rules(5)));
    await clock.advance(1000);
    all.push(call('21', rules(2)));
    await clock.runUntil(Promise.all(all));
    const later = departures.filter(({ at }) => at > 0);
    expect(later).toHaveLength(16);
    expect(mostInAnyWindow(later, MINUTE)).toBe(2);
    expect(clock.now()).toBe(8 * MINUTE);
  });

  it('holds for calls at once that wait already', async () => {
    const { clock, call, limiter } = scene();
    const all = names(9).map((name) => call(name, gate(3), 1000));
    await clock.advance(500);
    all.push(call('10', gate(1), 1000));
    await clock.advance(1000);
    expect(limiter.peek(demand(gate(1)))[0]?.used).toBe(1);
    await clock.runUntil(Promise.all(all));
    expect(clock.now()).toBe(8000);
  });

  it('refuses those at once who can never be let through any more, wherever they stand', async () => {
    const { clock, limiter, call, order } = scene();
    const tokens = (max: number, amount: number): Partial<Demand> => ({
      limits: [limit('tokens', max, 'tokens')],
      amounts: { ...NOTHING, requests: 1, tokens: amount },
    });
    const fill = call('fill', tokens(1000, 1000));
    const refused: unknown[] = [];
    const note = (error: unknown): void => void refused.push(error);
    const all = [200, 900, 300, 800].map((amount) => call(`${amount}`, tokens(1000, amount)).catch(note));
    await fill;
    all.push(call('new', tokens(500, 100)));
    await clock.advance(0);
    expect(refused).toMatchObject([
      { code: 'rate-limit-wait', limit: 'tokens', retryAfterMs: Infinity },
      { code: 'rate-limit-wait', limit: 'tokens', retryAfterMs: Infinity },
    ]);
    expect(String(refused[0])).toMatch(/can never let this call through: it needs 900 tokens, and the limit is 500 per minute/);
    expect(clock.now()).toBe(0);
    await clock.runUntil(Promise.all(all));
    expect(order).toEqual(['fill', '200', '300', 'new']);
    expect(limiter.peek(demand(tokens(500, 100)))[0]?.used).toBe(100);
    expect(clock.now()).toBe(2 * MINUTE);
  });
});

describe('of several maxima', () => {
  it('the last that came holds, and a late try with the old one is made good by the next call', async () => {
    const { clock, limiter, call, order } = scene();
    const [before, after] = [rules(1), rules(3)];
    const all = names(3).map((name) => call(name, before));
    await clock.advance(0);
    all.push(call('4', after));
    await clock.advance(0);
    expect(order).toEqual(names(3));
    all.push(call('old again', before));
    expect(limiter.peek(demand(after))[0]).toMatchObject({ cap: 3, used: 3 });
    await clock.advance(MINUTE);
    expect(order).toEqual([...names(4)]);
    all.push(call('5', after));
    await clock.advance(0);
    expect(order).toEqual([...names(4), '5', 'old again']);
    await Promise.all(all);
  });

  it('those of the highest edition hold, whatever a late try brings', async () => {
    const { clock, limiter, call, order } = scene();
    const [before, after] = [rules(1), { ...rules(3), edition: 1 }];
    const all = names(3).map((name) => call(name, before));
    all.push(call('4', after));
    await clock.advance(0);
    expect(order).toEqual(names(3));
    all.push(call('old again', before), call('old too', rules(1000)));
    expect(limiter.peek(demand(before))[0]).toMatchObject({ cap: 3, used: 3 });
    await clock.advance(MINUTE);
    expect(order).toEqual([...names(4), 'old again', 'old too']);
    all.push(call('edited back', { ...before, edition: 2 }));
    await clock.advance(MINUTE - 1);
    expect(order).toHaveLength(6);
    await clock.runUntil(Promise.all(all));
    expect(clock.now()).toBe(2 * MINUTE);
  });

  it('the newest is not forgotten while anybody waits who counts against it, wherever', async () => {
    const { clock, limiter, call, departures } = scene();
    const rare = (max: number) => limit('rare', max, 'requests', 1000);
    const all = names(4).map((name) => call(name, { limits: [limit('often', 1), rare(9)] }));
    await clock.advance(2000);
    (limiter.acquire(demand({ limits: [rare(1)], amounts: NOTHING })) as Slot).release();
    for (let index = 0; index < 200; index++) void limiter.acquire(demand({ limits: [limit(`passing ${index}`, 1)] }));
    (limiter.acquire(demand({ limits: [limit('often', 9)] })) as Slot).release();
    await clock.runUntil(Promise.all(all));
    expect(departures.map(({ at }) => at)).toEqual([0, 2000, 3000, 4000]);
  });

  it('no window gets more than the largest, nobody is forgotten, and each is let go as soon as the newest has room', async () => {
    const step = fc.record({
      max: fc.integer({ min: 1, max: 6 }),
      atOnce: fc.integer({ min: 1, max: 4 }),
      team: fc.constantFrom('a', 'b'),
      priority: fc.integer({ min: 0, max: 1 }),
      pauseMs: fc.constantFrom(0, 0, 0, 100, 400, 1000),
      lastsMs: fc.constantFrom(0, 50, 700),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 40 }), async (steps) => {
        const { clock, limiter, departures, call } = scene();
        const all: Promise<void>[] = [];
        const at = (max: number, atOnce: number): Partial<Demand> => ({
          limits: [limit('shared', max, 'requests', 1000)],
          concurrency: [{ key: 'gate', name: 'gate', max: atOnce }],
        });
        let free = 0;
        for (const { max, atOnce, team, priority, pauseMs, lastsMs } of steps) {
          all.push(call('', { ...at(max, atOnce), team, priority }, lastsMs));
          await clock.advance(pauseMs);
          const [window, slots] = limiter.peek(demand(at(max, atOnce)));
          const waits = departures.length < all.length;
          // While any waits, one of the two is full, and each who would come stands behind it.
          if (waits) expect((window?.used ?? 0) >= max || (slots?.used ?? 0) >= atOnce).toBe(true);
          if (waits) expect(Math.max(window?.availableAt ?? 0, slots?.availableAt ?? 0)).toBeGreaterThan(clock.now());
          free = Math.max(free, max);
        }
        expect(mostInAnyWindow(departures, 1000)).toBeLessThanOrEqual(free);
        await clock.runUntil(Promise.all(all));
        expect(mostInAnyWindow(departures, 1000)).toBeLessThanOrEqual(free);
        expect(limiter.peek(demand(at(1, 1)))[1]?.used).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});

describe('peek', () => {
  it('counts who waits in front, and is right about when the turn comes', async () => {
    for (const max of [1, 2, 3]) {
      const { clock, call, waitMs } = scene();
      const all: Promise<void>[] = [];
      for (let index = 0; index < 9; index++) {
        const turn = clock.now() + waitMs(rules(max));
        expect(turn).toBe(Math.floor(index / max) * MINUTE + 10 * (index % max));
        all.push(call(`${index}`, rules(max)).then(() => expect(clock.now()).toBe(turn)));
        await clock.advance(10);
      }
      await clock.runUntil(Promise.all(all));
    }
  });

  it('says that a call need not wait where its own maximum lets it and all in front go, and changes nothing', async () => {
    const { clock, call, order, waitMs } = scene();
    const all = names(5).map((name) => call(name, rules(1)));
    await clock.advance(1000);
    expect(waitMs(rules(1))).toBe(5 * MINUTE - 1000);
    expect(waitMs(rules(5))).toBe(MINUTE - 1000);
    expect(waitMs(rules(6))).toBe(0);
    await clock.advance(0);
    expect(order).toEqual(['1']);
    expect(waitMs(rules(1))).toBe(5 * MINUTE - 1000);
    await call('6', rules(6));
    await Promise.all(all);
    expect(clock.now()).toBe(1000);
  });

  it('does not count those who would be overtaken', async () => {
    const { clock, call, waitMs } = scene();
    const all = names(5).map((name) => call(name, { ...rules(1), team: 'a' }));
    await clock.advance(1000);
    expect(waitMs({ ...rules(1), team: 'a', priority: 1 })).toBe(MINUTE - 1000);
    // The first of the other team, and then it is this one's turn.
    expect(waitMs({ ...rules(1), team: 'b' })).toBe(2 * MINUTE - 1000);
    expect(waitMs({ ...rules(1), team: 'a' })).toBe(5 * MINUTE - 1000);
    expect(waitMs({ ...rules(1), team: 'a', amounts: NOTHING })).toBe(0);
    await clock.runUntil(Promise.all(all));
  });

  it('counts what those in front need, not how many they are', async () => {
    const { clock, call, waitMs } = scene();
    const tokens = (amount: number): Partial<Demand> => ({
      limits: [limit('tokens', 1000, 'tokens')],
      amounts: { ...NOTHING, requests: 1, tokens: amount },
    });
    const all = [call('half', tokens(500)), call('large', tokens(900))];
    await clock.advance(1000);
    expect(waitMs(tokens(100))).toBe(MINUTE - 1000);
    expect(waitMs(tokens(101))).toBeGreaterThan(MINUTE - 1000);
    await clock.runUntil(Promise.all(all));
  });

  it('says so where calls at once are waited for', async () => {
    const { clock, limiter, call, waitMs } = scene();
    const slot = limiter.acquire(demand(gate(1))) as Slot;
    const waiting = call('1', gate(1));
    expect(waitMs(gate(2))).toBeGreaterThan(0);
    expect(waitMs(gate(3))).toBe(0);
    slot.release();
    await clock.runUntil(waiting);
    expect(waitMs(gate(1))).toBe(0);
  });
});
