import type { Connection } from './connection';
import { numberIn, type Query } from './database';

/** Stands for the time of something that does not exist: later than any other. */
export const NEVER: number = Number.MAX_SAFE_INTEGER;

// Sums of fractions drift; what is less than this is nothing.
const ROUNDING = 1e-9;
/** So many rows at most are deleted in one go. */
const FORGOTTEN_AT_ONCE = 512;

/** A table of amounts by key and time. */
export class TimedAmounts {
  readonly #between: Query;
  readonly #first: Query;
  readonly #add: Query;
  readonly #change: Query;
  readonly #remove: Query;
  readonly #some: Query;
  readonly #forget: Query;

  constructor(connection: Connection, table: string) {
    this.#between = connection.query(`SELECT TOTAL(amount) AS sum FROM ${table} WHERE key = ? AND at > ? AND at <= ?`);
    this.#first = connection.query(`SELECT at FROM ${table} WHERE key = ? AND at > ? ORDER BY at LIMIT 1`);
    this.#add = connection.query(
      `INSERT INTO ${table} (key, at, amount) VALUES (?, ?, ?) ON CONFLICT (key, at) DO UPDATE SET amount = amount + excluded.amount`,
    );
    this.#change = connection.query(`UPDATE ${table} SET amount = amount + ? WHERE key = ? AND at = ? RETURNING amount`);
    this.#remove = connection.query(`DELETE FROM ${table} WHERE key = ? AND at = ?`);
    this.#some = connection.query(`SELECT at, amount FROM ${table} WHERE key = ? AND at > ? AND at <= ? ORDER BY at LIMIT 64`);
    this.#forget = connection.query(
      `DELETE FROM ${table} WHERE key = ? AND at IN (SELECT at FROM ${table} WHERE key = ? AND at <= ? ORDER BY at LIMIT ${FORGOTTEN_AT_ONCE})`,
    );
  }

  /** The sum of what is later than `from`, up to `to`. */
  between(key: string, from: number, to: number): number {
    const row = this.#between.first(key, from, to);
    return row === undefined ? 0 : numberIn(row, 'sum');
  }

  /** The first time later than `after`. */
  firstAfter(key: string, after: number): number {
    const row = this.#first.first(key, after);
    return row === undefined ? NEVER : numberIn(row, 'at');
  }

  add(key: string, at: number, amount: number): void {
    this.#add.run(key, at, amount);
  }

  /** Adds to what is there, and tells whether nothing is left; undefined if nothing is there. */
  change(key: string, at: number, by: number): { readonly isGone: boolean } | undefined {
    const row = this.#change.first(by, key, at);
    if (row === undefined) return undefined;
    const isGone = Math.abs(numberIn(row, 'amount')) < ROUNDING;
    if (isGone) this.#remove.run(key, at);
    return { isGone };
  }

  /** When what is later than `from`, up to `to`, first sums up to `amount`; undefined if it does not. */
  timeOf(key: string, amount: number, from: number, to: number): number | undefined {
    let rest = amount;
    let after = from;
    for (;;) {
      const rows = this.#some.all(key, after, to);
      for (const row of rows) {
        after = numberIn(row, 'at');
        rest -= numberIn(row, 'amount');
        if (rest <= ROUNDING) return after;
      }
      if (rows.length === 0) return undefined;
    }
  }

  /** Deletes some of what is up to `until`; true if nothing of it is left. */
  forget(key: string, until: number): boolean {
    return this.#forget.run(key, key, until) < FORGOTTEN_AT_ONCE;
  }
}

/**
 * What was booked under one key after an edge that moves with time: `total` is kept up to date from what the edge passes, so that
 * its cost does not grow with the window.
 */
export class MovingSum {
  total: number;
  /** What is at `edge` or before does not count. */
  edge: number;
  /** The first that counts. */
  oldest: number;
  isChanged = false;
  readonly #amounts: TimedAmounts;
  readonly #key: string;

  constructor(amounts: TimedAmounts, key: string, total: number, edge: number, oldest: number) {
    this.#amounts = amounts;
    this.#key = key;
    this.total = total;
    this.edge = edge;
    this.oldest = oldest;
  }

  /** The edge may move in either direction. */
  moveTo(edge: number): void {
    const { edge: from } = this;
    if (edge === from) return;
    this.edge = edge;
    if (edge > from) {
      if (edge < this.oldest) return;
      this.total -= this.#amounts.between(this.#key, from, edge);
    } else this.total += this.#amounts.between(this.#key, edge, from);
    this.#findOldest();
    this.isChanged = true;
  }

  add(time: number, amount: number): void {
    if (amount === 0) return;
    this.#amounts.add(this.#key, time, amount);
    if (time <= this.edge) return;
    this.total += amount;
    this.oldest = Math.min(this.oldest, time);
    this.isChanged = true;
  }

  /** Changes what was added at `time`. What has been forgotten cannot become less. */
  change(time: number, by: number): void {
    if (by === 0) return;
    const changed = this.#amounts.change(this.#key, time, by);
    if (changed === undefined) {
      if (by > 0) this.add(time, by);
      return;
    }
    if (time <= this.edge) return;
    this.total += by;
    if (changed.isGone && time === this.oldest) this.#findOldest();
    this.isChanged = true;
  }

  /** When the first `amount` of what counts by `now` was booked; undefined if that is not as much. */
  timeOf(amount: number, now: number): number | undefined {
    return this.#amounts.timeOf(this.#key, amount, this.edge, now);
  }

  #findOldest(): void {
    this.oldest = this.#amounts.firstAfter(this.#key, this.edge);
    // An empty sum is 0, however its parts were rounded.
    if (this.oldest === NEVER) this.total = 0;
  }
}
