import type { Clock } from '../clock';

/** The length of a budget: a calendar period in the governance's time zone, or the last so many milliseconds. */
export type BudgetPeriod = 'day' | 'week' | 'month' | { readonly rollingMs: number };

/**
 * The window that a line of a hold counts in. A fixed window is `[startsAt, resetsAt)` in epoch milliseconds; a rolling one
 * counts what was spent in the last `rollingMs`. A calendar name is the current UTC day, week (from Monday) or month.
 */
export type BudgetWindow = BudgetPeriod | { readonly startsAt: number; readonly resetsAt: number };
