import type { Clock } from '../clock';
import { random } from '../id';
import type { LimitKind, LimitSnapshot } from '../limit/rate-limiter';
import type { SharedChange, SharedDemand, SharedGrant, SharedLimits, SharedNeed, SharedState } from '../limit/shared-limits';
import type { Connection } from './connection';
import { numberIn, type Query } from './database';
import { SlidingCounters } from './limit-counters';
import { NEVER } from './moving-sum';
import { Providers } from './providers';
import { gateOf, gateOfProvider, Running } from './running';
import type { TransactionPart, Transactions } from './transactions';

/** So many steps pay for one look at what can be deleted. */
const STEPS_PER_SWEEP = 128;
/** SQLite tells the time to the millisecond. */
const ENGINE_RESOLUTION_MS = 1;

type Actual = NonNullable<SharedChange['actual']>;

/** The counters of rate limits in a SQLite file, for all processes that share it. */
export class SqliteLimits implements SharedLimits, TransactionPart {
  readonly #transactions: Transactions;
  readonly #clock: Clock | undefined;
  readonly #windows: SlidingCounters;
  readonly #running: Running;
  readonly #providers: Providers;
  readonly #engineNow: Query;
  /** One instant for all steps of a transaction. */
  #instant: number | undefined;
  #untilSweep: number = Math.ceil(random() * STEPS_PER_SWEEP);

  constructor(connection: Connection, transactions: Transactions, clock: Clock | undefined) {
    this.#transactions = transactions;
    this.#clock = clock;
    this.#windows = new SlidingCounters(connection, clock === undefined ? ENGINE_RESOLUTION_MS : (clock.resolutionMs ?? 0));
    this.#running = new Running(connection);
    this.#providers = new Providers(connection);
    // In whole milliseconds, in every version of SQLite.
    this.#engineNow = connection.query("SELECT ROUND(julianday('now') * 86400000.0) - 210866760000000.0 AS now");
    transactions.add(this);
  }

  take(demands: readonly SharedDemand[]): Promise<readonly SharedGrant[]> {
    return this.#transactions.write(() => demands.map((demand) => this.#take(demand)));
  }

  change(changes: readonly SharedChange[]): Promise<void> {
    return this.#transactions.write(() => {
      for (const change of changes) this.#change(change);
    });
  }

  learn(snapshots: readonly LimitSnapshot[]): Promise<void> {
    return this.#transactions.write(() => {
      for (const snapshot of snapshots) this.#learn(snapshot);
    });
  }

  look(demand: SharedDemand): Promise<readonly SharedState[]> {
    return this.#transactions.read(() => this.#look(demand));
  }

  /** Of a transaction. */
  begin(): void {
    this.#instant = undefined;
    this.#windows.begin();
    this.#running.begin();
    this.#providers.begin();
  }

  flush(): void {
    if (this.#instant === undefined) return;
    this.#windows.flush();
    this.#providers.flush(this.#instant);
    if (this.#untilSweep > 0) return;
    this.#untilSweep = STEPS_PER_SWEEP;
    this.#windows.sweep(this.#instant);
    this.#running.sweep(this.#instant);
    this.#providers.sweep(this.#instant);
  }

  #take(demand: SharedDemand): SharedGrant {
    const now = this.#now();
    this.#untilSweep--;
    const { needs, provider, leaseMs } = demand;
    if (this.#running.find(demand.id, now) !== undefined) return { granted: true };
    for (const [stop, need] of needs.entries()) {
      const retryInMs = this.#roomAt(need, now) - now;
      if (retryInMs > 0) return { granted: false, stop, retryInMs };
    }
    if (provider) {
      const retryInMs = this.#providers.waitMs(provider.name, provider.amounts, now);
      if (retryInMs > 0) return { granted: false, stop: 'provider', retryInMs };
      this.#providers.take(provider.name, provider.amounts, now);
    }
    const endsAt = now + leaseMs;
    for (const need of needs) if (need.type === 'window') this.#windows.at(need, now).add(endsAt, need.amount);
    this.#running.put(demand, endsAt);
    return { granted: true };
  }

  #change({ demand, begun, released, actual = {} }: SharedChange): void {
    const now = this.#now();
    this.#untilSweep--;
    const attempt = this.#running.find(demand.id, now);
    if (attempt === undefined) return;
    const { countsFrom, endsAt } = attempt;
    const hadBegun = countsFrom < endsAt;
    const hasBegun = hadBegun || begun;
    for (const need of demand.needs) {
      if (need.type !== 'window') continue;
      const window = this.#windows.at(need, now);
      const used = released && hasBegun ? usedOf(actual, need.kind, need.amount) : need.amount;
      if (hadBegun) window.sum.change(countsFrom, used - need.amount);
      else if (begun || released) {
        window.sum.change(countsFrom, -need.amount);
        if (begun) window.add(now, used);
      }
    }
    if (!released) {
      if (begun && !hadBegun) this.#running.depart(attempt, now);
      return;
    }
    this.#running.remove(demand);
    if (!demand.provider) return;
    const used = (kind: LimitKind, amount: number): number => (hasBegun ? usedOf(actual, kind, amount) : 0);
    this.#providers.correct(demand.provider.name, demand.provider.amounts, used, now);
  }

  #learn(snapshot: LimitSnapshot): void {
    const now = this.#now();
    this.#providers.learn(snapshot, () => this.#running.at(gateOfProvider(snapshot.provider), now).count === 0, now);
  }

  #look({ needs, provider }: SharedDemand): readonly SharedState[] {
    const now = this.#now();
    const states: SharedState[] = needs.map((need, of) => ({
      of,
      used: need.type === 'window' ? this.#windows.at(need, now).sum.total : this.#running.at(gateOf(need.key), now).count,
      roomInMs: this.#roomAt(need, now) - now,
    }));
    const known = provider && this.#providers.look(provider.name, provider.amounts, now);
    if (known === undefined) return states;
    states.push({ of: 'pause', used: 0, roomInMs: known.pauseMs });
    for (const { kind, windowMs, max, used, roomInMs } of known.buckets)
      states.push({ of: { kind, windowMs, max }, used, roomInMs });
    return states;
  }

  /** When there may be room: `now` if there is. */
  #roomAt(need: SharedNeed, now: number): number {
    if (need.type === 'window') return this.#windows.roomAt(need, now);
    const { count, soonest } = this.#running.at(gateOf(need.key), now);
    if (count < need.max) return now;
    // Several would have to end, or nobody can.
    return count > need.max || soonest === NEVER ? Infinity : soonest;
  }

  #now(): number {
    if (this.#instant === undefined) {
      this.#instant = this.#clock === undefined ? numberIn(this.#engineNow.first() ?? {}, 'now') : this.#clock.now();
    }
    return this.#instant;
  }
}

function usedOf(actual: Actual, kind: LimitKind, amount: number): number {
  const used = actual[kind];
  return used !== undefined && used >= 0 && used < Infinity ? used : amount;
}
