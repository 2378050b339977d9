import { FoldedUsage } from './folded-usage';
import { RecentIds } from './recent-ids';
import { usageSummarizer } from './summary';
import type { UsageLog, UsageRecord } from './usage-log';

/** A log in this process's memory, gone when it ends. */
export interface MemoryUsageLog extends UsageLog {
  /** The latest records, oldest first. A copy. */
  readonly records: readonly UsageRecord[];
  /** Never waits. The record is kept, not copied: do not change it. */
  record(usage: UsageRecord): void;
}

/**
 * A usage log in bounded memory. The latest `maxRecords` (default 1,000) are kept whole. Older ones are added up by
 * quarter of an hour and everything that reports group by; they count in a query if the quarter's start lies in
 * `[from, to)`. So sums stay exact, and only the ends of a range are rounded.
 *
 * At most `maxSums` (default 10,000: about 10 MB, and up to 40 MB if calls differ much in how long they take) such sums are
 * kept apart; beyond, the users, keys and tags of all but the latest half are merged and read `''`, and if that is not enough (with
 * more than some 25 teams and models over three months) its times of day, by UTC. Keep the log elsewhere where that matters. An id is remembered for at least `maxRecords`, and at least 1,000, further records.
 */
export function memoryUsageLog(options: { readonly maxRecords?: number; readonly maxSums?: number } = {}): MemoryUsageLog {
  const { maxRecords = 1_000, maxSums = 10_000 } = options;
  for (const [name, value] of Object.entries({ maxRecords, maxSums })) {
    if (!(value === Infinity || Number.isSafeInteger(value)) || value < 0) {
      throw new RangeError(`memoryUsageLog: ${name} must be a whole number of 0 or more, got ${String(value)}`);
    }
  }
  const ring: UsageRecord[] = [];
  let oldest = 0;
  const ids = new RecentIds(Math.max(maxRecords, 1_000));
  const folded = new FoldedUsage(maxSums);

  return {
    get records() {
      return [...ring.slice(oldest), ...ring.slice(0, oldest)];
    },
    record(usage) {
      if (!ids.add(usage.id)) return;
      if (ring.length < maxRecords) {
        ring.push(usage);
        return;
      }
      const evicted = ring[oldest];
      folded.add(evicted ?? usage);
      if (evicted === undefined) return;
      ring[oldest] = usage;
      oldest = oldest + 1 === maxRecords ? 0 : oldest + 1;
    },
    async summarize(query) {
      const summarizer = usageSummarizer(query);
      folded.each(query.from, query.to, (facets, sums) => summarizer.addSums(facets, sums));
      for (const record of ring) if (record.at >= query.from && record.at < query.to) summarizer.add(record);
      return summarizer.summaries();
    },
  };
}
