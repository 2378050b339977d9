import { type Clock, systemClock } from '../clock';
import { nanosOfUsd } from '../money';
import { checkOptionNames } from '../option-names';
import type { BudgetState, BudgetStore, Hold, OpenHold, Reserved, Settlement } from './budget-store';
import { checkHold, checkSettlement } from './hold-check';
import { LeaseAccounts } from './lease-account';
import { SliceExchange } from './lease-exchange';
import { LeasedHolds } from './lease-holds';
import { LeasePool, type LeaseWaiter, leasableLines, poolKey } from './lease-pool';
import { SliceSeeker } from './lease-seeker';

/** How much of a shared budget a process takes at once, and for how long. */
export interface LeaseOptions {
  /** At most so much at once, in USD, above 0; and an eighth of the room where that is less. About 100 calls' worth is good. */
  readonly sliceUsd: number;
  /** How long calls are admitted from a slice, in milliseconds, above 0. What it has left goes back then. */
  readonly leaseMs: number;
  /** The one that the governance has; default the system's. */
  readonly clock?: Clock;
}

/**
 * Admits calls without asking `store`: a process takes a slice of a budget in one step, counts its calls against it by itself,
 * and brings back what is left when the lease is over, when no call has come for a while, and on `close()`. All processes that
 * count in one store may lease, or not; together they never hold more than the limits.
 *
 * The price of it. The shared counters show slices: what is used of one is held there, not spent, until the slice goes back,
 * and so is what is not used. `read` corrects this for the slices of its own process alone, so reports and `reconcile()` are
 * exact once all have closed or their leases are over; `openHolds` lists slices. A call may be refused while other processes
 * have slices that they do not use. Alerts come when a slice goes back, each with a next call on that account in the same
 * process. A process that crashes is charged its slices in full, at most one and a half leases after the last call that they
 * pay for would have expired. A call that nobody settles is charged what it held; if it is settled after its slice went back,
 * what it cost more is booked, and what it cost less is only made up for by what is spent of the same slices next. A hold can
 * be settled only by the process that reserved it.
 *
 * Holds of 0 or of more than a slice, with different amounts in their lines, or in windows that are rolling or given by a
 * calendar name, are passed on to `store` as they are. `close()` leaves `store` open, and what is reserved later goes to it
 * directly; it rejects if the store is away for about 25 seconds. Throws a TypeError or RangeError if an option is wrong.
 */
export function leased(store: BudgetStore, options: LeaseOptions): BudgetStore {
  if (typeof store?.reserve !== 'function')
    throw new TypeError(
      'leased: expected a BudgetStore, e.g. leased(backend.budgetStore, { sliceUsd, leaseMs }): it has no reserve()',
    );
  checkOptionNames('leased', options, ['sliceUsd', 'leaseMs', 'clock']);
  return new LeasedBudgetStore(store, options);
}

const LOOKS_PER_LEASE = 4;
const LONGEST_LOOK_MS = 5_000;
const CLOSE_DELAYS_MS = [50, 200, 1_000, 5_000, 20_000];

class LeasedBudgetStore implements BudgetStore {
  readonly openHolds?: (at: number) => Promise<readonly OpenHold[]>;
  readonly #store: BudgetStore;
  readonly #clock: Clock;
  readonly #sliceNanos: number;
  readonly #lookMs: number;
  readonly #accounts: LeaseAccounts = new LeaseAccounts();
  readonly #exchange: SliceExchange;
  readonly #seeker: SliceSeeker;
  readonly #pools: Map<string, LeasePool> = new Map();
  readonly #holds: LeasedHolds = new LeasedHolds();
  /** The answers that calls wait for, by the ids of their holds. */
  readonly #asking: Map<string, Promise<Reserved>> = new Map();
  #watch: AbortController | undefined;
  #isClosed = false;

  constructor(store: BudgetStore, { sliceUsd, leaseMs, clock = systemClock }: LeaseOptions) {
    this.#sliceNanos = typeof sliceUsd === 'number' && sliceUsd > 0 && sliceUsd < Infinity ? nanosOfUsd(sliceUsd) : 0;
    if (this.#sliceNanos < 1) {
      throw new RangeError(`leased: sliceUsd must be an amount in USD of at least a nano-dollar, got ${String(sliceUsd)}`);
    }
    if (!(typeof leaseMs === 'number' && leaseMs > 0 && leaseMs < Infinity)) {
      throw new RangeError(`leased: leaseMs must be a number of milliseconds above 0, got ${String(leaseMs)}`);
    }
    this.#store = store;
    this.#lookMs = Math.min(leaseMs / LOOKS_PER_LEASE, LONGEST_LOOK_MS);
    this.#clock = clock;
    this.#exchange = new SliceExchange(store, 2 * this.#lookMs, this.#accounts);
    this.#seeker = new SliceSeeker({
      exchange: this.#exchange,
      accounts: this.#accounts,
      sliceNanos: this.#sliceNanos,
      leaseMs,
      admit: (pool, waiter) => this.#admit(pool, waiter),
    });
    if (store.openHolds !== undefined) {
      this.openHolds = async (at) => {
        await this.#exchange.answered();
        return (await store.openHolds?.(at)) ?? [];
      };
    }
  }

  async reserve(hold: Hold): Promise<Reserved> {
    checkHold(hold);
    const { id, at, expiresAt } = hold;
    this.#lapse(at);
    const asking = this.#asking.get(id);
    if (asking !== undefined) return asking;
    if (this.#holds.find(id) !== undefined || this.#holds.hasEnded(id)) return { ok: true, states: await this.#statesOf(hold) };
    const lines = this.#isClosed ? undefined : leasableLines(hold);
    const needNanos = lines?.[0]?.nanos ?? 0;
    if (lines === undefined || needNanos > this.#sliceNanos) return this.#passOn(hold);

    const key = poolKey(lines);
    const pool = this.#pools.get(key) ?? this.#list(new LeasePool(key, lines, this.#accounts));
    if (pool.waiting.length === 0 && pool.usableNanos(at, expiresAt) >= needNanos) {
      return this.#admit(pool, { id, expiresAt, needNanos });
    }
    const answer = new Promise<Reserved>((resolve, reject) => {
      this.#seeker.ask(pool, { id, at, expiresAt, needNanos, resolve, reject });
    });
    this.#asking.set(id, answer);
    try {
      return await answer;
    } finally {
      this.#asking.delete(id);
      if (this.#isClosed) void this.#bringBack(pool, at, true);
    }
  }

  async settle({ id, spentNanos, at }: Settlement): Promise<{ readonly states: readonly BudgetState[] }> {
    const settlement: Settlement = { id, spentNanos, at };
    checkSettlement(settlement);
    if (this.#asking.has(id)) await this.#asking.get(id)?.catch(() => undefined);
    this.#lapse(at);
    const hold = this.#holds.find(id);
    if (hold === undefined) {
      if (this.#holds.hasEnded(id)) return { states: [] };
      const { states } = await this.#store.settle(settlement);
      this.#accounts.hear(states);
      return { states: this.#passedOn(states, true) };
    }
    // The pool that an expired hold was in may be gone.
    const { key, lines } = hold.pool;
    const pool = this.#pools.get(key) ?? this.#list(new LeasePool(key, lines, this.#accounts));
    pool.settle(hold, spentNanos);
    this.#holds.end(hold);
    if (pool.debtNanos > 0) await this.#exchange.cover(pool, at).catch(() => undefined);
    else if (this.#isClosed) void this.#bringBack(pool, at, true);
    this.#exchange.giveBackSpent(pool, at);
    return { states: pool.tell() };
  }

  async read(accounts: readonly string[], at: number): Promise<readonly BudgetState[]> {
    if (!Number.isFinite(at)) throw new RangeError(`Expected at to be a finite time in epoch milliseconds, got ${String(at)}`);
    this.#lapse(at);
    // What changes in the shared store while it answers may be in the answer or not, and so may slices on their way back.
    for (let tries = 0; ; tries++) {
      this.#exchange.retry(at, true);
      await this.#exchange.answered();
      const { changes } = this.#exchange;
      const states = await this.#store.read(accounts, at);
      if (tries === 2 || (this.#exchange.changes === changes && this.#exchange.isQuiet)) {
        return states.map((state) => this.#corrected(state, at));
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#asking.values());
    for (let tries = 0; ; tries++) {
      const at = this.#clock.now();
      this.#lapse(at);
      this.#exchange.retry(at, true);
      await Promise.all([...this.#pools.values()].map((pool) => this.#bringBack(pool, at, true)));
      await this.#exchange.answered();
      if (this.#exchange.isEmpty) break;
      const delayMs = CLOSE_DELAYS_MS[tries];
      if (delayMs === undefined) {
        throw new Error('leased: the store did not take slices back; they are charged in full when they expire.', {
          cause: this.#exchange.lastError,
        });
      }
      await this.#clock.sleep(delayMs);
    }
    this.#tidy();
    if (!this.#isIdle) return;
    this.#watch?.abort();
    this.#watch = undefined;
  }

  #admit(pool: LeasePool, { id, expiresAt, needNanos }: Pick<LeaseWaiter, 'id' | 'expiresAt' | 'needNanos'>): Reserved {
    pool.hold(needNanos, expiresAt);
    pool.wasUsed = true;
    this.#holds.add({ id, expiresAt, nanos: needNanos, pool, lapse: undefined, isDone: false });
    return { ok: true, states: pool.tell() };
  }

  /** For holds that cannot be leased. */
  async #passOn(hold: Hold): Promise<Reserved> {
    let answer = await this.#store.reserve(hold);
    this.#accounts.hear(answer.states);
    if (!answer.ok && (await this.#seeker.makeRoom(answer.exceeded, hold.at, hold.expiresAt))) {
      answer = await this.#store.reserve(hold);
      this.#accounts.hear(answer.states);
    }
    return { ...answer, states: this.#passedOn(answer.states, answer.ok) };
  }

  #list(pool: LeasePool): LeasePool {
    this.#pools.set(pool.key, pool);
    for (const { account } of pool.parts) account.pools.add(pool);
    if (this.#watch === undefined) void this.#lookAfter();
    return pool;
  }

  /** Charges the holds that have expired. */
  #lapse(at: number): void {
    for (let hold = this.#holds.takeExpired(at); hold !== undefined; hold = this.#holds.takeExpired(at)) hold.pool.lapse(hold);
  }

  /** An answer of the shared store that has been heard. A grant shows what this process does not use as free. */
  #passedOn(states: readonly BudgetState[], isGrant: boolean): readonly BudgetState[] {
    return states.map((state) => {
      const account = this.#accounts.of(state.account);
      return account.passOn(state, isGrant ? account.unusedNanos : 0);
    });
  }

  async #statesOf({ lines, at }: Hold): Promise<readonly BudgetState[]> {
    const names = [...new Set(lines.map(({ account }) => account))];
    const states = await this.read(names, at);
    return states.map((state) => {
      const limits = lines.filter(({ account }) => account === state.account).map(({ limitNanos }) => limitNanos);
      return { ...state, limitNanos: Math.min(...limits) };
    });
  }

  /** What the shared store shows, with what calls have made of this process's slices in place of the slices. */
  #corrected(state: BudgetState, at: number): BudgetState {
    const account = this.#accounts.find(state.account);
    if (account === undefined) return state;
    let charged = 0;
    for (const pool of account.pools) for (const slice of pool.slices) if (slice.expiresAt <= at) charged += slice.nanos;
    for (const { pool, slice, isLost } of this.#exchange.returns) {
      if (!isLost && slice.expiresAt <= at && pool.parts.some((part) => part.account === account)) charged += slice.nanos;
    }
    // If another process's clock is ahead, they may be charged before they expire by this one's.
    const ownHeldNanos = Math.min(state.heldNanos, account.sliceNanos - charged);
    return {
      ...state,
      spentNanos: Math.max(0, state.spentNanos - (account.sliceNanos - ownHeldNanos) + account.spentNanos),
      heldNanos: state.heldNanos - ownHeldNanos + account.heldNanos,
    };
  }

  async #bringBack(pool: LeasePool, at: number, isOver: boolean): Promise<void> {
    await Promise.all(pool.slices.map((slice) => this.#exchange.giveBack(pool, slice, at, isOver)));
  }

  /** One timer for all that is leased, for as long as something is. */
  async #lookAfter(): Promise<void> {
    const watch = (this.#watch = new AbortController());
    try {
      do {
        await this.#clock.sleep(this.#lookMs, watch.signal, true);
        this.#look(this.#clock.now());
      } while (!this.#isIdle);
    } catch {
      // Closed.
    }
    if (this.#watch === watch) this.#watch = undefined;
  }

  /** Waits for nothing: a store that hangs must not keep the next look from taking place. */
  #look(at: number): void {
    this.#lapse(at);
    this.#exchange.retry(at);
    for (const pool of this.#pools.values()) {
      if (pool.debtNanos > 0) void this.#exchange.cover(pool, at).catch(() => undefined);
      const isUnused = !pool.wasUsed && !pool.hasLive && pool.waiting.length === 0;
      pool.wasUsed = false;
      for (const slice of pool.slices) {
        const isOver = this.#isClosed || slice.leaseEndsAt <= at;
        if (isOver || isUnused) void this.#exchange.giveBack(pool, slice, at, isOver);
      }
    }
    this.#tidy();
  }

  #tidy(): void {
    for (const pool of this.#pools.values()) {
      if (!pool.isEmpty) continue;
      this.#pools.delete(pool.key);
      for (const { account } of pool.parts) account.pools.delete(pool);
    }
  }

  get #isIdle(): boolean {
    return this.#pools.size === 0 && this.#exchange.isEmpty;
  }
}
