import { idSource } from '../id';
import { MAX_NANOS } from '../money';
import type { BudgetStore, Reserved } from './budget-store';
import type { LeaseAccounts } from './lease-account';
import type { LeasePool, LeaseSlice } from './lease-pool';

/** What is asked of the shared store for a pool. */
export interface SliceRequest {
  readonly nanos: number;
  readonly at: number;
  readonly leaseEndsAt: number;
  /** When the last call that it may pay for expires. */
  readonly openUntil: number;
  /** Granted whatever the limits say: debt is booked all the same. */
  readonly isDebt?: boolean;
}

/** A slice on its way back. */
interface Return {
  readonly pool: LeasePool;
  readonly slice: LeaseSlice;
  readonly spentNanos: number;
  /** Whether the answer to the request for it was lost, so that nobody knows whether it was granted. */
  readonly isLost: boolean;
  tries: number;
  dueAt: number;
  attempt: Promise<void> | undefined;
}

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 30_000;
/** Debt that is not booked by then shows as an expired hold of nothing, and can be booked all the same. */
const DEBT_MS = 3_600_000;
/** A request whose answer was lost may reach the store after the first attempts to free what it took. */
const TRIES_FOR_LOST = 4;

/** Takes slices from the shared store and brings them back, each with what was spent of it. */
export class SliceExchange {
  readonly #store: BudgetStore;
  readonly #accounts: LeaseAccounts;
  readonly #graceMs: number;
  readonly #newId: () => string = idSource();
  readonly #returns: Set<Return> = new Set();
  readonly #underWay: Set<Promise<unknown>> = new Set();
  /** Counts what has changed in the shared store, so that a reader can tell whether something did meanwhile. */
  changes = 0;
  /** Why a slice could not be brought back. */
  lastError: unknown;

  /** `graceMs` is how much longer a slice is held than its last call, so that it can be brought back before it is charged. */
  constructor(store: BudgetStore, graceMs: number, accounts: LeaseAccounts) {
    this.#store = store;
    this.#graceMs = graceMs;
    this.#accounts = accounts;
  }

  /** Slices that have been taken out of their pools and are not booked yet. */
  get returns(): Iterable<Pick<Return, 'pool' | 'slice' | 'spentNanos' | 'isLost'>> {
    return this.#returns;
  }

  get isEmpty(): boolean {
    return this.#returns.size === 0;
  }

  /** Whether nothing is under way to the shared store. */
  get isQuiet(): boolean {
    return this.#underWay.size === 0;
  }

  /** Resolves when what is under way to the shared store has been answered, well or not. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  /** Resolves when the slices that are on their way back have arrived, or not. True if there were any. */
  async returned(): Promise<boolean> {
    const attempts = [...this.#returns].flatMap(({ attempt }) => attempt ?? []);
    await Promise.all(attempts);
    return attempts.length > 0;
  }

  /** Asks for a slice, and adds it to the pool if it is granted. Rejects as the store does. */
  take(pool: LeasePool, request: SliceRequest): Promise<Reserved> {
    return this.#track(this.#take(pool, request));
  }

  /**
   * Brings a slice back. What open holds need of it is taken anew before, if that is no more than half of it and there is room;
   * else it stays, and the answer is false. With `isOver`, holds that have expired are charged for good.
   */
  async giveBack(pool: LeasePool, slice: LeaseSlice, at: number, isOver: boolean): Promise<boolean> {
    if (slice.isLeaving || !pool.slices.includes(slice)) return false;
    if (isOver && pool.neededNanos(slice) > 0) pool.chargeLapsed();
    const neededNanos = pool.neededNanos(slice);
    if (neededNanos > 0) {
      if (neededNanos * 2 > slice.nanos) return false;
      slice.isLeaving = true;
      try {
        // Not to be drawn on: it is there for calls that are open already.
        const request = { nanos: neededNanos, at, leaseEndsAt: at, openUntil: pool.openUntil };
        if (!(await this.take(pool, request)).ok) return false;
      } catch {
        return false;
      } finally {
        slice.isLeaving = false;
      }
      if (pool.neededNanos(slice) > 0 || !pool.slices.includes(slice)) return false;
    }
    return this.#bringBack(pool, slice, at);
  }

  /** Brings back the slices that hold nothing but what was spent. */
  giveBackSpent(pool: LeasePool, at: number): void {
    let slice = pool.slices.find((each) => pool.isSpent(each));
    while (slice !== undefined) {
      void this.#bringBack(pool, slice, at);
      slice = pool.slices.find((each) => pool.isSpent(each));
    }
  }

  /** Books what calls have cost above all that is leased: with a slice that can go back, else with one of nothing. */
  cover(pool: LeasePool, at: number): Promise<void> {
    pool.covering ??= this.#cover(pool, at).finally(() => (pool.covering = undefined));
    return pool.covering;
  }

  /** Tries again what could not be brought back, if it is time to or urgent. */
  retry(at: number, isUrgent = false): void {
    for (const back of this.#returns) if (isUrgent || back.dueAt <= at) void this.#attempt(back, at);
  }

  async #cover(pool: LeasePool, at: number): Promise<void> {
    while (pool.debtNanos > 0) {
      const slice = pool.slices.find((each) => !each.isLeaving && pool.neededNanos(each) === 0);
      if (slice !== undefined) await this.#bringBack(pool, slice, at);
      else if (!(await this.take(pool, { nanos: 0, at, leaseEndsAt: at, openUntil: at + DEBT_MS, isDebt: true })).ok) return;
    }
  }

  async #take(pool: LeasePool, { nanos, at, leaseEndsAt, openUntil, isDebt = false }: SliceRequest): Promise<Reserved> {
    const expiresAt = openUntil + this.#graceMs;
    const slice: LeaseSlice = { id: `lease:${this.#newId()}`, nanos, leaseEndsAt, expiresAt, isLeaving: false };
    const lines = pool.lines.map((line) => ({ ...line, nanos, limitNanos: isDebt ? MAX_NANOS : line.limitNanos }));
    pool.trips++;
    try {
      const answer = await this.#store.reserve({ id: slice.id, at, expiresAt, lines });
      this.changes++;
      if (answer.ok) pool.add(slice);
      this.#accounts.hear(answer.states);
      return answer;
    } catch (error) {
      // It may have been granted although the answer was lost; freeing an unknown id changes nothing.
      void this.#send({ pool, slice, spentNanos: 0, isLost: true, tries: 0, dueAt: at, attempt: undefined }, at);
      throw error;
    } finally {
      pool.trips--;
    }
  }

  async #bringBack(pool: LeasePool, slice: LeaseSlice, at: number): Promise<boolean> {
    const spentNanos = pool.spentWith(slice);
    pool.remove(slice, spentNanos);
    const back: Return = { pool, slice, spentNanos, isLost: false, tries: 0, dueAt: at, attempt: undefined };
    await this.#send(back, at);
    return !this.#returns.has(back);
  }

  #send(back: Return, at: number): Promise<void> {
    this.#returns.add(back);
    return this.#attempt(back, at);
  }

  #attempt(back: Return, at: number): Promise<void> {
    back.attempt ??= this.#track(this.#settle(back, at)).finally(() => (back.attempt = undefined));
    return back.attempt;
  }

  /** Never rejects: what fails stays in the returns. */
  async #settle(back: Return, at: number): Promise<void> {
    const { pool, slice, spentNanos, isLost } = back;
    back.tries++;
    back.dueAt = at + Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** back.tries);
    try {
      const { states } = await this.#store.settle({ id: slice.id, spentNanos, at });
      this.changes++;
      if (!isLost) pool.booked(slice, spentNanos);
      if (!isLost || states.length > 0 || back.tries >= TRIES_FOR_LOST) this.#returns.delete(back);
      this.#accounts.hear(states);
    } catch (error) {
      // A shared store that stays away charges the slice in full when it expires; what is told later corrects that.
      this.lastError = error;
    }
  }

  async #track<T>(trip: Promise<T>): Promise<T> {
    this.#underWay.add(trip);
    try {
      return await trip;
    } finally {
      this.#underWay.delete(trip);
    }
  }
}
