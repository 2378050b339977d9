// Limits over an engine that are changed while calls wait: this process asks with the newest maximum.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Demand, RateLimiter } from '../../src/limit/rate-limiter';
import { sharedRateLimiter } from '../../src/limit/shared';
import type { SharedDemand, SharedLimits } from '../../src/limit/shared-limits';
import { manualClock } from '../../src/testing/manual-clock';
import { MemorySharedLimits } from './memory-shared-limits';
import { limitersOver } from './shared-support';
import { demand, limit, mostInAnyWindow, NOTHING, type Departure } from './support';

const MINUTE = 60_000;

const rules = (max: number): Pick<Demand, 'limits'> => ({ limits: Object.freeze([limit('shared', max)]) });
const gate = (max: number): Pick<Demand, 'concurrency'> => ({
  concurrency: Object.freeze([{ key: 'gate', name: 'gate', max }]),
});
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index + 1}`);

function scene() {
  const clock = manualClock(0);
  const engine = new MemorySharedLimits({ clock });
  const asked: SharedDemand[] = [];
  const doors: (() => void)[] = [];
  let isHeld = false;
  const limits: SharedLimits = {
    async take(demands) {
      asked.push(...demands);
      const grants = await engine.take(demands);
      if (isHeld) await new Promise<void>((resolve) => doors.push(resolve));
      return grants;
    },
    change: (changes) => engine.change(changes),
    learn: (snapshots) => engine.learn(snapshots),
    look: (wanted) => engine.look(wanted),
  };
  const limiter = sharedRateLimiter({ limits, clock });
  const other = sharedRateLimiter({ limits: engine, clock });
  const order: string[] = [];
  const call = async (name: string, fields: Partial<Demand>, lastsMs = 0, by: RateLimiter = limiter): Promise<void> => {
    const slot = await by.acquire(demand(fields));
    order.push(name);
    slot.begin?.();
    if (lastsMs > 0) await clock.sleep(lastsMs);
    slot.release();
  };
  const waitMs = async (fields: Partial<Demand>): Promise<number> =>
    Math.max(0, ...(await limiter.peek(demand(fields))).map(({ availableAt }) => availableAt)) - clock.now();
  return {
    clock,
    limiter,
    other,
    order,
    asked,
    call,
    waitMs,
    /** From now on what the engine has answered stays on its way. */
    hold: () => (isHeld = true),
    /** Lets it arrive, and what is asked from now on, too. */
    letGo: () => {
      isHeld = false;
      for (let open = doors.shift(); open; open = doors.shift()) open();
    },
  };
}

describe('a limit that is raised', () => {
  it('lets those who wait go at once, in their order', async () => {
    const { clock, order, call } = scene();
    const all = names(6).map((name) => call(name, rules(1)));
    await clock.advance(1500);
    expect(order).toEqual(['1']);
    all.push(call('7', rules(1000)));
    await clock.advance(0);
    await Promise.all(all);
    expect(order.toSorted()).toEqual(names(7));
    expect(order.filter((name) => name !== '7')).toEqual(names(6));
    expect(clock.now()).toBe(1500);
  });

  it('lets them go where other processes had used it up', async () => {
    const { clock, other, order, call } = scene();
    await call('other', rules(1), 0, other);
    const all = names(3).map((name) => call(name, rules(1)));
    await clock.advance(2500);
    expect(order).toEqual(['other']);
    all.push(call('4', rules(3)));
    await clock.advance(1000);
    expect(order).toEqual(['other', '1', '2']);
    await clock.runUntil(Promise.all(all));
    expect(clock.now()).toBeLessThan(63_600);
  });

  it('holds for a number of calls at once in the same way', async () => {
    const { clock, other, order, call } = scene();
    const slot = await other.acquire(demand(gate(1)));
    const all = names(5).map((name) => call(name, gate(1), MINUTE));
    await clock.advance(5000);
    expect(order).toEqual([]);
    all.push(call('6', gate(50), MINUTE));
    await clock.advance(100);
    expect(order.toSorted()).toEqual(names(6));
    slot.release();
    await clock.runUntil(Promise.all(all));
  });

  it('opens at once again where the engine had none left, though nobody waits any more', async () => {
    const { clock, other, limiter, call } = scene();
    await call('other', rules(2), 0, other);
    await call('own', rules(2));
    const controller = new AbortController();
    const waiting = Promise.resolve(limiter.acquire(demand(rules(2)), controller.signal)).catch((error: unknown) => error);
    await clock.advance(10);
    controller.abort('enough');
    expect(await waiting).toBe('enough');
    await call('new', rules(3));
    expect(clock.now()).toBe(10);
  });

  it('is asked for once more by who was on the way when it was raised', async () => {
    const { clock, other, order, asked, call, hold, letGo } = scene();
    await call('other', rules(1), 0, other);
    hold();
    const late = call('1', rules(1));
    await clock.advance(0);
    const raised = call('2', rules(3));
    letGo();
    await Promise.all([late, raised]);
    expect(clock.now()).toBe(0);
    expect(order.toSorted()).toEqual(['1', '2', 'other']);
    expect(asked.flatMap(({ needs }) => needs.map(({ max }) => max))).toEqual([1, 3, 3]);
  });
});

describe('a limit that is lowered', () => {
  it('is what those are asked for with who wait for their trip', async () => {
    const { clock, order, asked, call, hold, letGo } = scene();
    hold();
    const all = [call('on the way', { limits: [limit('other', 9)] })];
    await clock.advance(0);
    all.push(...names(3).map((name) => call(name, rules(3))));
    all.push(call('4', rules(1)));
    letGo();
    await clock.advance(0);
    expect(order).toEqual(['on the way', '1']);
    expect(asked.flatMap(({ needs }) => needs.map(({ key, max }) => `${key} ${max}`))).not.toContain('shared 3');
    await clock.runUntil(Promise.all(all));
    expect(clock.now()).toBeGreaterThanOrEqual(3 * MINUTE);
  });

  it('refuses who can never be let through any more', async () => {
    const { clock, call } = scene();
    const tokens = (max: number, amount: number): Partial<Demand> => ({
      limits: [limit('tokens', max, 'tokens')],
      amounts: { ...NOTHING, requests: 1, tokens: amount },
    });
    await call('fill', tokens(1000, 1000));
    const all = Promise.allSettled([200, 900].map((amount) => call(`${amount}`, tokens(1000, amount))));
    await clock.advance(3000);
    const last = call('new', tokens(500, 100));
    const [small, large] = await clock.runUntil(all);
    await clock.runUntil(last);
    expect(small?.status).toBe('fulfilled');
    expect(large).toMatchObject({ status: 'rejected', reason: { code: 'rate-limit-wait', limit: 'tokens' } });
  });
});

describe('peek', () => {
  it('counts who waits in front, besides what others have taken', async () => {
    const { clock, other, call, waitMs } = scene();
    await Promise.all(names(3).map((name) => call(name, rules(3), 0, other)));
    await clock.advance(1000);
    const all = names(4).map((name) => call(name, rules(3)));
    await clock.advance(1000);
    expect(await waitMs(rules(3))).toBeGreaterThan(MINUTE);
    expect(await waitMs(rules(7))).toBe(MINUTE - 2000);
    expect(await waitMs(rules(8))).toBe(0);
    await clock.runUntil(Promise.all(all));
  });

  it('counts who waits for calls at once', async () => {
    const { clock, other, call, waitMs } = scene();
    const slot = await other.acquire(demand(gate(1)));
    const waiting = call('1', gate(1));
    await clock.advance(1000);
    expect(await waitMs(gate(2))).toBeGreaterThan(0);
    expect(await waitMs(gate(3))).toBe(0);
    slot.release();
    await clock.runUntil(waiting);
  });

  it('of a call that waits behind a large one is not that there is room', async () => {
    const { clock, other, call, waitMs } = scene();
    const tokens = (amount: number): Partial<Demand> => ({
      limits: [limit('tokens', 1000, 'tokens')],
      amounts: { ...NOTHING, requests: 1, tokens: amount },
    });
    await call('other', tokens(500), 0, other);
    const waiting = call('large', tokens(900));
    await clock.advance(5000);
    expect(await waitMs(tokens(100))).toBe(MINUTE - 5000);
    await clock.runUntil(waiting);
  });
});

describe('two processes whose limits change now and then', () => {
  it('keep to the largest of them, and forget nobody', async () => {
    const step = fc.record({
      max: fc.integer({ min: 1, max: 6 }),
      atOnce: fc.integer({ min: 1, max: 4 }),
      by: fc.constantFrom(0, 1),
      pauseMs: fc.constantFrom(0, 0, 100, 1000),
      lastsMs: fc.constantFrom(0, 50, 700),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 20 }), async (steps) => {
        const clock = manualClock(0);
        const limiters = limitersOver(2, clock);
        const departures: Departure[] = [];
        const call = async (fields: Partial<Demand>, by: number, lastsMs: number): Promise<void> => {
          const slot = await limiters[by]?.acquire(demand(fields));
          departures.push({ at: clock.now(), amount: 1 });
          slot?.begin?.();
          await clock.sleep(lastsMs);
          slot?.release();
        };
        const all: Promise<void>[] = [];
        for (const { max, atOnce, by, pauseMs, lastsMs } of steps) {
          const fields = {
            limits: [limit('shared', max, 'requests', 1000)],
            concurrency: [{ key: 'gate', name: 'gate', max: atOnce }],
          };
          all.push(call(fields, by, lastsMs));
          await clock.advance(pauseMs);
        }
        await clock.runUntil(Promise.all(all));
        expect(mostInAnyWindow(departures, 1000)).toBeLessThanOrEqual(Math.max(...steps.map(({ max }) => max)));
      }),
      { numRuns: 40 },
    );
  });
});
