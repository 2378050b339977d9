import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitWaitError } from '../../src/errors';
import { memoryRateLimiter } from '../../src/limit/memory';
import type { Demand, LimitDemand, Slot } from '../../src/limit/rate-limiter';
import { manualClock } from '../../src/testing/manual-clock';
import { demand, limit, mostInAnyWindow, NOTHING, type Departure } from './support';

// A start after a release may fill what the release gave back, so a window holds what was used in the end, not what was asked.
describe('any mixture of calls', () => {
  const LIMITS: readonly LimitDemand[] = [
    limit('organization', 12, 'requests', 10_000),
    limit('tokens', 900, 'tokens', 5_000),
    limit('chatbot', 5, 'requests', 3_000),
    limit('tiny', 1, 'requests', 700),
  ];
  const GATES = [
    { key: 'gate-a', name: 'gate-a', max: 2 },
    { key: 'gate-b', name: 'gate-b', max: 4 },
  ];
  const call = fc.record({
    team: fc.constantFrom('chatbot', 'analytics', 'search'),
    limits: fc.subarray([0, 1, 2, 3]),
    gates: fc.subarray([0, 1]),
    tokens: fc.integer({ min: 0, max: 900 }),
    used: fc.double({ min: 0, max: 1, noNaN: true }),
    priority: fc.integer({ min: 0, max: 2 }),
    weight: fc.constantFrom(1, 3),
    arrivesAt: fc.integer({ min: 0, max: 8_000 }),
    beginsAfter: fc.constantFrom(0, 0, 1, 1500),
    lasts: fc.integer({ min: 0, max: 4_000 }),
    patience: fc.constantFrom(Infinity, Infinity, 900, 2_500),
    fate: fc.constantFrom('departs', 'departs', 'departs', 'departs', 'returns', 'aborts'),
  });

  it('never lets more than the limit through in any window, never more out than allowed, and forgets nobody', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 5, maxLength: 30 }), async (calls) => {
        const clock = manualClock(0);
        const limiter = memoryRateLimiter({ clock });
        const departures: (Departure & { readonly calls: (typeof calls)[number] })[] = [];
        const out = [0, 0];
        const most = [0, 0];
        const one = async (it: (typeof calls)[number]): Promise<void> => {
          await clock.sleep(it.arrivesAt);
          const controller = new AbortController();
          const wanted: Demand = demand({
            team: it.team,
            amounts: { ...NOTHING, requests: 1, tokens: it.tokens },
            limits: it.limits.flatMap((index) => LIMITS[index] ?? []),
            concurrency: it.gates.flatMap((index) => GATES[index] ?? []),
            priority: it.priority,
            weight: it.weight,
            maxWaitMs: it.patience,
          });
          const arrived = clock.now();
          const taken = limiter.acquire(wanted, controller.signal);
          if (it.fate === 'aborts') controller.abort();
          let slot;
          try {
            slot = await taken;
          } catch (error) {
            // What is refused at once cannot be aborted any more.
            if (error !== controller.signal.reason)
              expect([error, clock.now() - arrived <= it.patience]).toEqual([expect.any(RateLimitWaitError), true]);
            return;
          }
          expect(slot.waitedMs).toBe(clock.now() - arrived);
          expect(slot.waitedMs).toBeLessThanOrEqual(it.patience);
          for (const gate of it.gates) most[gate] = Math.max(most[gate] ?? 0, (out[gate] = (out[gate] ?? 0) + 1));
          await clock.sleep(it.beginsAfter);
          if (it.fate !== 'returns') {
            slot.begin?.();
            departures.push({ at: clock.now(), amount: Math.floor(it.tokens * it.used), calls: it });
            await clock.sleep(it.lasts);
          }
          for (const gate of it.gates) out[gate] = (out[gate] ?? 0) - 1;
          slot.release({ tokens: Math.floor(it.tokens * it.used) });
        };
        await clock.runUntil(Promise.all(calls.map(one)));
        LIMITS.forEach(({ kind, max, windowMs }, index) => {
          const counted = departures.filter((departure) => departure.calls.limits.includes(index));
          const amounts = kind === 'tokens' ? counted : counted.map(({ at }) => ({ at, amount: 1 }));
          expect(mostInAnyWindow(amounts, windowMs)).toBeLessThanOrEqual(max);
        });
        expect(most[0]).toBeLessThanOrEqual(2);
        expect(most[1]).toBeLessThanOrEqual(4);
        // Nobody waits any more, and after the longest window nothing counts any more.
        expect(clock.sleeping).toBe(0);
        clock.set(clock.now() + 10_000);
        const left = limiter.peek(demand({ limits: LIMITS, concurrency: GATES, amounts: { ...NOTHING, requests: 1 } }));
        expect(left.map(({ used }) => used)).toEqual([0, 0, 0, 0, 0, 0]);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

describe('one limit under backlog', () => {
  it('is used in full, whatever its size and window', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          max: fc.integer({ min: 1, max: 40 }),
          windowMs: fc.integer({ min: 1, max: 5000 }),
          lasts: fc.integer({ min: 0, max: 300 }),
        }),
        async ({ max, windowMs, lasts }) => {
          const clock = manualClock(0);
          const limiter = memoryRateLimiter({ clock });
          const limits = [limit('l', max, 'requests', windowMs)];
          const starts: Departure[] = [];
          const rounds = 4;
          const calls = Array.from({ length: max * rounds }, async () => {
            const slot = await limiter.acquire(demand({ limits }));
            slot.begin?.();
            starts.push({ at: clock.now(), amount: 1 });
            await clock.sleep(lasts);
            slot.release();
          });
          await clock.runUntil(Promise.all(calls));
          expect(mostInAnyWindow(starts, windowMs)).toBe(max);
          expect(starts.at(-1)?.at).toBe((rounds - 1) * windowMs);
        },
      ),
      { numRuns: 30 },
    );
  });

  // 10,000 departures at different instants are more than the log keeps one by one.
  it.each([
    ['one by one', () => 1],
    ['slowly, later as fast as they may', (step: number) => (step < 12_000 ? 1 : 100)],
    ['in bursts', (step: number) => (step % 50 === 0 ? 150 : 1)],
  ])(
    'is neither exceeded nor wasted when more depart than are remembered: %s',
    (_name, arrivals) => {
      const clock = manualClock(0);
      const limiter = memoryRateLimiter({ clock });
      const limits = Object.freeze([limit('l', 10_000)]);
      const starts: Departure[] = [];
      const possible: number[] = [];
      let fullUntil = 0;
      for (let step = 0; step < 40_000; step++) {
        const now = step * 5;
        clock.set(now);
        for (let call = arrivals(step); call > 0; call--) {
          if (now - (possible.at(-10_000) ?? -Infinity) >= 60_000) possible.push(now);
          if (now < fullUntil) continue;
          fullUntil = limiter.peek(demand({ limits }))[0]?.availableAt ?? Infinity;
          if (now < fullUntil) continue;
          const slot = limiter.acquire(demand({ limits }));
          if (slot instanceof Promise) throw new Error('peek said that there is room');
          slot.begin?.();
          slot.release();
          starts.push({ at: now, amount: 1 });
        }
      }
      expect(mostInAnyWindow(starts, 60_000)).toBe(10_000);
      expect(starts.length).toBeGreaterThan(0.99 * possible.length);
    },
    60_000,
  );

  it('remembers the later of many departures by slices, each as if all of it had left last', () => {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({ clock });
    const limits = Object.freeze([limit('l', 4000)]);
    for (let call = 0; call < 4000; call++) {
      clock.set(call);
      const slot = limiter.acquire(demand({ limits })) as Slot;
      slot.begin?.();
      slot.release();
    }
    const roomFor = (requests: number): number =>
      limiter.peek(demand({ limits, amounts: { ...NOTHING, requests } }))[0]?.availableAt ?? NaN;
    expect(roomFor(2000)).toBe(60_000 + 1999);
    for (const requests of [2500, 3000, 3500]) {
      const late = roomFor(requests) - (60_000 + requests - 1);
      expect([late >= 0, late <= 60_000 / 1024]).toEqual([true, true]);
    }
    const late = [2500, 2600, 2710, 2820].map((requests) => roomFor(requests) - (60_000 + requests - 1));
    expect(Math.max(...late)).toBeGreaterThan(0);
  });

  it('no longer corrects what has left the window', () => {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({ clock });
    const limits = Object.freeze([limit('l', 1000, 'tokens')]);
    const amounts = { ...NOTHING, tokens: 600 };
    const early = limiter.acquire(demand({ limits, amounts })) as Slot;
    early.begin?.();
    clock.set(60_000);
    const late = limiter.acquire(demand({ limits, amounts })) as Slot;
    late.begin?.();
    early.release({ tokens: 900 });
    expect(limiter.peek(demand({ limits }))[0]?.used).toBe(600);
  });

  it.each([NaN, Infinity, -1, undefined])('keeps to the estimate if what was used is %s', (used) => {
    const limiter = memoryRateLimiter({ clock: manualClock(0) });
    const limits = [limit('l', 1000, 'tokens')];
    const slot = limiter.acquire(demand({ limits, amounts: { ...NOTHING, tokens: 600 } })) as Slot;
    slot.begin?.();
    slot.release({ tokens: used });
    expect(limiter.peek(demand({ limits }))[0]?.used).toBe(600);
  });

  it('waits longer by what the clock may be off', async () => {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({
      clock: { now: () => clock.now(), sleep: (ms, signal) => clock.sleep(ms, signal), resolutionMs: 5 },
    });
    const limits = [limit('l', 1)];
    for (const expected of [0, 60_005]) {
      const slot = await clock.runUntil(Promise.resolve(limiter.acquire(demand({ limits }))));
      slot.begin?.();
      slot.release();
      expect(clock.now()).toBe(expected);
    }
  });

  it('counts an attempt that departs late from its departure, and one that never ends by its departure', async () => {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({ clock });
    const limits = [limit('l', 2)];
    const slot = await limiter.acquire(demand({ limits }));
    const other = await limiter.acquire(demand({ limits }));
    other.begin?.();
    const third = Promise.resolve(limiter.acquire(demand({ limits })));
    const fourth = Promise.resolve(limiter.acquire(demand({ limits })));
    await clock.advance(50_000);
    slot.begin?.();
    (await clock.runUntil(third)).begin?.();
    expect(clock.now()).toBe(60_000);
    (await clock.runUntil(fourth)).begin?.();
    expect(clock.now()).toBe(110_000);
  });

  it('does not wait longer when the clock is set back, and lets no more through', async () => {
    const clock = manualClock();
    const limiter = memoryRateLimiter({ clock });
    const limits = [limit('l', 1)];
    const slot = await limiter.acquire(demand({ limits }));
    slot.begin?.();
    slot.release();
    await clock.advance(20_000);
    const wait = (): number => (limiter.peek(demand({ limits }))[0]?.availableAt ?? NaN) - clock.now();
    expect(wait()).toBe(40_000);
    clock.set(clock.now() - 3_600_000);
    expect(wait()).toBe(40_000);
    await clock.advance(39_999);
    expect(wait()).toBe(1);
    await clock.advance(1);
    expect(wait()).toBe(0);
  });
});
