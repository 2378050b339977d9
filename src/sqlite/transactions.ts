import { systemClock } from '../clock';
import { random } from '../id';
import type { Connection } from './connection';
import { obstacleOf } from './database';

/** Rows that are kept in memory for the length of a transaction, and written back once at its end. */
export interface TransactionPart {
  /** Forgets what it has of another transaction; this one will ask about these holds. */
  begin(holds: readonly string[]): void;
  /** Writes what has changed. */
  flush(): void;
}

/** Something to be done in a transaction. */
interface Work {
  /** Answers with what goes wrong for itself alone; throws what goes wrong for all. */
  readonly run: () => Error | undefined;
  /** Which hold it is about, if any. */
  readonly hold: string | undefined;
  /** Hands the answer out, once it is committed. */
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const MAX_WORKS = 256;
const SHORTEST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 8;

/**
 * Everything that is asked for at the same time, or while the database is busy, is done in one transaction, in the order asked for.
 * A transaction begins and ends without anything else of this process in between; if the database is busy it is tried again after a
 * random time, without blocking the process.
 */
export class Transactions {
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  readonly #parts: TransactionPart[] = [];
  #queue: Work[] = [];
  #isUnderWay = false;

  constructor(connection: Connection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  add(part: TransactionPart): void {
    this.#parts.push(part);
  }

  /** Does the work in a transaction with that of others. An `Error` that it returns rejects, and undoes nothing. */
  write<T>(work: () => T | Error, hold?: string): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let answered: { readonly answer: T } | undefined;
      this.#queue.push({
        run: () => {
          const answer = work();
          if (answer instanceof Error) return answer;
          answered = { answer };
          return undefined;
        },
        hold,
        resolve: () => answered && resolve(answered.answer),
        reject,
      });
      if (this.#isUnderWay) return;
      this.#isUnderWay = true;
      // Others that ask in the same tick come along.
      queueMicrotask(this.#writeQueue);
    });
  }

  /** Does the work in a transaction of its own that sees one state of the database. What changes in the parts is forgotten. */
  async read<T>(work: () => T): Promise<T> {
    const read = (): T => this.#transact('BEGIN', [], work, false);
    try {
      return read();
    } catch (error) {
      return this.#again(read, error);
    }
  }

  readonly #writeQueue = (): void => {
    const works = this.#queue.length > MAX_WORKS ? this.#queue.splice(0, MAX_WORKS) : this.#queue;
    if (works === this.#queue) this.#queue = [];
    const holds: string[] = [];
    for (const { hold } of works) if (hold !== undefined) holds.push(hold);
    const run = (): (Error | undefined)[] => works.map((work) => work.run());
    const write = (): (Error | undefined)[] => this.#transact('BEGIN IMMEDIATE', holds, run, true);
    let errors: (Error | undefined)[];
    try {
      errors = write();
    } catch (error) {
      this.#again(write, error).then(
        (later) => this.#answer(works, later),
        (last: unknown) =>
          this.#answer(
            works,
            works.map(() => last),
          ),
      );
      return;
    }
    this.#answer(works, errors);
  };

  #answer(works: readonly Work[], errors: readonly unknown[]): void {
    for (const [index, work] of works.entries()) {
      const error = errors[index];
      if (error === undefined) work.resolve();
      else work.reject(error);
    }
    if (this.#queue.length === 0) this.#isUnderWay = false;
    // Under a backlog the process gets to do other things between two transactions.
    else if (this.#queue.length >= MAX_WORKS) void systemClock.sleep(1).then(this.#writeQueue);
    else queueMicrotask(this.#writeQueue);
  }

  #transact<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', holds: readonly string[], work: () => T, writes: boolean): T {
    this.#connection.open();
    // Not prepared: one that has found the database locked would stay open in some drivers, and keep others from ending.
    this.#connection.exec(begin);
    try {
      for (const part of this.#parts) part.begin(holds);
      const answer = work();
      if (writes) for (const part of this.#parts) part.flush();
      this.#connection.exec('COMMIT');
      return answer;
    } catch (error) {
      this.#connection.rollBack();
      throw error;
    }
  }

  /** Goes on with what has failed, for as long as all that is wrong is that the database is busy. */
  async #again<T>(transact: () => T, error: unknown): Promise<T> {
    let last = error;
    const patience = new Patience(this.#timeoutMs);
    try {
      for (;;) {
        const obstacle = obstacleOf(last);
        if (obstacle === undefined) {
          this.#connection.reset();
          throw last;
        }
        if (patience.isOver) throw this.#gaveUp(obstacle, last);
        await systemClock.sleep(SHORTEST_WAIT_MS + random() * (LONGEST_WAIT_MS - SHORTEST_WAIT_MS));
        try {
          return transact();
        } catch (next) {
          last = next;
        }
      }
    } finally {
      patience.end();
    }
  }

  #gaveUp(obstacle: 'locked' | 'in-use', cause: unknown): Error {
    const message =
      obstacle === 'locked'
        ? `The SQLite database was locked by others for ${this.#timeoutMs} ms.`
        : `The SQLite connection was in a transaction or query of its owner's for ${this.#timeoutMs} ms: ` +
          'give sqliteBackend a connection of its own.';
    return new Error(message, { cause });
  }
}

/** Real time that runs out, whatever is done to the machine's clock. */
class Patience {
  isOver = false;
  readonly #ended = new AbortController();

  constructor(ms: number) {
    systemClock.sleep(ms, this.#ended.signal).then(
      () => (this.isOver = true),
      () => undefined,
    );
  }

  end(): void {
    this.#ended.abort();
  }
}
