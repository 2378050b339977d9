// A store that is away, answers that are lost, calls that cost more than they held or end too late.
import { describe, expect, it } from 'vitest';
import type { BudgetStore } from '../../src/budget/budget-store';
import type { UsageRecord } from '../../src/usage/usage-log';
import { leased } from '../../src/budget/leased';
import { LIFE_MS, START, UNIT, amounts, hold, line, sharedStore } from './leased-support';

const LEASE_MS = 8_000;
const CAP = 1_000 * UNIT;
const ORG = [line('org', CAP, UNIT)];

function scene() {
  const { clock, store, link } = sharedStore();
  const way = link();
  const own = leased(way, { sliceUsd: 1, leaseMs: LEASE_MS, clock });
  const shared = async (at = clock.now()) => amounts(await store.read(['org'], at))[0];
  const reserve = (id: string, lines = ORG) => own.reserve(hold(id, clock.now(), lines));
  const settle = (id: string, spentNanos: number) => own.settle({ id, spentNanos, at: clock.now() });
  return { clock, store, way, own, shared, reserve, settle };
}

describe('while the store is away', () => {
  it('calls are admitted from what is at hand until the lease is over, and then rejected', async () => {
    const { clock, way, reserve } = scene();
    await reserve('a');
    way.cut = 'asked';
    expect((await reserve('b')).ok).toBe(true);
    clock.set(START + LEASE_MS - 1);
    expect((await reserve('c')).ok).toBe(true);
    clock.set(START + LEASE_MS);
    await expect(reserve('d')).rejects.toThrow('cut off');
    way.cut = undefined;
    expect((await reserve('d')).ok).toBe(true);
  });

  it('all who wait for the same slice are rejected, and none of them holds anything', async () => {
    const { way, own, reserve, shared } = scene();
    way.cut = 'asked';
    const answers = await Promise.allSettled(['a', 'b', 'c'].map((id) => reserve(id)));
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(way.sent).toEqual(['reserve', 'settle']);
    way.cut = undefined;
    expect(await shared()).toEqual([0, 0]);
    expect(amounts(await own.read(['org'], START))).toEqual([[0, 0]]);
  });

  it('a slice whose grant was lost is freed when the store answers again', async () => {
    const { clock, way, reserve, shared } = scene();
    way.cut = 'answered';
    await expect(reserve('a')).rejects.toThrow('answer lost');
    way.cut = undefined;
    await clock.advance(LEASE_MS);
    expect(await shared()).toEqual([0, 0]);
    expect(clock.sleeping).toBe(0);
  });

  it('also if the request arrives after the first attempt to free it', async () => {
    const { clock, store, shared } = scene();
    const late: BudgetStore = {
      reserve: (asked) => {
        void clock.sleep(3_000).then(() => store.reserve(asked));
        return Promise.reject(new Error('timed out'));
      },
      settle: (settlement) => store.settle(settlement),
      read: (accounts, at) => store.read(accounts, at),
    };
    const own = leased(late, { sliceUsd: 1, leaseMs: LEASE_MS, clock });
    await expect(own.reserve(hold('a', START, ORG))).rejects.toThrow('timed out');
    await clock.advance(3_000);
    expect(await shared()).toEqual([0, 100 * UNIT]);
    await clock.advance(LEASE_MS);
    expect([await shared(), clock.sleeping]).toEqual([[0, 0], 0]);
  });

  it.each(['asked', 'answered'] as const)(
    'what goes back is told again, with longer and longer pauses, and once (%s)',
    async (cut) => {
      const { clock, way, own, reserve, settle, shared } = scene();
      await reserve('a');
      await settle('a', 3);
      way.cut = cut;
      way.sent.length = 0;
      await clock.advance(40_000);
      const tries = way.sent.length;
      expect(tries).toBeGreaterThan(5);
      expect(tries).toBeLessThan(16);
      await clock.advance(600_000);
      expect(way.sent.length - tries).toBeLessThan(30);
      way.cut = undefined;
      expect(amounts(await own.read(['org'], START))).toEqual([[3, 0]]);
      await clock.advance(35_000);
      expect(await shared()).toEqual([3, 0]);
      expect(clock.sleeping).toBe(0);
    },
  );

  it('close tries for a while and then rejects; what it could not bring back goes back later all the same', async () => {
    const { clock, way, own, reserve, settle, shared } = scene();
    await reserve('a');
    await settle('a', 3);
    way.cut = 'asked';
    const closed = own.close?.();
    await expect(clock.runUntil(closed ?? Promise.resolve())).rejects.toThrow(
      'leased: the store did not take slices back; they are charged in full when they expire.',
    );
    expect(clock.now() - START).toBe(26_250);
    way.cut = undefined;
    await clock.advance(60_000);
    expect(await shared()).toEqual([3, 0]);
    expect(clock.sleeping).toBe(0);
  });
});

describe('a call that costs more than it held', () => {
  it('is booked in full at once, and blocks what comes next', async () => {
    const { reserve, settle, shared } = scene();
    await reserve('a');
    const { states } = await settle('a', 300 * UNIT);
    expect(amounts(states)).toEqual([[300 * UNIT, 0]]);
    expect(await shared()).toEqual([300 * UNIT, 0]);
    expect((await reserve('b', [line('org', 300 * UNIT, 1)])).ok).toBe(false);
  });

  it('also while other calls hold the slice, and above every limit, more than once', async () => {
    const { reserve, settle, shared, own, clock } = scene();
    for (const id of ['a', 'b', 'other']) await reserve(id);
    await settle('a', 3 * CAP);
    expect(await shared()).toEqual([3 * CAP - 98 * UNIT, 100 * UNIT]);
    expect(amounts(await own.read(['org'], START))).toEqual([[3 * CAP, 2 * UNIT]]);
    await settle('b', 2 * CAP);
    expect(await shared()).toEqual([5 * CAP - 99 * UNIT, 100 * UNIT]);
    expect((await reserve('c')).ok).toBe(false);
    await settle('other', 5);
    await clock.advance(LEASE_MS);
    expect(await shared()).toEqual([5 * CAP + 5, 0]);
  });

  it('also while the store is away: it is told later', async () => {
    const { reserve, settle, shared, way, clock } = scene();
    await reserve('a');
    await reserve('other');
    way.cut = 'asked';
    await settle('a', 300 * UNIT);
    await settle('a', 300 * UNIT);
    way.cut = undefined;
    await clock.advance(LEASE_MS / 4);
    expect((await shared())?.reduce((sum, each) => sum + each)).toBe(301 * UNIT);
    await settle('other', 0);
    await clock.advance(60_000);
    expect([await shared(), clock.sleeping]).toEqual([[300 * UNIT, 0], 0]);
  });
});

describe('a call that nobody settles in time', () => {
  it('is charged what it held, and the slice goes back', async () => {
    const { reserve, clock, shared, own } = scene();
    await reserve('a');
    await clock.advance(LIFE_MS - 1);
    expect(amounts(await own.read(['org'], clock.now()))).toEqual([[0, UNIT]]);
    await clock.advance(LEASE_MS);
    expect(await shared()).toEqual([UNIT, 0]);
    expect(clock.sleeping).toBe(0);
  });

  it('and ends after all: what it cost more is booked', async () => {
    const { reserve, settle, clock, shared } = scene();
    await reserve('a');
    await clock.advance(LIFE_MS + LEASE_MS);
    const { states } = await settle('a', 3 * UNIT);
    expect(amounts(states)).toEqual([[3 * UNIT, 0]]);
    await settle('a', 5 * UNIT);
    await clock.advance(LEASE_MS);
    expect([await shared(), clock.sleeping]).toEqual([[3 * UNIT, 0], 0]);
  });

  it('and ends after all: what it cost less stays charged, as far as nothing is spent that it can make up for', async () => {
    const { reserve, settle, clock, shared } = scene();
    await reserve('a');
    await reserve('b');
    await clock.advance(LIFE_MS + LEASE_MS);
    expect(await shared()).toEqual([2 * UNIT, 0]);
    await settle('a', 1);
    await clock.advance(LEASE_MS);
    expect(await shared()).toEqual([2 * UNIT, 0]);
    await reserve('c');
    await settle('c', UNIT - 7);
    await settle('b', 3);
    await clock.advance(LEASE_MS);
    expect(await shared()).toEqual([2 * UNIT, 0]);
  });

  it('and ends after all, while other calls are open: the books stay right', async () => {
    const { reserve, settle, clock, shared, own } = scene();
    await reserve('a');
    await clock.advance(LIFE_MS - 5_000);
    await reserve('b');
    await clock.advance(5_000 + 2 * LEASE_MS);
    expect(await shared()).toEqual([UNIT, UNIT]);
    await settle('a', 1);
    await settle('b', 7);
    expect(amounts(await own.read(['org'], clock.now()))).toEqual([[UNIT + 7, 0]]);
    await clock.advance(LEASE_MS);
    expect([await shared(), clock.sleeping]).toEqual([[UNIT + 7, 0], 0]);
  });

  it('does not count twice while its slice is kept for it', async () => {
    const { reserve, settle, clock, shared, own } = scene();
    await reserve('a');
    await reserve('long', [line('org', CAP, 90 * UNIT)]);
    clock.set(START + LIFE_MS);
    await reserve('c', [line('org', CAP, 2 * UNIT)]);
    expect(amounts(await own.read(['org'], clock.now()))).toEqual([[91 * UNIT, 2 * UNIT]]);
    await settle('a', 1);
    await settle('long', 2);
    await settle('c', 3);
    expect(amounts(await own.read(['org'], clock.now()))).toEqual([[6, 0]]);
    await own.close?.();
    expect(await shared()).toEqual([6, 0]);
  });
});

describe('one call, asked for or ended several times at once', () => {
  it('holds once while it waits, and is settled after it was admitted', async () => {
    const { clock, way, reserve, settle, own, shared } = scene();
    way.delayMs = () => 20;
    const asked = [reserve('a'), reserve('a')];
    const settled = [settle('a', 7), settle('a', 9)];
    const answers = await clock.runUntil(Promise.all(asked));
    expect(answers.map(({ ok }) => ok)).toEqual([true, true]);
    await clock.runUntil(Promise.all(settled));
    await clock.runUntil(own.close?.() ?? Promise.resolve());
    expect(await shared()).toEqual([7, 0]);
  });

  it('passes no record on, as it is not the log', async () => {
    const { way, own, reserve } = scene();
    const usage = { id: 'a' } as UsageRecord;
    await reserve('a');
    await own.settle({ id: 'a', spentNanos: 300 * UNIT, at: START, usage });
    await own.settle({ id: 'straight', spentNanos: 0, at: START, usage });
    expect(own.recordsInto).toBeUndefined();
    expect(way.sent).not.toContain('settle with usage');
    expect(way.sent.length).toBe(3);
  });
});
