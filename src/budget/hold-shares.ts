import type { Hold, HoldLine } from './budget-store';
import { type BudgetWindow, calendarWindow } from './window';

/** What a hold asks of one counter; lines of the same account are taken together. */
export interface HoldShare {
  /** Unique per counter: the account, and the current window's label if the window was given as a calendar name. */
  readonly key: string;
  readonly account: string;
  /** The sum of its lines. */
  nanos: number;
  /** The least of its lines, and at most 2^53 - 1: sums are exact up to there. */
  limitNanos: number;
  /** The length of a rolling window; undefined for a fixed one. */
  readonly rollingMs: number | undefined;
  /** The fixed window, epoch milliseconds; for a rolling one, from now on for its length. */
  readonly startsAt: number;
  readonly resetsAt: number;
  /** See `keptAfter`. */
  readonly keptUntil: number;
}

const KEEP_MS = 3_600_000;
const CALENDAR_PERIODS = ['day', 'week', 'month'] as const;

/** One share per counter, in the order of the hold's lines. Checks nothing: see `checkHold`. */
export function holdShares({ at, lines }: Hold): HoldShare[] {
  const shares: HoldShare[] = [];
  for (const line of lines) {
    const key = counterKey(line, at);
    const limitNanos = Math.min(line.limitNanos, Number.MAX_SAFE_INTEGER);
    const same = shares.find((share) => share.key === key);
    if (same === undefined) {
      const { startsAt, resetsAt } = fixedWindow(line.window, at);
      const { account, nanos, window } = line;
      const rollingMs = rollingMsOf(window);
      const keptUntil = keptAfter(startsAt, resetsAt);
      shares.push({ key, account, nanos, limitNanos, rollingMs, startsAt, resetsAt, keptUntil });
    } else {
      same.nanos += line.nanos;
      same.limitNanos = Math.min(same.limitNanos, limitNanos);
    }
  }
  return shares;
}

/** Until when the counter of a window must be kept at least: for another window's length, for clocks that are slow or step back. */
export function keptAfter(startsAt: number, resetsAt: number): number {
  return resetsAt + Math.max(resetsAt - startsAt, KEEP_MS);
}

/** The counters that a read of the account may mean, the likeliest first. */
export function counterKeys(account: string, at: number): readonly string[] {
  return [account, ...CALENDAR_PERIODS.map((window) => counterKey({ account, window }, at))];
}

/** The account, or for a calendar name the account's counter of the current UTC window. */
export function counterKey({ account, window }: Pick<HoldLine, 'account' | 'window'>, at: number): string {
  return typeof window === 'string' ? `${account}\u001f${calendarWindow(window, at, 'UTC').label}` : account;
}

/** The length of a rolling window; undefined for any other. */
export function rollingMsOf(window: BudgetWindow): number | undefined {
  return typeof window === 'object' && 'rollingMs' in window ? window.rollingMs : undefined;
}

/** A window as an interval; a rolling one begins at `at`. */
export function fixedWindow(window: BudgetWindow, at: number): { readonly startsAt: number; readonly resetsAt: number } {
  if (typeof window === 'string') return calendarWindow(window, at, 'UTC');
  return 'rollingMs' in window ? { startsAt: at, resetsAt: at + window.rollingMs } : window;
}
