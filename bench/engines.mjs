// The engines, and beside each the least that a check and a booking can cost on it with the same driver.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresBackend } from './dist/postgres.js';
import { redisBackend } from './dist/redis.js';
import { sqliteBackend } from './dist/sqlite.js';

const REDIS_URL = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const POSTGRES_URL = process.env.POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/test';

/**
 * Opens an engine: `{ stores, floor, trips(), close() }`. `floor(id, nanos)` reserves and settles without any of what makes it
 * right; `trips` counts what was sent to the engine. `place` is what `newPlace` gave, in this process or another.
 */
export const ENGINES = { sqlite, redis, postgres };

export function newPlace(engine) {
  const name = `gg_bench_${process.pid}_${Date.now()}`;
  return { engine, name, folder: engine === 'sqlite' ? mkdtempSync(join(tmpdir(), 'bench-')) : undefined };
}

export function dropFolder({ folder }) {
  if (folder) rmSync(folder, { recursive: true, force: true });
}

/** Counts the calls of some methods of a client. */
function counting(client, methods) {
  const count = { trips: 0 };
  for (const method of methods) {
    const original = client[method].bind(client);
    client[method] = (...args) => {
      count.trips++;
      return original(...args);
    };
  }
  return count;
}

async function sqlite({ folder }) {
  const { default: Database } = await import('libsql');
  const database = new Database(join(folder, 'store.db'));
  const stores = sqliteBackend({ database });
  // Beside it, not in it, so that neither waits for the other's lock.
  const bare = new Database(join(folder, 'floor.db'));
  bare.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000');
  bare.exec('CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, spent INTEGER, held INTEGER) WITHOUT ROWID');
  bare.exec('CREATE TABLE IF NOT EXISTS hold (id TEXT PRIMARY KEY, nanos INTEGER) WITHOUT ROWID');
  bare.exec("INSERT OR IGNORE INTO account VALUES ('a', 0, 0)");
  const [read, take, put, get, drop, book] = [
    "SELECT spent, held FROM account WHERE name = 'a'",
    "UPDATE account SET held = held + ? WHERE name = 'a'",
    'INSERT INTO hold VALUES (?, ?)',
    'SELECT nanos FROM hold WHERE id = ?',
    'DELETE FROM hold WHERE id = ?',
    "UPDATE account SET held = held - ?, spent = spent + ? WHERE name = 'a'",
  ].map((sql) => bare.prepare(sql));
  const transaction = (work) => {
    bare.exec('BEGIN IMMEDIATE');
    work();
    bare.exec('COMMIT');
  };
  return {
    stores,
    trips: undefined,
    async floor(id, nanos) {
      transaction(() => {
        const { spent, held } = read.get();
        if (spent + held + nanos > Number.MAX_SAFE_INTEGER) throw new Error('exceeded');
        take.run(nanos);
        put.run(id, nanos);
      });
      await Promise.resolve();
      transaction(() => {
        const { nanos: held } = get.get(id);
        drop.run(id);
        book.run(held, nanos);
      });
    },
    async close() {
      bare.close();
      database.close();
    },
  };
}

const BARE_RESERVE = `
local spent = tonumber(redis.call('HGET', KEYS[1], 's') or '0')
local held = tonumber(redis.call('HGET', KEYS[1], 'h') or '0')
if spent + held + tonumber(ARGV[2]) > 9e15 then return 0 end
redis.call('HINCRBY', KEYS[1], 'h', ARGV[2])
redis.call('SET', KEYS[2] .. ARGV[1], ARGV[2], 'PX', 900000)
return 1`;
const BARE_SETTLE = `
local held = redis.call('GETDEL', KEYS[2] .. ARGV[1])
if not held then return 0 end
redis.call('HINCRBY', KEYS[1], 'h', '-' .. held)
redis.call('HINCRBY', KEYS[1], 's', ARGV[2])
return 1`;

async function redis({ name }) {
  const { Redis } = await import('ioredis');
  const client = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  await client.connect();
  const [reserve, settle] = await Promise.all([BARE_RESERVE, BARE_SETTLE].map((text) => client.script('LOAD', text)));
  const keys = [2, `{${name}}:floor`, `{${name}}:floor:`];
  const own = client.duplicate();
  await own.ping();
  const count = counting(own, ['call']);
  return {
    stores: redisBackend({ client: own, prefix: name }),
    trips: () => count.trips,
    async floor(id, nanos) {
      await client.call('EVALSHA', reserve, ...keys, id, nanos);
      await client.call('EVALSHA', settle, ...keys, id, nanos);
    },
    async close(last) {
      if (last) {
        for await (const found of client.scanStream({ match: `*${name}*`, count: 1000 }))
          if (found.length > 0) await client.unlink(...found);
      }
      client.disconnect();
      own.disconnect();
    },
  };
}

async function postgres({ name }) {
  const { default: pg } = await import('pg');
  const client = new pg.Pool({ connectionString: POSTGRES_URL, max: 4, connectionTimeoutMillis: 2_000 });
  await client.query(`CREATE SCHEMA IF NOT EXISTS "${name}"`);
  await client.query(`CREATE TABLE IF NOT EXISTS "${name}".floor (name text PRIMARY KEY, spent bigint, held bigint)`);
  await client.query(`CREATE TABLE IF NOT EXISTS "${name}".floor_hold (id text PRIMARY KEY, nanos bigint)`);
  await client.query(`INSERT INTO "${name}".floor VALUES ('a', 0, 0) ON CONFLICT DO NOTHING`);
  const reserve = {
    name: 'bare-reserve',
    text: `WITH taken AS (UPDATE "${name}".floor SET held = held + $2 WHERE name = 'a' AND spent + held + $2 <= 9000000000000000 RETURNING 1)
      INSERT INTO "${name}".floor_hold SELECT $1, $2 FROM taken`,
  };
  const settle = {
    name: 'bare-settle',
    text: `WITH gone AS (DELETE FROM "${name}".floor_hold WHERE id = $1 RETURNING nanos)
      UPDATE "${name}".floor SET held = held - gone.nanos, spent = spent + $2 FROM gone WHERE name = 'a'`,
  };
  const own = new pg.Pool({ connectionString: POSTGRES_URL, max: 4 });
  const count = counting(own, ['query']);
  return {
    stores: postgresBackend({ client: own, schema: name }),
    trips: () => count.trips,
    async floor(id, nanos) {
      await client.query({ ...reserve, values: [id, nanos] });
      await client.query({ ...settle, values: [id, nanos] });
    },
    async close(last) {
      if (last) await client.query(`DROP SCHEMA "${name}" CASCADE`);
      await Promise.all([client.end(), own.end()]);
    },
  };
}
