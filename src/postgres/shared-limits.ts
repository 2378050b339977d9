import { systemClock, type Clock } from '../clock';
import type { LimitKind, LimitSnapshot } from '../limit/rate-limiter';
import type { SharedChange, SharedDemand, SharedGrant, SharedLimits, SharedNeed, SharedState } from '../limit/shared-limits';
import type { Database } from './client';
import { storedName } from '../stored-name';
import { list, lists, parsedArray, texts, twinsOf } from './wire';

/** Stands for `Infinity` where PostgreSQL's exact numbers have none. */
const UNLIMITED = 1e30;
/** What is known about a provider is kept for so long at least, and for a window after it was told. */
const PROVIDER_KEPT_MS = 86_400_000;
const KINDS: readonly LimitKind[] = ['requests', 'tokens', 'inputTokens', 'outputTokens', 'audioSeconds'];

/** The counters of rate limits in a PostgreSQL database. By the database's clock, unless `clock` is given. */
export class PostgresSharedLimits implements SharedLimits {
  readonly #database: Database;
  readonly #clock: Clock | undefined;

  constructor(database: Database, clock: Clock | undefined) {
    this.#database = database;
    this.#clock = clock;
  }

  async take(demands: readonly SharedDemand[]): Promise<readonly SharedGrant[]> {
    if (demands.length === 0) return [];
    const ids = demands.map(({ id }) => storedName(id));
    const keys = new Keys();
    const request = {
      ...keys.needsOf(demands),
      now: this.#now(),
      ids: texts(ids),
      leases: list(demands.map(({ leaseMs }) => leaseMs)),
      twins: list(twinsOf(ids)),
      amounts: demands.map(({ provider }) => provider?.amounts ?? null),
      ...keys.lists(),
    };
    const [statuses = [], retries = []] = lists(await this.#database.call('take', JSON.stringify(request)));
    return demands.map((_, index): SharedGrant => {
      const status = statuses[index] ?? 0;
      if (status === 0) return { granted: true };
      return { granted: false, stop: status < 0 ? 'provider' : status - 1, retryInMs: Math.max(1, wholeMs(retries[index])) };
    });
  }

  async change(changes: readonly SharedChange[]): Promise<void> {
    if (changes.length === 0) return;
    const demands = changes.map(({ demand }) => demand);
    const keys = new Keys();
    const actuals = changes.flatMap(({ demand, actual }) =>
      demand.needs.map((need) => (need.type === 'window' ? (valid(actual?.[need.kind]) ?? null) : null)),
    );
    const request = {
      ...keys.needsOf(demands),
      now: this.#now(),
      ids: texts(demands.map(({ id }) => storedName(id))),
      begun: list(changes.map(({ begun }) => begun)),
      released: list(changes.map(({ released }) => released)),
      needActuals: list(actuals),
      amounts: demands.map(({ provider }) => provider?.amounts ?? null),
      actuals: changes.map(({ actual }) => Object.fromEntries(KINDS.map((kind) => [kind, valid(actual?.[kind])]))),
      ...keys.lists(),
    };
    await this.#database.call('change', JSON.stringify(request));
  }

  async learn(snapshots: readonly LimitSnapshot[]): Promise<void> {
    if (snapshots.length === 0) return;
    // Of the time in a snapshot only its age counts, since the clock that it was read from may be wrong.
    const now = (this.#clock ?? systemClock).now();
    const keys = new Keys();
    const request = {
      now: this.#now(),
      snapshots: snapshots.map(({ provider, at, limits, pauseMs = 0 }) => {
        const known = limits.filter(({ max, windowMs }) => max >= 1 && max < Infinity && windowMs > 0);
        const lasting = Math.max(pauseMs, ...known.map(({ windowMs }) => windowMs)) + PROVIDER_KEPT_MS;
        return {
          key: keys.place(`p${provider}`, lasting),
          ageMs: now - at,
          pauseMs,
          lasting,
          limits: known.map(({ kind, windowMs, max, remaining }) => [kind, windowMs, max, valid(remaining) ?? null]),
        };
      }),
    };
    await this.#database.call('learn', JSON.stringify({ ...request, ...keys.lists() }));
  }

  async look(demand: SharedDemand): Promise<readonly SharedState[]> {
    const keys = new Keys();
    const request = {
      ...keys.needsOf([demand]),
      now: this.#now(),
      provider: demand.provider === undefined ? null : keys.place(`p${demand.provider.name}`, 0),
      amounts: demand.provider?.amounts ?? null,
    };
    const rows = parsedArray(await this.#database.call('look', JSON.stringify({ ...request, ...keys.lists() })));
    return rows.map((row, index): SharedState => {
      const [used, roomInMs, kind, windowMs, max] = Array.isArray(row) ? (row as readonly unknown[]) : [];
      const learnt = KINDS.find((each) => each === kind);
      const of =
        learnt !== undefined
          ? { kind: learnt, windowMs: Number(windowMs), max: Number(max) }
          : index < demand.needs.length
            ? index
            : 'pause';
      return { of, used: Number(used), roomInMs: wholeMs(Number(roomInMs)) };
    });
  }

  #now(): number | null {
    return this.#clock?.now() ?? null;
  }
}

/** The limits that a trip names, each once, and for how many milliseconds from now each may be needed. */
class Keys {
  readonly #places: Map<string, number> = new Map();
  readonly #lastings: number[] = [];

  /** From 1. */
  place(key: string, lastingMs: number): number {
    let place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, (place = this.#places.size + 1));
    this.#lastings[place - 1] = Math.max(this.#lastings[place - 1] ?? 0, lastingMs);
    return place;
  }

  /** To be asked for when all places have been given. */
  lists(): { readonly keys: string; readonly lastings: string } {
    return { keys: texts([...this.#places.keys()].map(storedName)), lastings: list(this.#lastings) };
  }

  /** The needs of all demands, one after the other. */
  needsOf(demands: readonly SharedDemand[]): Readonly<Record<string, string>> {
    const needs: (SharedNeed & { readonly place: number })[] = [];
    const lasts = demands.map((demand) => {
      for (const need of demand.needs) needs.push({ ...need, place: this.place(keyOf(need), demand.leaseMs + windowOf(need)) });
      return needs.length;
    });
    return {
      lasts: list(lasts),
      needKeys: list(needs.map(({ place }) => place)),
      needWindows: list(needs.map(windowOf)),
      needMaxima: list(needs.map(({ max }) => Math.min(max, UNLIMITED))),
      needAmounts: list(needs.map((need) => (need.type === 'window' ? Math.min(need.amount, UNLIMITED) : 1))),
      providers: list(
        demands.map(({ provider, leaseMs }) =>
          provider === undefined ? 0 : this.place(`p${provider.name}`, leaseMs + PROVIDER_KEPT_MS),
        ),
      ),
    };
  }
}

function keyOf({ type, key }: SharedNeed): string {
  return (type === 'window' ? 'w' : 'c') + key;
}

function windowOf(need: SharedNeed): number {
  return need.type === 'window' ? need.windowMs : 0;
}

function valid(amount: number | undefined): number | undefined {
  return amount !== undefined && amount >= 0 && amount < Infinity ? amount : undefined;
}

// Timers count in whole milliseconds; less than a thousandth of one is rounding.
function wholeMs(ms: number | undefined): number {
  return ms !== undefined && ms > 1e-3 ? Math.ceil(ms - 1e-3) : 0;
}
