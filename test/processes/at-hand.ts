import { Redis } from 'ioredis';
import pg from 'pg';
import { POSTGRES_URL, REDIS_URL, engineAtHand } from '../engine-at-hand';
import type { EngineName } from './engines';

export const SERVERS = { redis: REDIS_URL, postgres: POSTGRES_URL };

/** The engines that can be used here. SQLite needs a driver that this runtime can load, the others a server. */
export async function enginesAtHand(): Promise<readonly EngineName[]> {
  const found: EngineName[] = [];
  if (await engineAtHand('SQLite (libsql)', () => import('libsql'))) found.push('sqlite');
  if (await engineAtHand('Redis', pingRedis)) found.push('redis');
  if (await engineAtHand('PostgreSQL', pingPostgres)) found.push('postgres');
  return found;
}

async function pingRedis(): Promise<void> {
  const client = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } finally {
    client.disconnect();
  }
}

async function pingPostgres(): Promise<void> {
  const client = new pg.Client({ connectionString: POSTGRES_URL, connectionTimeoutMillis: 3_000 });
  await client.connect();
  await client.end();
}
