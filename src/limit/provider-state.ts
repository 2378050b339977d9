import { Constraint, type Holder } from './constraint';
import { RefillBucket } from './refill-bucket';
import type { LimitKind, LimitSnapshot, ProviderLimit } from './rate-limiter';

/** A provider's pause: nobody starts before it is over. Counts who is out, too. */
export class Pause extends Constraint {
  until: number = -Infinity;
  /** Slots that carry the provider and are not released. */
  inFlight: number = 0;

  override get keepMs(): number {
    return 0;
  }

  override used(): number {
    return 0;
  }

  protected override hasRoom(_amount: number, _max: number, now: number): boolean {
    return now >= this.until;
  }

  protected override roomAt(): number {
    return this.until;
  }

  override isCertain(): boolean {
    return true;
  }

  override take(): void {
    this.inFlight++;
  }

  override begin(): number {
    return 0;
  }

  override settle(_amount: number, _actual: number | undefined, _ticket: number | undefined, holder: Holder): void {
    if (!holder.isLapsed) this.inFlight--;
  }

  override lapse(): void {
    this.inFlight--;
  }

  override isIdle(): boolean {
    return false;
  }
}

/** What is known about one provider's limits. */
export class ProviderState {
  readonly name: string;
  readonly pause: Pause = new Pause();
  /** Grows as limits become known; a new array each time. */
  buckets: readonly RefillBucket[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Returns true if a limit is new or has changed. `at` and `now` are of the steady clock. */
  learn(snapshot: LimitSnapshot, at: number, now: number): boolean {
    let changed = false;
    for (const { kind, windowMs, max, remaining } of snapshot.limits) {
      // A limit of nothing would refuse every call from here on, and with it whatever could correct it.
      if (!(max >= 1) || !(windowMs > 0) || max === Infinity) continue;
      let bucket = this.buckets.find((known) => known.kind === kind && known.windowMs === windowMs);
      changed ||= bucket?.max !== max;
      if (bucket === undefined) {
        bucket = new RefillBucket(kind, windowMs, max, now);
        this.buckets = [...this.buckets, bucket];
      }
      // What is out was taken with an estimate and is corrected when it ends; the provider counted something else for it, so
      // its word on top of that would count the difference twice.
      const isAlone = this.pause.inFlight === 0;
      bucket.learn(max, remaining !== undefined && remaining >= 0 ? remaining : undefined, isAlone, at, now);
    }
    if (snapshot.pauseMs !== undefined) {
      // Whoever says that it was later than now has a clock of its own.
      const until = Math.min(at, now) + snapshot.pauseMs;
      if (until > this.pause.until) this.pause.until = until;
    }
    return changed;
  }

  /** Of one limit, at least `used` is in use. */
  lower({ kind, windowMs }: Pick<ProviderLimit, 'kind' | 'windowMs'>, used: number, now: number): void {
    this.buckets.find((known) => known.kind === kind && known.windowMs === windowMs)?.lower(used, now);
  }

  headroom(kind: LimitKind): number {
    let least = Infinity;
    for (const bucket of this.buckets) if (bucket.kind === kind) least = Math.min(least, bucket.max);
    return least;
  }
}
