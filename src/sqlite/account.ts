import type { BudgetState } from '../budget/budget-store';
import type { HoldShare } from '../budget/hold-shares';
import { MovingSum, NEVER, type TimedAmounts } from './moving-sum';

const KEEP_MS = 3_600_000;

type Written = readonly [
  rollingMs: number,
  resetsAt: number | null,
  limitNanos: number,
  heldNanos: number,
  toldNanos: number,
  spentNanos: number,
  edge: number,
  oldest: number,
];

/** The counters of one account, in one window, for the length of a transaction. */
export class Account {
  /** Unique among the store's; several have the same name if it counts in calendar windows that roll over. */
  readonly key: string;
  /** The storedName key, under which it is stored. */
  readonly storedKey: string;
  rollingMs: number | undefined;
  limitNanos = 0;
  heldNanos = 0;
  isChanged = false;
  /** Undefined for one that is not stored yet. */
  storedUntil: number | undefined;
  readonly resetsAt: number;
  /** The bookings of a rolling window. */
  readonly rolling: MovingSum | undefined;
  #spentNanos = 0;
  #toldNanos = 0;
  #keptUntil = 0;

  private constructor(
    key: string,
    storedKey: string,
    rollingMs: number | undefined,
    resetsAt: number,
    rolling: MovingSum | undefined,
  ) {
    this.key = key;
    this.storedKey = storedKey;
    this.rollingMs = rollingMs;
    this.resetsAt = resetsAt;
    this.rolling = rolling;
  }

  /** One that nobody has held anything of. */
  static made(share: HoldShare, storedKey: string, amounts: TimedAmounts, at: number): Account {
    const { key, rollingMs, resetsAt } = share;
    const rolling = rollingMs === undefined ? undefined : new MovingSum(amounts, storedKey, 0, at - rollingMs, NEVER);
    return new Account(key, storedKey, rollingMs, resetsAt, rolling);
  }

  /** One as `written` wrote it. */
  static stored(key: string, storedKey: string, text: string, storedUntil: number, amounts: TimedAmounts): Account {
    const [rollingMs, resetsAt, limitNanos, heldNanos, toldNanos, spentNanos, edge, oldest] = JSON.parse(text) as Written;
    const rolling = rollingMs === 0 ? undefined : new MovingSum(amounts, storedKey, spentNanos, edge, oldest);
    // JSON knows no Infinity.
    const account = new Account(key, storedKey, rollingMs === 0 ? undefined : rollingMs, resetsAt ?? Infinity, rolling);
    account.limitNanos = limitNanos;
    account.heldNanos = heldNanos;
    account.#spentNanos = spentNanos;
    account.#toldNanos = toldNanos;
    account.storedUntil = account.#keptUntil = storedUntil;
    return account;
  }

  /** Until then, at least, it must be kept. */
  get keptUntil(): number {
    return this.#keptUntil;
  }

  /** As text, for `stored`. */
  written(): string {
    const { rollingMs = 0, resetsAt, limitNanos, heldNanos, rolling } = this;
    const written: Written = [
      rollingMs,
      resetsAt,
      limitNanos,
      heldNanos,
      this.#toldNanos,
      rolling?.total ?? this.#spentNanos,
      rolling?.edge ?? 0,
      rolling?.oldest ?? 0,
    ];
    return JSON.stringify(written);
  }

  get hasChanged(): boolean {
    return this.isChanged || (this.rolling?.isChanged ?? false);
  }

  /** Takes a hold in, which may be corrected until `until`. */
  hold({ nanos, limitNanos, rollingMs, keptUntil }: HoldShare, until: number): void {
    this.heldNanos += nanos;
    this.limitNanos = limitNanos;
    if (this.rolling !== undefined && rollingMs !== undefined) this.rollingMs = rollingMs;
    this.keepUntil(Math.max(keptUntil, until));
    this.isChanged = true;
  }

  /** Gives back what was held. */
  free(nanos: number): void {
    this.heldNanos -= nanos;
    this.isChanged = true;
  }

  spentNanos(at: number, rollingMs: number | undefined = this.rollingMs): number {
    if (this.rolling === undefined || rollingMs === undefined) return this.#spentNanos;
    this.rolling.moveTo(at - rollingMs);
    return this.rolling.total;
  }

  /** Money counts in a rolling window from `time` on. */
  book(nanos: number, time: number): void {
    if (this.rolling === undefined || this.rollingMs === undefined) this.#spentNanos += nanos;
    else {
      this.rolling.add(time, nanos);
      this.keepUntil(time + this.rollingMs + Math.max(this.rollingMs, KEEP_MS));
    }
    this.isChanged = true;
  }

  /** Changes what `book` booked at `time`. */
  correct(by: number, time: number): void {
    if (this.rolling === undefined) this.#spentNanos += by;
    else this.rolling.change(time, by);
    this.isChanged = true;
  }

  state(at: number, account: string, limitNanos: number = this.limitNanos, rollingMs?: number): BudgetState {
    const spentNanos = this.spentNanos(at, rollingMs);
    return { account, limitNanos, spentNanos, heldNanos: this.heldNanos, resetsAt: this.#resetsAtOf(at, rollingMs) };
  }

  /** The same for an answer that tells of it, after a step that added `bookedNanos`. */
  told(
    at: number,
    account: string,
    bookedNanos: number,
    limitNanos: number = this.limitNanos,
    rollingMs?: number,
  ): BudgetState {
    const spentNanos = this.spentNanos(at, rollingMs);
    const isRolling = this.rolling !== undefined;
    // What left a rolling window since may come back, and is told again then.
    const toldNanos = isRolling ? Math.min(this.#toldNanos, spentNanos - bookedNanos) : this.#toldNanos;
    if (isRolling ? spentNanos !== this.#toldNanos : spentNanos > toldNanos) {
      this.#toldNanos = spentNanos;
      this.isChanged = true;
    }
    const { heldNanos } = this;
    return { account, limitNanos, spentNanos, heldNanos, resetsAt: this.#resetsAtOf(at, rollingMs), toldNanos };
  }

  /** What is forgotten when old bookings are: what is so long past that no clock that is a little slow looks at it. */
  forgetsUntil(at: number): number {
    return this.rollingMs === undefined ? -Infinity : at - this.rollingMs - Math.max(this.rollingMs, KEEP_MS);
  }

  keepUntil(time: number): void {
    if (time > this.#keptUntil) this.#keptUntil = time;
  }

  #resetsAtOf(at: number, rollingMs: number | undefined = this.rollingMs): number {
    if (this.rolling === undefined || rollingMs === undefined) return this.resetsAt;
    return (this.rolling.oldest === NEVER ? at : this.rolling.oldest) + rollingMs;
  }
}
