import { Coalescer } from '../coalescer';
import { dayLabels, noSums, usageSummarizer, type UsageSums } from '../usage/summary';
import type { GroupBy, UsageLog, UsageQuery, UsageRecord, UsageSummary } from '../usage/usage-log';
import { field, type Database } from './client';
import { restoredName, storedName } from '../stored-name';
import { recordRow } from './record-row';

const QUARTER_HOUR_MS = 900_000;
// Among other parameters that PostgreSQL cannot use.
const UNKNOWN_ZONE = '22023';
// All columns that are summed up, and their names as a result has them. Texts, because clients read large numbers differently.
const SUMS: readonly (readonly [sum: keyof UsageSums, sql: string])[] = [
  ['calls', 'count(*)'],
  ['promptTokens', 'sum(t.prompt_tokens)'],
  ['cachedTokens', 'sum(t.cached_tokens)'],
  ['completionTokens', 'sum(t.completion_tokens)'],
  ['reasoningTokens', 'sum(t.reasoning_tokens)'],
  ['costNanos', 'sum(t.cost_nanos)'],
];
const COLUMNS: Readonly<Record<Exclude<Extract<GroupBy, string>, 'day'>, string>> = {
  team: 't.team',
  user: `coalesce(t."user", '')`,
  key: `coalesce(t.key_id, '')`,
  model: 't.model',
  operation: 't.operation',
};

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
    const { rows, groups } = await this.#sums(query);
    for (const row of rows) {
      const values = groups.map(({ valueOf }, index) => valueOf(textOf(row, `g${index}`)));
      const sums = noSums();
      if (field(row, 'denied') === true) sums.denied = Number(field(row, 'calls'));
      else for (const [sum] of SUMS) sums[sum] = Number(field(row, sum.toLowerCase()));
      summarizer.addGroup(values, restoredName(textOf(row, 'model')), sums);
    }
    return summarizer.summaries();
  }

  async #sums(query: UsageQuery, knowsZone = isSameEverywhere(query.timeZone)): Promise<Sums> {
    const params = [String(query.from), String(query.to)];
    const groups = query.groupBy.map((by) => groupOf(by, query.timeZone, knowsZone, params));
    try {
      return { rows: await this.#database.rows(summarySql(this.#database.schema.identifier, groups), params), groups };
    } catch (error) {
      // Its time zones may be older than the runtime's.
      if (knowsZone && field(error, 'code') === UNKNOWN_ZONE) return this.#sums(query, false);
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

interface Sums {
  readonly rows: readonly unknown[];
  readonly groups: readonly Group[];
}

interface Group {
  readonly sql: string;
  readonly valueOf: (text: string) => string;
}

function summarySql(schema: string, groups: readonly Group[]): string {
  const columns = groups.map(({ sql }, index) => `${sql} AS g${index}, `).join('');
  const sums = SUMS.map(([sum, sql]) => `(${sql})::text AS ${sum.toLowerCase()}`).join(', ');
  const by = groups.map((_, index) => `g${index}, `).join('');
  // A group may be called as a column is, which GROUP BY would prefer; hence the names g0, g1, …
  return (
    `SELECT ${columns}t.model AS model, t.outcome = 'denied' AS denied, ${sums} FROM ${schema}.usage t ` +
    `WHERE t.at >= $1::double precision AND t.at < $2::double precision GROUP BY ${by}t.model, t.outcome = 'denied'`
  );
}

function groupOf(by: GroupBy, timeZone: string | undefined, knowsZone: boolean, params: string[]): Group {
  if (typeof by === 'object') {
    params.push(storedName(by.tag));
    return { sql: `coalesce(t.tags->>$${params.length}::text, '')`, valueOf: restoredName };
  }
  return by === 'day' ? dayOf(timeZone, knowsZone, params) : { sql: COLUMNS[by], valueOf: restoredName };
}

/** Days by the database's own calendar, or labelled here, a quarter of an hour at a time. */
function dayOf(timeZone = 'UTC', knowsZone: boolean, params: string[]): Group {
  if (knowsZone) {
    params.push(timeZone);
    const local = `to_timestamp(t.at / 1000) AT TIME ZONE $${params.length}::text`;
    return { sql: `to_char(${local}, 'YYYY-MM-DD')`, valueOf: (day) => day };
  }
  const label = dayLabels(timeZone);
  return { sql: `floor(t.at / ${QUARTER_HOUR_MS})::text`, valueOf: (quarter) => label(Number(quarter) * QUARTER_HOUR_MS) };
}

// PostgreSQL reads other names in its own way: offsets the wrong way round, `CET` without summer time.
function isSameEverywhere(timeZone = 'UTC'): boolean {
  return timeZone === 'UTC' || /^[A-Z]\w+\/[\w/+-]+$/.test(timeZone);
}

function textOf(row: unknown, name: string): string {
  const value = field(row, name);
  return typeof value === 'string' ? value : '';
}
