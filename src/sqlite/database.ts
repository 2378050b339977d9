/** The members of a prepared statement that are used. */
export interface SqliteStatement {
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}

/**
 * A synchronous connection to one SQLite database: a `DatabaseSync` of `node:sqlite`, or a database of `better-sqlite3` or
 * `libsql`, as it is. It stays its owner's, who also closes it.
 */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
}

/** What the statements here bind. */
export type SqliteValue = string | number | null;

/** A row by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

// Where the file is in use by others, or the connection by its owner: https://sqlite.org/rescode.html
const BUSY = 5;
const LOCKED = 6;
const PROTOCOL = 15;

/**
 * Why nothing can be done just now, if that is all an error says: others have the file locked, or the owner of the connection
 * is in a transaction, or in the middle of a query, of their own. Undefined for every other error.
 */
export function obstacleOf(error: unknown): 'locked' | 'in-use' | undefined {
  if (!(error instanceof Error)) return undefined;
  // `node:sqlite` has the number, the others have the name, and Deno's has only SQLite's words.
  const number = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
  const name = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (number === BUSY || number === LOCKED || number === PROTOCOL) return 'locked';
  if (/^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(name)) return 'locked';
  if (name === 'ERR_SQLITE_ERROR' && /^(database( table| schema)? is locked|locking protocol)/.test(error.message))
    return 'locked';
  if (/(within|inside) a transaction|busy executing a query/.test(error.message)) return 'in-use';
  return undefined;
}

/** A column that holds a number. */
export function numberIn(row: Row, column: string): number {
  const value = row[column];
  // Big integers come from a database whose owner asked for them everywhere.
  return typeof value === 'number' ? value : Number(value ?? 0);
}

/** A column that holds text. */
export function textIn(row: Row, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : '';
}

/** One statement of a connection, prepared when it is first needed. */
export class Query {
  readonly #prepare: () => SqliteStatement;
  #statement: SqliteStatement | undefined;

  constructor(prepare: () => SqliteStatement) {
    this.#prepare = prepare;
  }

  /** How many rows it has changed. */
  run(...values: SqliteValue[]): number {
    const done = (this.#statement ??= this.#prepare()).run(...values);
    return typeof done === 'object' && done !== null && 'changes' in done ? Number(done.changes) : 0;
  }

  first(...values: SqliteValue[]): Row | undefined {
    return asRow((this.#statement ??= this.#prepare()).get(...values));
  }

  all(...values: SqliteValue[]): readonly Row[] {
    return (this.#statement ??= this.#prepare()).all(...values) as readonly Row[];
  }

  /** Has it prepared afresh when it is needed next. */
  reset(): void {
    this.#statement = undefined;
  }
}

function asRow(row: unknown): Row | undefined {
  // Without a row there is `undefined`, or `null`, as the driver likes.
  return row === undefined || row === null ? undefined : (row as Row);
}
