import type { Clock } from '../../src/clock';
import type { LimitKind, LimitSnapshot } from '../../src/limit/rate-limiter';
import type {
  SharedChange,
  SharedDemand,
  SharedGrant,
  SharedLimits,
  SharedNeed,
  SharedState,
} from '../../src/limit/shared-limits';

/** One demand that was taken. What it counts for is worked out from these facts whenever somebody asks. */
interface Taken {
  readonly demand: SharedDemand;
  readonly leaseEndsAt: number;
  begunAt: number | undefined;
  releasedAt: number | undefined;
  actual: SharedChange['actual'];
}

interface Bucket {
  readonly kind: LimitKind;
  readonly windowMs: number;
  max: number;
  level: number;
  /** When the level was right. */
  at: number;
}

interface Provider {
  pausedUntil: number;
  readonly buckets: Bucket[];
}

/** Engine counters in this process's memory, as plain as can be: the reference that engines are compared with. */
export class MemorySharedLimits implements SharedLimits {
  readonly #clock: Clock;
  readonly #taken: Map<string, Taken> = new Map();
  readonly #byKey: Map<string, Taken[]> = new Map();
  readonly #providers: Map<string, Provider> = new Map();

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  async take(demands: readonly SharedDemand[]): Promise<readonly SharedGrant[]> {
    return demands.map((demand) => this.#take(demand, this.#clock.now()));
  }

  async change(changes: readonly SharedChange[]): Promise<void> {
    for (const change of changes) this.#change(change, this.#clock.now());
  }

  async learn(snapshots: readonly LimitSnapshot[]): Promise<void> {
    for (const snapshot of snapshots) this.#learn(snapshot, this.#clock.now());
  }

  async look(demand: SharedDemand): Promise<readonly SharedState[]> {
    const now = this.#clock.now();
    const states: SharedState[] = demand.needs.map((need, index) => ({
      of: index,
      used: this.#used(need, now),
      roomInMs: this.#roomAt(need, now) - now,
    }));
    const provider = demand.provider && this.#providers.get(demand.provider.name);
    if (!demand.provider || !provider) return states;
    states.push({ of: 'pause', used: 0, roomInMs: Math.max(0, provider.pausedUntil - now) });
    for (const bucket of provider.buckets) {
      const { kind, windowMs, max } = bucket;
      refill(bucket, now);
      const roomInMs = bucketWaitMs(bucket, demand.provider.amounts[kind], now);
      states.push({ of: { kind, windowMs, max }, used: max - bucket.level, roomInMs });
    }
    return states;
  }

  #take(demand: SharedDemand, now: number): SharedGrant {
    if (this.#isTaken(demand.id, now)) return { granted: true };
    for (const [stop, need] of demand.needs.entries()) {
      const at = this.#roomAt(need, now);
      if (at > now) return { granted: false, stop, retryInMs: at - now };
    }
    const provider = demand.provider && this.#provider(demand.provider.name);
    if (demand.provider && provider) {
      const { amounts } = demand.provider;
      const waits = provider.buckets.map((bucket) => bucketWaitMs(bucket, amounts[bucket.kind], now));
      const retryInMs = Math.max(provider.pausedUntil - now, ...waits);
      if (retryInMs > 0) return { granted: false, stop: 'provider', retryInMs };
      for (const bucket of provider.buckets) bucket.level -= amounts[bucket.kind];
    }
    const leaseEndsAt = now + demand.leaseMs;
    const taken: Taken = { demand, leaseEndsAt, begunAt: undefined, releasedAt: undefined, actual: undefined };
    this.#taken.set(demand.id, taken);
    for (const key of new Set(demand.needs.map(keyOf))) this.#countedBy(key).push(taken);
    if (demand.provider) this.#countedBy(providerKey(demand.provider.name)).push(taken);
    return { granted: true };
  }

  #change({ demand: { id }, begun, released, actual }: SharedChange, now: number): void {
    const taken = this.#taken.get(id);
    if (taken === undefined || !this.#isTaken(id, now)) return;
    if (begun) taken.begunAt ??= now;
    if (!released) return;
    taken.releasedAt = now;
    taken.actual = actual;
    if (!taken.demand.provider) return;
    const { name, amounts } = taken.demand.provider;
    for (const bucket of this.#provider(name).buckets) {
      refill(bucket, now);
      const amount = amounts[bucket.kind];
      const used = taken.begunAt === undefined ? 0 : (actual?.[bucket.kind] ?? amount);
      bucket.level = Math.min(bucket.max, bucket.level + amount - used);
    }
  }

  #learn(snapshot: LimitSnapshot, now: number): void {
    const provider = this.#provider(snapshot.provider);
    const { pauseMs = 0 } = snapshot;
    provider.pausedUntil = Math.max(provider.pausedUntil, now + pauseMs);
    const key = providerKey(snapshot.provider);
    const running = this.#countedBy(key).filter(({ demand }) => this.#isTaken(demand.id, now));
    this.#byKey.set(key, running);
    for (const { kind, windowMs, max, remaining } of snapshot.limits) {
      let bucket = provider.buckets.find((known) => known.kind === kind && known.windowMs === windowMs);
      if (bucket === undefined) provider.buckets.push((bucket = { kind, windowMs, max, level: max, at: now }));
      refill(bucket, now);
      bucket.level += max - bucket.max;
      bucket.max = max;
      if (remaining !== undefined)
        bucket.level = running.length === 0 ? Math.min(max, remaining) : Math.min(bucket.level, remaining);
    }
  }

  #isTaken(id: string, now: number): boolean {
    const taken = this.#taken.get(id);
    return taken !== undefined && taken.releasedAt === undefined && now < taken.leaseEndsAt;
  }

  #used(need: SharedNeed, now: number): number {
    return this.#counted(need, now).reduce((sum, { amount }) => sum + amount, 0);
  }

  /** When there may be room: `now` if there is. */
  #roomAt(need: SharedNeed, now: number): number {
    const wanted = need.type === 'window' ? need.amount : 1;
    let excess = this.#used(need, now) + wanted - need.max;
    if (excess <= 0) return now;
    if (need.type === 'concurrency') return Infinity;
    const counted = this.#counted(need, now).sort((one, other) => one.until - other.until);
    for (const { amount, until } of counted) if ((excess -= amount) <= 0) return until;
    return Infinity;
  }

  /** What counts against the need now, and until when if nobody does anything. */
  #counted(need: SharedNeed, now: number): { readonly amount: number; readonly until: number }[] {
    const key = keyOf(need);
    const counted = this.#countedBy(key).flatMap((taken) => {
      const asked = taken.demand.needs.find((other) => keyOf(other) === key);
      const until = asked === undefined ? 0 : countsUntil(taken, need);
      if (asked === undefined || until <= now) return [];
      const amount = asked.type === 'window' ? (taken.actual?.[asked.kind] ?? asked.amount) : 1;
      return [{ taken, amount, until }];
    });
    // What counts no longer will never count again.
    this.#byKey.set(
      key,
      counted.map(({ taken }) => taken),
    );
    return counted;
  }

  #countedBy(key: string): Taken[] {
    let list = this.#byKey.get(key);
    if (list === undefined) this.#byKey.set(key, (list = []));
    return list;
  }

  #provider(name: string): Provider {
    let provider = this.#providers.get(name);
    if (provider === undefined) this.#providers.set(name, (provider = { pausedUntil: 0, buckets: [] }));
    return provider;
  }
}

function countsUntil({ begunAt, releasedAt, leaseEndsAt }: Taken, need: SharedNeed): number {
  if (need.type === 'concurrency') return releasedAt ?? leaseEndsAt;
  if (begunAt !== undefined) return begunAt + need.windowMs;
  return releasedAt ?? leaseEndsAt + need.windowMs;
}

function keyOf({ type, key }: SharedNeed): string {
  return `${type} ${key}`;
}

function providerKey(name: string): string {
  return `provider ${name}`;
}

function refill(bucket: Bucket, now: number): void {
  if (now <= bucket.at) return;
  bucket.level = Math.min(bucket.max, bucket.level + ((now - bucket.at) * bucket.max) / bucket.windowMs);
  bucket.at = now;
}

/** 0 if there is room for `amount`, else whole milliseconds. */
function bucketWaitMs(bucket: Bucket, amount: number, now: number): number {
  if (amount === 0) return 0;
  if (amount > bucket.max) return Infinity;
  refill(bucket, now);
  // A millionth of a millisecond is rounding, not waiting.
  return Math.max(0, Math.ceil(((amount - bucket.level) * bucket.windowMs) / bucket.max - 1e-6));
}
