import { Pool } from 'pg';
import { expect } from 'vitest';
import type { Clock } from '../../src/clock';
import { postgresBackend, type PostgresBackend, type PostgresClient } from '../../src/postgres';
import { Database } from '../../src/postgres/client';
import { schemaName } from '../../src/postgres/schema-name';
import { PostgresSharedLimits } from '../../src/postgres/shared-limits';
import type { ManualClock } from '../../src/testing/manual-clock';
import { POSTGRES_URL } from '../engine-at-hand';

const TABLES = ['counters', 'bookings', 'holds', 'usage', 'limits', 'entries'];
let made = 0;

/** A name that no other run uses. */
export function newSchema(): string {
  return `test_${process.pid}_${Math.random().toString(36).slice(2, 8)}_${++made}`;
}

/** The server, and what is needed to leave it as it was. */
export class Server {
  readonly pool: Pool = new Pool({ connectionString: POSTGRES_URL, max: 8 });
  readonly #schemas: Set<string> = new Set();
  readonly #pools: Pool[] = [this.pool];

  /** A name; dropped in the end. */
  schema(name: string = newSchema()): string {
    this.#schemas.add(name);
    return name;
  }

  /** One more pool of connections, as another process would have. */
  anotherPool(max: number): Pool {
    const pool = new Pool({ connectionString: POSTGRES_URL, max });
    this.#pools.push(pool);
    return pool;
  }

  async close(): Promise<void> {
    for (const schema of this.#schemas) await this.pool.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    for (const pool of this.#pools) await pool.end();
  }
}

/** Fails unless the server answers. */
export async function probe(): Promise<void> {
  const pool = new Pool({ connectionString: POSTGRES_URL, max: 1, connectionTimeoutMillis: 3_000 });
  try {
    await pool.query('SELECT 1');
  } finally {
    await pool.end();
  }
}

/** Empties a schema, which takes less time than to make one. */
export async function emptied(client: PostgresClient, schema: string): Promise<string> {
  const { rows } = await client.query('SELECT to_regclass($1)::text AS made', [`${schema}.migrations`]);
  if (Reflect.get(Object(rows[0]), 'made') === null) await postgresBackend({ client, schema }).budgetStore.read([], 0);
  else await client.query(`TRUNCATE ${TABLES.map((table) => `${schema}.${table}`).join(', ')}`);
  return schema;
}

/** The engine's side of the rate limiter by itself. */
export function sharedLimits(client: PostgresClient, schema: string, clock?: Clock): PostgresSharedLimits {
  return new PostgresSharedLimits(new Database(client, schemaName(schema), undefined), clock);
}

/** A backend on whose statements a manual clock waits. */
export function backendDuring(client: PostgresClient, schema: string, clock: Clock): PostgresBackend {
  const paced: PostgresClient = {
    query: (text, params) => (isManual(clock) ? clock.during(client.query(text, params)) : expect.fail('not a manual clock')),
  };
  return postgresBackend({ client: paced, schema, clock });
}

function isManual(clock: Clock): clock is ManualClock {
  return 'during' in clock;
}

/** A client that counts statements, and does something else instead of the next ones if it is told to. */
export class WatchedClient implements PostgresClient {
  readonly statements: string[] = [];
  readonly instead: ((ask: () => ReturnType<PostgresClient['query']>) => ReturnType<PostgresClient['query']>)[] = [];
  readonly #client: PostgresClient;

  constructor(client: PostgresClient) {
    this.#client = client;
  }

  query(text: string, params?: (string | null)[]): Promise<{ readonly rows: readonly unknown[] }> {
    this.statements.push(text);
    const ask = (): ReturnType<PostgresClient['query']> => this.#client.query(text, params);
    return this.instead.shift()?.(ask) ?? ask();
  }
}
