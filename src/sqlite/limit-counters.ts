import type { SharedNeed } from '../limit/shared-limits';
import type { Connection } from './connection';
import { numberIn, type Query, textIn } from './database';
import { MovingSum, NEVER, TimedAmounts } from './moving-sum';
import { storedName } from '../stored-name';

type WindowNeed = Extract<SharedNeed, { readonly type: 'window' }>;

/** How long the counters of a window are kept when nothing counts any more, beside another window's length. */
const KEEP_MS = 60_000;
const SWEPT_WINDOWS = 64;

/** What counts in one sliding window. */
export class SlidingCounter {
  readonly storedKey: string;
  readonly sum: MovingSum;
  /** Undefined for one that is not stored yet. */
  readonly storedUntil: number | undefined;
  keptUntil: number;
  windowMs = 0;

  constructor(storedKey: string, sum: MovingSum, storedUntil: number | undefined) {
    this.storedKey = storedKey;
    this.sum = sum;
    this.storedUntil = storedUntil;
    this.keptUntil = storedUntil ?? 0;
  }

  add(time: number, amount: number): void {
    this.sum.add(time, amount);
    this.keptUntil = Math.max(this.keptUntil, time + 2 * this.windowMs + KEEP_MS);
  }
}

/** The sliding windows as a transaction sees them: each is read once, and written once at the end if it has changed. */
export class SlidingCounters {
  readonly #resolutionMs: number;
  readonly #counters: Map<string, SlidingCounter> = new Map();
  readonly #departures: TimedAmounts;
  readonly #select: Query;
  readonly #insert: Query;
  readonly #update: Query;
  readonly #keep: Query;
  readonly #over: Query;
  readonly #delete: Query;

  /** `resolutionMs` is how coarse the time is that it is given. */
  constructor(connection: Connection, resolutionMs: number) {
    this.#resolutionMs = resolutionMs;
    const { windows, departures } = connection.tables;
    this.#departures = new TimedAmounts(connection, departures);
    this.#select = connection.query(`SELECT state, kept_until FROM ${windows} WHERE key = ?`);
    this.#insert = connection.query(`INSERT INTO ${windows} (key, state, kept_until) VALUES (?, ?, ?)`);
    this.#update = connection.query(`UPDATE ${windows} SET state = ? WHERE key = ?`);
    // By itself, because it is rare and moves an entry of an index.
    this.#keep = connection.query(`UPDATE ${windows} SET kept_until = ? WHERE key = ?`);
    this.#over = connection.query(
      `SELECT key FROM ${windows} WHERE kept_until <= ? ORDER BY kept_until LIMIT ${SWEPT_WINDOWS}`,
    );
    this.#delete = connection.query(`DELETE FROM ${windows} WHERE key = ?`);
  }

  begin(): void {
    this.#counters.clear();
  }

  flush(): void {
    for (const { storedKey, sum, storedUntil, keptUntil, windowMs } of this.#counters.values()) {
      if (!sum.isChanged) continue;
      // Longer than it must be, so that it need not be written each time.
      const until = keptUntil + windowMs + KEEP_MS;
      const state = JSON.stringify([sum.total, sum.edge, sum.oldest]);
      if (storedUntil === undefined) this.#insert.run(storedKey, state, until);
      else {
        this.#update.run(state, storedKey);
        if (keptUntil > storedUntil) this.#keep.run(until, storedKey);
      }
    }
  }

  /** The need's window as it stands at `now`. */
  at(need: WindowNeed, now: number): SlidingCounter {
    let counter = this.#counters.get(need.key);
    if (counter === undefined) this.#counters.set(need.key, (counter = this.#load(need.key, now - this.#spanMs(need))));
    counter.windowMs = need.windowMs;
    counter.sum.moveTo(now - this.#spanMs(need));
    return counter;
  }

  /** When there may be room for the need, if nothing is given back: `now` if there is, `Infinity` if never. */
  roomAt(need: WindowNeed, now: number): number {
    const { sum } = this.at(need, now);
    const excess = sum.total + need.amount - need.max;
    if (excess <= 0) return now;
    if (need.amount > need.max) return Infinity;
    // What has not departed yet may do so now.
    return (sum.timeOf(excess, now) ?? now) + this.#spanMs(need);
  }

  /** Deletes some of what is over. To be called after `flush`. */
  sweep(now: number): void {
    for (const { storedKey, sum, windowMs } of this.#counters.values()) {
      this.#departures.forget(storedKey, sum.edge - windowMs - KEEP_MS);
    }
    for (const row of this.#over.all(now)) {
      const key = textIn(row, 'key');
      if (this.#departures.forget(key, Infinity)) this.#delete.run(key);
    }
  }

  #spanMs({ windowMs }: WindowNeed): number {
    return windowMs + this.#resolutionMs;
  }

  #load(key: string, edge: number): SlidingCounter {
    const storedKey = storedName(key);
    const row = this.#select.first(storedKey);
    if (row === undefined)
      return new SlidingCounter(storedKey, new MovingSum(this.#departures, storedKey, 0, edge, NEVER), undefined);
    // As `flush` has written it.
    const [used, from, oldest] = JSON.parse(textIn(row, 'state')) as readonly [used: number, edge: number, oldest: number];
    const sum = new MovingSum(this.#departures, storedKey, used, from, oldest);
    return new SlidingCounter(storedKey, sum, numberIn(row, 'kept_until'));
  }
}
