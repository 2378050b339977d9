import type { UsageFacets } from './summary';
import { addRecord, addSums, noSums, type UsageSums } from './sums';
import type { UsageRecord } from './usage-log';

// The longest span that no time zone's midnight divides.
const SLOT_MS = 900_000;
const DAY_MS = 86_400_000;

/** The sums of all records that share these facets, by the start of their slot. */
interface Series {
  readonly facets: Omit<UsageFacets, 'at'>;
  readonly slots: Map<number, UsageSums>;
  lastSlot: number;
  lastSums: UsageSums;
}

/** One step of the way from team to tags. */
class Step {
  readonly next = new Map<string, Step>();
  series: Series | undefined;

  to(value: string): Step {
    let step = this.next.get(value);
    if (step === undefined) this.next.set(value, (step = new Step()));
    return step;
  }
}

const startOf = (at: number, spanMs: number): number => Math.floor(at / spanMs) * spanMs;

/**
 * Records summed up by quarter of an hour and all that they can be grouped by. Beyond `maxSums` sums, all but the latest half is
 * summed up further: by quarter of an hour, team, operation and model, and where that is not enough by UTC day.
 */
export class FoldedUsage {
  #root = new Step();
  #all: Series[] = [];
  #size = 0;
  #limit: number;
  readonly #maxSums: number;
  // Views of a client share one tags object.
  readonly #tagKeys = new WeakMap<object, string>();

  constructor(maxSums: number) {
    this.#maxSums = maxSums;
    this.#limit = maxSums;
  }

  add(record: UsageRecord): void {
    addRecord(this.#sums(record, startOf(record.at, SLOT_MS)), record);
    if (this.#size > this.#limit) this.#coarsen();
  }

  /** Calls `visit` with all sums whose slot begins in `[from, to)`. */
  each(from: number, to: number, visit: (facets: UsageFacets, sums: Readonly<UsageSums>) => void): void {
    for (const { facets, slots } of this.#all) {
      for (const [at, sums] of slots) if (at >= from && at < to) visit({ ...facets, at }, sums);
    }
  }

  #sums(facets: Omit<UsageFacets, 'at'>, slot: number): UsageSums {
    const step = this.#root
      .to(facets.team)
      .to(facets.model)
      .to(facets.operation)
      .to(facets.keyId ?? '')
      .to(facets.user ?? '')
      .to(facets.tags === undefined ? '' : this.#tagKey(facets.tags));
    const series = (step.series ??= this.#newSeries(facets));
    if (series.lastSlot === slot) return series.lastSums;
    let sums = series.slots.get(slot);
    if (sums === undefined) {
      series.slots.set(slot, (sums = noSums()));
      this.#size++;
    }
    series.lastSlot = slot;
    series.lastSums = sums;
    return sums;
  }

  #newSeries({ team, model, operation, keyId, user, tags }: Omit<UsageFacets, 'at'>): Series {
    const facets = { team, model, operation, ...(keyId && { keyId }), ...(user && { user }), ...(tags && { tags }) };
    const series: Series = { facets, slots: new Map(), lastSlot: NaN, lastSums: noSums() };
    this.#all.push(series);
    return series;
  }

  #tagKey(tags: Readonly<Record<string, string>>): string {
    let key = this.#tagKeys.get(tags);
    if (key === undefined) {
      const entries = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
      this.#tagKeys.set(tags, (key = entries.length === 0 ? '' : JSON.stringify(entries)));
    }
    return key;
  }

  // Users, keys and tags of the older half go first; where it is long ago, or all is one user's, times of day follow.
  #coarsen(): void {
    const kept = Math.floor(this.#maxSums / 2);
    this.#fold(kept, (slot) => slot);
    if (this.#size > this.#maxSums - kept / 2) this.#fold(kept, (slot) => startOf(slot, DAY_MS));
    // What cannot be merged further must not make every record try it again.
    this.#limit = Math.max(this.#maxSums, this.#size + Math.floor(kept / 2));
  }

  /** Merges all but the latest `kept` sums by slot as given, team, operation and model. */
  #fold(kept: number, slotOf: (slot: number) => number): void {
    const all = this.#all.flatMap(({ facets, slots }) => [...slots].map(([slot, sums]) => ({ facets, slot, sums })));
    all.sort((a, b) => a.slot - b.slot);
    this.#root = new Step();
    this.#all = [];
    this.#size = 0;
    for (const [index, { facets, slot, sums }] of all.entries()) {
      const { team, model, operation } = facets;
      const isOlder = index < all.length - kept;
      addSums(isOlder ? this.#sums({ team, model, operation }, slotOf(slot)) : this.#sums(facets, slot), sums);
    }
  }
}
