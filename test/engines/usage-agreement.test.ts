// Every log tells the same of the same records, to the last digit.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { postgresBackend } from '../../src/postgres';
import { redisBackend } from '../../src/redis';
import { sqliteBackend } from '../../src/sqlite';
import { jsonlUsageLog } from '../../src/usage/jsonl';
import { memoryUsageLog } from '../../src/usage/memory';
import type { UsageLog, UsageRecord } from '../../src/usage/usage-log';
import { engineAtHand, REDIS_URL } from '../engine-at-hand';
import { groupings, usageRecords } from '../usage/records';
import { emptied, probe, Server } from './postgres-at-hand';
import { inspector, newPrefix, sweep } from './redis-servers';
import { driversAtHand, Files } from './sqlite-drivers';

type MakeLog = () => UsageLog | Promise<UsageLog>;

const isRedisAtHand = await engineAtHand('Redis', async () => (await inspector()).quit());
const isPostgresAtHand = await engineAtHand('PostgreSQL', probe);
const drivers = await driversAtHand();

const ZONES = [undefined, 'Asia/Kathmandu', 'America/New_York', 'CET'];

/** All that a log tells, as text, so that the order of everything counts. */
async function toldBy(makeLog: MakeLog, records: readonly UsageRecord[]): Promise<string[]> {
  const log = await makeLog();
  for (const record of records) await log.record(record);
  const told: string[] = [];
  for (const groupBy of groupings) {
    for (const timeZone of groupBy.includes('day') ? ZONES : [undefined]) {
      const query = { from: 0, to: Infinity, groupBy, withTotal: true, ...(timeZone !== undefined && { timeZone }) };
      told.push(JSON.stringify([groupBy, timeZone, await log.summarize(query)]));
    }
  }
  await log.close?.();
  return told;
}

async function expectAgreement(makeLog: MakeLog, numRuns: number): Promise<void> {
  const property = fc.asyncProperty(usageRecords(), async (records) => {
    expect(await toldBy(makeLog, records)).toEqual(await toldBy(() => memoryUsageLog(), records));
  });
  await fc.assert(property, { numRuns });
}

describe('logs agree with the one in memory', () => {
  it('that keeps sums only', () => expectAgreement(() => memoryUsageLog({ maxRecords: 0 }), 100));

  it('in a file of lines', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'governed-groq-usage-'));
    let files = 0;
    try {
      await expectAgreement(() => jsonlUsageLog(join(directory, `${++files}.jsonl`)), 15);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it.each(drivers)('in SQLite by $name', async (driver) => {
    const files = new Files();
    try {
      await expectAgreement(() => sqliteBackend({ database: files.open(driver) }).usageLog, 15);
    } finally {
      files.remove();
    }
  });

  it.skipIf(!isRedisAtHand)('in Redis', async () => {
    const client = new Redis(REDIS_URL);
    try {
      await expectAgreement(() => redisBackend({ client, prefix: newPrefix() }).usageLog, 15);
    } finally {
      await client.quit();
      await sweep();
    }
  });

  it.skipIf(!isPostgresAtHand)(
    'in PostgreSQL',
    async () => {
      const server = new Server();
      const schema = server.schema();
      const makeLog = async (): Promise<UsageLog> =>
        postgresBackend({ client: server.pool, schema: await emptied(server.pool, schema) }).usageLog;
      try {
        await expectAgreement(makeLog, 15);
      } finally {
        await server.close();
      }
    },
    60_000,
  );
});
