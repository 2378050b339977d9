// The engines that several processes can share, as the tests and the worker processes open them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/clock';
import type { BudgetStore } from '../../src/budget/budget-store';
import type { RateLimiter } from '../../src/limit/rate-limiter';
import type { UsageLog } from '../../src/usage/usage-log';
import { postgresBackend } from '../../src/postgres';
import { redisBackend } from '../../src/redis';
import { sqliteBackend } from '../../src/sqlite';

export type EngineName = 'sqlite' | 'redis' | 'postgres';

/** Where a backend keeps what it counts: a file, or a server and a name of its own in it. */
export interface Place {
  readonly engine: EngineName;
  /** A path or a URL. */
  readonly address: string;
  /** The prefix or the schema. */
  readonly name: string;
}

export interface Opened {
  readonly stores: { readonly budgetStore: BudgetStore; readonly rateLimiter: RateLimiter; readonly usageLog: UsageLog };
  close(): Promise<void>;
}

/** Opens a backend as a user would: with a driver of theirs. `clock` is for processes whose clock is wrong. */
export async function open({ engine, address, name }: Place, options: { readonly clock?: Clock } = {}): Promise<Opened> {
  switch (engine) {
    case 'sqlite': {
      const { default: Database } = await import('libsql');
      const database = new Database(address);
      return { stores: sqliteBackend({ database, ...options }), close: async () => void database.close() };
    }
    case 'redis': {
      const { Redis } = await import('ioredis');
      const client = new Redis(address, { maxRetriesPerRequest: 1, retryStrategy: () => 50 });
      // Without a listener it writes to the console.
      client.on('error', () => undefined);
      return { stores: redisBackend({ client, prefix: name, ...options }), close: async () => client.disconnect() };
    }
    case 'postgres': {
      const { default: pg } = await import('pg');
      const client = new pg.Pool({ connectionString: address, max: 4 });
      client.on('error', () => undefined);
      return { stores: postgresBackend({ client, schema: name, ...options }), close: () => client.end() };
    }
  }
}

let places = 0;

/** A place that nobody else uses; `drop` removes what was left there. */
export async function newPlace(
  engine: EngineName,
  servers: { readonly redis: string; readonly postgres: string },
): Promise<Place & { drop(): Promise<void> }> {
  const name = `gg_test_${process.pid}_${++places}_${Math.floor(Math.random() * 1e9)}`;
  switch (engine) {
    case 'sqlite': {
      const folder = mkdtempSync(join(tmpdir(), 'processes-'));
      return {
        engine,
        name,
        address: join(folder, 'shared.db'),
        drop: async () => rmSync(folder, { recursive: true, force: true }),
      };
    }
    case 'redis':
      return { engine, name, address: servers.redis, drop: () => dropRedis(servers.redis, name) };
    case 'postgres':
      return { engine, name, address: servers.postgres, drop: () => dropPostgres(servers.postgres, name) };
  }
}

async function dropRedis(address: string, name: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const client = new Redis(address);
  for await (const keys of client.scanStream({ match: `*${name}*`, count: 1000 }) as AsyncIterable<string[]>)
    if (keys.length > 0) await client.unlink(...keys);
  client.disconnect();
}

async function dropPostgres(address: string, name: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS "${name}" CASCADE`);
  await client.end();
}
