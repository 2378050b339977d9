import { systemClock, type Clock } from '../clock';
import { checkOptionNames } from '../option-names';
import { LineFile, readLines } from './line-file';
import { RecentIds } from './recent-ids';
import { usageSummarizer } from './summary';
import type { UsageLog, UsageRecord } from './usage-log';

/** A log in a file of JSON lines. */
export interface JsonlUsageLog extends UsageLog {
  /** With `fsync`, resolves when the record is on disk, and rejects if it could not be written yet. Otherwise never waits. */
  record(usage: UsageRecord): void | Promise<void>;
  /** Resolves when all records are in the file; rejects if they cannot be written. They are kept and tried again. */
  flush(): Promise<void>;
  /** Flushes and closes the file. A later record opens it again. */
  close(): Promise<void>;
  /** How many lines the last `summarize` found that are no records: torn by a crash, or foreign. Blank lines do not count. */
  readonly skippedLines: number;
}

/** Where to write, and how durably. */
export interface JsonlUsageLogOptions {
  /** The file. It is created with mode 0600; its directory must exist. */
  readonly path: string;
  /** Wait until the disk has the data (`fdatasync`) before a record counts as written; default `false`. */
  readonly fsync?: boolean;
  /** How long a record may wait in memory for others to be written with it, in milliseconds; default 0. */
  readonly flushMs?: number;
  /** For `flushMs`; default the machine's. */
  readonly clock?: Clock;
}

/**
 * A usage log that appends one line of JSON per record to a file. Several processes may append to the same file. Records
 * are written in batches in the background: a failed write shows in `flush()`, and its records are written again with
 * the next one. `summarize` reads the whole file in bounded memory, except for the ids of the calls in the range: for
 * more than some millions of calls use a database. Throws a TypeError if an option is wrong.
 */
export function jsonlUsageLog(target: string | JsonlUsageLogOptions): JsonlUsageLog {
  const options: JsonlUsageLogOptions = typeof target === 'string' ? { path: target } : target;
  checkOptionNames('jsonlUsageLog', options, ['path', 'fsync', 'flushMs', 'clock']);
  const { path, fsync = false, flushMs = 0, clock = systemClock } = options;
  if (typeof path !== 'string' || path === '')
    throw new TypeError(
      `jsonlUsageLog: expected the path of a file, e.g. 'usage.jsonl', got ${path === '' ? 'no text' : typeof path}`,
    );
  const file = new LineFile({ path, fsync, flushMs, clock });
  const ids = new RecentIds(10_000);
  let skippedLines = 0;

  return {
    get skippedLines() {
      return skippedLines;
    },
    record(usage) {
      const line = lineOf(usage);
      if (ids.add(usage.id)) file.add(line);
      return fsync ? file.written() : undefined;
    },
    async summarize(query) {
      await file.flush();
      const summarizer = usageSummarizer(query);
      const seen = new Set<string>();
      let skipped = 0;
      for await (const lines of readLines(path)) {
        for (const line of lines) {
          if (line === '') continue;
          const record = recordOf(line);
          if (record === undefined) skipped++;
          else if (record.at >= query.from && record.at < query.to && !seen.has(record.id)) {
            seen.add(record.id);
            summarizer.add(record);
          }
        }
      }
      skippedLines = skipped;
      return summarizer.summaries();
    },
    flush: () => file.flush(),
    close: () => file.close(),
  };
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isTime: Check = (value) => Number.isFinite(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isTags: Check = (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

/** Every field of a record. No other is written: an object may carry more than its type says. */
const fields = Object.entries({
  id: isText,
  at: isTime,
  team: isText,
  user: optional(isText),
  tags: optional(isTags),
  keyId: optional(isText),
  operation: isText,
  model: isText,
  promptTokens: isCount,
  cachedTokens: isCount,
  completionTokens: isCount,
  reasoningTokens: isCount,
  costNanos: isCount,
  accuracy: optional(isText),
  priceVersion: optional(isText),
  attempts: optional(isCount),
  waitMs: optional(isTime),
  latencyMs: optional(isTime),
  outcome: isText,
  code: optional(isText),
  overrunNanos: optional(isCount),
  ungoverned: optional(isFlag),
} satisfies Record<keyof UsageRecord, Check>);

/** Throws a `TypeError` on a record that could not be read back: better than to lose it silently. */
function lineOf(record: UsageRecord): string {
  const line: Record<string, unknown> = {};
  for (const [name, check] of fields) {
    const value: unknown = record[name as keyof UsageRecord];
    if (!check(value)) throw new TypeError(`Cannot log the usage of call "${record.id}": its ${name} is missing or malformed`);
    if (value !== undefined) line[name] = value;
  }
  return JSON.stringify(line);
}

function recordOf(line: string): UsageRecord | undefined {
  let values: unknown;
  try {
    values = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof values !== 'object' || values === null) return undefined;
  const record = values as Readonly<Record<string, unknown>>;
  const isRecord = fields.every(([name, check]) => check(Object.hasOwn(record, name) ? record[name] : undefined));
  return isRecord ? (values as UsageRecord) : undefined;
}
