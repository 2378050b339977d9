import { MAX_NANOS } from '../money';
import type { BudgetState, Reserved } from './budget-store';
import type { LeaseAccounts } from './lease-account';
import type { SliceExchange } from './lease-exchange';
import { type LeasePool, type LeaseWaiter, isUsable } from './lease-pool';

/** What a seeker works with. */
export interface SeekerParts {
  readonly exchange: SliceExchange;
  readonly accounts: LeaseAccounts;
  /** The largest slice. */
  readonly sliceNanos: number;
  readonly leaseMs: number;
  /** Takes a call in that fits, and answers for it. */
  readonly admit: (pool: LeasePool, waiter: LeaseWaiter) => Reserved;
}

/** A slice is at most this part of the room, so that near the limit several processes share what is left. */
const ROOM_PARTS = 8;

/** A refusal of the shared store, and how many calls waited when it was asked: it answers them all. */
interface Refusal {
  readonly exceeded: readonly string[];
  readonly states: readonly BudgetState[];
  readonly waiting: number;
}

/** Gets slices for calls that wait: one request per pool at a time, for all of them. */
export class SliceSeeker {
  readonly #parts: SeekerParts;

  constructor(parts: SeekerParts) {
    this.#parts = parts;
  }

  /** Answers the waiter, after those who wait already. */
  ask(pool: LeasePool, waiter: LeaseWaiter): void {
    pool.waiting.push(waiter);
    if (!pool.isAsking) void this.#seek(pool);
  }

  /**
   * Brings back what this process does not use of the accounts, except for what the asking pool can draw on. True if something
   * went back, so that it makes sense to ask once more.
   */
  async makeRoom(accounts: readonly string[], at: number, expiresAt: number, asking?: LeasePool): Promise<boolean> {
    const pools = new Set(accounts.flatMap((name) => [...(this.#parts.accounts.find(name)?.pools ?? [])]));
    const trips: Promise<boolean>[] = [this.#parts.exchange.returned()];
    for (const pool of pools) {
      for (const slice of pool.slices) {
        if (pool === asking && isUsable(slice, at, expiresAt)) continue;
        trips.push(this.#parts.exchange.giveBack(pool, slice, at, slice.leaseEndsAt <= at));
      }
    }
    return (await Promise.all(trips)).includes(true);
  }

  async #seek(pool: LeasePool): Promise<void> {
    pool.isAsking = true;
    for (let [first] = pool.waiting; first !== undefined; [first] = pool.waiting) {
      try {
        const refusal = await this.#takeFor(pool, first);
        if (refusal !== undefined) this.#refuse(pool, first, refusal);
        this.#serve(pool);
      } catch (error) {
        for (const { reject } of pool.waiting.splice(0)) reject(error);
      }
    }
    pool.isAsking = false;
  }

  /** Gets a slice that the first who waits fits in, or answers with the refusal. */
  async #takeFor(pool: LeasePool, first: LeaseWaiter): Promise<Refusal | undefined> {
    const { exchange, leaseMs } = this.#parts;
    const { at, expiresAt, needNanos } = first;
    let hasMadeRoom = false;
    for (let tries = 0; ; tries++) {
      const shortNanos = needNanos - pool.usableNanos(at, expiresAt);
      if (shortNanos <= 0) return undefined;
      const nanos = tries < 2 ? this.#sizeNanos(pool, shortNanos, needNanos) : shortNanos;
      const waiting = pool.waiting.length;
      const longest = pool.waiting.reduce((latest, each) => Math.max(latest, each.expiresAt), expiresAt);
      const request = { nanos, at, leaseEndsAt: at + leaseMs, openUntil: longest + leaseMs };
      const answer = await exchange.take(pool, request);
      if (answer.ok) return undefined;
      // There may be room for the call where there was none for so large a slice.
      if (nanos > shortNanos && pool.roomNanos >= shortNanos) continue;
      if (hasMadeRoom || !(await this.makeRoom(answer.exceeded, at, expiresAt, pool))) return { ...answer, waiting };
      hasMadeRoom = true;
    }
  }

  /** What the call is short of, and whole calls like it, as far as that is a fair share: parts of calls would be of no use. */
  #sizeNanos(pool: LeasePool, shortNanos: number, needNanos: number): number {
    const shareNanos = Math.min(this.#parts.sliceNanos, Math.floor(pool.roomNanos / ROOM_PARTS));
    return shortNanos + Math.max(0, Math.floor((shareNanos - shortNanos) / needNanos)) * needNanos;
  }

  /** Refuses the first, and of the others whom the refusal answers, those who need no less than there is. */
  #refuse(pool: LeasePool, first: LeaseWaiter, refusal: Refusal): void {
    const { accounts } = this.#parts;
    pool.waiting = pool.waiting.filter((waiter, index) => {
      if (index >= refusal.waiting) return true;
      // What is left of this pool's slices is free for its calls, and held for all others.
      const freeNanos = pool.usableNanos(waiter.at, waiter.expiresAt);
      const exceeded = exceededBy(pool, waiter.needNanos - freeNanos, refusal.states);
      if (exceeded.length === 0 && waiter !== first) return true;
      const states = refusal.states.map((state) => accounts.of(state.account).passOn(state, freeNanos));
      waiter.resolve({ ok: false, exceeded: exceeded.length > 0 ? exceeded : refusal.exceeded, states });
      return false;
    });
  }

  #serve(pool: LeasePool): void {
    let served = 0;
    for (const waiter of pool.waiting) {
      if (pool.usableNanos(waiter.at, waiter.expiresAt) < waiter.needNanos) break;
      waiter.resolve(this.#parts.admit(pool, waiter));
      served++;
    }
    pool.waiting.splice(0, served);
  }
}

function exceededBy({ lines }: LeasePool, nanos: number, states: readonly BudgetState[]): readonly string[] {
  const exceeded: string[] = [];
  for (const { account, limitNanos } of lines) {
    const state = states.find((each) => each.account === account);
    if (state !== undefined && state.spentNanos + state.heldNanos + nanos > Math.min(limitNanos, MAX_NANOS))
      exceeded.push(account);
  }
  return exceeded;
}
