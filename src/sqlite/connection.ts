import { numberIn, Query, type SqliteDatabase } from './database';
import { NEVER } from './moving-sum';
import { SCHEMA_VERSION, schemaOf, type Tables, tablesOf } from './schema';

/** One backend's use of its owner's database: its settings, its tables, and its statements. */
export class Connection {
  readonly tables: Tables;
  readonly #database: SqliteDatabase;
  readonly #prefix: string;
  readonly #durable: boolean;
  readonly #queries: Query[] = [];
  #isOpen = false;

  constructor(database: SqliteDatabase, prefix: string, durable: boolean) {
    this.#database = database;
    this.#prefix = prefix;
    this.#durable = durable;
    this.tables = tablesOf(prefix);
  }

  /** A statement that lives as long as the connection. */
  query(sql: string): Query {
    const query = this.passingQuery(sql);
    this.#queries.push(query);
    return query;
  }

  /** A statement for a few uses. */
  passingQuery(sql: string): Query {
    return new Query(() => {
      const statement = this.#database.prepare(sql);
      // For a database that was opened with rows as arrays.
      if ('setReturnArrays' in statement && typeof statement.setReturnArrays === 'function') statement.setReturnArrays(false);
      return statement;
    });
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** Makes settings and tables, once. May find the database busy, and can then be called again. */
  open(): void {
    if (this.#isOpen) return;
    // SQLite's own waiting blocks the process, and is unfair.
    this.passingQuery('PRAGMA busy_timeout = 0').all();
    // A file stays in this mode; others read while one writes.
    this.passingQuery('PRAGMA journal_mode = WAL').all();
    this.#database.exec(`PRAGMA synchronous = ${this.#durable ? 'FULL' : 'NORMAL'}`);
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#makeTables();
      this.#database.exec('COMMIT');
    } catch (error) {
      this.rollBack();
      throw error;
    }
    this.#isOpen = true;
  }

  /** After an error nothing is taken for granted: the file may have been replaced, or its tables dropped. */
  reset(): void {
    this.#isOpen = false;
    for (const query of this.#queries) query.reset();
  }

  rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself; what led to it is the error to tell.
    }
  }

  #makeTables(): void {
    const { meta } = this.tables;
    this.#database.exec(`CREATE TABLE IF NOT EXISTS ${meta} (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID`);
    const row = this.passingQuery(`SELECT value FROM ${meta} WHERE name = 'schema'`).first();
    if (row === undefined) {
      this.#database.exec(schemaOf(this.tables));
      this.passingQuery(`INSERT INTO ${meta} (name, value) VALUES ('schema', ?), ('next_due', ?), ('live_after', 0)`).run(
        SCHEMA_VERSION,
        NEVER,
      );
      return;
    }
    const version = numberIn(row, 'value');
    if (version === SCHEMA_VERSION) return;
    throw new Error(
      `The tables "${this.#prefix}…" were made by a later version of governed-groq (schema ${version}, known is ${SCHEMA_VERSION}): ` +
        'update governed-groq in this process, or give sqliteBackend another prefix.',
    );
  }
}
