import type { Hold, OpenHold } from '../budget/budget-store';
import type { HoldShare } from '../budget/hold-shares';
import type { Connection } from './connection';
import { numberIn, type Query, type Row, textIn } from './database';
import { NEVER } from './moving-sum';
import { restoredName, storedName } from '../stored-name';
import type { TransactionPart } from './transactions';

/** What a stored hold takes of one account: the account, what its counter's key has after it, and how much. */
export type StoredShare = readonly [account: string, restOfKey: string, nanos: number];

/** A hold as it is stored. */
export interface StoredHold {
  readonly id: string;
  /** Undefined for one that the transaction under way has made. */
  readonly seq: number | undefined;
  /** Expired ones have been charged. */
  state: typeof LIVE | typeof EXPIRED | typeof SETTLED;
  readonly at: number;
  readonly expiresAt: number;
  readonly shares: readonly StoredShare[];
}

type Written = readonly [at: number, expiresAt: number, shares: readonly StoredShare[]];

export const LIVE = 0;
export const EXPIRED = 1;
export const SETTLED = 2;

/** How long settled ids are known, at least, after their hold would have expired. */
const REMEMBERED_MS = 86_400_000;
/** From so many on they are read and written together. */
const MANY = 4;
const DUE_AT_ONCE = 1_000;
const SWEPT_HOLDS = 256;

/** How long a hold that expires then can be corrected, at least. */
export function correctableUntil(expiresAt: number): number {
  return expiresAt + REMEMBERED_MS;
}

/**
 * The table of holds. A transaction that is about a few reads and writes each as it comes; one about many reads all of them at its
 * beginning, and writes them at its end. Rows stay in the order in which they were made, so those that are live are near the end, and
 * no index has to be kept of when they expire.
 */
export class Holds implements TransactionPart {
  /** The holds that a large transaction is about; undefined where there is none with the id. */
  readonly #known: Map<string, StoredHold | undefined> = new Map();
  readonly #made: StoredHold[] = [];
  readonly #settled: Map<number, number> = new Map();
  readonly #insertOne: Query;
  readonly #insertMany: Query;
  readonly #findOne: Query;
  readonly #findMany: Query;
  readonly #settleOne: Query;
  readonly #settleMany: Query;
  readonly #expired: Query;
  readonly #charge: Query;
  readonly #soonest: Query;
  readonly #setLiveAfter: Query;
  readonly #open: Query;
  readonly #endOfSweep: Query;
  readonly #sweep: Query;
  #sweptTo = 0;

  constructor(connection: Connection) {
    const { holds, meta } = connection.tables;
    const row = 'seq, id, state, hold';
    const live = `seq > (SELECT value FROM ${meta} WHERE name = 'live_after') AND state = ${LIVE}`;
    this.#insertOne = connection.query(
      `INSERT INTO ${holds} (id, state, due, hold) VALUES (?, ${LIVE}, ?, ?) ON CONFLICT (id) DO NOTHING`,
    );
    this.#insertMany = connection.query(
      `INSERT INTO ${holds} (id, state, due, hold) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)`,
    );
    this.#findOne = connection.query(`SELECT seq, state, hold FROM ${holds} WHERE id = ?`);
    this.#findMany = connection.query(`SELECT ${row} FROM ${holds} WHERE id IN (SELECT value FROM json_each(?))`);
    this.#settleOne = connection.query(`UPDATE ${holds} SET state = ${SETTLED}, due = ? WHERE seq = ?`);
    this.#settleMany = connection.query(
      `UPDATE ${holds} SET state = ${SETTLED}, due = ? WHERE seq IN (SELECT value FROM json_each(?))`,
    );
    this.#expired = connection.query(`SELECT ${row} FROM ${holds} WHERE ${live} AND due <= ? LIMIT ${DUE_AT_ONCE}`);
    this.#charge = connection.query(`UPDATE ${holds} SET state = ${EXPIRED}, due = ? WHERE seq = ?`);
    this.#soonest = connection.query(
      `SELECT MIN(due) AS due, COALESCE(MIN(seq) - 1, (SELECT MAX(seq) FROM ${holds}), 0) AS live_after FROM ${holds} WHERE ${live}`,
    );
    this.#setLiveAfter = connection.query(`UPDATE ${meta} SET value = ? WHERE name = 'live_after'`);
    this.#open = connection.query(`SELECT ${row} FROM ${holds} WHERE state < ${SETTLED} ORDER BY seq`);
    this.#endOfSweep = connection.query(`SELECT seq FROM ${holds} WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ${SWEPT_HOLDS}`);
    // The last row stays, or its number would be given again, to one that is not looked for there any more.
    this.#sweep = connection.query(
      `DELETE FROM ${holds} WHERE seq > ? AND seq <= ? AND state > ${LIVE} AND due <= ? AND seq < (SELECT MAX(seq) FROM ${holds})`,
    );
  }

  begin(ids: readonly string[]): void {
    if (this.#known.size > 0) this.#known.clear();
    this.#made.length = 0;
    this.#settled.clear();
    if (ids.length >= MANY) this.#learn(ids);
  }

  flush(): void {
    if (this.#made.length > 0) {
      const rows = this.#made.map((hold) => [storedName(hold.id), hold.state, dueOf(hold), written(hold)]);
      this.#insertMany.run(JSON.stringify(rows));
      this.#made.length = 0;
    }
    if (this.#settled.size > 0) {
      const rows = Array.from(this.#settled);
      // For all until the last of them may be forgotten.
      const until = rows.reduce((latest, [, due]) => Math.max(latest, due), 0);
      this.#settleMany.run(until, JSON.stringify(rows.map(([seq]) => seq)));
      this.#settled.clear();
    }
  }

  /** False if the id is known: then nothing is written. */
  insert({ id, at, expiresAt }: Hold, asked: readonly HoldShare[]): boolean {
    const shares = asked.map(({ account, key, nanos }): StoredShare => [account, key.slice(account.length), nanos]);
    const hold: StoredHold = { id, seq: undefined, state: LIVE, at, expiresAt, shares };
    if (!this.#known.has(id)) return this.#insertOne.run(storedName(id), expiresAt, written(hold)) > 0;
    if (this.#known.get(id) !== undefined) return false;
    this.#known.set(id, hold);
    this.#made.push(hold);
    return true;
  }

  find(id: string): StoredHold | undefined {
    if (this.#known.has(id)) return this.#known.get(id);
    const row = this.#findOne.first(storedName(id));
    return row && holdOf(row, id);
  }

  settle(hold: StoredHold): void {
    const { id, seq } = hold;
    hold.state = SETTLED;
    // It is written as it is then.
    if (seq === undefined) return;
    if (this.#known.has(id)) this.#settled.set(seq, dueOf(hold));
    else this.#settleOne.run(dueOf(hold), seq);
  }

  /** Some of the live holds that have expired by `at`. Holds that were found before are to be found anew. */
  expired(at: number): readonly StoredHold[] {
    this.flush();
    const expired = this.#expired.all(at).map((row) => holdOf(row));
    if (this.#known.size > 0) this.#learn([...this.#known.keys()]);
    return expired;
  }

  /** Keeps one as charged, to be forgotten at `until`. */
  charge({ id, seq = NEVER }: StoredHold, until: number): void {
    this.#charge.run(until, seq);
    const known = this.#known.get(id);
    if (known !== undefined) known.state = EXPIRED;
  }

  /** When the next live hold expires. */
  nextDue(): number {
    const row = this.#soonest.first() ?? {};
    this.#setLiveAfter.run(numberIn(row, 'live_after'));
    return row['due'] === null ? NEVER : numberIn(row, 'due');
  }

  open(): readonly OpenHold[] {
    return this.#open.all().map((row): OpenHold => {
      const { id, at, expiresAt, shares, state } = holdOf(row);
      const nanos = shares.reduce((most, [, , share]) => Math.max(most, share), 0);
      return { id, at, expiresAt, nanos, accounts: shares.map(([account]) => account), expired: state === EXPIRED };
    });
  }

  /** Deletes some of what need not be remembered any more. */
  sweep(at: number): void {
    const row = this.#endOfSweep.first(this.#sweptTo);
    const end = row === undefined ? NEVER : numberIn(row, 'seq');
    this.#sweep.run(this.#sweptTo, end, at);
    this.#sweptTo = row === undefined ? 0 : end;
  }

  #learn(ids: readonly string[]): void {
    for (const id of ids) this.#known.set(id, undefined);
    for (const row of this.#findMany.all(JSON.stringify(ids.map(storedName)))) {
      const hold = holdOf(row);
      this.#known.set(hold.id, hold);
    }
  }
}

function dueOf({ state, expiresAt }: StoredHold): number {
  return state === SETTLED ? expiresAt + REMEMBERED_MS : expiresAt;
}

function written({ at, expiresAt, shares }: StoredHold): string {
  const row: Written = [at, expiresAt, shares];
  return JSON.stringify(row);
}

function holdOf(row: Row, id: string = restoredName(textIn(row, 'id'))): StoredHold {
  // As `written` has written it.
  const [at, expiresAt, shares] = JSON.parse(textIn(row, 'hold')) as Written;
  const state = numberIn(row, 'state');
  return {
    id,
    seq: numberIn(row, 'seq'),
    state: state === LIVE || state === EXPIRED ? state : SETTLED,
    at,
    expiresAt,
    shares,
  };
}
