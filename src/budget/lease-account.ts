import { MAX_NANOS } from '../money';
import type { BudgetState } from './budget-store';
import type { LeasableLine, LeasePool } from './lease-pool';

/** A rise of an account's spending that the shared store has told this process, and this process has told nobody yet. */
interface Rise {
  readonly fromNanos: number;
  toNanos: number;
}

/** How many are kept apart; beyond, what another process tells in between may be told twice. */
const MOST_RISES = 64;

/** What one process knows of an account: what the shared store told last, and what this process has of it itself. */
export class LeaseAccount {
  readonly name: string;
  /** What is leased under this account. */
  readonly pools: Set<LeasePool> = new Set();
  /** What the shared store holds for this process's slices, those on their way back included. */
  sliceNanos = 0;
  /** What is held of those slices by calls in flight. */
  heldNanos = 0;
  /** What calls have spent of those slices, or were charged, and the shared store does not know. */
  spentNanos = 0;
  #shared: BudgetState | undefined;
  #othersNanos = 0;
  /** Oldest first; what other processes tell lies between them. */
  readonly #rises: Rise[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Whether nothing would be lost by forgetting it. */
  get isIdle(): boolean {
    return this.pools.size === 0 && this.sliceNanos === 0 && this.#rises.length === 0;
  }

  /** Takes in an answer of the shared store, once what it answers to has been added to or taken from `sliceNanos`. */
  hear(state: BudgetState): void {
    const { spentNanos, heldNanos, toldNanos } = state;
    this.#shared = state;
    this.#othersNanos = Math.max(0, heldNanos - this.sliceNanos);
    if (toldNanos === undefined || spentNanos <= toldNanos) return;
    const last = this.#rises.at(-1);
    if (last !== undefined && (last.toNanos === toldNanos || this.#rises.length === MOST_RISES)) last.toNanos = spentNanos;
    else this.#rises.push({ fromNanos: toldNanos, toNanos: spentNanos });
  }

  /** What the shared store could have granted when it was heard last; the whole limit if it never was. */
  roomNanos(limitNanos: number): number {
    return Math.min(limitNanos, MAX_NANOS) - (this.#shared?.spentNanos ?? 0) - (this.#shared?.heldNanos ?? 0);
  }

  /**
   * The account as an answer shows it that was found here. What is spent is what the shared store has told, so that sums pass
   * an alert's level in one answer of all processes; what was spent since counts as held, and the rest of a slice as free.
   */
  tell({ limitNanos, window }: LeasableLine): BudgetState {
    const rise = this.#rises.shift();
    const spentNanos = rise?.toNanos ?? this.#shared?.spentNanos ?? 0;
    return {
      account: this.name,
      limitNanos,
      spentNanos,
      heldNanos: this.#othersNanos + this.heldNanos + this.spentNanos,
      resetsAt: this.#shared?.resetsAt ?? window.resetsAt,
      ...(this.#shared?.toldNanos !== undefined && { toldNanos: rise?.fromNanos ?? spentNanos }),
    };
  }

  /** An answer of the shared store that has been heard, `freeNanos` of what it holds being free for whoever asks. */
  passOn(state: BudgetState, freeNanos: number): BudgetState {
    const heldNanos = Math.max(0, state.heldNanos - freeNanos);
    const { spentNanos, toldNanos } = state;
    if (toldNanos === undefined) return { ...state, heldNanos };
    // Its own rise, unless another answer has told that already.
    if (this.#rises.at(-1)?.toNanos !== spentNanos) return { ...state, heldNanos, toldNanos: Math.max(toldNanos, spentNanos) };
    return { ...state, heldNanos, toldNanos: this.#rises.pop()?.fromNanos ?? toldNanos };
  }

  /** What this process's slices hold and no call of it has taken. */
  get unusedNanos(): number {
    return Math.max(0, this.sliceNanos - this.heldNanos - this.spentNanos);
  }
}

/** How many accounts are kept in mind that nothing is leased of. */
const REMEMBERED_ACCOUNTS = 10_000;

/** The accounts that this process has heard of. */
export class LeaseAccounts {
  readonly #byName: Map<string, LeaseAccount> = new Map();

  find(name: string): LeaseAccount | undefined {
    return this.#byName.get(name);
  }

  of(name: string): LeaseAccount {
    let account = this.#byName.get(name);
    if (account === undefined) {
      account = new LeaseAccount(name);
      this.#byName.set(name, account);
      if (this.#byName.size > REMEMBERED_ACCOUNTS) this.#forget();
    }
    return account;
  }

  hear(states: readonly BudgetState[]): void {
    for (const state of states) this.of(state.account).hear(state);
  }

  // Many at once, so that each new account pays for less than one look at another.
  #forget(): void {
    let left = REMEMBERED_ACCOUNTS / 2;
    for (const account of this.#byName.values()) {
      if (account.isIdle) this.#byName.delete(account.name);
      if (--left === 0) return;
    }
  }
}
