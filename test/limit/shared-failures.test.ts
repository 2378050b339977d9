import { describe, expect, it } from 'vitest';
import type { Slot } from '../../src/limit/rate-limiter';
import { sharedRateLimiter } from '../../src/limit/shared';
import type { SharedLimits } from '../../src/limit/shared-limits';
import { manualClock } from '../../src/testing/manual-clock';
import { MemorySharedLimits } from './memory-shared-limits';
import { limitersOver } from './shared-support';
import { demand, limit, NOTHING } from './support';

const MINUTE = 60_000;

function scene(wrap: (limits: SharedLimits) => Partial<SharedLimits> = () => ({})) {
  const clock = manualClock();
  const engine = new MemorySharedLimits({ clock });
  const base: SharedLimits = {
    take: (demands) => engine.take(demands),
    change: (changes) => engine.change(changes),
    learn: (snapshots) => engine.learn(snapshots),
    look: (wanted) => engine.look(wanted),
  };
  const limits: SharedLimits = { ...base, ...wrap(base) };
  const limiter = sharedRateLimiter({ limits, clock });
  const other = sharedRateLimiter({ limits: base, clock });
  const limitUsed = async (key: string, max = 1): Promise<number | undefined> =>
    (await engine.look({ id: 'look', needs: [{ type: 'concurrency', key, max }], provider: undefined, leaseMs: 1 }))[0]?.used;
  return { clock, engine, limiter, other, used: limitUsed };
}

const gate = (max = 1) => ({ concurrency: [{ key: 'gate', name: 'gate', max }] });
const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};

/** Lets the answers of `take` through one by one. */
function gated() {
  const open: (() => void)[] = [];
  const wrap = (base: SharedLimits): Partial<SharedLimits> => ({
    take: async (demands) => {
      const grants = await base.take(demands);
      await new Promise<void>((resolve) => open.push(resolve));
      return grants;
    },
  });
  return { wrap, answer: () => open.shift()?.() };
}

describe('what comes too late', () => {
  it('is given back after an abort while the engine is being asked', async () => {
    const { wrap, answer } = gated();
    const { limiter, used, clock } = scene(wrap);
    const controller = new AbortController();
    const taken = Promise.resolve(limiter.acquire(demand(gate()), controller.signal));
    await turns();
    expect(await used('gate')).toBe(1);
    controller.abort('enough');
    await expect(taken).rejects.toBe('enough');
    answer();
    await turns();
    expect(await used('gate')).toBe(0);
    expect(limiter.peek).toBeDefined();
    expect(clock.sleeping).toBeLessThanOrEqual(1);
  });

  it('is given back when the deadline has passed in between', async () => {
    const { wrap, answer } = gated();
    const { clock, limiter, other, used } = scene(wrap);
    const first = await other.acquire(demand(gate()));
    const taken = Promise.resolve(limiter.acquire(demand({ ...gate(), maxWaitMs: 1000 })));
    const settled = taken.catch((error: unknown) => error);
    await turns();
    answer();
    await clock.advance(990);
    first.release();
    await turns();
    await clock.advance(500);
    expect(await settled).toMatchObject({ name: 'RateLimitWaitError', limit: 'gate' });
    for (let call = 0; call < 50; call++) {
      answer();
      await turns();
    }
    expect(await used('gate')).toBe(0);
  });

  it('is given back after close', async () => {
    const { wrap, answer } = gated();
    const { limiter, used } = scene(wrap);
    const taken = Promise.resolve(limiter.acquire(demand(gate())));
    await turns();
    const closed = limiter.close();
    await expect(taken).rejects.toMatchObject({ limit: 'closed' });
    answer();
    await closed;
    expect(await used('gate')).toBe(0);
  });
});

describe('an engine that fails', () => {
  it('makes acquire reject with its error, and what it may have taken is given back', async () => {
    let fails = true;
    const failure = new Error('gone');
    const { clock, limiter, used } = scene((base) => ({
      async take(demands) {
        const grants = await base.take(demands);
        if (fails) throw failure;
        return grants;
      },
      async change(changes) {
        if (fails) throw failure;
        return base.change(changes);
      },
    }));
    const limits = [limit('l', 5)];
    await expect(limiter.acquire(demand({ ...gate(), limits }))).rejects.toBe(failure);
    expect(await used('gate')).toBe(1);
    fails = false;
    await clock.advance(200);
    expect(await used('gate')).toBe(0);
    expect((await limiter.peek(demand({ limits })))[0]?.used).toBe(0);
    expect(await limiter.acquire(demand({ ...gate(), limits }))).toBeDefined();
  });

  it('that never answers is given up after timeoutMs, and the next call asks again', async () => {
    const { engine, clock } = scene();
    let hangs = true;
    const limits: SharedLimits = {
      take: (demands) => (hangs ? new Promise(() => undefined) : engine.take(demands)),
      change: (changes) => engine.change(changes),
      learn: (snapshots) => engine.learn(snapshots),
      look: (wanted) => engine.look(wanted),
    };
    const limiter = sharedRateLimiter({ limits, clock, timeoutMs: 20 });
    await expect(limiter.acquire(demand(gate()))).rejects.toThrow('did not answer within 20 ms');
    hangs = false;
    expect(await limiter.acquire(demand(gate()))).toBeDefined();
  });

  it('to take in changes is tried a few times, then left to the lease', async () => {
    let tries = 0;
    const { clock, limiter, used } = scene(() => ({
      change: () => {
        tries++;
        return Promise.reject(new Error('down'));
      },
    }));
    const slot = await limiter.acquire(demand({ ...gate(), leaseMs: MINUTE }));
    slot.release();
    await clock.advance(30_000);
    expect(tries).toBe(4);
    expect(await used('gate')).toBe(1);
    await clock.advance(30_000);
    expect(await used('gate')).toBe(0);
    await clock.runUntil(Promise.resolve(limiter.acquire(demand(gate()))));
  });
});

describe('a process that dies', () => {
  it('gives back by lease what it had, and those who wait elsewhere get it', async () => {
    const clock = manualClock(0);
    const [dying, living] = limitersOver(2, clock);
    const limits = [limit('l', 2)];
    for (const begins of [true, false]) {
      const slot = await clock.runUntil(Promise.resolve(dying?.acquire(demand({ ...gate(2), limits, leaseMs: 20_000 }))));
      if (begins) slot?.begin?.();
    }
    const next = await clock.runUntil(Promise.resolve(living?.acquire(demand(gate(2)))));
    expect(clock.now()).toBeGreaterThanOrEqual(20_000);
    expect(clock.now()).toBeLessThan(20_300);
    next?.release();
    const at: number[] = [];
    for (let call = 0; call < 2; call++) {
      const slot = await clock.runUntil(Promise.resolve(living?.acquire(demand({ limits }))));
      slot?.begin?.();
      at.push(clock.now());
    }
    // One had departed at 0; of the other nobody knows, so it counts from the end of its lease.
    expect(at[0]).toBeGreaterThanOrEqual(MINUTE);
    expect(at[0]).toBeLessThan(MINUTE + 20);
    expect(at[1]).toBeGreaterThanOrEqual(MINUTE + 20_000);
    expect(at[1]).toBeLessThan(MINUTE + 20_020);
  });
});

describe('what others have taken', () => {
  it('makes a call wait no longer than until they give it back', async () => {
    const { clock, limiter, other } = scene();
    const slot = await other.acquire(demand(gate()));
    const waiting = Promise.resolve(limiter.acquire(demand(gate())));
    await clock.advance(5000);
    slot.release();
    const at = clock.now();
    const granted = await clock.runUntil(waiting);
    expect(clock.now() - at).toBeLessThanOrEqual(250);
    expect(granted.waitedMs).toBe(clock.now() - at + 5000);
  });

  it('is not called free in the message of a refusal', async () => {
    const { clock, limiter, other } = scene();
    const limits = [limit('full', 2)];
    for (let call = 0; call < 2; call++) (await other.acquire(demand({ limits }))).begin?.();
    const refused = Promise.resolve(limiter.acquire(demand({ limits, maxWaitMs: 300 }))).catch((error: unknown) => error);
    expect(await clock.runUntil(refused)).toMatchObject({
      message: expect.stringContaining('0 of 2 requests are in use here and the rest by other processes, this call needs 1.'),
    });
  });

  it('does not hold up calls that do not need it, and keeps the order of those that do', async () => {
    const { clock, limiter, other } = scene();
    const full = [limit('full', 2)];
    for (let call = 0; call < 2; call++) (await other.acquire(demand({ limits: full }))).begin?.();
    const order: string[] = [];
    const enter = (name: string, fields: Parameters<typeof demand>[0]): Promise<unknown> =>
      Promise.resolve(limiter.acquire(demand({ limits: full, ...fields }))).then((slot: Slot) => {
        slot.begin?.();
        order.push(name);
      });
    const all = [enter('first', {}), enter('second', {}), enter('urgent', { priority: 5 })];
    await clock.advance(30);
    expect(await limiter.acquire(demand({ limits: [limit('free', 1)] }))).toBeDefined();
    await clock.runUntil(Promise.all(all));
    expect(order).toEqual(['urgent', 'first', 'second']);
  });

  it('costs nobody its place, however often it was asked for in vain', async () => {
    for (const windowMs of [1500, 2500, 3500]) {
      const { clock, limiter, other } = scene();
      const limits = [limit('full', 1, 'requests', windowMs)];
      (await other.acquire(demand({ limits }))).begin?.();
      const order: number[] = [];
      const all = [0, 1, 2].map(async (index) => {
        const slot = await limiter.acquire(demand({ limits }));
        slot.begin?.();
        order.push(index);
      });
      await clock.runUntil(Promise.all(all));
      expect(order).toEqual([0, 1, 2]);
    }
  });

  it('costs a team no turn for what it asked for in vain', async () => {
    for (const windowMs of [1500, 2500, 3500, 4500]) {
      const { clock, limiter, other } = scene();
      const limits = [limit('full', 1, 'requests', windowMs)];
      (await other.acquire(demand({ limits }))).begin?.();
      const order: string[] = [];
      const all = ['a', 'b', 'c'].map(async (team) => {
        const slot = await limiter.acquire(demand({ limits, team }));
        slot.begin?.();
        order.push(team);
      });
      await clock.runUntil(Promise.all(all));
      expect(order).toEqual(['a', 'b', 'c']);
    }
  });

  it('refuses at once with maxWaitMs 0 or a full queue, with the expected wait', async () => {
    const { clock, limiter, other } = scene();
    const limits = [limit('full', 1)];
    (await other.acquire(demand({ limits }))).begin?.();
    await clock.advance(10_000);
    for (const fields of [{ maxWaitMs: 0 }, { maxQueueSize: 0 }]) {
      await expect(limiter.acquire(demand({ limits, ...fields }))).rejects.toMatchObject({
        name: 'RateLimitWaitError',
        limit: 'full',
        retryAfterMs: 50_000,
      });
    }
  });

  it('is not asked for by everybody at once when it becomes free', async () => {
    let asked = 0;
    const { clock, limiter, other } = scene((base) => ({
      take: (demands) => {
        asked += demands.filter(({ needs }) => needs[0]?.key === 'full').length;
        return base.take(demands);
      },
    }));
    const limits = [limit('full', 20, 'requests', 1000)];
    for (let call = 0; call < 20; call++) {
      (await other.acquire(demand({ limits }))).begin?.();
      await clock.advance(40);
    }
    asked = 0;
    const all = Array.from({ length: 40 }, () => Promise.resolve(limiter.acquire(demand({ limits }))));
    await clock.runUntil(Promise.all(all.map((taken) => taken.then((slot) => slot.begin?.()))));
    // 20 come at once before it is known that there is no room; 40 are granted, each of them after one in vain or two.
    expect(asked).toBeLessThan(20 + 3 * 40);
  });

  it('is shown by peek, with what this process has taken', async () => {
    const { limiter, other } = scene();
    const limits = [limit('none', 5, 'tokens'), limit('l', 5)];
    for (const each of [limiter, other, other]) (await each.acquire(demand({ ...gate(4), limits }))).begin?.();
    other.observe({
      provider: 'm',
      at: Date.UTC(2026, 0, 1),
      limits: [{ kind: 'tokens', windowMs: MINUTE, max: 900, remaining: 500 }],
    });
    const states = await limiter.peek(demand({ ...gate(4), limits, provider: 'm' }));
    expect(states.map(({ name, used }) => [name, used])).toEqual([
      ['m/pause', 0],
      ['none', 0],
      ['l', 3],
      ['m/tokens per minute', 400],
      ['gate', 3],
    ]);
    expect(limiter.headroom('m', 'tokens')).toBe(900);
  });
});

describe('what one process learns of the provider', () => {
  const tokens = (amount: number) => ({ ...NOTHING, requests: 1, tokens: amount });

  it('holds for the others: pauses, limits, and what can never fit', async () => {
    const { clock, limiter, other } = scene();
    const at = clock.now();
    other.observe({
      provider: 'm',
      at,
      limits: [{ kind: 'tokens', windowMs: MINUTE, max: 6000, remaining: 600 }],
      pauseMs: 3000,
    });
    await expect(limiter.acquire(demand({ provider: 'm', maxProviderWaitMs: 2000 }))).rejects.toMatchObject({
      limit: 'm/pause',
      retryAfterMs: 3000,
    });
    await expect(limiter.acquire(demand({ provider: 'm', amounts: tokens(6001) }))).rejects.toMatchObject({
      limit: 'm/tokens per minute',
      retryAfterMs: Infinity,
    });
    await clock.runUntil(Promise.resolve(limiter.acquire(demand({ provider: 'm', amounts: tokens(900) }))));
    expect(clock.now() - at).toBe(3000);
    const slot = await clock.runUntil(Promise.resolve(limiter.acquire(demand({ provider: 'm', amounts: tokens(600) }))));
    expect(clock.now() - at).toBe(9000);
    slot.begin?.();
    slot.release({ tokens: 300 });
    await clock.runUntil(Promise.resolve(other.acquire(demand({ provider: 'm', amounts: tokens(300) }))));
    expect(clock.now() - at).toBe(9000);
  });

  it('is told at once if it is news, and once a second if not', async () => {
    let told = 0;
    const { clock, limiter } = scene((base) => ({
      learn: (snapshots) => {
        told += snapshots.length;
        return base.learn(snapshots);
      },
    }));
    const learn = (max: number, pauseMs?: number): void =>
      limiter.observe({
        provider: 'm',
        at: clock.now(),
        limits: [{ kind: 'tokens', windowMs: MINUTE, max, remaining: 5 }],
        pauseMs,
      });
    for (let response = 0; response < 50; response++) learn(1000);
    learn(2000);
    learn(2000, 100);
    await clock.advance(1000);
    learn(2000);
    await turns();
    expect(told).toBe(4);
  });
});

describe('names that an engine may not be able to store', () => {
  it('reach it in another form', async () => {
    const seen: string[] = [];
    const { limiter } = scene((base) => ({
      take: (demands) => {
        seen.push(...demands.flatMap(({ needs, provider }) => [...needs.map(({ key }) => key), provider?.name ?? '']));
        return base.take(demands);
      },
    }));
    await limiter.acquire(demand({ limits: [limit('a\0b', 1), limit('\ud800', 1), limit('😀', 1)], provider: 'm\0' }));
    expect(seen).toEqual(['"a\\u0000b"', '"\\ud800"', '😀', '"m\\u0000"']);
  });
});

it('many that try again or watch at once do not make Node warn of a leak', async () => {
  const { clock, limiter } = scene((base) => ({
    change: () => Promise.reject(new Error('away')),
    take: (demands) => base.take(demands),
  }));
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', onWarning);
  try {
    for (let call = 0; call < 20; call++) {
      const concurrency = [{ key: `gate ${call}`, name: 'gate', max: 1 }];
      (await limiter.acquire(demand({ concurrency }))).release();
    }
    await clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  } finally {
    process.off('warning', onWarning);
    await clock.runUntil(limiter.close());
  }
});
