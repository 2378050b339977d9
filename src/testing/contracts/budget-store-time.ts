import { HOLD_MS, NOW, TODAY, TOMORROW, amounts, counters, granted, hold, line, spend } from './budget-store-fixtures';
import type { Expect, StoreTest } from './budget-store-fixtures';

const END = NOW + HOLD_MS;
const MIDNIGHT = TODAY.resetsAt;

/** A crashed process may have spent everything it held; if it comes back, its own figure counts. */
export function expiry(test: StoreTest, expect: Expect): void {
  test('from `expiresAt` on, not before, it is spent at the held amount', async (store) => {
    await store.reserve(hold('h', [line('a', 100, 60), line('b', 100, 60)]));
    expect(await counters(store, 'a', END - 1)).toEqual([0, 60]);
    expect((await store.read(['a', 'b'], END)).map(amounts)).toEqual([
      [60, 0],
      [60, 0],
    ]);
  });
  test('it still counts for who asks next', async (store) => {
    await store.reserve(hold('h', [line('a', 100, 60)]));
    expect(await granted(store, hold('late', [line('a', 100, 41)], END))).toBe(false);
    expect(await granted(store, hold('fits', [line('a', 100, 40)], END))).toBe(true);
    expect(await counters(store, 'a', END)).toEqual([60, 40]);
  });
  test('settling late replaces the charge, once', async (store) => {
    await store.reserve(hold('h', [line('a', 100, 60)]));
    await store.reserve(hold('other', [line('a', 100, 0)], END));
    for (const spentNanos of [45, 50]) await store.settle({ id: 'h', spentNanos, at: END + 1 });
    expect(await counters(store, 'a', END + 1)).toEqual([45, 0]);
  });
  test('settling late, before anybody noticed that it had expired, books the same', async (store) => {
    await store.reserve(hold('h', [line('a', 100, 60)]));
    const { states } = await store.settle({ id: 'h', spentNanos: 70, at: END + 1 });
    expect(states.map(amounts)).toEqual([[70, 0]]);
    expect(await counters(store, 'a', END + 2)).toEqual([70, 0]);
  });
  test('a settled hold does not expire', async (store) => {
    await spend(store, 'h', line('a', 100, 60), 5);
    await store.reserve(hold('other', [line('b', 100, 0)], END));
    expect(await counters(store, 'a', END)).toEqual([5, 0]);
  });
  test('reserving an expired hold again changes nothing', async (store) => {
    await store.reserve(hold('h', [line('a', 100, 60)]));
    expect(await granted(store, hold('h', [line('a', 100, 60)], END))).toBe(true);
    expect(await counters(store, 'a', END)).toEqual([60, 0]);
  });
}

/** An operator can see what was left open. Stores without `openHolds` pass. */
export function openHolds(test: StoreTest, expect: Expect): void {
  test('`openHolds` lists live and expired holds until they are settled', async (store) => {
    if (store.openHolds === undefined) return;
    await store.reserve(hold('old', [line('a', 100, 60), line('b', 100, 20)]));
    await store.reserve(hold('new', [line('a', 100, 5)], NOW + 1));
    await spend(store, 'settled', line('b', 100, 5), 5);
    const open = [...(await store.openHolds(END))].sort((one, other) => one.at - other.at);
    expect(open).toEqual([
      { id: 'old', at: NOW, expiresAt: END, nanos: 60, accounts: ['a', 'b'], expired: true },
      { id: 'new', at: NOW + 1, expiresAt: END + 1, nanos: 5, accounts: ['a'], expired: false },
    ]);
    for (const id of ['old', 'new']) await store.settle({ id, spentNanos: 1, at: END });
    expect(await store.openHolds(END)).toEqual([]);
  });
}

/** An account counts in the window that its name stands for; what was admitted in a window is booked there. */
export function windows(test: StoreTest, expect: Expect): void {
  test('the next window has an account of its own, and starts at 0', async (store) => {
    await spend(store, 'h', line('a@21', 100, 100), 100);
    expect(await granted(store, hold('next', [line('a@22', 100, 100, TOMORROW)], MIDNIGHT))).toBe(true);
    expect((await store.read(['a@21', 'a@22'], MIDNIGHT)).map(amounts)).toEqual([
      [100, 0],
      [0, 100],
    ]);
  });
  test('a call that ends after its window is booked in the window it began in', async (store) => {
    await store.reserve(hold('h', [line('a@21', 100, 60)], MIDNIGHT - 1));
    await store.reserve(hold('next', [line('a@22', 100, 10, TOMORROW)], MIDNIGHT));
    await store.settle({ id: 'h', spentNanos: 50, at: MIDNIGHT + 1 });
    expect((await store.read(['a@21', 'a@22'], MIDNIGHT + 1)).map(amounts)).toEqual([
      [50, 0],
      [0, 10],
    ]);
  });
  test('a caller whose clock is five minutes slow counts in the same account', async (store) => {
    await spend(store, 'h', line('a', 100, 60), 60);
    const slow = NOW - 300_000;
    expect(await granted(store, hold('too-much', [line('a', 100, 41)], slow))).toBe(false);
    await spend(store, 'slow', line('a', 100, 40), 30, slow);
    expect(await counters(store, 'a')).toEqual([90, 0]);
  });
  test('a calendar name rolls over by itself at midnight UTC', async (store) => {
    await spend(store, 'h', line('day', 100, 60, 'day'), 60, MIDNIGHT - 1);
    await spend(store, 'i', line('month', 100, 60, 'month'), 60, MIDNIGHT - 1);
    expect(await granted(store, hold('full', [line('day', 100, 41, 'day')], MIDNIGHT - 1))).toBe(false);
    const answer = await store.reserve(hold('new', [line('day', 100, 100, 'day'), line('month', 100, 40, 'month')], MIDNIGHT));
    expect(answer.states.map((state) => [...amounts(state), state.resetsAt])).toEqual([
      [0, 100, Date.UTC(2026, 10, 23)],
      [60, 40, Date.UTC(2026, 11, 1)],
    ]);
  });
}

/** Days of 23 and 25 hours, months of 28 to 31 days, weeks that span two years: each window counts by itself and ends on time. */
export function calendar(test: StoreTest, expect: Expect): void {
  for (const [name, startsAt, resetsAt, hours] of [
    ['a day of 23 hours (Berlin, March)', Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 2, 29, 22), 24],
    ['a day of 25 hours (Berlin, October)', Date.UTC(2026, 9, 24, 22), Date.UTC(2026, 9, 25, 23), 24],
    ['a month with a change of clocks (New York, March)', Date.UTC(2026, 2, 1, 5), Date.UTC(2026, 3, 1, 4), 720],
    ['a day that begins on the half hour (Kolkata)', Date.UTC(2026, 10, 20, 18, 30), Date.UTC(2026, 10, 21, 18, 30), 24],
  ] as const) {
    test(name, async (store) => {
      const window = { startsAt, resetsAt };
      const next = { startsAt: resetsAt, resetsAt: resetsAt + hours * 3_600_000 };
      await spend(store, 'h', line('a@1', 100, 60, window), 60, startsAt);
      const last = await store.reserve(hold('late', [line('a@1', 100, 41, window)], resetsAt - 1));
      expect([last.ok, last.states[0]?.resetsAt]).toEqual([false, resetsAt]);
      const first = await store.reserve(hold('next', [line('a@2', 100, 100, next)], resetsAt));
      expect([first.ok, first.states[0]?.resetsAt]).toEqual([true, next.resetsAt]);
    });
  }
  for (const [period, last, resetsAt] of [
    ['month', Date.UTC(2028, 1, 29, 23, 59, 59, 999), Date.UTC(2028, 2, 1)],
    ['month', Date.UTC(2026, 1, 28, 23, 59, 59, 999), Date.UTC(2026, 2, 1)],
    ['month', Date.UTC(2026, 11, 31, 23, 59, 59, 999), Date.UTC(2027, 0, 1)],
    ['week', Date.UTC(2027, 0, 3, 23, 59, 59, 999), Date.UTC(2027, 0, 4)],
    ['day', Date.UTC(2026, 11, 31, 23, 59, 59, 999), Date.UTC(2027, 0, 1)],
  ] as const) {
    test(`the calendar name '${period}' up to ${new Date(resetsAt).toISOString().slice(0, 10)}`, async (store) => {
      await spend(store, 'h', line('a', 100, 60, period), 60, last - 3_600_000);
      const before = await store.reserve(hold('i', [line('a', 100, 41, period)], last));
      expect([before.ok, before.states.map(amounts), before.states[0]?.resetsAt]).toEqual([false, [[60, 0]], resetsAt]);
      const after = await store.reserve(hold('j', [line('a', 100, 100, period)], resetsAt));
      expect([after.ok, after.states.map(amounts)]).toEqual([true, [[0, 100]]]);
    });
  }
}

/** Money counts from when it was settled, or from when its hold expired, until exactly `rollingMs` later. */
export function rollingWindows(test: StoreTest, expect: Expect): void {
  const ROLLING_MS = 60_000;
  const rolling = (nanos: number) => line('a', 100, nanos, { rollingMs: ROLLING_MS });

  test('it leaves at the exact millisecond', async (store) => {
    await spend(store, 'h', rolling(60), 60);
    expect(await counters(store, 'a', NOW + ROLLING_MS - 1)).toEqual([60, 0]);
    expect(await granted(store, hold('early', [rolling(41)], NOW + ROLLING_MS - 1))).toBe(false);
    expect(await granted(store, hold('due', [rolling(41)], NOW + ROLLING_MS))).toBe(true);
    expect(await counters(store, 'a', NOW + ROLLING_MS)).toEqual([0, 41]);
  });
  test('each booking leaves by itself, and the oldest tells when there will be room', async (store) => {
    await spend(store, 'h', rolling(60), 60, NOW);
    await spend(store, 'i', rolling(40), 40, NOW + 10);
    const [state] = await store.read(['a'], NOW + 20);
    expect([...amounts(state), state?.resetsAt]).toEqual([100, 0, NOW + ROLLING_MS]);
    expect(await counters(store, 'a', NOW + ROLLING_MS)).toEqual([40, 0]);
    expect(await counters(store, 'a', NOW + ROLLING_MS + 10)).toEqual([0, 0]);
  });
  test('a hold counts for as long as it is open, and is spent when it is settled', async (store) => {
    const late = NOW + 2 * ROLLING_MS;
    await store.reserve(hold('h', [rolling(60)]));
    expect(await counters(store, 'a', late)).toEqual([0, 60]);
    await store.settle({ id: 'h', spentNanos: 50, at: late });
    expect(await counters(store, 'a', late + ROLLING_MS - 1)).toEqual([50, 0]);
    expect(await counters(store, 'a', late + ROLLING_MS)).toEqual([0, 0]);
  });
  test('an expired hold is spent when it expired, also after a late settlement has corrected the amount', async (store) => {
    await store.reserve(hold('h', [rolling(60)]));
    await store.reserve(hold('i', [rolling(40)]));
    expect(await counters(store, 'a', END + 10)).toEqual([100, 0]);
    await store.settle({ id: 'h', spentNanos: 50, at: END + 20 });
    expect(await counters(store, 'a', END + ROLLING_MS - 1)).toEqual([90, 0]);
    expect(await counters(store, 'a', END + ROLLING_MS)).toEqual([0, 0]);
    await store.settle({ id: 'i', spentNanos: 30, at: END + ROLLING_MS + 10 });
    expect(await counters(store, 'a', END + ROLLING_MS + 10)).toEqual([0, 0]);
  });
  test('an expired hold makes room when its charge has left the window, also if nobody noticed before', async (store) => {
    await store.reserve(hold('h', [rolling(100)]));
    expect(await granted(store, hold('due', [rolling(100)], END + ROLLING_MS))).toBe(true);
    expect(await counters(store, 'a', END + ROLLING_MS)).toEqual([0, 100]);
  });
  test('a clock that steps back loses nothing and counts nothing twice', async (store) => {
    await spend(store, 'h', rolling(30), 30, NOW);
    await spend(store, 'slow', rolling(20), 20, NOW - 5_000);
    expect(await counters(store, 'a', NOW - 5_000)).toEqual([50, 0]);
    expect(await counters(store, 'a', NOW)).toEqual([50, 0]);
    expect(await counters(store, 'a', NOW + ROLLING_MS)).toEqual([0, 0]);
  });
}
