import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { memoryRateLimiter } from '../../src/limit/memory';
import type { Demand, Slot } from '../../src/limit/rate-limiter';
import { manualClock } from '../../src/testing/manual-clock';
import { demand, limit, NOTHING } from './support';

function scene(max = 1, windowMs = 1000) {
  const clock = manualClock(0);
  const limiter = memoryRateLimiter({ clock });
  const limits = Object.freeze([limit('shared', max, 'requests', windowMs)]);
  const leave = (slot: Slot): void => {
    slot.begin?.();
    slot.release();
  };
  /** Uses the limit up. */
  const fill = (): void => {
    for (let call = 0; call < max; call++) leave(limiter.acquire(demand({ limits })) as Slot);
  };
  const queue = (fields: Partial<Demand>, signal?: AbortSignal): Promise<Slot> =>
    Promise.resolve(limiter.acquire(demand({ limits, ...fields }), signal)).then((slot) => {
      leave(slot);
      return slot;
    });
  return { clock, limiter, limits, leave, fill, queue };
}

describe('granting', () => {
  it('is synchronous while there is room and nobody waits, and sleeps on nothing', async () => {
    const { limiter, limits, clock } = scene(1, 60_000);
    const slot = limiter.acquire(demand({ limits }));
    expect(slot).not.toBeInstanceOf(Promise);
    expect((await slot).waitedMs).toBe(0);
    expect(clock.sleeping).toBe(0);
    const next = limiter.acquire(demand({ limits: [...limits] }));
    expect(next).toBeInstanceOf(Promise);
    expect(clock.sleeping).toBe(0);
    (await slot).begin?.();
    expect(clock.sleeping).toBe(1);
    expect((await clock.runUntil(Promise.resolve(next))).waitedMs).toBe(60_000);
  });

  it('tells how long it took', async () => {
    const { clock, fill, queue } = scene();
    fill();
    await clock.advance(300);
    expect((await clock.runUntil(queue({}))).waitedMs).toBe(700);
  });

  it('finds the same limit behind arrays that are not the same, and after they have changed', () => {
    const { limiter, leave } = scene();
    const mutable = [limit('a', 1)];
    leave(limiter.acquire(demand({ limits: mutable })) as Slot);
    expect(limiter.peek(demand({ limits: [limit('a', 1)] }))[0]?.used).toBe(1);
    mutable[0] = limit('b', 1);
    expect(limiter.acquire(demand({ limits: mutable }))).not.toBeInstanceOf(Promise);
    expect(limiter.acquire(demand({ limits: [limit('a', 2)] }))).not.toBeInstanceOf(Promise);
  });
});

describe('100,000 waiting calls', () => {
  it('leave by priority, then in order, on one alarm', async () => {
    const { clock, limits, limiter, leave, fill } = scene(25_000);
    fill();
    const order: number[] = [];
    const all: Promise<unknown>[] = [];
    for (let index = 0; index < 100_000; index++) {
      const granted = Promise.resolve(limiter.acquire(demand({ limits, priority: index % 4 })));
      all.push(granted.then((slot) => (leave(slot), order.push(index))));
    }
    expect(clock.sleeping).toBe(1);
    await clock.runUntil(Promise.all(all));
    expect(clock.now()).toBe(4000);
    expect(clock.sleeping).toBe(0);
    const expected = Array.from({ length: 100_000 }, (_, index) => (index % 25_000) * 4 + 3 - Math.floor(index / 25_000));
    expect(order).toEqual(expected);
  }, 60_000);
});

describe('calls of one team under different limits', () => {
  it('take turns at a limit that they share in the order in which they came, the higher priority first', async () => {
    const { clock, limits, fill, queue } = scene();
    fill();
    const own = { x: [...limits, limit('x', 100)], y: [...limits, limit('y', 100)], z: [...limits, limit('z', 100)] };
    const order: string[] = [];
    const enter = (name: keyof typeof own, priority: number, label: string): Promise<unknown> =>
      queue({ limits: own[name], priority }).then(() => order.push(label));
    const all = [
      enter('x', 0, 'x1'),
      enter('y', 0, 'y1'),
      enter('x', 0, 'x2'),
      enter('z', 1, 'z1, urgent'),
      enter('y', 0, 'y2'),
      enter('x', 2, 'x3, most urgent'),
      enter('z', 0, 'z2'),
    ];
    await clock.runUntil(Promise.all(all));
    expect(order).toEqual(['x3, most urgent', 'z1, urgent', 'x1', 'y1', 'x2', 'y2', 'z2']);
    expect(clock.now()).toBe(7000);
  });
});

describe('abort', () => {
  it('takes out any of those who wait and leaves the others in order', async () => {
    const { clock, fill, queue } = scene();
    fill();
    const controllers = Array.from({ length: 6 }, () => new AbortController());
    const order: number[] = [];
    const settled = Promise.allSettled(
      controllers.map(({ signal }, index) => queue({ priority: index % 2 }, signal).then(() => order.push(index))),
    );
    for (const index of [0, 3, 5]) controllers[index]?.abort(index);
    const results = await clock.runUntil(settled);
    expect(order).toEqual([1, 2, 4]);
    expect(results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))).toEqual([0, 3, 5]);
    expect(clock.now()).toBe(3000);
  });

  it('of everybody ends the alarm, and the next call waits no longer for them', async () => {
    const { clock, fill, queue } = scene(2);
    fill();
    const controller = new AbortController();
    const all = Array.from({ length: 50 }, () => queue({}, controller.signal));
    expect(getEventListeners(controller.signal, 'abort').length).toBe(1);
    controller.abort();
    for (const result of await Promise.allSettled(all)) expect(result.status).toBe('rejected');
    expect(clock.sleeping).toBe(0);
    await clock.runUntil(queue({}));
    expect(clock.now()).toBe(1000);
  });

  it('of a large call at the front lets the small ones behind it go at once', async () => {
    const { clock, limits, limiter, leave, queue } = scene(4);
    for (let call = 0; call < 2; call++) leave(limiter.acquire(demand({ limits })) as Slot);
    const controller = new AbortController();
    const large = queue({ amounts: { ...NOTHING, requests: 4 } }, controller.signal);
    const small = queue({ team: 'other' });
    controller.abort('no');
    await expect(large).rejects.toBe('no');
    await small;
    expect(clock.now()).toBe(0);
  });

  it('leaves no listener behind, whichever way the wait ends', async () => {
    const { clock, limiter, fill, queue } = scene();
    fill();
    const signals = Array.from({ length: 4 }, () => new AbortController().signal);
    const ends = [
      queue({}, signals[0]),
      queue({ maxWaitMs: 10 }, signals[1]),
      queue({ maxWaitMs: 1500 }, signals[2]),
      queue({}, signals[3]),
    ];
    const settled = Promise.allSettled(ends);
    await clock.advance(1600);
    await limiter.close();
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
    expect(signals.map((signal) => getEventListeners(signal, 'abort').length)).toEqual([0, 0, 0, 0]);
    expect(clock.sleeping).toBe(0);
  });

  it('after the grant changes nothing', async () => {
    const { clock, fill, queue } = scene();
    fill();
    const controller = new AbortController();
    const slot = await clock.runUntil(queue({}, controller.signal));
    controller.abort();
    expect(slot.waitedMs).toBe(1000);
  });
});

describe('sharing', () => {
  /** Whom the shared limit served, until `ms` have gone. */
  async function served(
    teams: readonly (Partial<Demand> & { readonly team: string })[],
    calls: number,
    ms: number,
  ): Promise<string[]> {
    const { clock, fill, queue } = scene(6);
    fill();
    const order: string[] = [];
    for (let call = 0; call < calls; call++) {
      for (const fields of teams)
        queue(fields)
          .then(() => order.push(fields.team))
          .catch(() => undefined);
    }
    await clock.advance(ms);
    return order;
  }
  const share = (order: readonly string[], team: string): number => order.filter((name) => name === team).length;

  it('goes by weight at every moment, not only in the end', async () => {
    const order = await served([{ team: 'a', weight: 3 }, { team: 'b' }, { team: 'c', weight: 2 }], 100, 20_000);
    expect(order.length).toBe(120);
    for (let end = 12; end <= 120; end += 12) {
      expect(Math.abs(share(order.slice(0, end), 'a') - end / 2)).toBeLessThanOrEqual(1);
      expect(Math.abs(share(order.slice(0, end), 'b') - end / 6)).toBeLessThanOrEqual(1);
    }
  });

  it('goes by what is taken, not by how many take it', async () => {
    const large = { ...NOTHING, requests: 3 };
    const order = await served([{ team: 'large', amounts: large }, { team: 'small' }], 100, 20_000);
    expect(Math.abs(share(order, 'large') * 3 - share(order, 'small'))).toBeLessThanOrEqual(6);
  });

  it('does not let a team’s priorities take another team’s share', async () => {
    const order = await served([{ team: 'urgent', priority: 9 }, { team: 'patient' }], 60, 10_000);
    expect(share(order, 'patient')).toBe(30);
  });

  it('gives a team that was away no turns that it saved up', async () => {
    const { clock, fill, queue } = scene(6);
    fill();
    const order: string[] = [];
    const enter = (team: string, calls: number): void => {
      for (let call = 0; call < calls; call++)
        queue({ team })
          .then(() => order.push(team))
          .catch(() => undefined);
    };
    enter('early', 100);
    await clock.advance(5000);
    enter('late', 100);
    order.length = 0;
    await clock.advance(4000);
    expect(share(order, 'late')).toBe(12);
  });

  // Each constraint alone would let the small ones overtake: the window has room when the slot is taken, and the other way round.
  it('does not starve a call that needs room in two places which others keep full in turn', async () => {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({ clock });
    const [one, two] = [limit('one', 4, 'requests', 1000), limit('two', 4, 'requests', 1300)];
    const run = async (fields: Partial<Demand>, rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        const slot = await limiter.acquire(demand(fields));
        slot.begin?.();
        await clock.sleep(90);
        slot.release();
      }
    };
    const crowd = Array.from({ length: 12 }, (_, index) =>
      run({ team: `team-${index % 4}`, limits: [index % 2 ? one : two] }, 60),
    );
    await clock.advance(500);
    const before = clock.now();
    const large = run({ team: 'large', amounts: { ...NOTHING, requests: 4 }, limits: [one, two] }, 1);
    await clock.runUntil(large);
    expect(clock.now() - before).toBeLessThan(10_000);
    await clock.runUntil(Promise.all(crowd));
  });

  it('keeps room back for a call that waits for a slot, until it gives up or a window has gone', async () => {
    for (const abortsAt of [1100, Infinity]) {
      const { clock, limits, limiter, fill, queue } = scene(4);
      const concurrency = [{ key: 'gate', name: 'gate', max: 1 }];
      expect(limiter.acquire(demand({ concurrency }))).not.toBeInstanceOf(Promise);
      fill();
      const controller = new AbortController();
      const large = queue({ limits, concurrency, amounts: { ...NOTHING, requests: 3 } }, controller.signal);
      large.catch(() => undefined);
      await clock.advance(1050);
      const at: number[] = [];
      const small = queue({ amounts: { ...NOTHING, requests: 2 } }).then(() => at.push(clock.now()));
      await queue({ team: 'other', amounts: { ...NOTHING, requests: 1 }, limits: [limit('elsewhere', 1)] });
      await clock.advance(50);
      if (clock.now() === abortsAt) controller.abort();
      await clock.runUntil(small);
      expect(at).toEqual([Math.min(abortsAt, 2000)]);
      await limiter.close();
    }
  });

  it('does not hold up a call by another that waits for something that it does not need', async () => {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({ clock });
    const team = limit('team', 10);
    const concurrency = [{ key: 'gate', name: 'gate', max: 5 }];
    const go = (key: string): Slot | Promise<Slot> => limiter.acquire(demand({ limits: [team, limit(key, 1)], concurrency }));
    for (const user of ['ann', 'bob']) (go(user) as Slot).begin?.();
    const waiting = [go('ann'), go('bob'), go('bob')].map((taken) => Promise.resolve(taken));
    expect(go('carl')).not.toBeInstanceOf(Promise);
    expect(limiter.peek(demand({ limits: [team], concurrency })).map(({ used }) => used)).toEqual([3, 3]);
    const refused = Promise.allSettled(waiting);
    await limiter.close();
    expect((await refused).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });
});

describe('leases', () => {
  it('that are over free the slot for those who wait, and count a call that never departed as departed', async () => {
    const clock = manualClock(0);
    const limiter = memoryRateLimiter({ clock });
    const fields = { limits: [limit('l', 1)], concurrency: [{ key: 'c', name: 'c', max: 1 }], leaseMs: 5000 };
    const lost = await limiter.acquire(demand(fields));
    await clock.runUntil(Promise.resolve(limiter.acquire(demand({ concurrency: fields.concurrency }))));
    expect(clock.now()).toBe(5000);
    await clock.runUntil(Promise.resolve(limiter.acquire(demand({ limits: fields.limits }))));
    expect(clock.now()).toBe(65_000);
    lost.begin?.();
    lost.release();
    expect(limiter.peek(demand(fields)).map(({ used }) => used)).toEqual([1, 1]);
  });
});

describe('many users', () => {
  it('are forgotten when they are idle, and remembered while they are not', () => {
    const { clock, limiter, leave } = scene();
    const user = (name: string): Demand =>
      demand({ limits: [limit(`user/${name}`, 1)], concurrency: [{ key: name, name, max: 1 }] });
    for (let index = 0; index < 5000; index++) {
      clock.set(index * 100);
      leave(limiter.acquire(user(`user-${index}`)) as Slot);
      // 60 s are 600 calls.
      const since = Math.max(0, index - 599);
      expect(limiter.peek(user(`user-${since}`))[0]?.used).toBe(1);
    }
  });
});
