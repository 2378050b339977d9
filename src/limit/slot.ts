import type { Holder, Need } from './constraint';
import type { LimitKind, Slot } from './rate-limiter';

/** Whom a slot tells that something may have changed for those who wait. */
export interface SlotOwner {
  /** How many wait. */
  readonly waiting: number;
  now(): number;
  /** Something of these constraints was given back. */
  onFreed(needs: readonly Need[]): void;
  /** It is known now when these constraints will have room. */
  onBegun(needs: readonly Need[]): void;
  /** The same, found out while something else is being decided, which must not be disturbed. */
  onLapsed(needs: readonly Need[]): void;
}

type Actual = { readonly [kind in LimitKind]?: number | undefined };

/** What one attempt has taken. */
export class MemorySlot implements Slot, Holder {
  readonly waitedMs: number;
  readonly leaseEndsAt: number;
  isLapsed: boolean = false;
  readonly needs: readonly Need[];
  /** What it took of each. */
  readonly amounts: readonly number[];
  readonly #owner: SlotOwner;
  #tickets: number[] | undefined;
  #isReleased = false;

  constructor(owner: SlotOwner, needs: readonly Need[], amounts: readonly number[], waitedMs: number, leaseEndsAt: number) {
    this.#owner = owner;
    this.needs = needs;
    this.amounts = amounts;
    this.waitedMs = waitedMs;
    this.leaseEndsAt = leaseEndsAt;
    let index = 0;
    for (const { constraint } of needs) {
      const amount = amounts[index++] ?? 0;
      if (amount > 0) constraint.take(amount, this);
    }
  }

  begin(): void {
    if (this.#tickets !== undefined || this.#isReleased) return;
    this.#depart();
    if (this.#owner.waiting > 0) this.#owner.onBegun(this.needs);
  }

  release(actual?: Actual): void {
    if (this.#isReleased) return;
    this.#end(actual);
    if (this.#owner.waiting > 0) this.#owner.onFreed(this.needs);
  }

  /** A release without having begun, of which nobody is told. */
  giveBack(): void {
    if (!this.#isReleased) this.#end(undefined);
  }

  #end(actual: Actual | undefined): void {
    this.#isReleased = true;
    const tickets = this.#tickets;
    let index = 0;
    for (const { kind, constraint } of this.needs) {
      const ticket = tickets === undefined ? undefined : tickets[index];
      const amount = this.amounts[index++] ?? 0;
      if (amount > 0) constraint.settle(amount, kind === undefined ? undefined : valid(actual?.[kind]), ticket, this);
    }
  }

  /** What it took of windows counts as if it had departed by now, else it would count for ever. */
  lapse(): void {
    if (this.isLapsed || this.#isReleased) return;
    if (this.#tickets === undefined) this.#depart();
    this.isLapsed = true;
    for (const need of this.needs) need.constraint.lapse(this);
    if (this.#owner.waiting > 0) this.#owner.onLapsed(this.needs);
  }

  #depart(): void {
    const now = this.#owner.now();
    const tickets: number[] = [];
    let index = 0;
    for (const { constraint } of this.needs) {
      const amount = this.amounts[index++] ?? 0;
      tickets.push(amount > 0 ? constraint.begin(amount, now) : 0);
    }
    this.#tickets = tickets;
  }
}

function valid(amount: number | undefined): number | undefined {
  return amount !== undefined && amount >= 0 && amount < Infinity ? amount : undefined;
}
