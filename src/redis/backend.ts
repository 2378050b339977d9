import type { BudgetStore } from '../budget/budget-store';
import type { Clock } from '../clock';
import type { RateLimiter } from '../limit/rate-limiter';
import { sharedRateLimiter } from '../limit/shared';
import { checkOptionNames } from '../option-names';
import { TimeLimit } from '../time-limit';
import type { UsageLog } from '../usage/usage-log';
import { RedisBudgetStore } from './budget-store';
import { senderOf, type RedisClient } from './client';
import { Engine } from './engine';
import { RedisSharedLimits } from './shared-limits';
import { RedisUsageLog } from './usage-log';

/** What `redisBackend` takes. */
export interface RedisBackendOptions {
  /**
   * A connected client of node-redis (`createClient`, `createClientPool`, `createCluster`, `createSentinel`), ioredis or iovalkey (`Redis`,
   * `Cluster`). It may be used for other things as well, and is never closed.
   */
  readonly client: RedisClient;
  /**
   * What all keys begin with, in braces, so that a cluster keeps them in one slot; default `'governed-groq'`. Backends with
   * different prefixes do not see each other. Any name without braces.
   */
  readonly prefix?: string | undefined;
  /** Whose time rate limits go by; default the server's, so that a process whose clock is wrong breaks no limit. For tests. */
  readonly clock?: Clock | undefined;
  /**
   * Rejects what Redis has not answered within so many milliseconds; default 5,000, `Infinity` for never. What a client sends
   * later all the same does no harm.
   */
  readonly timeoutMs?: number | undefined;
  /** How many usage records are kept; default 100,000. The oldest beyond are dropped, and reports no longer count them. */
  readonly maxRecords?: number | undefined;
}

/** All three parts of a governance that processes can share. */
export interface RedisBackend {
  readonly budgetStore: BudgetStore;
  readonly rateLimiter: RateLimiter;
  readonly usageLog: UsageLog;
}

/**
 * Budgets, rate limits and the usage log in Redis 6.2 or later, or Valkey, for all processes that use the same server and prefix:
 * `governance: { ...redisBackend({ client }), teams }`. Each question is one script call, and what is asked at the same time goes
 * in one. Budgets are as durable as the server is set to be: for the strictest, `appendonly yes` with `appendfsync always`.
 * Its memory policy must be `noeviction`, or Redis drops counters when memory runs out.
 *
 * Throws a TypeError or RangeError that says what is wrong with an option.
 */
export function redisBackend(options: RedisBackendOptions): RedisBackend {
  const { client, prefix = 'governed-groq', clock, timeoutMs = 5_000, maxRecords = 100_000 } = options ?? {};
  const send = senderOf(client);
  checkOptionNames('redisBackend', options, ['client', 'prefix', 'clock', 'timeoutMs', 'maxRecords']);
  if (typeof prefix !== 'string' || prefix === '' || /[{}]/u.test(prefix)) {
    throw new TypeError(
      `redisBackend: expected prefix to be a name without braces, e.g. 'my-app', got ${JSON.stringify(prefix)}`,
    );
  }
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) {
    throw new RangeError(`redisBackend: expected timeoutMs to be milliseconds above 0, or Infinity, got ${String(timeoutMs)}`);
  }
  if (maxRecords !== Infinity && !(Number.isSafeInteger(maxRecords) && maxRecords >= 0)) {
    throw new RangeError(`redisBackend: expected maxRecords to be a whole number of 0 or more, got ${String(maxRecords)}`);
  }
  const engine = new Engine(send, prefix, new TimeLimit(timeoutMs, 'Redis'));
  const usageLog = new RedisUsageLog({ engine, maxRecords });
  // The limiter gives up by itself: it must hear of slots that were taken too late, to give them back.
  const limits = new RedisSharedLimits({ engine: new Engine(send, prefix), clock });
  return {
    budgetStore: new RedisBudgetStore({ engine, usageLog, maxRecords }),
    rateLimiter: sharedRateLimiter({ limits, clock, timeoutMs }),
    usageLog,
  };
}
