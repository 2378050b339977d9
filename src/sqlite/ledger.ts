import type { BudgetState, Hold, OpenHold, Reserved, Settlement } from '../budget/budget-store';
import { type HoldShare, holdShares } from '../budget/hold-shares';
import { random } from '../id';
import type { Account } from './account';
import type { AccountBook } from './account-book';
import type { Connection } from './connection';
import { numberIn, type Query } from './database';
import { correctableUntil, EXPIRED, type Holds, SETTLED, type StoredHold } from './holds';
import type { TransactionPart } from './transactions';

/** So many steps pay for one look at what can be deleted. */
const STEPS_PER_SWEEP = 128;

/** What a hold asks of one account, and the account. */
interface Asked {
  readonly share: HoldShare;
  readonly account: Account;
}

/** Accounts and holds, in the transaction that is under way. */
export class Ledger implements TransactionPart {
  readonly #accounts: AccountBook;
  readonly #holds: Holds;
  readonly #setNextDue: Query;
  readonly #getNextDue: Query;
  /** No hold is due before: known once a step has looked. */
  #nextDue: number | undefined;
  #isMoved = false;
  #lastAt = -Infinity;
  // Processes that live for a few steps only sweep as well, now and then.
  #untilSweep: number = Math.ceil(random() * STEPS_PER_SWEEP);

  constructor(connection: Connection, accounts: AccountBook, holds: Holds) {
    this.#accounts = accounts;
    this.#holds = holds;
    const { meta } = connection.tables;
    this.#getNextDue = connection.query(`SELECT value FROM ${meta} WHERE name = 'next_due'`);
    this.#setNextDue = connection.query(`UPDATE ${meta} SET value = ? WHERE name = 'next_due'`);
  }

  begin(ids: readonly string[]): void {
    this.#nextDue = undefined;
    this.#isMoved = false;
    this.#lastAt = -Infinity;
    this.#accounts.begin();
    this.#holds.begin(ids);
  }

  flush(): void {
    this.#accounts.flush();
    this.#holds.flush();
    if (this.#isMoved && this.#nextDue !== undefined) this.#setNextDue.run(this.#nextDue);
    if (this.#untilSweep > 0 || this.#lastAt === -Infinity) return;
    this.#untilSweep = STEPS_PER_SWEEP;
    this.#accounts.sweep(this.#lastAt);
    this.#holds.sweep(this.#lastAt);
  }

  /** Answers with an error, and has written nothing, if an account is counted in another kind of window. */
  reserve(hold: Hold): Reserved | Error {
    const { id, at, expiresAt } = hold;
    const asked: Asked[] = [];
    for (const share of holdShares(hold)) {
      const account = this.#accounts.ofShare(share, at);
      if ((account.rolling === undefined) !== (share.rollingMs === undefined)) return otherKind(id, share);
      asked.push({ share, account });
    }
    this.charge(at);
    const exceeded = asked.filter(({ share, account }) => !fits(share, account, at)).map(({ share }) => share.account);
    if (exceeded.length > 0) {
      if (this.#holds.find(id) !== undefined) return { ok: true, states: statesOf(asked, at) };
      return { ok: false, exceeded, states: statesOf(asked, at) };
    }
    const isNew = this.#holds.insert(
      hold,
      asked.map(({ share }) => share),
    );
    if (isNew) {
      for (const { share, account } of asked) {
        account.hold(share, correctableUntil(expiresAt));
        this.#accounts.keep(account);
      }
      if (expiresAt < this.#due()) this.#moveDue(expiresAt);
    }
    return { ok: true, states: statesOf(asked, at) };
  }

  settle({ id, spentNanos, at }: Settlement): readonly BudgetState[] {
    let hold = this.#holds.find(id);
    if (hold === undefined || hold.state === SETTLED) return [];
    const states: BudgetState[] = [];
    const accounts = hold.shares.map(([account, rest]) => this.#accounts.find(account + rest));
    if (this.charge(at)) hold = this.#holds.find(id) ?? hold;
    for (const [index, [name, , nanos]] of hold.shares.entries()) {
      const account = accounts[index];
      // Its window has been over for long.
      if (account === undefined) continue;
      // In a rolling window a corrected charge keeps its time: the room that it left may have been taken since.
      if (hold.state === EXPIRED) account.correct(spentNanos - nanos, hold.expiresAt);
      else {
        account.free(nanos);
        account.book(spentNanos, at);
      }
      states.push(account.told(at, name, spentNanos));
    }
    this.#holds.settle(hold);
    return states;
  }

  read(accounts: readonly string[], at: number): readonly BudgetState[] {
    return accounts.map((name) => this.#accounts.named(name, at)?.state(at, name) ?? emptyState(name, at));
  }

  openHolds(): readonly OpenHold[] {
    return this.#holds.open();
  }

  /** Whether something has to be charged before anything is read at `at`. */
  isDue(at: number): boolean {
    return this.#due() <= at;
  }

  /** Charges what has expired by `at`, which every step does before it looks at what is spent; true if there was something. */
  charge(at: number): boolean {
    this.#untilSweep--;
    if (at > this.#lastAt) this.#lastAt = at;
    if (!this.isDue(at)) return false;
    do {
      for (const hold of this.#holds.expired(at)) this.#chargeOne(hold);
      this.#moveDue(this.#holds.nextDue());
    } while (this.isDue(at));
    return true;
  }

  #chargeOne(hold: StoredHold): void {
    const { expiresAt, shares } = hold;
    let until = correctableUntil(expiresAt);
    const accounts: Account[] = [];
    for (const [name, rest, nanos] of shares) {
      const account = this.#accounts.find(name + rest);
      if (account === undefined) continue;
      account.free(nanos);
      account.book(nanos, expiresAt);
      until = Math.max(until, account.keptUntil);
      accounts.push(account);
    }
    for (const account of accounts) account.keepUntil(until);
    this.#holds.charge(hold, until);
  }

  /** Looked up with the first account, or by itself. */
  #due(): number {
    return (this.#nextDue ??= this.#accounts.nextDue ?? numberIn(this.#getNextDue.first() ?? {}, 'value'));
  }

  #moveDue(to: number): void {
    this.#nextDue = to;
    this.#isMoved = true;
  }
}

function fits({ nanos, limitNanos, rollingMs }: HoldShare, account: Account, at: number): boolean {
  return account.spentNanos(at, rollingMs) + account.heldNanos + nanos <= limitNanos;
}

function statesOf(asked: readonly Asked[], at: number): readonly BudgetState[] {
  return asked.map(({ share, account }) => account.told(at, share.account, 0, share.limitNanos, share.rollingMs));
}

function emptyState(account: string, at: number): BudgetState {
  return { account, limitNanos: 0, spentNanos: 0, heldNanos: 0, resetsAt: at };
}

function otherKind(id: string, { account, rollingMs }: HoldShare): RangeError {
  const [counted, asked] = rollingMs === undefined ? ['rolling', 'fixed'] : ['fixed', 'rolling'];
  return new RangeError(
    `Hold "${id}": account "${account}" is counted in a ${counted} window, so it cannot be asked for in a ${asked} one`,
  );
}
