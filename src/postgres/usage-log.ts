import { systemClock } from '../clock';
import { Coalescer } from '../coalescer';
import { restoredName } from '../stored-name';
import { addDenials, noSums, type UsageSums } from '../usage/sums';
import { dayLabels, usageSummarizer } from '../usage/summary';
import type { UsageLog, UsageQuery, UsageRecord, UsageSummary } from '../usage/usage-log';
import { field, type Database } from './client';
import { recordRow } from './record-row';
import { addDurations, groupColumns, QUARTER_HOUR_MS, summaryParams, summarySql } from './summary-sql';

// Among other parameters that PostgreSQL cannot use.
const UNKNOWN_ZONE = '22023';
const ROWS_AT_ONCE = 1_000;

/** Records in a table, which is summed up where it is. */
export class PostgresUsageLog implements UsageLog {
  readonly #database: Database;
  readonly #recording: Coalescer<UsageRecord, true>;
  readonly #pending: Set<Promise<unknown>> = new Set();

  constructor(database: Database) {
    this.#database = database;
    const { timeoutMs = 5_000 } = database;
    this.#recording = new Coalescer({ run: (records) => this.#write(records), timeoutMs, name: 'usage log' });
  }

  async record(usage: UsageRecord): Promise<void> {
    const written = this.#recording.ask(usage);
    this.#pending.add(written);
    try {
      await written;
    } finally {
      this.#pending.delete(written);
    }
  }

  /** Resolves when all that was recorded by this log is in the table, or has been rejected. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async summarize(query: UsageQuery): Promise<readonly UsageSummary[]> {
    // Throws on a group or a time zone that does not exist.
    const summarizer = usageSummarizer(query);
    await this.flush();
    const { rows, knowsZone } = await this.#rows(query, isSameEverywhere(query.timeZone));
    const label = knowsZone ? (day: string): string => day : quarterLabel(query.timeZone);
    for (const [index, row] of rows.entries()) {
      // Others get to do something in between.
      if (index > 0 && index % ROWS_AT_ONCE === 0) await systemClock.sleep(1);
      const group = query.groupBy.map((by, place) => {
        const text = textOf(row, `g${place}`);
        return by === 'day' ? label(text) : restoredName(text);
      });
      summarizer.addGroup(group, restoredName(textOf(row, 'model')), sumsOf(row));
    }
    return summarizer.summaries();
  }

  async #rows(query: UsageQuery, knowsZone: boolean): Promise<{ rows: readonly unknown[]; knowsZone: boolean }> {
    const params = summaryParams(query);
    const groups = groupColumns(query, knowsZone, params);
    try {
      return { rows: await this.#database.rows(summarySql(this.#database.schema.identifier, groups), params), knowsZone };
    } catch (error) {
      // Its time zones may be older than the runtime's.
      if (knowsZone && field(error, 'code') === UNKNOWN_ZONE) return this.#rows(query, false);
      throw error;
    }
  }

  async #write(records: readonly UsageRecord[]): Promise<readonly true[]> {
    const first = new Map(records.toReversed().map((usage) => [usage.id, usage]));
    const rows = [...first.values()].map((usage) => recordRow(0, usage));
    await this.#database.call('record_all', JSON.stringify(rows));
    return records.map(() => true);
  }
}

function sumsOf(row: unknown): UsageSums {
  const sums = noSums();
  const code = field(row, 'code');
  if (typeof code === 'string') {
    addDenials(sums, restoredName(code), numberOf(row, 'calls'));
    return sums;
  }
  sums.calls = numberOf(row, 'calls');
  sums.promptTokens = numberOf(row, 'prompt_tokens');
  sums.cachedTokens = numberOf(row, 'cached_tokens');
  sums.completionTokens = numberOf(row, 'completion_tokens');
  sums.reasoningTokens = numberOf(row, 'reasoning_tokens');
  sums.costNanos = numberOf(row, 'cost_nanos');
  sums.errors = numberOf(row, 'errors');
  if (sums.calls > 0) sums.lastAt = numberOf(row, 'last_at');
  addDurations(sums.waits, textOf(row, 'waits'));
  addDurations(sums.latencies, textOf(row, 'latencies'));
  return sums;
}

/** Days, from the numbers of their quarters of an hour. */
function quarterLabel(timeZone: string | undefined): (quarter: string) => string {
  const label = dayLabels(timeZone);
  return (quarter) => label(Number(quarter) * QUARTER_HOUR_MS);
}

// PostgreSQL reads other names in its own way: offsets the wrong way round, `CET` without summer time.
function isSameEverywhere(timeZone = 'UTC'): boolean {
  return timeZone === 'UTC' || /^[A-Z]\w+\/[\w/+-]+$/.test(timeZone);
}

function textOf(row: unknown, name: string): string {
  const value = field(row, name);
  return typeof value === 'string' ? value : '';
}

/** 0 for null. */
function numberOf(row: unknown, name: string): number {
  return Number(field(row, name));
}
