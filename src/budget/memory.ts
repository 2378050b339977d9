import type { BudgetState, BudgetStore, Hold, OpenHold, Reserved, Settlement } from './budget-store';
import { ExpiryQueue } from './expiry-queue';
import { checkHold, checkSettlement } from './hold-check';
import { counterKey, counterKeys, rollingMsOf } from './hold-shares';
import { MemoryAccount } from './memory-account';

/** How many ids of ended calls are remembered, so that reserving them again changes nothing. */
const REMEMBERED_IDS = 1_024;
/** How many of the latest expiries can be listed and corrected. */
const REMEMBERED_EXPIRIES = 10_000;

/**
 * Counts in this process's memory: for one process, and lost when it ends. Every method does all its work before it returns.
 * Input that cannot be counted exactly is rejected with a RangeError or TypeError that names the field. An account counts
 * exactly up to 2^53 nano-dollars (about 9 million USD), and a higher limit refuses there.
 *
 * Memory is bounded, which has these effects. Settled ids are forgotten after 1,024 more calls have ended; only then would
 * reserving one again hold anew. Expired holds stay listed, and are corrected when settled late, until 10,000 more have
 * expired. Accounts go when their window has been over for another window's length (at least an hour) and nothing is held. An
 * account of a rolling window keeps 1,024 bookings apart; beyond that, money may leave the window by 1/256 of it late.
 */
export function memoryBudgetStore(): BudgetStore {
  return new MemoryBudgetStore();
}

/** What a hold takes of one account. */
interface Share {
  readonly account: MemoryAccount;
  nanos: number;
  limitNanos: number;
  /** Of the line's window if it is a rolling one. */
  readonly rollingMs: number | undefined;
}

class Reservation {
  readonly id: string;
  readonly at: number;
  readonly expiresAt: number;
  shares: readonly Share[];
  isExpired = false;
  /** Settled, or forgotten. */
  isDone = false;

  constructor(id: string, at: number, expiresAt: number, shares: readonly Share[]) {
    this.id = id;
    this.at = at;
    this.expiresAt = expiresAt;
    this.shares = shares;
  }
}

/** Stands for every hold that is done. */
const DONE = new Reservation('', 0, 0, []);
DONE.isDone = true;

/** Keeps the last `capacity` items; adding one more hands back the oldest. */
class Ring<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(item: T): T | undefined {
    const oldest = this.#items[this.#next];
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
    return oldest;
  }
}

class MemoryBudgetStore implements BudgetStore {
  readonly #accounts: Map<string, MemoryAccount> = new Map();
  readonly #holds: Map<string, Reservation> = new Map();
  readonly #expiries: ExpiryQueue<Reservation> = new ExpiryQueue();
  readonly #doneIds: Ring<string> = new Ring(REMEMBERED_IDS);
  readonly #expired: Ring<Reservation> = new Ring(REMEMBERED_EXPIRIES);
  #sweep: Iterator<MemoryAccount> | undefined;

  async reserve(hold: Hold): Promise<Reserved> {
    checkHold(hold);
    const { id, at, expiresAt } = hold;
    this.#chargeExpired(at);
    const shares = this.#sharesOf(hold);
    if (this.#holds.has(id)) return { ok: true, states: statesOf(shares, at) };
    let exceeded: string[] | undefined;
    for (const share of shares) if (!fits(share, at)) (exceeded ??= []).push(share.account.name);
    if (exceeded !== undefined) return { ok: false, exceeded, states: statesOf(shares, at) };

    for (const { account, nanos, limitNanos, rollingMs } of shares) {
      account.hold(nanos, limitNanos, rollingMs);
      if (!account.isListed) this.#list(account, at);
    }
    const open = new Reservation(id, at, expiresAt, shares);
    this.#holds.set(id, open);
    this.#expiries.push(open);
    return { ok: true, states: statesOf(shares, at) };
  }

  async settle(settlement: Settlement): Promise<{ readonly states: readonly BudgetState[] }> {
    checkSettlement(settlement);
    const { id, spentNanos, at } = settlement;
    this.#chargeExpired(at);
    const hold = this.#holds.get(id);
    if (hold === undefined || hold.isDone) return { states: [] };
    const { shares, expiresAt, isExpired } = hold;
    for (const { account, nanos } of shares) {
      if (isExpired) account.takeBack(nanos, expiresAt);
      else account.heldNanos -= nanos;
      // In a rolling window a corrected charge keeps its time: the room that it left may have been taken since.
      account.book(spentNanos, isExpired ? expiresAt : at);
    }
    this.#end(hold);
    if (!isExpired) this.#expiries.noteDone();
    const states: BudgetState[] = [];
    for (const { account } of shares) states.push(account.told(at, spentNanos));
    return { states };
  }

  async read(accounts: readonly string[], at: number): Promise<readonly BudgetState[]> {
    if (!Number.isFinite(at)) throw new RangeError(`Expected at to be a finite time in epoch milliseconds, got ${String(at)}`);
    this.#chargeExpired(at);
    return accounts.map((name) => this.#find(name, at)?.state(at) ?? emptyState(name, at));
  }

  async openHolds(at: number): Promise<readonly OpenHold[]> {
    if (!Number.isFinite(at)) throw new RangeError(`Expected at to be a finite time in epoch milliseconds, got ${String(at)}`);
    this.#chargeExpired(at);
    const open: OpenHold[] = [];
    for (const hold of this.#holds.values()) if (!hold.isDone) open.push(described(hold));
    return open;
  }

  #chargeExpired(at: number): void {
    for (let hold = this.#expiries.take(at); hold !== undefined; hold = this.#expiries.take(at)) {
      hold.isExpired = true;
      for (const { account, nanos } of hold.shares) {
        account.heldNanos -= nanos;
        account.book(nanos, hold.expiresAt);
      }
      const oldest = this.#expired.add(hold);
      if (oldest !== undefined && !oldest.isDone) this.#end(oldest);
    }
  }

  /** Forgets what is held, remembers the id. */
  #end(hold: Reservation): void {
    for (const { account } of hold.shares) account.holds--;
    hold.isDone = true;
    // An ended hold may wait in a queue or ring for a while, and should not keep its accounts there.
    hold.shares = DONE.shares;
    this.#holds.set(hold.id, DONE);
    const oldest = this.#doneIds.add(hold.id);
    if (oldest !== undefined) this.#holds.delete(oldest);
  }

  /** What the hold asks of each of its accounts; those not seen before are made but not listed, so nothing is written. */
  #sharesOf({ id, at, lines }: Hold): readonly Share[] {
    const shares: Share[] = [];
    for (const line of lines) {
      const key = counterKey(line, at);
      const rollingMs = rollingMsOf(line.window);
      const same = shareOf(key, shares);
      const account = same?.account ?? this.#accounts.get(key) ?? new MemoryAccount(key, line.account, line.window, at);
      if ((account.rolling === undefined) !== (rollingMs === undefined)) {
        throw new RangeError(
          `Hold "${id}": account "${line.account}" is counted in a ${account.rolling ? 'rolling' : 'fixed'} window, ` +
            `so it cannot be asked for in a ${account.rolling ? 'fixed' : 'rolling'} one`,
        );
      }
      if (same === undefined) {
        shares.push({ account, nanos: line.nanos, limitNanos: line.limitNanos, rollingMs });
      } else {
        same.nanos += line.nanos;
        same.limitNanos = Math.min(same.limitNanos, line.limitNanos);
      }
    }
    return shares;
  }

  /** Each new account pays for a look at two others, so that those of past windows cannot pile up. */
  #list(account: MemoryAccount, at: number): void {
    account.isListed = true;
    this.#accounts.set(account.key, account);
    for (let looks = 0; looks < 2; looks++) {
      this.#sweep ??= this.#accounts.values();
      const next = this.#sweep.next();
      if (next.done === true) this.#sweep = undefined;
      else if (next.value.isOver(at)) {
        next.value.isListed = false;
        this.#accounts.delete(next.value.key);
      }
    }
  }

  #find(name: string, at: number): MemoryAccount | undefined {
    for (const key of counterKeys(name, at)) {
      const account = this.#accounts.get(key);
      if (account !== undefined) return account;
    }
    return undefined;
  }
}

function shareOf(key: string, shares: readonly Share[]): Share | undefined {
  for (const share of shares) if (share.account.key === key) return share;
  return undefined;
}

function fits({ account, nanos, limitNanos, rollingMs }: Share, at: number): boolean {
  return account.spentNanos(at, rollingMs) + account.heldNanos + nanos <= Math.min(limitNanos, Number.MAX_SAFE_INTEGER);
}

function statesOf(shares: readonly Share[], at: number): readonly BudgetState[] {
  const states: BudgetState[] = [];
  for (const { account, limitNanos, rollingMs } of shares) states.push(account.told(at, 0, limitNanos, rollingMs));
  return states;
}

function emptyState(account: string, at: number): BudgetState {
  return { account, limitNanos: 0, spentNanos: 0, heldNanos: 0, resetsAt: at };
}

function described({ id, at, expiresAt, shares, isExpired }: Reservation): OpenHold {
  let nanos = 0;
  for (const share of shares) nanos = Math.max(nanos, share.nanos);
  return { id, at, expiresAt, nanos, accounts: shares.map(({ account }) => account.name), expired: isExpired };
}
