import { describe, expect, it } from 'vitest';
import type { BudgetStore, Hold } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import { RollingSum } from '../../src/budget/rolling-sum';
import { collectGarbage } from '../garbage';

const NOW = Date.UTC(2026, 10, 21, 12);
const HOUR = 3_600_000;
const MINUTE = 60_000;
const WINDOW = { startsAt: NOW - HOUR, resetsAt: NOW + 1000 * HOUR };

const hold = (
  id: string,
  at: number,
  expiresAt: number,
  account = 'a',
  window: Hold['lines'][number]['window'] = WINDOW,
): Hold => ({
  id,
  at,
  expiresAt,
  lines: [{ account, limitNanos: Infinity, nanos: 1, window }],
});

/** Whether the store takes the id for one that it knows: only then is the impossible granted. */
async function remembers(store: BudgetStore, id: string): Promise<boolean> {
  const lines = [{ account: 'full', limitNanos: 0, nanos: 1, window: WINDOW }];
  return (await store.reserve({ id, at: NOW, expiresAt: NOW + HOUR, lines })).ok;
}

describe('memory stays bounded', () => {
  it('the last 1,024 ids of settled calls are remembered, and no others', async () => {
    const store = memoryBudgetStore();
    for (let n = 0; n < 5_000; n++) {
      await store.reserve(hold(`h${n}`, NOW, NOW + HOUR));
      await store.settle({ id: `h${n}`, spentNanos: 1, at: NOW });
    }
    const known: number[] = [];
    for (let n = 0; n < 5_000; n++) if (await remembers(store, `h${n}`)) known.push(n);
    expect([known.length, known[0]]).toEqual([1_024, 5_000 - 1_024]);
    for (let n = 0; n < 2_000; n++) await store.settle({ id: 'h4999', spentNanos: 1, at: NOW });
    expect(await remembers(store, 'h4000')).toBe(true);
  });

  it('the last 10,000 expiries are listed and can be corrected; what is forgotten stays charged', async () => {
    const store = memoryBudgetStore();
    for (let n = 0; n < 10_500; n++) await store.reserve(hold(`h${n}`, NOW, NOW + 1 + n));
    const open = (await store.openHolds?.(NOW + HOUR)) ?? [];
    expect([open.length, open[0]?.id, open.at(-1)?.id]).toEqual([10_000, 'h500', 'h10499']);
    for (const id of ['h499', 'h500']) await store.settle({ id, spentNanos: 0, at: NOW + HOUR });
    expect((await store.read(['a'], NOW + HOUR))[0]?.spentNanos).toBe(10_499);
  });

  it('accounts of past windows answer for an hour or the length of the window, and then go', async () => {
    const store = memoryBudgetStore();
    const names: string[] = [];
    for (let n = 0; n < 3_000; n++) {
      const at = NOW + n * MINUTE;
      names.push(`a${n}`);
      await store.reserve(hold(`h${n}`, at, at + 1, names[n], { startsAt: at, resetsAt: at + MINUTE }));
      await store.settle({ id: `h${n}`, spentNanos: 1, at });
    }
    const spent = (await store.read(names, NOW + 3_000 * MINUTE)).map((state) => state.spentNanos);
    expect(spent.slice(-60)).toEqual(Array.from({ length: 60 }, () => 1));
    expect(spent.slice(0, -130).some((nanos) => nanos > 0)).toBe(false);
  });

  it('an account with an open hold is kept, however long ago its window was', async () => {
    const store = memoryBudgetStore();
    await store.reserve(hold('open', NOW, NOW + 100 * HOUR, 'old', { startsAt: NOW, resetsAt: NOW + MINUTE }));
    const later = NOW + 50 * HOUR;
    for (let n = 0; n < 10; n++) await store.reserve(hold(`h${n}`, later, later + HOUR, `a${n}`));
    await store.settle({ id: 'open', spentNanos: 7, at: later });
    expect((await store.read(['old'], later))[0]?.spentNanos).toBe(7);
  });

  it('an account that is swept and asked for by the same hold is kept', async () => {
    const store = memoryBudgetStore();
    await store.reserve(hold('past', NOW, NOW + 1, 'old', { startsAt: NOW, resetsAt: NOW + MINUTE }));
    await store.settle({ id: 'past', spentNanos: 5, at: NOW });
    const later = NOW + 50 * HOUR;
    const [fresh] = hold('x', later, later, 'new').lines;
    const [old] = hold('x', later, later, 'old', { startsAt: NOW, resetsAt: NOW + MINUTE }).lines;
    await store.reserve({
      id: 'both',
      at: later,
      expiresAt: later + HOUR,
      lines: [fresh, old].filter((each) => each !== undefined),
    });
    expect(await store.read(['old'], later)).toMatchObject([{ spentNanos: 5, heldNanos: 1 }]);
  });

  it('accounts of rolling windows go when their money has left, an hour or the length of the window later', async () => {
    const store = memoryBudgetStore();
    const names: string[] = [];
    for (let n = 0; n < 1_000; n++) {
      const at = NOW + n * MINUTE;
      names.push(`a${n}`);
      await store.reserve(hold(`h${n}`, at, at + 1, names[n], { rollingMs: MINUTE }));
      await store.settle({ id: `h${n}`, spentNanos: n % 2, at });
    }
    // A limit of 0 is that of an account which nobody has asked for.
    const isKept = (await store.read(names, NOW + 1_000 * MINUTE)).map((state) => state.limitNanos > 0);
    expect([isKept.slice(-60).every(Boolean), isKept.slice(0, -130).some(Boolean)]).toEqual([true, false]);
  });

  it('an account of a rolling window is kept from its last booking on, also for a clock that is slow', async () => {
    const store = memoryBudgetStore();
    const later = NOW + 9 * HOUR;
    await store.reserve(hold('long', NOW, NOW + 10 * HOUR, 'rolling', { rollingMs: MINUTE }));
    await store.settle({ id: 'long', spentNanos: 5, at: later });
    const spentAt = async (at: number) => (await store.read(['rolling'], at))[0]?.spentNanos;
    for (let n = 0; n < 10; n++) await store.reserve(hold(`h${n}`, later + 2 * MINUTE, later + HOUR, `a${n}`));
    expect([await spentAt(later + MINUTE - 1), await spentAt(later + MINUTE)]).toEqual([5, 0]);
  });

  it('a call leaves nothing behind', async () => {
    const store = memoryBudgetStore();
    const calls = 100_000;
    const run = async (from: number): Promise<number> => {
      for (let n = from; n < from + calls; n++) {
        await store.reserve(hold(`call-${n}`, NOW + n, NOW + n + 15 * MINUTE));
        await store.settle({ id: `call-${n}`, spentNanos: 1, at: NOW + n });
      }
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = await run(0);
    expect(((await run(calls)) - before) / calls < 2).toBe(true);
  }, 60_000);
});

describe('RollingSum', () => {
  it('is exact while bookings are few, in any order, and both ways in time', () => {
    const sum = new RollingSum(1_000);
    for (let n = 0; n < 1_000; n++) sum.add((n * 377) % 1_000, 1);
    expect([sum.length, sum.sumAt(999), sum.sumAt(1_500), sum.sumAt(1_250), sum.sumAt(2_000)]).toEqual([
      1_000, 1_000, 499, 749, 0,
    ]);
  });

  it('money of many bookings leaves up to 1/256 of the window late, never early, and little is kept', () => {
    const sum = new RollingSum(25_600);
    const times: number[] = [];
    for (let time = 0; time < 200_000; time += 3) {
      sum.add(time, 1);
      times.push(time);
      if (time % 999 !== 0) continue;
      const inside = (edge: number): number => times.filter((each) => each > edge).length;
      const counted = sum.sumAt(time);
      expect(counted >= inside(time - 25_600) && counted <= inside(time - 25_600 - 100)).toBe(true);
      expect(sum.length <= 1_024).toBe(true);
    }
  });

  it('takes back exactly what was added, merged or not', () => {
    const sum = new RollingSum(HOUR);
    for (let n = 0; n < 5_000; n++) sum.add(n, 3);
    for (let n = 0; n < 5_000; n += 2) sum.remove(n, 3);
    expect(sum.sumAt(5_000)).toBe(7_500);
    for (let n = 1; n < 5_000; n += 2) sum.remove(n, 3);
    expect([sum.sumAt(5_000), sum.length]).toEqual([0, 0]);
  });

  it('what has left does not come back when bookings are merged', () => {
    const sum = new RollingSum(25_600);
    for (let n = 0; n < 1_024; n++) sum.add(n, 1);
    expect(sum.sumAt(25_650)).toBe(1_024 - 51);
    sum.add(1_024, 1);
    expect([sum.length < 20, sum.sumAt(25_650), sum.sumAt(25_699), sum.sumAt(25_799)]).toEqual([true, 974, 925, 825]);
  });

  it('counts on when a slow clock adds the booking that is one too many, after all others have left', () => {
    const sum = new RollingSum(1_000);
    for (let n = 0; n < 1_024; n++) sum.add(2 * n, 1);
    expect(sum.sumAt(5_000)).toBe(0);
    sum.add(1_001, 1);
    sum.add(5_001, 7);
    expect(sum.sumAt(5_001)).toBe(7);
  });

  it('an amount of 0 is no booking', () => {
    const sum = new RollingSum(1_000);
    sum.add(0, 0);
    expect([sum.length, sum.resetsAt(5)]).toEqual([0, 1_005]);
  });

  it('does not take back what has been forgotten', () => {
    const sum = new RollingSum(10);
    sum.add(0, 5);
    sum.add(100, 5);
    sum.remove(50, 5);
    sum.remove(0, 5);
    sum.remove(0, 5);
    expect([sum.sumAt(100), sum.sumAt(0)]).toEqual([5, 5]);
  });
});
