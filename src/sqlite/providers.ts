import type { Amounts, LimitKind, LimitSnapshot } from '../limit/rate-limiter';
import type { Connection } from './connection';
import { type Query, textIn } from './database';
import { storedName } from '../stored-name';

/** A learnt limit: holds `max` at most, refills by `max` per window all the time. */
interface Bucket {
  readonly kind: LimitKind;
  readonly windowMs: number;
  max: number;
  level: number;
  /** When the level was right. */
  at: number;
}

/** What is known of one provider's limits. */
interface Provider {
  pausedUntil: number;
  readonly buckets: Bucket[];
}

/** What is known of a provider that nobody has asked for is forgotten after so long; it is learnt again from the next response. */
const KEEP_MS = 7 * 86_400_000;
// Less than this is rounding, not waiting.
const ROUNDING_MS = 1e-6;

/** What the providers' responses have told, as a transaction sees it: each is read once, and written once at the end. */
export class Providers {
  readonly #providers: Map<string, Provider | undefined> = new Map();
  readonly #changed: Map<string, Provider> = new Map();
  readonly #select: Query;
  readonly #write: Query;
  readonly #sweep: Query;

  constructor(connection: Connection) {
    const { providers } = connection.tables;
    this.#select = connection.query(`SELECT state FROM ${providers} WHERE name = ?`);
    this.#write = connection.query(
      `INSERT INTO ${providers} (name, state, kept_until) VALUES (?, ?, ?) ` +
        'ON CONFLICT (name) DO UPDATE SET state = excluded.state, kept_until = excluded.kept_until',
    );
    this.#sweep = connection.query(`DELETE FROM ${providers} WHERE kept_until <= ?`);
  }

  begin(): void {
    this.#providers.clear();
    this.#changed.clear();
  }

  flush(now: number): void {
    for (const [name, provider] of this.#changed) {
      this.#write.run(storedName(name), JSON.stringify(provider), Math.max(now, provider.pausedUntil) + KEEP_MS);
    }
  }

  /** How long until there may be room for the amounts; 0 if there is, `Infinity` if never. */
  waitMs(name: string, amounts: Amounts, now: number): number {
    const provider = this.#find(name);
    if (provider === undefined) return 0;
    let longest = Math.max(0, provider.pausedUntil - now);
    for (const bucket of provider.buckets) longest = Math.max(longest, bucketWaitMs(bucket, amounts[bucket.kind], now));
    return longest;
  }

  take(name: string, amounts: Amounts, now: number): void {
    this.#change(name, (bucket) => {
      refill(bucket, now);
      bucket.level -= amounts[bucket.kind];
    });
  }

  /** Corrects what was taken to what was used. */
  correct(name: string, amounts: Amounts, used: (kind: LimitKind, amount: number) => number, now: number): void {
    this.#change(name, (bucket) => {
      refill(bucket, now);
      const amount = amounts[bucket.kind];
      bucket.level = Math.min(bucket.max, bucket.level + amount - used(bucket.kind, amount));
    });
  }

  /** `isAlone` tells whether nothing of the provider is out; `now` is when the snapshot was received. */
  learn({ provider: name, limits, pauseMs = 0 }: LimitSnapshot, isAlone: () => boolean, now: number): void {
    const provider = this.#find(name) ?? { pausedUntil: 0, buckets: [] };
    this.#providers.set(name, provider);
    this.#changed.set(name, provider);
    provider.pausedUntil = Math.max(provider.pausedUntil, now + pauseMs);
    for (const { kind, windowMs, max, remaining } of limits) {
      // A limit of nothing would refuse every call from here on, and with it whatever could correct it.
      if (!(max >= 1) || !(windowMs > 0) || max === Infinity) continue;
      let bucket = provider.buckets.find((known) => known.kind === kind && known.windowMs === windowMs);
      if (bucket === undefined) provider.buckets.push((bucket = { kind, windowMs, max, level: max, at: now }));
      refill(bucket, now);
      // A new maximum leaves what is used as it is.
      bucket.level += max - bucket.max;
      bucket.max = max;
      if (remaining === undefined || !(remaining >= 0)) continue;
      // What is out was taken with an estimate and is corrected when it ends, so the provider's word on top of it can only be for less.
      bucket.level = isAlone() ? Math.min(max, remaining) : Math.min(bucket.level, remaining);
    }
  }

  /** How its pause and its limits stand; nothing if nothing is known. */
  look(
    name: string,
    amounts: Amounts,
    now: number,
  ): { readonly pauseMs: number; readonly buckets: readonly BucketState[] } | undefined {
    const provider = this.#find(name);
    if (provider === undefined) return undefined;
    const buckets = provider.buckets.map((bucket) => {
      const roomInMs = bucketWaitMs(bucket, amounts[bucket.kind], now);
      refill(bucket, now);
      const { kind, windowMs, max, level } = bucket;
      return { kind, windowMs, max, used: max - level, roomInMs };
    });
    return { pauseMs: Math.max(0, provider.pausedUntil - now), buckets };
  }

  sweep(now: number): void {
    this.#sweep.run(now);
  }

  #change(name: string, change: (bucket: Bucket) => void): void {
    const provider = this.#find(name);
    if (provider === undefined || provider.buckets.length === 0) return;
    provider.buckets.forEach(change);
    this.#changed.set(name, provider);
  }

  #find(name: string): Provider | undefined {
    if (this.#providers.has(name)) return this.#providers.get(name);
    const row = this.#select.first(storedName(name));
    // As `flush` has written it.
    const provider = row && (JSON.parse(textIn(row, 'state')) as Provider);
    this.#providers.set(name, provider);
    return provider;
  }
}

/** One learnt limit as it stands. */
export interface BucketState {
  readonly kind: LimitKind;
  readonly windowMs: number;
  readonly max: number;
  readonly used: number;
  readonly roomInMs: number;
}

function refill(bucket: Bucket, now: number): void {
  if (now <= bucket.at) return;
  bucket.level = Math.min(bucket.max, bucket.level + ((now - bucket.at) * bucket.max) / bucket.windowMs);
  bucket.at = now;
}

/** Timers count in whole milliseconds. */
function bucketWaitMs(bucket: Bucket, amount: number, now: number): number {
  if (amount === 0) return 0;
  if (amount > bucket.max) return Infinity;
  refill(bucket, now);
  return Math.max(0, Math.ceil(((amount - bucket.level) * bucket.windowMs) / bucket.max - ROUNDING_MS));
}
