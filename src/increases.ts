// Budgets that are raised for a time.

import type { BudgetIncrease, Governance } from './governance';
import { MAX_NANOS, nanosOfUsd } from './money';

/** How much more than its own limit a budget has at an instant, in nano-dollars. */
export function raisedBy({ increases = [] }: Governance, at: number): (budget: string) => number {
  const current = increases.filter(({ from = -Infinity, until }) => instantOf(from) <= at && at < instantOf(until));
  return (budget) =>
    current.reduce((sum, each) => (each.budget === budget ? Math.min(MAX_NANOS, sum + nanosOfUsd(each.byUsd)) : sum), 0);
}

/** When an increase next begins or ends after an instant, epoch milliseconds; `Infinity` if none does. */
export function nextIncreaseAt({ increases = [] }: Governance, at: number): number {
  const instants = increases.flatMap(({ from = -Infinity, until }) => [instantOf(from), instantOf(until)]);
  return Math.min(Infinity, ...instants.filter((instant) => instant > at));
}

/** Those that were in force at some time in `[from, to)`. */
export function increasesWithin(
  increases: readonly BudgetIncrease[],
  { from, to }: { readonly from: number; readonly to: number },
): readonly BudgetIncrease[] {
  return increases.filter((each) => instantOf(each.from ?? -Infinity) < to && instantOf(each.until) > from);
}

/** Epoch milliseconds of a time as it may be written; NaN if it is none. */
export function instantOf(time: number | string): number {
  if (typeof time === 'number') return time;
  return ISO_INSTANT.test(time) ? Date.parse(time) : NaN;
}

// Without a zone it would mean another time on another machine.
const ISO_INSTANT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;
