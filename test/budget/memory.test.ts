import { describe, expect, it } from 'vitest';
import type { BudgetStore, Hold, HoldLine } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { BudgetWindow } from '../../src/budget/window';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';

describeBudgetStore({ describe, it, expect }, () => memoryBudgetStore());

const NOW = Date.UTC(2026, 10, 21, 12);
const HOUR = 3_600_000;
const DAY: BudgetWindow = { startsAt: NOW - 12 * HOUR, resetsAt: NOW + 12 * HOUR };

const line = (fields: Partial<HoldLine> = {}): HoldLine => ({
  account: 'a',
  limitNanos: 100,
  nanos: 10,
  window: DAY,
  ...fields,
});
const hold = (fields: Partial<Hold> = {}): Hold => ({ id: 'h', at: NOW, expiresAt: NOW + HOUR, lines: [line()], ...fields });

async function spend(store: BudgetStore, fields: Partial<Hold>, spentNanos = 1): Promise<void> {
  const asked = hold(fields);
  await store.reserve(asked);
  await store.settle({ id: asked.id, spentNanos, at: asked.at });
}

async function spentOf(store: BudgetStore, accounts: readonly string[], at: number): Promise<readonly number[]> {
  return (await store.read(accounts, at)).map((state) => state.spentNanos);
}

describe('memoryBudgetStore', () => {
  it('has done its work when a method returns, before anything is awaited', async () => {
    const store = memoryBudgetStore();
    const answers = [store.reserve(hold()), store.settle({ id: 'h', spentNanos: 7, at: NOW }), store.read(['a'], NOW)] as const;
    expect((await answers[2])[0]?.spentNanos).toBe(7);
  });

  it('shows no spending of an account that it has never seen', async () => {
    expect(await memoryBudgetStore().read(['new'], NOW)).toEqual([
      { account: 'new', limitNanos: 0, spentNanos: 0, heldNanos: 0, resetsAt: NOW },
    ]);
  });

  it('keeps nothing of a refused hold, so its accounts still read as never seen', async () => {
    const store = memoryBudgetStore();
    await store.reserve(hold({ lines: [line({ account: 'new', limitNanos: 9 })] }));
    expect(await store.read(['new'], NOW)).toEqual(
      await store.read(['other'], NOW).then(([state]) => [{ ...state, account: 'new' }]),
    );
  });

  it('refuses a kind of window that the account is not counted in, and follows a rolling one that is edited', async () => {
    const store = memoryBudgetStore();
    await spend(store, {}, 5);
    await expect(store.reserve(hold({ id: 'i', lines: [line({ window: { rollingMs: 1000 } })] }))).rejects.toThrow(
      new RangeError('Hold "i": account "a" is counted in a fixed window, so it cannot be asked for in a rolling one'),
    );
    await spend(store, { id: 'r', lines: [line({ account: 'r', window: { rollingMs: 1000 } })] }, 5);
    await store.reserve(hold({ id: 's', lines: [line({ account: 'r', nanos: 0, window: { rollingMs: 10 } })] }));
    expect(await spentOf(store, ['r'], NOW + 10)).toEqual([0]);
  });

  it('a hold is held against the window that it asks for, and edits it only if it is granted', async () => {
    const store = memoryBudgetStore();
    await spend(store, { lines: [line({ window: { rollingMs: 1000 } })] }, 5);
    const short = (limitNanos: number) =>
      hold({ id: 'i', at: NOW + 20, lines: [line({ limitNanos, window: { rollingMs: 10 } })] });
    const refused = await store.reserve(short(9));
    expect(refused.states).toEqual([
      { account: 'a', limitNanos: 9, spentNanos: 0, heldNanos: 0, resetsAt: NOW + 30, toldNanos: 0 },
    ]);
    expect(await spentOf(store, ['a'], NOW + 20)).toEqual([5]);
    expect((await store.reserve(short(10))).ok).toBe(true);
    expect(await spentOf(store, ['a'], NOW + 20)).toEqual([0]);
  });

  it('counts a calendar name in the window of a slow clock, and in the next one, without mixing them', async () => {
    const store = memoryBudgetStore();
    const midnight = NOW + 12 * HOUR;
    const lines = [line({ window: 'day' })];
    await spend(store, { id: 'late', at: midnight - 1, lines }, 1);
    await spend(store, { id: 'next', at: midnight, lines }, 2);
    await spend(store, { id: 'slow', at: midnight - 5, lines }, 4);
    expect(await spentOf(store, ['a'], midnight - 1)).toEqual([5]);
    expect(await spentOf(store, ['a'], midnight)).toEqual([2]);
  });
});

describe('what cannot be counted is rejected, and nothing is written', () => {
  const amount = 'a whole number of nano-dollars from 0 to 9007199254740991';
  const time = 'a finite time in epoch milliseconds';
  const broken = (fields: object): Hold => hold({ lines: [line(fields)] });

  it.each<[Hold, Error]>([
    [broken({ nanos: 0.5 }), new RangeError(`Hold "h": expected nanos of account "a" to be ${amount}, got 0.5`)],
    [broken({ nanos: -1 }), new RangeError(`Hold "h": expected nanos of account "a" to be ${amount}, got -1`)],
    [broken({ nanos: NaN }), new RangeError(`Hold "h": expected nanos of account "a" to be ${amount}, got NaN`)],
    [
      broken({ nanos: 2 ** 53 }),
      new RangeError(`Hold "h": expected nanos of account "a" to be ${amount}, got 9007199254740992`),
    ],
    [broken({ nanos: '5' }), new TypeError(`Hold "h": expected nanos of account "a" to be ${amount}, got 5`)],
    [
      broken({ limitNanos: NaN }),
      new RangeError('Hold "h": expected limitNanos of account "a" to be a number of 0 or more, got NaN'),
    ],
    [
      broken({ limitNanos: -1 }),
      new RangeError('Hold "h": expected limitNanos of account "a" to be a number of 0 or more, got -1'),
    ],
    [
      broken({ limitNanos: '5' }),
      new TypeError('Hold "h": expected limitNanos of account "a" to be a number of 0 or more, got 5'),
    ],
    [broken({ account: 5 }), new TypeError('Hold "h": expected account to be a string')],
    [hold({ at: NaN }), new RangeError(`Hold "h": expected at to be ${time}, got NaN`)],
    [hold({ expiresAt: Infinity }), new RangeError(`Hold "h": expected expiresAt to be ${time}, got Infinity`)],
    [hold({ id: '' }), new TypeError('Expected id to be a non-empty string, got ')],
  ])('hold %#', async (asked, error) => {
    const store = memoryBudgetStore();
    await expect(store.reserve({ ...asked, lines: [line({ account: 'b' }), ...asked.lines] })).rejects.toThrow(error);
    await expect(store.reserve(asked)).rejects.toBeInstanceOf(error.constructor);
    expect((await store.read(['a', 'b'], NOW)).map((state) => state.heldNanos)).toEqual([0, 0]);
  });

  it.each<unknown>([
    'year',
    { rollingMs: 0 },
    { rollingMs: Infinity },
    { startsAt: 5, resetsAt: 5 },
    { startsAt: NaN, resetsAt: 5 },
    null,
  ])('window %j', async (window) => {
    await expect(memoryBudgetStore().reserve(broken({ window }))).rejects.toThrow(
      /^Hold "h": expected window of account "a" to be/,
    );
  });

  it('settlements and reads', async () => {
    const store = memoryBudgetStore();
    await store.reserve(hold());
    for (const spentNanos of [NaN, -1, 0.5, Infinity]) {
      const error = new RangeError(`Settlement "h": expected spentNanos to be ${amount}, got ${spentNanos}`);
      await expect(store.settle({ id: 'h', spentNanos, at: NOW })).rejects.toThrow(error);
    }
    await expect(store.settle({ id: 'h', spentNanos: 1, at: NaN })).rejects.toThrow(RangeError);
    await expect(store.read(['a'], NaN)).rejects.toThrow(RangeError);
    await expect(store.openHolds?.(NaN)).rejects.toThrow(RangeError);
    expect(await store.read(['a'], NOW)).toMatchObject([{ spentNanos: 0, heldNanos: 10 }]);
  });

  it('an unlimited account still refuses what it could not count exactly', async () => {
    const store = memoryBudgetStore();
    await spend(store, { lines: [line({ limitNanos: Infinity })] }, Number.MAX_SAFE_INTEGER);
    expect((await store.reserve(hold({ id: 'i', lines: [line({ limitNanos: Infinity, nanos: 1 })] }))).ok).toBe(false);
  });
});
