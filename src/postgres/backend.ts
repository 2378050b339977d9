import type { BudgetStore } from '../budget/budget-store';
import type { Clock } from '../clock';
import type { RateLimiter } from '../limit/rate-limiter';
import { sharedRateLimiter } from '../limit/shared';
import { checkOptionNames } from '../option-names';
import type { UsageLog } from '../usage/usage-log';
import { PostgresBudgetStore } from './budget-store';
import { Database, type PostgresClient } from './client';
import { schemaName } from './schema-name';
import { PostgresSharedLimits } from './shared-limits';
import { PostgresUsageLog } from './usage-log';

/** How `postgresBackend` reaches its database. */
export interface PostgresBackendOptions {
  /** A `Pool` (or connected `Client`) of `pg`, or a PGlite. It stays yours: nothing here closes it. */
  readonly client: PostgresClient;
  /**
   * Where the tables and functions are; default `'governed_groq'`. Backends with different schemas do not see each other. The
   * schema is made on first use, unless it is there already, see `postgresMigrations`.
   */
  readonly schema?: string;
  /**
   * Whose time the rate limits go by, for tests; default the database's own clock, so that a machine whose clock is wrong breaks
   * no limit. Budgets take the time from who asks.
   */
  readonly clock?: Clock;
  /** How long the database may take to answer, in milliseconds of real time, before calls reject; default 5,000. */
  readonly timeoutMs?: number;
}

/** All that a governance shares between processes. */
export interface PostgresBackend {
  readonly budgetStore: BudgetStore;
  readonly rateLimiter: RateLimiter;
  readonly usageLog: UsageLog;
}

/**
 * Budgets, rate limits and the usage log in one PostgreSQL database (12 or later, encoded as UTF-8), shared by any number of
 * processes: `governance: { ...postgresBackend({ client: pool }), teams }`. What is spent is as durable as the server makes a
 * commit; rate limits may forget the last fraction of a second if the server crashes.
 *
 * Counters, holds and ids of ended calls are cleared away by themselves. Usage records are kept until you delete them from the
 * table `usage`, which is yours to query: `at` is in epoch milliseconds, `cost_nanos` in billionths of a USD.
 *
 * Throws a TypeError or RangeError if an option is wrong. Errors of the database reach the caller as they are, and the next call
 * tries again.
 */
export function postgresBackend(options: PostgresBackendOptions): PostgresBackend {
  const { client, schema = 'governed_groq', clock, timeoutMs } = options ?? {};
  if (typeof client?.query !== 'function') {
    throw new TypeError('postgresBackend: client must be a Pool or a connected Client of pg, or a PGlite: it has no query()');
  }
  checkOptionNames('postgresBackend', options, ['client', 'schema', 'clock', 'timeoutMs']);
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    throw new RangeError(`postgresBackend: timeoutMs must be a number of milliseconds above 0, got ${String(timeoutMs)}`);
  }
  const database = new Database(client, schemaName(schema), timeoutMs);
  const usageLog = new PostgresUsageLog(database);
  const limits = new PostgresSharedLimits(database, clock);
  return {
    budgetStore: new PostgresBudgetStore(database, usageLog),
    rateLimiter: sharedRateLimiter({ limits, clock, timeoutMs }),
    usageLog,
  };
}
