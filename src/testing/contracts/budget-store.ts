import type { BudgetState, BudgetStore } from '../../budget/budget-store';
import { HOLD_MS, NOW, TODAY, amounts, counters, exceeded, granted, hold, line, range, spend } from './budget-store-fixtures';
import type { Expect, StoreTest } from './budget-store-fixtures';
import { type BudgetStoreEngine, absence, isolation, sharing } from './budget-store-engine';
import { calendar, expiry, openHolds, rollingWindows, windows } from './budget-store-time';
import type { TestRunner } from './runner';

const CENT = 10_000_000;
const LARGEST = Number.MAX_SAFE_INTEGER;

/**
 * Everything that the governor relies on in a budget store. `makeStore` is called once per test and must answer with an empty
 * store; each is closed after its test. No test waits: the time is in what the store is given. What a store on an engine shares
 * with others, and what happens when the engine goes away, is tested as far as `engine` says how.
 */
export function describeBudgetStore(
  runner: TestRunner,
  makeStore: () => BudgetStore | Promise<BudgetStore>,
  engine: BudgetStoreEngine = {},
): void {
  const { describe, it, expect } = runner;
  const test: StoreTest = (name, body) =>
    it(name, async () => {
      const store = await makeStore();
      try {
        await body(store);
      } finally {
        await store.close?.();
      }
    });
  describe('BudgetStore', () => {
    describe('a hold takes room, a settlement books', () => counting(test, expect));
    describe('zero means zero', () => zero(test, expect));
    describe('all lines or none', () => atomicity(test, expect));
    describe('the same id twice is the same as once', () => idempotence(test, expect));
    describe('a refusal writes nothing', () => refusals(test, expect));
    describe('a hold that nobody settles is charged', () => expiry(test, expect));
    describe('open holds', () => openHolds(test, expect));
    describe('debt is never lost', () => debt(test, expect));
    describe('windows', () => windows(test, expect));
    describe('windows at the ends of days, months and years', () => calendar(test, expect));
    describe('rolling windows', () => rollingWindows(test, expect));
    describe('what has been told', () => telling(test, expect));
    describe('amounts are exact integers', () => integers(test, expect));
    const { twin, neighbour, cutOff } = engine;
    if (twin) describe('several processes', () => sharing(test, expect, twin));
    if (neighbour) describe('other prefixes', () => isolation(test, expect, neighbour));
    if (cutOff) describe('an engine that goes away', () => absence(test, expect, cutOff));
  });
}

/** Alerts are given once across processes, because one answer alone tells of each rise. Stores without `toldNanos` pass. */
function telling(test: StoreTest, expect: Expect): void {
  const told = (states: readonly BudgetState[]) => states.map(({ toldNanos, spentNanos }) => [toldNanos, spentNanos]);

  test('each rise of a sum is told by one answer, in the order of booking', async (store) => {
    const first = await store.reserve(hold('h', [line('a', 100, 30)]));
    if (first.states[0]?.toldNanos === undefined) return;
    await store.reserve(hold('i', [line('a', 100, 30)]));
    const one = await store.settle({ id: 'h', spentNanos: 25, at: NOW });
    const other = await store.settle({ id: 'i', spentNanos: 10, at: NOW });
    const refused = await store.reserve(hold('j', [line('a', 100, 66)]));
    expect([first, one, other, refused].map(({ states }) => told(states))).toEqual([
      [[0, 0]],
      [[0, 25]],
      [[25, 35]],
      [[35, 35]],
    ]);
  });
  test('what an expired hold was charged at is told by the next answer, read or not', async (store) => {
    const { states } = await store.reserve(hold('h', [line('a', 100, 60)]));
    if (states[0]?.toldNanos === undefined) return;
    await store.read(['a'], NOW + HOLD_MS);
    const next = await store.reserve(hold('i', [line('a', 100, 50)], NOW + HOLD_MS));
    const again = await store.reserve(hold('j', [line('a', 100, 50)], NOW + HOLD_MS));
    expect([next, again].map((answer) => told(answer.states))).toEqual([[[0, 60]], [[60, 60]]]);
  });
  test('a sum that was corrected downwards is not told twice on its way back up', async (store) => {
    const { states } = await store.reserve(hold('h', [line('a', 100, 60)]));
    if (states[0]?.toldNanos === undefined) return;
    await store.reserve(hold('i', [line('a', 100, 20)], NOW + HOLD_MS));
    const corrected = await store.settle({ id: 'h', spentNanos: 5, at: NOW + HOLD_MS });
    const later = await store.settle({ id: 'i', spentNanos: 65, at: NOW + HOLD_MS });
    expect([corrected, later].map((answer) => told(answer.states))).toEqual([[[60, 5]], [[60, 70]]]);
  });
  test('in a rolling window it is told again once it has left', async (store) => {
    const rolling = line('a', 100, 60, { rollingMs: 60_000 });
    const { states } = await store.reserve(hold('h', [rolling]));
    if (states[0]?.toldNanos === undefined) return;
    const one = await store.settle({ id: 'h', spentNanos: 60, at: NOW });
    await store.reserve(hold('i', [rolling], NOW + 60_000));
    const other = await store.settle({ id: 'i', spentNanos: 50, at: NOW + 60_000 });
    expect([one, other].map((answer) => told(answer.states))).toEqual([[[0, 60]], [[0, 50]]]);
  });
}

/** What is held and what is spent count against the limit together, and each account by itself. */
function counting(test: StoreTest, expect: Expect): void {
  test('an account that was never used reads as nothing spent, nothing held', async (store) => {
    expect(await counters(store, 'new')).toEqual([0, 0]);
  });
  test('the answers carry each account of the hold as it is afterwards', async (store) => {
    const answer = await store.reserve(hold('h', [line('a', 100, 30), line('b', 200, 40)]));
    const common = { spentNanos: 0, resetsAt: TODAY.resetsAt, toldNanos: 0 };
    expect(answer.states.map((state) => ({ ...state, toldNanos: 0 }))).toEqual([
      { account: 'a', limitNanos: 100, heldNanos: 30, ...common },
      { account: 'b', limitNanos: 200, heldNanos: 40, ...common },
    ]);
    const { states } = await store.settle({ id: 'h', spentNanos: 25, at: NOW });
    expect(states.map(amounts)).toEqual([
      [25, 0],
      [25, 0],
    ]);
  });
  test('the whole limit can be used, and not one nano-dollar more', async (store) => {
    await spend(store, 'spent', line('a', 100, 60), 60);
    expect(await granted(store, hold('held', [line('a', 100, 30)]))).toBe(true);
    expect(await granted(store, hold('too-much', [line('a', 100, 11)]))).toBe(false);
    expect(await granted(store, hold('the-rest', [line('a', 100, 10)]))).toBe(true);
    expect(await counters(store, 'a')).toEqual([60, 40]);
  });
  test('what was held and not spent is free again', async (store) => {
    await spend(store, 'h', line('a', 100, 100), 1);
    expect(await granted(store, hold('next', [line('a', 100, 99)]))).toBe(true);
  });
  test('a limit that is edited keeps what was spent', async (store) => {
    await spend(store, 'h', line('a', 100, 50), 50);
    expect(await granted(store, hold('lower', [line('a', 50, 1)]))).toBe(false);
    expect(await granted(store, hold('higher', [line('a', 200, 150)]))).toBe(true);
  });
  test('accounts do not touch each other, whatever their names', async (store) => {
    const names = ['a', 'A', 'a ', 'a/b', 'a:b', "a'b", 'a%', '__proto__', 'ä'];
    for (const [index, name] of names.entries()) await spend(store, `h${index}`, line(name, 100, 50), index + 1);
    const states = await store.read(names, NOW);
    expect(states.map((state) => [state.account, state.spentNanos])).toEqual(names.map((name, index) => [name, index + 1]));
  });
}

/** A limit of 0 is a limit, not the lack of one, and an amount of 0 always fits below it. */
function zero(test: StoreTest, expect: Expect): void {
  test('a limit of 0 refuses 1 nano-dollar and lets 0 pass', async (store) => {
    expect(await granted(store, hold('one', [line('a', 0, 1)]))).toBe(false);
    expect(await granted(store, hold('none', [line('a', 0, 0)]))).toBe(true);
  });
  test('settling at 0 frees the hold and books nothing', async (store) => {
    await spend(store, 'h', line('a', 100, 100), 0);
    expect(await counters(store, 'a')).toEqual([0, 0]);
  });
}

/** However many ask at the same time, the limit holds, and a hold is never taken in part. */
function atomicity(test: StoreTest, expect: Expect): void {
  test('of many who ask for the last cent at once, exactly one gets it', async (store) => {
    await spend(store, 'before', line('a', 10 * CENT, 9 * CENT), 9 * CENT);
    const answers = await Promise.all(range(50).map((n) => granted(store, hold(`h${n}`, [line('a', 10 * CENT, CENT)]))));
    expect(answers.filter(Boolean).length).toBe(1);
    expect(await counters(store, 'a')).toEqual([9 * CENT, CENT]);
  });
  test('also when nobody has used the account before', async (store) => {
    const answers = await Promise.all(range(50).map((n) => granted(store, hold(`h${n}`, [line('new', 3, 1)]))));
    expect(answers.filter(Boolean).length).toBe(3);
  });
  test('if one account has no room, the others are not held', async (store) => {
    const lines = [line('roomy', 100, 10), line('tight', 5, 10), line('wide', 100, 10)];
    const answer = await store.reserve(hold('h', lines));
    expect(exceeded(answer)).toEqual(['tight']);
    expect((await store.read(['roomy', 'tight', 'wide'], NOW)).map(amounts)).toEqual(range(3).map(() => [0, 0]));
  });
  test('a refusal names every account that had no room', async (store) => {
    const lines = [line('x', 9, 10), line('roomy', 100, 10), line('y', 0, 10)];
    expect(exceeded(await store.reserve(hold('h', lines)))).toEqual(['x', 'y']);
  });
  test('holds that share some accounts, asked and settled at once, leave the exact sums', async (store) => {
    const lines = (n: number) => [line('all', 20, 1), line(`part${n % 2}`, 100, 1)];
    const answers = await Promise.all(range(40).map((n) => granted(store, hold(`h${n}`, lines(n)))));
    expect(answers.filter(Boolean).length).toBe(20);
    await Promise.all(range(40).map((n) => store.settle({ id: `h${n}`, spentNanos: 1, at: NOW })));
    const [all, part0, part1] = await store.read(['all', 'part0', 'part1'], NOW);
    expect(amounts(all)).toEqual([20, 0]);
    expect((part0?.spentNanos ?? 0) + (part1?.spentNanos ?? 0)).toBe(20);
  });
  test('an account that a hold names twice is held for the sum and charged once', async (store) => {
    expect(await granted(store, hold('both', [line('a', 100, 60), line('a', 100, 60)]))).toBe(false);
    expect(await granted(store, hold('h', [line('a', 100, 40), line('a', 100, 60)]))).toBe(true);
    expect(await counters(store, 'a')).toEqual([0, 100]);
    await store.settle({ id: 'h', spentNanos: 7, at: NOW });
    expect(await counters(store, 'a')).toEqual([7, 0]);
  });
}

/** Callers repeat what they are not sure of; repeating changes nothing. */
function idempotence(test: StoreTest, expect: Expect): void {
  test('reserving twice holds once and is granted again, even if there is no more room', async (store) => {
    for (const _ of range(3)) expect(await granted(store, hold('h', [line('a', 100, 60)]))).toBe(true);
    expect(await counters(store, 'a')).toEqual([0, 60]);
  });
  test('reserving what was settled holds nothing', async (store) => {
    await spend(store, 'h', line('a', 100, 60), 50);
    expect(await granted(store, hold('h', [line('a', 100, 60)]))).toBe(true);
    expect(await counters(store, 'a')).toEqual([50, 0]);
  });
  test('settling twice books once, at the first amount', async (store) => {
    await spend(store, 'h', line('a', 100, 60), 50);
    await store.settle({ id: 'h', spentNanos: 55, at: NOW + 1 });
    expect(await counters(store, 'a')).toEqual([50, 0]);
  });
  test('the same settlement many times at once books once', async (store) => {
    await store.reserve(hold('h', [line('a', 100, 60)]));
    await Promise.all(range(20).map(() => store.settle({ id: 'h', spentNanos: 50, at: NOW })));
    expect(await counters(store, 'a')).toEqual([50, 0]);
  });
  test('settling an id that was never held changes nothing', async (store) => {
    await store.reserve(hold('h', [line('a', 100, 60)]));
    expect(await store.settle({ id: 'other', spentNanos: 50, at: NOW })).toEqual({ states: [] });
    expect(await counters(store, 'a')).toEqual([0, 60]);
  });
}

/** A denied call must not cost its team anything: no room, no id, no trace. */
function refusals(test: StoreTest, expect: Expect): void {
  test('the counters stay, and so do those of an account that was never used', async (store) => {
    await spend(store, 'before', line('a', 100, 50), 50);
    for (const n of range(5)) await store.reserve(hold(`h${n}`, [line('a', 100, 51), line('new', 100, 51)]));
    expect((await store.read(['a', 'new'], NOW)).map(amounts)).toEqual([
      [50, 0],
      [0, 0],
    ]);
  });
  test('the answer says how things are, with the limit that was asked for', async (store) => {
    await spend(store, 'before', line('a', 100, 50), 50);
    await store.reserve(hold('held', [line('a', 100, 20)]));
    const answer = await store.reserve(hold('h', [line('a', 80, 11)]));
    expect(answer.states.map((state) => [state.account, state.limitNanos, ...amounts(state)])).toEqual([['a', 80, 50, 20]]);
  });
  test('a refused id can be settled without effect, and be tried again', async (store) => {
    expect(await granted(store, hold('h', [line('a', 10, 11)]))).toBe(false);
    await store.settle({ id: 'h', spentNanos: 11, at: NOW });
    expect(await counters(store, 'a')).toEqual([0, 0]);
    expect(await granted(store, hold('h', [line('a', 10, 10)]))).toBe(true);
    expect(await counters(store, 'a')).toEqual([0, 10]);
  });
}

/** A call may cost more than was thought; the surplus is real money and blocks what comes next. */
function debt(test: StoreTest, expect: Expect): void {
  test('a settlement above the hold and above the limit is booked in full', async (store) => {
    await store.reserve(hold('h', [line('small', 100, 60), line('large', 1000, 60)]));
    const { states } = await store.settle({ id: 'h', spentNanos: 250, at: NOW });
    expect(states.map(amounts)).toEqual([
      [250, 0],
      [250, 0],
    ]);
    expect((await store.read(['small', 'large'], NOW)).map(amounts)).toEqual(states.map(amounts));
  });
  test('while the account is overdrawn nothing fits, and a higher limit counts the debt', async (store) => {
    await spend(store, 'h', line('a', 100, 60), 250);
    expect(await granted(store, hold('one', [line('a', 100, 1)]))).toBe(false);
    expect(await granted(store, hold('more', [line('a', 300, 51)]))).toBe(false);
    expect(await granted(store, hold('fits', [line('a', 300, 50)]))).toBe(true);
  });
}

/** Amounts go up to 2^53 − 1 nano-dollars, and no sum is off by one. */
function integers(test: StoreTest, expect: Expect): void {
  test('many small amounts add up exactly', async (store) => {
    // 0.1 + 0.2 and the like, in dollars.
    const nanos = [100_000_000, 200_000_000, 300_000_001, 1, 7];
    const window = { rollingMs: 60_000 };
    for (const n of range(100)) {
      const lines = [line('a', LARGEST, 1_000_000_000), line('r', LARGEST, 1_000_000_000, window)];
      await store.reserve(hold(`h${n}`, lines));
      await store.settle({ id: `h${n}`, spentNanos: nanos[n % nanos.length] ?? 0, at: NOW + n });
    }
    expect((await store.read(['a', 'r'], NOW + 100)).map(amounts)).toEqual([
      [20 * 600_000_009, 0],
      [20 * 600_000_009, 0],
    ]);
  });
  test('amounts near 2^53 keep their last nano-dollar', async (store) => {
    await spend(store, 'h', line('a', LARGEST, LARGEST - 2), LARGEST - 2);
    expect(await granted(store, hold('three', [line('a', LARGEST, 3)]))).toBe(false);
    expect(await granted(store, hold('one', [line('a', LARGEST, 1)]))).toBe(true);
    expect(await counters(store, 'a')).toEqual([LARGEST - 2, 1]);
    expect(await granted(store, hold('two', [line('a', LARGEST, 2)]))).toBe(false);
    await store.settle({ id: 'one', spentNanos: 2, at: NOW });
    expect(await counters(store, 'a')).toEqual([LARGEST, 0]);
  });
}
