import type { BudgetState } from './budget-store';
import { fixedWindow, keptAfter, rollingMsOf } from './hold-shares';
import { RollingSum } from './rolling-sum';
import type { BudgetWindow } from './window';

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
  #toldNanos = 0;
  readonly #resetsAt: number;
  #keptUntil: number;

  constructor(key: string, name: string, window: BudgetWindow, at: number) {
    this.key = key;
    this.name = name;
    const rollingMs = rollingMsOf(window);
    this.rolling = rollingMs === undefined ? undefined : new RollingSum(rollingMs);
    const { startsAt, resetsAt } = fixedWindow(window, at);
    this.#resetsAt = resetsAt;
    this.#keptUntil = keptAfter(startsAt, resetsAt);
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
      this.#keptUntil = Math.max(this.#keptUntil, keptAfter(time, time + this.rolling.rollingMs));
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

  /** The same for an answer that tells of it, after a step that added `bookedNanos`. */
  told(at: number, bookedNanos: number, limitNanos: number = this.limitNanos, rollingMs?: number): BudgetState {
    const spentNanos = this.spentNanos(at, rollingMs);
    const isRolling = this.rolling !== undefined;
    // What left a rolling window since may come back, and is told again then.
    const toldNanos = isRolling ? Math.min(this.#toldNanos, spentNanos - bookedNanos) : this.#toldNanos;
    if (isRolling || spentNanos > toldNanos) this.#toldNanos = spentNanos;
    return {
      account: this.name,
      limitNanos,
      spentNanos,
      heldNanos: this.heldNanos,
      resetsAt: this.rolling === undefined ? this.#resetsAt : this.rolling.resetsAt(at, rollingMs),
      toldNanos,
    };
  }

  /** Whether it can be forgotten: nothing counts in it any more, and nobody will ask. */
  isOver(at: number): boolean {
    return this.holds === 0 && this.#keptUntil <= at;
  }
}
