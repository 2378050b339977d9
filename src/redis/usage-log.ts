import { Coalescer } from '../coalescer';
import { usageSummarizer } from '../usage/summary';
import type { UsageLog, UsageQuery, UsageRecord, UsageSummary } from '../usage/usage-log';
import { numeral, type Engine } from './engine';
import { storedName } from '../stored-name';
import { RECORD, RECORDS_PAGE } from './usage-script';

/** What the log needs besides Redis. */
export interface RedisUsageLogOptions {
  readonly engine: Engine;
  readonly maxRecords: number;
}

/** Keeps the latest records in Redis, and sums them up here, in pages of 1,000. */
export class RedisUsageLog implements UsageLog {
  readonly #engine: Engine;
  readonly #maxRecords: string;
  readonly #records: Coalescer<UsageRecord, true>;
  #latest: Promise<unknown> = Promise.resolve();

  constructor({ engine, maxRecords }: RedisUsageLogOptions) {
    this.#engine = engine;
    this.#maxRecords = numeral(maxRecords);
    this.#records = new Coalescer({ run: (records) => this.#record(records), timeoutMs: Infinity, name: 'Redis usage log' });
  }

  async record(usage: UsageRecord): Promise<void> {
    checkUsage(usage);
    const recorded = this.#records.ask(usage);
    this.#latest = recorded.catch(() => undefined);
    await recorded;
  }

  /** Records that are written meanwhile may be in the sums or not. */
  async summarize(query: UsageQuery): Promise<readonly UsageSummary[]> {
    const summarizer = usageSummarizer(query);
    let [last, score] = ['', numeral(query.from)];
    for (;;) {
      const args = [score, numeral(query.to), last];
      const reply = await this.#engine.run(RECORDS_PAGE, args);
      if (reply.isAtEnd) return summarizer.summaries();
      last = reply.text();
      score = reply.text();
      while (!reply.isAtEnd) {
        const json = reply.text();
        if (json !== '') summarizer.add(JSON.parse(json) as UsageRecord);
      }
    }
  }

  async flush(): Promise<void> {
    // Trips go one after the other, so all before the latest are done with it.
    await this.#latest;
  }

  async close(): Promise<void> {
    await this.flush();
  }

  async #record(records: readonly UsageRecord[]): Promise<readonly true[]> {
    const args = [this.#maxRecords];
    for (const usage of records) args.push(...usageArgs(usage));
    await this.#engine.run(RECORD, args);
    return records.map(() => true);
  }
}

/** Throws a TypeError or a RangeError unless the record can be found again. */
export function checkUsage({ id, at }: UsageRecord): void {
  if (typeof id !== 'string' || id === '') throw new TypeError(`Expected a record's id to be a non-empty string`);
  if (!Number.isFinite(at)) {
    throw new RangeError(`Record "${id}": expected at to be a finite time in epoch milliseconds, got ${String(at)}`);
  }
}

/** The record as the scripts take it. JSON escapes whatever has no bytes. */
export function usageArgs(usage: UsageRecord): readonly [id: string, at: string, json: string] {
  return [storedName(usage.id), numeral(usage.at), JSON.stringify(usage)];
}
