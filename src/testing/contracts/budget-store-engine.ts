import type { BudgetStore } from '../../budget/budget-store';
import { NOW, TODAY, amounts, counters, granted, hold, line, range, spend } from './budget-store-fixtures';
import type { Expect } from './budget-store-fixtures';

/** What a store on an engine can show beside itself; each is about the store that `makeStore` has made last. */
export interface BudgetStoreEngine {
  /** Another store over the same data, as a second process would open it. */
  readonly twin?: () => BudgetStore | Promise<BudgetStore>;
  /** Another store on the same engine, under another prefix or schema. */
  readonly neighbour?: () => BudgetStore | Promise<BudgetStore>;
  /**
   * Cuts the store off from its engine, and answers with what connects it again. `'asked'`: nothing reaches the engine;
   * `'answered'`: it does what it is asked, and its answers are lost.
   */
  readonly cutOff?: (where: 'asked' | 'answered') => (() => void | Promise<void>) | Promise<() => void | Promise<void>>;
}

type Test = (name: string, body: (store: BudgetStore) => Promise<void>) => void;

/** Several processes share what is counted, and whatever they do at once, the cap is one. */
export function sharing(test: Test, expect: Expect, twin: NonNullable<BudgetStoreEngine['twin']>): void {
  test('a second store over the same data sees and counts the same', async (store) => {
    const other = await twin();
    await spend(store, 'h', line('a', 100, 60), 60);
    await other.reserve(hold('i', [line('a', 100, 30)]));
    expect(await granted(store, hold('j', [line('a', 100, 11)]))).toBe(false);
    await store.settle({ id: 'i', spentNanos: 20, at: NOW });
    expect([await counters(store, 'a'), await counters(other, 'a')]).toEqual([
      [80, 0],
      [80, 0],
    ]);
    await other.close?.();
  });
  test('both ask at once for more than there is: the cap is used to the last call that fits, and not beyond', async (store) => {
    const other = await twin();
    const asked = range(60).map((number) =>
      (number % 2 ? store : other).reserve(hold(`h${number}`, [line('a', 100, 7), line('b', 70, 7)])),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter(({ ok }) => ok).length).toBe(10);
    expect((await store.read(['a', 'b'], NOW)).map(amounts)).toEqual([
      [0, 70],
      [0, 70],
    ]);
    await other.close?.();
  });
  test('the same hold settled by both at once is booked once', async (store) => {
    const other = await twin();
    await store.reserve(hold('h', [line('a', 100, 60)]));
    const answers = await Promise.all([store, other].map((each) => each.settle({ id: 'h', spentNanos: 40, at: NOW })));
    expect(answers.filter(({ states }) => states.length > 0).length).toBe(1);
    expect(await counters(other, 'a')).toEqual([40, 0]);
    await other.close?.();
  });
  test('an expired hold is charged once, whoever notices it', async (store) => {
    const other = await twin();
    await store.reserve(hold('h', [line('a', 100, 60)], NOW, NOW + 1));
    await Promise.all([
      store.read(['a'], NOW + 2),
      other.read(['a'], NOW + 2),
      other.reserve(hold('i', [line('a', 100, 0)], NOW + 2)),
    ]);
    expect(await counters(store, 'a', NOW + 2)).toEqual([60, 0]);
    await other.close?.();
  });
}

/** Two installations on one engine, e.g. staging and production. */
export function isolation(test: Test, expect: Expect, neighbour: NonNullable<BudgetStoreEngine['neighbour']>): void {
  test('a store under another prefix counts by itself, also for the same accounts and ids', async (store) => {
    const other = await neighbour();
    await spend(store, 'h', line('a', 100, 100), 100);
    expect(await granted(other, hold('h', [line('a', 100, 100)]))).toBe(true);
    await other.settle({ id: 'h', spentNanos: 1, at: NOW });
    expect([await counters(store, 'a'), await counters(other, 'a')]).toEqual([
      [100, 0],
      [1, 0],
    ]);
    await other.close?.();
  });
  test('what it holds is not listed here', async (store) => {
    const other = await neighbour();
    await other.reserve(hold('h', [line('a', 100, 60)]));
    expect((await store.openHolds?.(NOW)) ?? []).toEqual([]);
    await other.settle({ id: 'h', spentNanos: 0, at: NOW });
    await other.close?.();
  });
}

const rejects = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );

/** An engine goes away in the middle of a call. Nobody is let through meanwhile, and what is asked again counts once. */
export function absence(test: Test, expect: Expect, cutOff: NonNullable<BudgetStoreEngine['cutOff']>): void {
  for (const where of ['asked', 'answered'] as const) {
    const when = where === 'asked' ? 'before it is asked' : 'before it has answered';
    test(`gone ${when}: everything rejects, and works again by itself once it is back`, async (store) => {
      await spend(store, 'before', line('a', 100, 10), 10);
      const connect = await cutOff(where);
      expect(
        await Promise.all([rejects(store.reserve(hold('h', [line('a', 100, 60)]))), rejects(store.read(['a'], NOW))]),
      ).toEqual([true, true]);
      await connect();
      expect(await granted(store, hold('i', [line('a', 100, 30)]))).toBe(true);
      const [state] = await store.read(['a'], NOW);
      expect(amounts(state)).toEqual([10, where === 'asked' ? 30 : 90]);
    });
    test(`gone ${when}: a hold that is asked for again is held once, a settlement that is told again is booked once`, async (store) => {
      const asked = hold('h', [line('a', 100, 60), line('b', 100, 60, TODAY)]);
      let connect = await cutOff(where);
      expect(await rejects(store.reserve(asked))).toBe(true);
      await connect();
      expect(await granted(store, asked)).toBe(true);
      expect(await counters(store, 'a')).toEqual([0, 60]);
      connect = await cutOff(where);
      expect(await rejects(store.settle({ id: 'h', spentNanos: 40, at: NOW }))).toBe(true);
      await connect();
      await store.settle({ id: 'h', spentNanos: 40, at: NOW });
      expect((await store.read(['a', 'b'], NOW)).map(amounts)).toEqual([
        [40, 0],
        [40, 0],
      ]);
    });
  }
}
