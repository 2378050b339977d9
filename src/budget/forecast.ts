import type { BudgetWindow } from './window';

/** What has been spent of a limit so far. */
export interface Spending {
  readonly spentNanos: number;
  readonly limitNanos: number;
  readonly window: BudgetWindow;
}

/**
 * When a budget is used up if the rest of its window goes on as its beginning went: the time from the window's start divided by
 * what was spent in it, times what is left. Epoch milliseconds; `at` itself if nothing is left. Undefined if that is not before
 * the window ends, or if the window has no beginning to count from (rolling ones).
 */
export function runsOutAt({ spentNanos, limitNanos, window }: Spending, at: number): number | undefined {
  if (typeof window !== 'object' || !('startsAt' in window)) return undefined;
  if (spentNanos >= limitNanos) return at;
  const elapsedMs = at - window.startsAt;
  if (spentNanos <= 0 || elapsedMs <= 0) return undefined;
  const emptyAt = Math.ceil(at + ((limitNanos - spentNanos) * elapsedMs) / spentNanos);
  return emptyAt < window.resetsAt ? emptyAt : undefined;
}
