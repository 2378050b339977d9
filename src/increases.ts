// Budgets that are raised for a time.

import type { BudgetIncrease, Governance } from './governance';
import { instantOf } from './instant';
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
