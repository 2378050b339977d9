/** How sure a record's cost is: from the provider's usage, from what was sent and read, or the whole hold. */
export type Accuracy = 'exact' | 'estimated' | 'held';

/** How a call ended. `denied` calls were never sent and cost nothing; `unknown` ones were abandoned without a trace. */
export type CallOutcome = 'success' | 'error' | 'timeout' | 'aborted' | 'denied' | 'unknown';

/** One ended call. Holds no secret and no prompt text. */
export interface UsageRecord {
  /** The call's id, unique across processes: recording the same id twice counts once. */
  readonly id: string;
  /** When the call was admitted or denied, epoch milliseconds. */
  readonly at: number;
  readonly team: string;
  readonly user?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** The name of the key, never its secret. */
  readonly keyId?: string;
  /** E.g. `chat.completions`. */
  readonly operation: string;
  /** Empty for operations that have none. */
  readonly model: string;
  /** Includes `cachedTokens`. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Includes `reasoningTokens`. */
  readonly completionTokens: number;
  readonly reasoningTokens: number;
  /** Whole nano-dollars. */
  readonly costNanos: number;
  readonly accuracy: Accuracy;
  /** `PriceBook.version` at the time. */
  readonly priceVersion: string;
  /** HTTP requests made, retries included. */
  readonly attempts: number;
  /** Time spent waiting for rate limits, over all attempts. */
  readonly waitMs: number;
  /** From admission to the end of the body, waiting excluded. */
  readonly latencyMs: number;
  readonly outcome: CallOutcome;
  /** Why it was refused, e.g. `budget-exceeded`; only if `outcome` is `denied`. */
  readonly code?: string;
  /** By how much the cost was above the hold, if it was. */
  readonly overrunNanos?: number;
  /** True if the call went out although the budget store could not be asked (`onStoreFailure: 'allow'`). */
  readonly ungoverned?: true;
}

/** What a report can be grouped by. `{ tag }` groups by the value of one tag; a call without it is in the group `''`. */
export type GroupBy = 'team' | 'user' | 'key' | 'model' | 'operation' | 'day' | { readonly tag: string };

/** Which records to sum up, and by what. */
export interface UsageQuery {
  /** Epoch milliseconds, inclusive. */
  readonly from: number;
  /** Epoch milliseconds, exclusive. */
  readonly to: number;
  readonly groupBy: readonly GroupBy[];
  /** For grouping by day; IANA name, default `'UTC'`. */
  readonly timeZone?: string;
  /**
   * Asks for one more summary, of all records together, in front of the others and with an empty `group`: of the same records to the
   * last one, also while others are recorded. A log that does not know of it leaves it out.
   */
  readonly withTotal?: boolean;
}

/**
 * The middle of a group's durations, and what 95 of 100 do not exceed, by nearest rank, in whole milliseconds: never below the
 * exact figure, and at most 5 % above it.
 */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

/** Sums over the records of one group. The optional part is what reports show if a log has it; all logs here do. */
export interface UsageSummary {
  /** The values grouped by, in the order asked for; `''` where a record has none. Days as `2026-11-21`. */
  readonly group: readonly string[];
  /** Ended calls, denied ones not counted. */
  readonly calls: number;
  readonly denied: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens: number;
  readonly costNanos: number;
  /** The model with the highest cost, ties by calls; `''` if there is none. */
  readonly topModel: string;
  /** Calls that ended as `error` or `timeout`. */
  readonly errors?: number;
  /** Denied calls by their `code`, most frequent first; `''` for a record without one. */
  readonly deniedBy?: Readonly<Record<string, number>>;
  /** When the latest call was admitted, epoch milliseconds; undefined if all were denied. */
  readonly lastAt?: number | undefined;
  /** Of the calls' `waitMs` and `latencyMs`; undefined if all were denied. */
  readonly waitMs?: Percentiles | undefined;
  readonly latencyMs?: Percentiles | undefined;
}

/** Receives one record per ended call and sums them up. */
export interface UsageLog {
  /** A second record with the same id changes nothing. */
  record(usage: UsageRecord): void | Promise<void>;
  /** One summary per group that has records in `[from, to)`, highest cost first, after the total if asked for. Sums are exact. */
  summarize(query: UsageQuery): Promise<readonly UsageSummary[]>;
  /** Resolves when all that was recorded is as durable as the log makes it. */
  flush?(): Promise<void>;
  close?(): Promise<void>;
}
