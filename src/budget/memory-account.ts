import type { BudgetState } from './budget-store';
import { RollingSum } from './rolling-sum';
import type { BudgetWindow } from './window';
import { calendarWindow } from './window';

/** Accounts stay at least this long after their window, for a clock that is slow or steps back. */
const KEEP_MS = 3_600_000;

/** The counters of one account, in one window. */
export class MemoryAccount {
  /** Unique in the store; several accounts have the same name if it counts in calendar windows that roll over. */
  readonly key: string;
  readonly name: string;
  /** The bookings of a rolling window; undefined for a fixed one. */
  readonly rolling: RollingSum | undefined;
  limitNanos = 0;
  heldNanos = 0;
  /** Holds that are live, or have expired and can be corrected. */
  holds = 0;
  /** Whether the store has it: an account that was only asked about is never kept. */
  isListed = false;
  #spentNanos = 0;
  readonly #resetsAt: number;
  #keptUntil: number;

  constructor(key: string, name: string, window: BudgetWindow, at: number) {
    this.key = key;
    this.name = name;
    const rollingMs = rollingMsOf(window);
    this.rolling = rollingMs === undefined ? undefined : new RollingSum(rollingMs);
    const { startsAt, resetsAt } = fixed(window, at);
    this.#resetsAt = resetsAt;
    this.#keptUntil = keptUntil(startsAt, resetsAt);
  }

  /** Takes a hold in; `rollingMs` is the length of the rolling window that it asked for. */
  hold(nanos: number, limitNanos: number, rollingMs: number | undefined): void {
    this.heldNanos += nanos;
    this.limitNanos = limitNanos;
    this.holds++;
    if (this.rolling !== undefined && rollingMs !== undefined) this.rolling.rollingMs = rollingMs;
  }

  spentNanos(at: number, rollingMs?: number): number {
    return this.rolling === undefined ? this.#spentNanos : this.rolling.sumAt(at, rollingMs);
  }

  /** Money counts in a rolling window from `time` on. */
  book(nanos: number, time: number): void {
    if (this.rolling === undefined) this.#spentNanos += nanos;
    else {
      this.rolling.add(time, nanos);
      // A rolling window ends anew with each use.
      this.#keptUntil = Math.max(this.#keptUntil, keptUntil(time, time + this.rolling.rollingMs));
    }
  }

  /** Undoes `book(nanos, time)`. */
  takeBack(nanos: number, time: number): void {
    if (this.rolling === undefined) this.#spentNanos -= nanos;
    else this.rolling.remove(time, nanos);
  }

  state(at: number, limitNanos: number = this.limitNanos, rollingMs?: number): BudgetState {
    return {
      account: this.name,
      limitNanos,
      spentNanos: this.spentNanos(at, rollingMs),
      heldNanos: this.heldNanos,
      resetsAt: this.rolling === undefined ? this.#resetsAt : this.rolling.resetsAt(at, rollingMs),
    };
  }

  /** Whether it can be forgotten: nothing counts in it any more, and nobody will ask. */
  isOver(at: number): boolean {
    return this.holds === 0 && this.#keptUntil <= at;
  }
}

/** The length of a rolling window; undefined for any other. */
export function rollingMsOf(window: BudgetWindow): number | undefined {
  return typeof window === 'object' && 'rollingMs' in window ? window.rollingMs : undefined;
}

function keptUntil(startsAt: number, resetsAt: number): number {
  return resetsAt + Math.max(resetsAt - startsAt, KEEP_MS);
}

function fixed(window: BudgetWindow, at: number): { readonly startsAt: number; readonly resetsAt: number } {
  if (typeof window === 'string') return calendarWindow(window, at, 'UTC');
  return 'rollingMs' in window ? { startsAt: at, resetsAt: at + window.rollingMs } : window;
}
