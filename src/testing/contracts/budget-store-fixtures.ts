import type { BudgetState, BudgetStore, Hold, HoldLine, Reserved } from '../../budget/budget-store';
import type { BudgetWindow } from '../../budget/window';
import type { TestRunner } from './runner';

/** Registers one test, which gets a store of its own. */
export type StoreTest = (name: string, body: (store: BudgetStore) => Promise<void>) => void;
export type Expect = TestRunner['expect'];

const HOUR = 3_600_000;

/** The suite's present, in the middle of `TODAY`. */
export const NOW: number = Date.UTC(2026, 10, 21, 12);
export const TODAY: { readonly startsAt: number; readonly resetsAt: number } = {
  startsAt: NOW - 12 * HOUR,
  resetsAt: NOW + 12 * HOUR,
};
export const TOMORROW: BudgetWindow = { startsAt: TODAY.resetsAt, resetsAt: NOW + 36 * HOUR };
/** How long holds of the suite live unless they say otherwise. */
export const HOLD_MS: number = 15 * 60_000;

/** A line of `nanos` on `account` under a limit, today. */
export function line(account: string, limitNanos: number, nanos: number, window: BudgetWindow = TODAY): HoldLine {
  return { account, limitNanos, nanos, window };
}

export function hold(id: string, lines: readonly HoldLine[], at: number = NOW, expiresAt: number = at + HOLD_MS): Hold {
  return { id, at, expiresAt, lines };
}

/** Reserves and tells whether it was granted. */
export async function granted(store: BudgetStore, asked: Hold): Promise<boolean> {
  return (await store.reserve(asked)).ok;
}

/** Reserves and settles at once. */
export async function spend(
  store: BudgetStore,
  id: string,
  asked: HoldLine,
  spentNanos: number,
  at: number = NOW,
): Promise<void> {
  await store.reserve(hold(id, [asked], at));
  await store.settle({ id, spentNanos, at });
}

/** What the account has spent and held, as `[spent, held]`. */
export async function counters(store: BudgetStore, account: string, at: number = NOW): Promise<readonly number[]> {
  const [state] = await store.read([account], at);
  return amounts(state);
}

export function amounts(state: BudgetState | undefined): readonly number[] {
  return state === undefined ? [] : [state.spentNanos, state.heldNanos];
}

/** The accounts that a refusal names, in order; empty for a grant. */
export function exceeded(answer: Reserved): readonly string[] {
  return answer.ok ? [] : [...answer.exceeded].sort();
}

/** The numbers from 0 to `count` − 1. */
export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
