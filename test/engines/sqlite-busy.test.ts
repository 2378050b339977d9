// Others lock the file, the owner uses the connection, and the engine fails.
import { afterEach, describe, expect, it } from 'vitest';
import { sqliteBackend, type SqliteBackendOptions } from '../../src/sqlite';
import { usageRecord } from '../usage/records';
import { driversAtHand, Files } from './sqlite-drivers';

const NOW = Date.UTC(2026, 10, 21);
const lines = [{ account: 'a', limitNanos: 100, nanos: 10, window: { startsAt: NOW, resetsAt: NOW + 86_400_000 } }];
const hold = (id: string) => ({ id, at: NOW, expiresAt: NOW + 1_000, lines });
const usage = (id: string) => usageRecord({ id });

const files = new Files();
afterEach(() => files.remove());

/** Real turns of the event loop: others' locks are real, too. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await turn();
}

/** Whether it is still waiting. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const done = (): void => void (settled = true);
  promise.then(done, done);
  await turns(10);
  return !settled;
}

describe.each(await driversAtHand())('SQLite by $name', (driver) => {
  function backend(options: Partial<SqliteBackendOptions> = {}) {
    const path = files.path();
    const database = files.open(driver, path);
    return { ...sqliteBackend({ database, ...options }), database, path };
  }

  it('waits without blocking while others hold the lock, then does all at once', async () => {
    const { budgetStore, usageLog, path } = backend();
    await budgetStore.reserve(hold('first'));
    const rolling = { account: 'rolling', limitNanos: 100, nanos: 10, window: { rollingMs: 50 } };
    await budgetStore.reserve({ ...hold('rolling'), lines: [rolling] });
    await budgetStore.settle({ id: 'rolling', spentNanos: 10, at: NOW });
    const other = files.open(driver, path);
    other.exec('BEGIN IMMEDIATE');
    const work = Promise.all([budgetStore.reserve(hold('h')), budgetStore.reserve(hold('i')), usageLog.record(usage('u'))]);
    expect(await isPending(work)).toBe(true);
    // Readers need not wait.
    expect(await budgetStore.read(['a'], NOW)).toMatchObject([{ heldNanos: 10 }]);
    expect(await budgetStore.read(['rolling'], NOW + 50)).toMatchObject([{ spentNanos: 0 }]);
    other.exec('COMMIT');
    expect((await work).slice(0, 2)).toMatchObject([{ ok: true }, { ok: true }]);
    expect(await budgetStore.read(['a'], NOW)).toMatchObject([{ heldNanos: 30 }]);
  });

  it('waits for the lock to make its tables, too', async () => {
    const { budgetStore, path } = backend();
    const other = files.open(driver, path);
    other.exec('CREATE TABLE t (x); BEGIN EXCLUSIVE');
    const work = budgetStore.reserve(hold('h'));
    expect(await isPending(work)).toBe(true);
    other.exec('COMMIT');
    expect((await work).ok).toBe(true);
  });

  it('gives up after the time-out and says why; the next call works again', async () => {
    const { budgetStore, path } = backend({ timeoutMs: 30 });
    await budgetStore.reserve(hold('first'));
    const other = files.open(driver, path);
    other.exec('BEGIN IMMEDIATE');
    const [one, two] = await Promise.allSettled([budgetStore.reserve(hold('h')), budgetStore.reserve(hold('i'))]);
    for (const result of [one, two]) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { message: 'The SQLite database was locked by others for 30 ms.', cause: expect.any(Error) },
      });
    }
    other.exec('COMMIT');
    expect((await budgetStore.reserve(hold('h'))).ok).toBe(true);
    expect(await budgetStore.read(['a'], NOW)).toMatchObject([{ heldNanos: 20 }]);
  });

  it('waits while its owner is in a transaction on the same connection, and is no part of it', async () => {
    const { budgetStore, database } = backend();
    await budgetStore.reserve(hold('first'));
    database.exec('CREATE TABLE own (x)');
    database.exec('BEGIN; INSERT INTO own VALUES (1)');
    const work = budgetStore.reserve(hold('h'));
    expect(await isPending(work)).toBe(true);
    database.exec('ROLLBACK');
    expect((await work).ok).toBe(true);
    expect(await budgetStore.read(['a'], NOW)).toMatchObject([{ heldNanos: 20 }]);
  });

  it('tells the owner what to do if that takes too long, also before its tables are made', async () => {
    const { budgetStore, database } = backend({ timeoutMs: 20 });
    for (const id of ['h', 'i']) {
      database.exec('BEGIN');
      await expect(budgetStore.reserve(hold(id))).rejects.toThrow(
        "The SQLite connection was in a transaction or query of its owner's for 20 ms: give sqliteBackend a connection of its own.",
      );
      database.exec('COMMIT');
      expect((await budgetStore.reserve(hold(id))).ok).toBe(true);
    }
  });

  it('passes the engine’s errors on as they are, and is back when the engine is', async () => {
    const { budgetStore, usageLog, database } = backend();
    await budgetStore.reserve(hold('h'));
    database.exec('DROP TABLE governed_groq_holds');
    await expect(budgetStore.reserve(hold('i'))).rejects.toThrow(/no such table: governed_groq_holds/);
    for (const table of ['meta', 'accounts', 'bookings', 'usage', 'windows', 'departures', 'attempts', 'providers'])
      database.exec(`DROP TABLE governed_groq_${table}`);
    expect((await budgetStore.reserve(hold('i'))).ok).toBe(true);
    await usageLog.record(usage('u'));
    database.close();
    await expect(budgetStore.reserve(hold('j'))).rejects.toThrow(/not open/);
    await expect(usageLog.summarize({ from: 0, to: 1, groupBy: [] })).rejects.toThrow(/not open/);
  });

  it('settles and records together or not at all', async () => {
    const { budgetStore, usageLog, database } = backend();
    await budgetStore.reserve(hold('h'));
    database.exec("CREATE TRIGGER full BEFORE INSERT ON governed_groq_usage BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    const settlement = { id: 'h', spentNanos: 3, at: NOW, usage: usage('u') };
    await expect(budgetStore.settle(settlement)).rejects.toThrow('disk full');
    expect(await budgetStore.read(['a'], NOW)).toMatchObject([{ spentNanos: 0, heldNanos: 10 }]);
    database.exec('DROP TRIGGER full');
    await budgetStore.settle(settlement);
    expect(await budgetStore.read(['a'], NOW)).toMatchObject([{ spentNanos: 3, heldNanos: 0 }]);
    expect(await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] })).toMatchObject([{ calls: 1 }]);
  });

  it('sees what another connection wrote, and keeps it when all are closed', async () => {
    const { budgetStore, path, database } = backend({ durable: true });
    const other = files.open(driver, path);
    await sqliteBackend({ database: other }).budgetStore.reserve(hold('h'));
    expect(await budgetStore.read(['a'], NOW)).toMatchObject([{ heldNanos: 10 }]);
    await budgetStore.settle({ id: 'h', spentNanos: 3, at: NOW });
    other.close();
    database.close();
    const again = sqliteBackend({ database: files.open(driver, path) }).budgetStore;
    expect(await again.read(['a'], NOW)).toMatchObject([{ spentNanos: 3, heldNanos: 0 }]);
  });

  it('writes to the disk as often as it is asked to, and lets readers read beside a writer', async () => {
    for (const [durable, synchronous] of [
      [true, 2],
      [false, 1],
    ] as const) {
      const { budgetStore, database } = backend({ durable });
      await budgetStore.reserve(hold('h'));
      expect(database.prepare('PRAGMA synchronous').all()).toMatchObject([{ synchronous }]);
      expect(database.prepare('PRAGMA journal_mode').all()).toMatchObject([{ journal_mode: 'wal' }]);
    }
  });

  it('leaves the connection to its owner when it is closed', async () => {
    const { budgetStore, usageLog, database } = backend();
    await usageLog.record(usage('u'));
    await usageLog.flush?.();
    await budgetStore.close?.();
    await usageLog.close?.();
    expect(database.prepare('SELECT COUNT(*) AS count FROM governed_groq_usage').all()).toMatchObject([{ count: 1 }]);
  });

  it('does not touch tables of a later version', async () => {
    const { budgetStore, database } = backend();
    await budgetStore.reserve(hold('h'));
    database.exec("UPDATE governed_groq_meta SET value = 2 WHERE name = 'schema'");
    await expect(sqliteBackend({ database }).budgetStore.reserve(hold('i'))).rejects.toThrow(
      'The tables "governed_groq_…" were made by a later version of governed-groq (schema 2, known is 1): ' +
        'update governed-groq in this process, or give sqliteBackend another prefix.',
    );
  });
});

describe('what makes no sense is refused at once, with what to write instead', () => {
  const database = { exec: (): void => undefined, prepare: (): never => expect.fail('not asked yet') };
  it.each([
    [
      { database: 'governance.db' },
      /^TypeError: sqliteBackend: expected database to be an open database of node:sqlite, better/,
    ],
    [{ database: undefined }, /^TypeError: sqliteBackend: expected database to be/],
    [{ database: { exec: (): void => undefined } }, /^TypeError: sqliteBackend: expected database to be/],
    [undefined, /^TypeError: sqliteBackend: expected database to be/],
    [{ database, file: 'a' }, /^TypeError: sqliteBackend: unknown option "file"; known are database, clock, /],
    [{ database, durable: 'yes' }, /^TypeError: sqliteBackend: expected durable to be true or false$/],
    [
      { database, timeoutMs: -1 },
      /^RangeError: sqliteBackend: expected timeoutMs to be milliseconds, a number of 0 or more, got -1$/,
    ],
    [{ database, timeoutMs: NaN }, /got NaN$/],
    [{ database, prefix: 'a; DROP TABLE b' }, /^RangeError: sqliteBackend: expected prefix to be 1 to 60 letters/],
    [{ database, prefix: 'sqlite_mine_' }, /^RangeError: sqliteBackend: expected prefix/],
    [{ database, prefix: '' }, /^RangeError: sqliteBackend: expected prefix/],
  ])('%#', (options, message) => {
    const make = (): unknown => sqliteBackend(options as unknown as SqliteBackendOptions);
    expect(() => {
      try {
        make();
      } catch (error) {
        throw new Error(String(error), { cause: error });
      }
    }).toThrow(message);
  });
});
