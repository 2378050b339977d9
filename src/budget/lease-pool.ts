import type { BudgetState, Hold, HoldLine, Reserved } from './budget-store';
import type { LeaseAccount, LeaseAccounts } from './lease-account';
import type { LeasedHold } from './lease-holds';

/** A line whose window begins and ends at known times. */
export interface LeasableLine extends HoldLine {
  readonly window: { readonly startsAt: number; readonly resetsAt: number };
}

/** A part of a budget that the shared store holds for this process. */
export interface LeaseSlice {
  /** The id of the shared hold. */
  readonly id: string;
  readonly nanos: number;
  /** From here on no call is admitted from it. Epoch milliseconds. */
  readonly leaseEndsAt: number;
  /** When the shared store charges it in full; a call that may be open for longer is not admitted from it. */
  readonly expiresAt: number;
  /** True while what live calls still need of it is being taken anew. */
  isLeaving: boolean;
}

/** A call that waits for a slice. */
export interface LeaseWaiter {
  readonly id: string;
  readonly at: number;
  readonly expiresAt: number;
  readonly needNanos: number;
  readonly resolve: (answer: Reserved) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What this process has leased under one set of accounts, limits and windows. Calls draw on all its slices together; the sums
 * say which slice can go back, and how much spending it takes along. Never more is held and spent than there is in slices,
 * except for what calls cost above their holds.
 */
export class LeasePool {
  readonly key: string;
  readonly lines: readonly LeasableLine[];
  readonly parts: readonly { readonly line: LeasableLine; readonly account: LeaseAccount }[];
  /** Oldest first. Another list whenever one is taken out. */
  slices: LeaseSlice[] = [];
  waiting: LeaseWaiter[] = [];
  /** Requests to the shared store that are under way for it. */
  trips = 0;
  isAsking = false;
  /** Whether a call was admitted since the last look. */
  wasUsed = false;
  /** When the last of its calls expires. */
  openUntil = 0;
  /** Set while debt is on its way to the shared store. */
  covering: Promise<void> | undefined;
  #sliceNanos = 0;
  #heldNanos = 0;
  /** What expired holds are charged at that may still be settled for less. */
  #lapsedNanos = 0;
  #spentNanos = 0;
  #lapse = 0;

  constructor(key: string, lines: readonly LeasableLine[], accounts: LeaseAccounts) {
    this.key = key;
    this.lines = lines;
    this.parts = lines.map((line) => ({ line, account: accounts.of(line.account) }));
  }

  /** Whether it can be dropped: nothing is in it, and nobody waits for it. */
  get isEmpty(): boolean {
    const taken = this.#heldNanos + this.#lapsedNanos + this.#spentNanos;
    return taken === 0 && this.slices.length === 0 && this.waiting.length === 0 && this.trips === 0 && !this.isAsking;
  }

  get hasLive(): boolean {
    return this.#heldNanos > 0;
  }

  /** What calls have cost above all that is leased. */
  get debtNanos(): number {
    return Math.max(0, this.#heldNanos + this.#lapsedNanos + this.#spentNanos - this.#sliceNanos);
  }

  /** What the shared store could have granted when it was heard last. */
  get roomNanos(): number {
    let room = Infinity;
    for (const { line, account } of this.parts) room = Math.min(room, account.roomNanos(line.limitNanos));
    return room;
  }

  /** Its accounts, for an answer that is given here. */
  tell(): readonly BudgetState[] {
    return this.parts.map(({ line, account }) => account.tell(line));
  }

  /** What a call can draw on that comes at `at` and may be open until `expiresAt`. */
  usableNanos(at: number, expiresAt: number): number {
    let leased = 0;
    for (const slice of this.slices) if (isUsable(slice, at, expiresAt)) leased += slice.nanos;
    return Math.max(0, Math.min(leased, this.#sliceNanos - this.#heldNanos - this.#lapsedNanos - this.#spentNanos));
  }

  hold(nanos: number, expiresAt: number): void {
    this.#heldNanos += nanos;
    this.openUntil = Math.max(this.openUntil, expiresAt);
    for (const { account } of this.parts) account.heldNanos += nanos;
  }

  /** Charges a hold that has expired. */
  lapse(hold: LeasedHold): void {
    hold.lapse = this.#lapse;
    this.#heldNanos -= hold.nanos;
    this.#lapsedNanos += hold.nanos;
    for (const { account } of this.parts) {
      account.heldNanos -= hold.nanos;
      account.spentNanos += hold.nanos;
    }
  }

  /** Replaces what a call held, or was charged, by what it has spent. */
  settle(hold: LeasedHold, spentNanos: number): void {
    if (hold.lapse === undefined) {
      this.#heldNanos -= hold.nanos;
      this.#spend(spentNanos);
      for (const { account } of this.parts) account.heldNanos -= hold.nanos;
    } else if (hold.pool === this && hold.lapse === this.#lapse) {
      this.#lapsedNanos -= hold.nanos;
      for (const { account } of this.parts) account.spentNanos -= hold.nanos;
      this.#spend(spentNanos);
    } else {
      // The charge may be booked already; what it was too much can only be kept back from what is still to be booked.
      this.#spend(Math.max(spentNanos - hold.nanos, -this.#spentNanos));
    }
  }

  /** From now on expired holds are spent at what they held, as the slices that paid for them go back. */
  chargeLapsed(): void {
    this.#spentNanos += this.#lapsedNanos;
    this.#lapsedNanos = 0;
    this.#lapse++;
  }

  add(slice: LeaseSlice): void {
    this.slices.push(slice);
    this.#sliceNanos += slice.nanos;
    for (const { account } of this.parts) account.sliceNanos += slice.nanos;
  }

  /** What open holds need of the slice, because those that are to stay cannot pay for them. */
  neededNanos(slice: LeaseSlice): number {
    let staying = 0;
    for (const each of this.slices) if (each !== slice && !each.isLeaving) staying += each.nanos;
    return Math.min(slice.nanos, Math.max(0, this.#heldNanos + this.#lapsedNanos - staying));
  }

  /**
   * How much spending the slice takes along if it goes back now: as much as it can pay, and all that the other slices cannot.
   * Only for a slice that open holds do not need.
   */
  spentWith(slice: LeaseSlice): number {
    const uncovered = this.#heldNanos + this.#lapsedNanos + this.#spentNanos - (this.#sliceNanos - slice.nanos);
    return Math.max(Math.min(this.#spentNanos, slice.nanos), uncovered);
  }

  /** Whether the slice holds nothing but what was spent. */
  isSpent(slice: LeaseSlice): boolean {
    return this.#spentNanos >= slice.nanos && this.neededNanos(slice) === 0 && !slice.isLeaving;
  }

  /** Takes the slice out. The shared store holds it until `booked`. */
  remove(slice: LeaseSlice, spentNanos: number): void {
    this.slices = this.slices.filter((each) => each !== slice);
    this.#sliceNanos -= slice.nanos;
    this.#spentNanos -= spentNanos;
  }

  /** The shared store has settled a slice that was taken out. */
  booked(slice: LeaseSlice, spentNanos: number): void {
    for (const { account } of this.parts) {
      account.sliceNanos -= slice.nanos;
      account.spentNanos -= spentNanos;
    }
  }

  #spend(nanos: number): void {
    this.#spentNanos += nanos;
    for (const { account } of this.parts) account.spentNanos += nanos;
  }
}

/**
 * The lines of a hold that slices can pay for; undefined if they cannot, because a settlement books one amount in all accounts,
 * and in a rolling window at the time at which it is booked.
 */
export function leasableLines({ at, expiresAt, lines }: Hold): readonly LeasableLine[] | undefined {
  const needNanos = lines[0]?.nanos ?? 0;
  if (needNanos === 0 || expiresAt <= at) return undefined;
  const isLeasable = (line: HoldLine, index: number): line is LeasableLine =>
    line.nanos === needNanos &&
    typeof line.window === 'object' &&
    'resetsAt' in line.window &&
    !lines.some(({ account }, other) => other > index && account === line.account);
  return lines.every(isLeasable) ? lines : undefined;
}

/** Names a set of accounts, limits and windows: what was taken under another limit is another pool's. */
export function poolKey(lines: readonly LeasableLine[]): string {
  let key = '';
  for (const { account, limitNanos, window } of lines) {
    key += `${account}\u001f${limitNanos}\u001f${window.startsAt}\u001f${window.resetsAt}\u001e`;
  }
  return key;
}

/** Whether a call may draw on the slice that comes at `at` and may be open until `expiresAt`. */
export function isUsable(slice: LeaseSlice, at: number, expiresAt: number): boolean {
  return !slice.isLeaving && slice.leaseEndsAt > at && slice.expiresAt >= expiresAt;
}
