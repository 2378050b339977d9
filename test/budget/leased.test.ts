import { describe, expect, it } from 'vitest';
import { leased } from '../../src/budget/leased';
import { memoryBudgetStore } from '../../src/budget/memory';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';
import { manualClock } from '../../src/testing/manual-clock';
import { START } from './leased-support';

const clock = () => manualClock(START);

describe('with slices that pay for nothing, so that all is passed on', () => {
  describeBudgetStore({ describe, it, expect }, () =>
    leased(memoryBudgetStore(), { sliceUsd: 1e-9, leaseMs: 3_600_000, clock: clock() }),
  );
});

/** What a store that leases cannot keep, and why. */
const NOT_KEPT = new Set([
  // The shared store learns of spending when a slice goes back, and what it has not told cannot be told once in all processes.
  'each rise of a sum is told by one answer, in the order of booking',
  'what an expired hold was charged at is told by the next answer, read or not',
  'a sum that was corrected downwards is not told twice on its way back up',
  // The shared store lists slices, not the calls that they pay for.
  '`openHolds` lists live and expired holds until they are settled',
]);

describe('with slices that pay for all calls', () => {
  const itWhereKept: typeof it = Object.assign(
    (name: string, body: () => Promise<void> | void) => (NOT_KEPT.has(name) ? it.fails(name, body) : it(name, body)),
    it,
  );
  describeBudgetStore({ describe, it: itWhereKept, expect }, () =>
    leased(memoryBudgetStore(), { sliceUsd: 1, leaseMs: 3_600_000, clock: clock() }),
  );
});

describe('options out of range', () => {
  it.each([0, -1, NaN, Infinity, 4e-10])('sliceUsd %s', (sliceUsd) => {
    expect(() => leased(memoryBudgetStore(), { sliceUsd, leaseMs: 1 })).toThrow(
      new RangeError(`leased: sliceUsd must be an amount in USD of at least a nano-dollar, got ${sliceUsd}`),
    );
  });

  it.each<[unknown, unknown, RegExp]>([
    [memoryBudgetStore(), undefined, /^leased: expected an object with sliceUsd, leaseMs, clock, got undefined$/],
    [
      memoryBudgetStore(),
      { sliceUsd: 1, leaseMS: 1 },
      /^leased: unknown option "leaseMS"; known are sliceUsd, leaseMs, clock$/,
    ],
    [memoryBudgetStore(), { sliceUsd: 1, leaseMs: '500' }, /^leased: leaseMs must be a number/],
    [memoryBudgetStore(), { sliceUsd: '1', leaseMs: 500 }, /^leased: sliceUsd must be an amount/],
    [{ budgetStore: memoryBudgetStore() }, { sliceUsd: 1, leaseMs: 1 }, /^leased: expected a BudgetStore, e\.g\. /],
  ])('%#: of the wrong kind', (store, options, message) => {
    expect(() => Reflect.apply(leased, undefined, [store, options])).toThrow(message);
  });

  it('sliceUsd that is more than counts exactly', () => {
    expect(() => leased(memoryBudgetStore(), { sliceUsd: 1e9, leaseMs: 1 })).toThrow(RangeError);
  });

  it.each([0, -1, NaN, Infinity])('leaseMs %s', (leaseMs) => {
    expect(() => leased(memoryBudgetStore(), { sliceUsd: 1, leaseMs })).toThrow(
      new RangeError(`leased: leaseMs must be a number of milliseconds above 0, got ${leaseMs}`),
    );
  });
});
