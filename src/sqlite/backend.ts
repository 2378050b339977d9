import type { BudgetStore } from '../budget/budget-store';
import type { Clock } from '../clock';
import type { RateLimiter } from '../limit/rate-limiter';
import { sharedRateLimiter } from '../limit/shared';
import { checkOptionNames } from '../option-names';
import type { UsageLog } from '../usage/usage-log';
import { AccountBook } from './account-book';
import { SqliteBudgetStore } from './budget-store';
import { Connection } from './connection';
import type { SqliteDatabase } from './database';
import { Holds } from './holds';
import { Ledger } from './ledger';
import { SqliteLimits } from './limits';
import { Transactions } from './transactions';
import { SqliteUsageLog, UsageTable } from './usage-log';

/** What `sqliteBackend` takes. */
export interface SqliteBackendOptions {
  /**
   * A connection that is open: a `DatabaseSync` of `node:sqlite`, or a database of `better-sqlite3` or `libsql`. It is best used
   * for nothing else: its `busy_timeout` is set to 0 and its `synchronous` as `durable` says, and while its owner is in a transaction
   * of their own, everything here waits. It is never closed here.
   */
  readonly database: SqliteDatabase;
  /** Whose time rate limits go by; default SQLite's own, which is the machine's. Budgets go by the time in what they are given. */
  readonly clock?: Clock;
  /**
   * Whether what was answered is still there after the machine has lost power (`synchronous = FULL`), which costs a write to the
   * disk per transaction. Default false: it is still there after any crash of a process.
   */
  readonly durable?: boolean;
  /** How long, in milliseconds of real time, to go on trying while the database is locked by others. Default 5,000. */
  readonly timeoutMs?: number;
  /**
   * What the names of the tables begin with; default `governed_groq_`. Backends with different prefixes do not see each other.
   */
  readonly prefix?: string;
}

/** The three together, for `governance`: `{ ...sqliteBackend({ database }) }`. */
export interface SqliteBackend {
  readonly budgetStore: BudgetStore;
  readonly rateLimiter: RateLimiter;
  readonly usageLog: UsageLog;
}

/**
 * Budgets, rate limits and the usage log in one SQLite file, shared by all processes of a machine that open it. Tables are made when
 * they are first needed. What is asked for at the same time is done in one transaction; a settlement and its record always are.
 *
 * While others hold the lock, calls wait for it without blocking the process, and reject after `timeoutMs`. Any other error of SQLite
 * rejects as it is; the next call tries again. Counters clean themselves up; usage records stay until their owner deletes them.
 *
 * Throws a TypeError or RangeError for an option that makes no sense.
 */
export function sqliteBackend(options: SqliteBackendOptions): SqliteBackend {
  const { database, clock, durable = false, timeoutMs = 5_000, prefix = 'governed_groq_' } = options ?? {};
  check(database, durable, timeoutMs, prefix);
  checkOptionNames('sqliteBackend', options, ['database', 'clock', 'durable', 'timeoutMs', 'prefix']);
  const connection = new Connection(database, prefix, durable);
  const transactions = new Transactions(connection, timeoutMs);
  const usage = new UsageTable(connection);
  const ledger = new Ledger(connection, new AccountBook(connection), new Holds(connection));
  transactions.add(usage);
  transactions.add(ledger);
  const usageLog = new SqliteUsageLog(usage, transactions);
  const budgetStore = new SqliteBudgetStore(transactions, ledger, usage, usageLog);
  const limits = new SqliteLimits(connection, transactions, clock);
  // A transaction keeps its own time-out, and says what it waited for.
  return { budgetStore, rateLimiter: sharedRateLimiter({ limits, clock, timeoutMs: Infinity }), usageLog };
}

function check(database: unknown, durable: unknown, timeoutMs: unknown, prefix: unknown): void {
  if (!isDatabase(database)) {
    throw new TypeError(
      'sqliteBackend: expected database to be an open database of node:sqlite, better-sqlite3 or libsql, ' +
        'e.g. sqliteBackend({ database: new DatabaseSync("governance.db") })',
    );
  }
  if (typeof durable !== 'boolean') throw new TypeError('sqliteBackend: expected durable to be true or false');
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new RangeError(
      `sqliteBackend: expected timeoutMs to be milliseconds, a number of 0 or more, got ${String(timeoutMs)}`,
    );
  }
  if (typeof prefix !== 'string' || !/^(?!sqlite_)[a-z_][a-z0-9_]{0,59}$/i.test(prefix)) {
    throw new RangeError(
      'sqliteBackend: expected prefix to be 1 to 60 letters, digits and underscores, the first no digit, ' +
        "and not to begin with sqlite_, e.g. 'governance_'",
    );
  }
}

function isDatabase(database: unknown): boolean {
  return (
    typeof database === 'object' &&
    database !== null &&
    'exec' in database &&
    typeof database.exec === 'function' &&
    'prepare' in database &&
    typeof database.prepare === 'function'
  );
}
