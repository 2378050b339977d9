import { TimeLimit } from '../time-limit';
import type { SchemaName } from './schema-name';
import { migrationSql, SCHEMA_VERSION } from './migrations';

/**
 * What is used of a database client: a `Pool` or a connected `Client` of `pg`, and PGlite, are such as they are. Each statement
 * is a transaction of its own, so any pooler will do, one that pools by transaction too.
 */
export interface PostgresClient {
  /** Rejects with an error that has PostgreSQL's five-character `code`, where there is one. */
  query(text: string, params?: (string | null)[]): Promise<{ readonly rows: readonly unknown[] }>;
}

// The transaction was rolled back because others were in its way, so nothing has happened and it may be tried again.
const TRY_AGAIN: readonly unknown[] = ['40001', '40P01', '23505'];
const MOST_TRIES = 10;
// The schema, or something in it, is not there any more: it was dropped, or the database is another one now.
const GONE: readonly unknown[] = ['3F000', '42P01', '42883'];

/** The user's database, with this library's schema in it. */
export class Database {
  readonly schema: SchemaName;
  readonly timeoutMs: number | undefined;
  readonly #limit: TimeLimit;
  readonly #client: PostgresClient;
  #ready: Promise<void> | undefined;

  constructor(client: PostgresClient, schema: SchemaName, timeoutMs: number | undefined) {
    this.#client = client;
    this.schema = schema;
    this.timeoutMs = timeoutMs;
    this.#limit = new TimeLimit(timeoutMs ?? 5_000, 'The budget store');
  }

  /** Calls one of the schema's functions, and answers with its result as text; null as ''. */
  async call(name: string, argument: string): Promise<string> {
    return this.answer(`${this.schema.identifier}.${name}($1)`, [argument]);
  }

  /** The value of an expression as text; null as ''. */
  async answer(expression: string, params: (string | null)[]): Promise<string> {
    const [row] = await this.rows(`SELECT (${expression})::text AS answer`, params);
    const answer = field(row, 'answer');
    return typeof answer === 'string' ? answer : '';
  }

  /** Runs one statement, after making the schema if need be. */
  async rows(text: string, params: (string | null)[]): Promise<readonly unknown[]> {
    await (this.#ready ??= this.#prepare());
    for (let tries = 1; ; tries++) {
      try {
        return (await this.#client.query(text, params)).rows;
      } catch (error) {
        const code = codeOf(error);
        // The next call begins anew.
        if (GONE.includes(code)) this.#ready = undefined;
        if (tries === MOST_TRIES || !TRY_AGAIN.includes(code)) throw error;
      }
    }
  }

  /** For what does not go through a `Coalescer`, which has the same bound. */
  within<T>(work: Promise<T>): Promise<T> {
    return this.#limit.within(work);
  }

  async #prepare(): Promise<void> {
    try {
      if ((await this.#version()) < SCHEMA_VERSION) await this.#client.query(migrationSql(this.schema));
    } catch (error) {
      // The next call begins anew.
      this.#ready = undefined;
      throw error;
    }
  }

  // A statement that fails would cost the pool a connection.
  async #version(): Promise<number> {
    const table = `${this.schema.identifier}.migrations`;
    const { rows } = await this.#client.query('SELECT to_regclass($1) IS NOT NULL AS made', [table]);
    if (field(rows[0], 'made') !== true) return 0;
    const { rows: versions } = await this.#client.query(`SELECT max(version) AS version FROM ${table}`);
    return Number(field(versions[0], 'version') ?? 0);
  }
}

/** One column of a row. */
export function field(row: unknown, name: string): unknown {
  return typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined;
}

function codeOf(error: unknown): unknown {
  return field(error, 'code');
}
