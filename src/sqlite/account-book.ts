import { counterKeys, type HoldShare } from '../budget/hold-shares';
import { Account } from './account';
import type { Connection } from './connection';
import { numberIn, type Query, textIn } from './database';
import { TimedAmounts } from './moving-sum';
import { storedName } from '../stored-name';
import type { TransactionPart } from './transactions';

const SWEPT_ACCOUNTS = 64;
const KEEP_MS = 3_600_000;

/** The accounts as a transaction sees them: each is read once, and written once at the end if it has changed. */
export class AccountBook implements TransactionPart {
  /** As it was when the first account was read, which saves looking it up by itself; undefined before. */
  nextDue: number | undefined;
  readonly #accounts: Map<string, Account> = new Map();
  readonly #bookings: TimedAmounts;
  readonly #select: Query;
  readonly #insert: Query;
  readonly #update: Query;
  readonly #keep: Query;
  readonly #over: Query;
  readonly #delete: Query;

  constructor(connection: Connection) {
    const { accounts, bookings, meta } = connection.tables;
    this.#bookings = new TimedAmounts(connection, bookings);
    this.#select = connection.query(
      `SELECT state, kept_until, (SELECT value FROM ${meta} WHERE name = 'next_due') AS next_due FROM ${accounts} WHERE key = ?`,
    );
    this.#insert = connection.query(`INSERT INTO ${accounts} (key, state, kept_until) VALUES (?, ?, ?)`);
    this.#update = connection.query(`UPDATE ${accounts} SET state = ? WHERE key = ?`);
    // By itself, because it is rare and moves an entry of an index.
    this.#keep = connection.query(`UPDATE ${accounts} SET kept_until = ? WHERE key = ?`);
    this.#over = connection.query(
      `SELECT key, state FROM ${accounts} WHERE kept_until <= ? ORDER BY kept_until LIMIT ${SWEPT_ACCOUNTS}`,
    );
    this.#delete = connection.query(`DELETE FROM ${accounts} WHERE key = ?`);
  }

  begin(): void {
    this.nextDue = undefined;
    this.#accounts.clear();
  }

  flush(): void {
    for (const account of this.#accounts.values()) if (account.hasChanged) this.#write(account);
  }

  find(key: string): Account | undefined {
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const storedKey = storedName(key);
    const row = this.#select.first(storedKey);
    if (row === undefined) return undefined;
    this.nextDue ??= numberIn(row, 'next_due');
    const account = Account.stored(key, storedKey, textIn(row, 'state'), numberIn(row, 'kept_until'), this.#bookings);
    this.#accounts.set(key, account);
    return account;
  }

  /** The share's account; one not seen before is made but not kept, so nothing is written. */
  ofShare(share: HoldShare, at: number): Account {
    return this.find(share.key) ?? Account.made(share, storedName(share.key), this.#bookings, at);
  }

  /** The account that a read of the name means. */
  named(name: string, at: number): Account | undefined {
    for (const key of counterKeys(name, at)) {
      const account = this.find(key);
      if (account !== undefined) return account;
    }
    return undefined;
  }

  /** Has an account that `ofShare` made written. */
  keep(account: Account): void {
    this.#accounts.set(account.key, account);
  }

  /** Deletes some of what is over. To be called after `flush`. */
  sweep(at: number): void {
    for (const account of this.#accounts.values()) {
      if (account.rolling !== undefined) this.#bookings.forget(account.storedKey, account.forgetsUntil(at));
    }
    for (const row of this.#over.all(at)) {
      const key = textIn(row, 'key');
      const { heldNanos } = Account.stored(key, key, textIn(row, 'state'), 0, this.#bookings);
      if (heldNanos > 0) this.#keep.run(at + KEEP_MS, key);
      else if (this.#bookings.forget(key, Infinity)) this.#delete.run(key);
    }
  }

  #write(account: Account): void {
    const { storedKey, rollingMs, keptUntil, storedUntil } = account;
    // Longer than it must be, so that a rolling window, which ends anew with each use, need not write this each time.
    const until = rollingMs === undefined ? keptUntil : keptUntil + Math.max(rollingMs, KEEP_MS);
    if (storedUntil === undefined) this.#insert.run(storedKey, account.written(), until);
    else {
      this.#update.run(account.written(), storedKey);
      if (keptUntil > storedUntil) this.#keep.run(until, storedKey);
    }
  }
}
