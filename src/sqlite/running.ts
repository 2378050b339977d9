import type { SharedDemand } from '../limit/shared-limits';
import type { Connection } from './connection';
import { numberIn, type Query } from './database';
import { NEVER } from './moving-sum';
import { storedName } from '../stored-name';

/** An attempt that is out. */
export interface RunningAttempt {
  readonly id: string;
  readonly endsAt: number;
  /** From when it counts in windows: its departure, or the end of its lease. */
  readonly countsFrom: number;
}

/** How many are out, and when the first lease of them ends. */
export interface Crowd {
  count: number;
  soonest: number;
}

const SWEPT_ATTEMPTS = 512;
/** Where each attempt has a row of its own. */
const ITSELF = '';

/** Which attempts are out: at each gate, at each provider, and by their own ids. Who is not released by the end of its lease is not. */
export class Running {
  readonly #crowds: Map<string, Crowd> = new Map();
  readonly #select: Query;
  readonly #count: Query;
  readonly #put: Query;
  readonly #depart: Query;
  readonly #remove: Query;
  readonly #sweep: Query;

  constructor(connection: Connection) {
    const { attempts } = connection.tables;
    this.#select = connection.query(
      `SELECT ends_at, counts_from FROM ${attempts} WHERE gate = '${ITSELF}' AND id = ? AND ends_at > ?`,
    );
    this.#count = connection.query(
      `SELECT COUNT(*) AS count, MIN(ends_at) AS soonest FROM ${attempts} WHERE gate = ? AND ends_at > ?`,
    );
    // What is there already has outlived its lease.
    this.#put = connection.query(
      `INSERT INTO ${attempts} (gate, id, ends_at, counts_from) VALUES (?, ?, ?, ?) ` +
        'ON CONFLICT (gate, id) DO UPDATE SET ends_at = excluded.ends_at, counts_from = excluded.counts_from',
    );
    this.#depart = connection.query(`UPDATE ${attempts} SET counts_from = ? WHERE gate = '${ITSELF}' AND id = ?`);
    this.#remove = connection.query(`DELETE FROM ${attempts} WHERE gate = ? AND id = ?`);
    this.#sweep = connection.query(
      `DELETE FROM ${attempts} WHERE (gate, id) IN (SELECT gate, id FROM ${attempts} WHERE ends_at <= ? ORDER BY ends_at LIMIT ${SWEPT_ATTEMPTS})`,
    );
  }

  begin(): void {
    this.#crowds.clear();
  }

  find(id: string, now: number): RunningAttempt | undefined {
    const row = this.#select.first(storedName(id), now);
    return row && { id, endsAt: numberIn(row, 'ends_at'), countsFrom: numberIn(row, 'counts_from') };
  }

  /** Those that are out at a gate. */
  at(gate: string, now: number): Readonly<Crowd> {
    let crowd = this.#crowds.get(gate);
    if (crowd === undefined) {
      const row = this.#count.first(gate, now) ?? {};
      const count = numberIn(row, 'count');
      crowd = { count, soonest: count === 0 ? NEVER : numberIn(row, 'soonest') };
      this.#crowds.set(gate, crowd);
    }
    return crowd;
  }

  put(demand: SharedDemand, endsAt: number): void {
    const id = storedName(demand.id);
    for (const gate of [ITSELF, ...gatesOf(demand)]) {
      this.#put.run(gate, id, endsAt, endsAt);
      const crowd = this.#crowds.get(gate);
      if (crowd === undefined) continue;
      crowd.count++;
      crowd.soonest = Math.min(crowd.soonest, endsAt);
    }
  }

  depart({ id }: RunningAttempt, now: number): void {
    this.#depart.run(now, storedName(id));
  }

  remove(demand: SharedDemand): void {
    const id = storedName(demand.id);
    for (const gate of [ITSELF, ...gatesOf(demand)]) {
      this.#remove.run(gate, id);
      this.#crowds.delete(gate);
    }
  }

  sweep(now: number): void {
    this.#sweep.run(now);
  }
}

/** Where those count who need a concurrency limit's key. */
export function gateOf(key: string): string {
  return `c${storedName(key)}`;
}

/** Where those count who carry a provider's name. */
export function gateOfProvider(name: string): string {
  return `p${storedName(name)}`;
}

function gatesOf({ needs, provider }: SharedDemand): Set<string> {
  const gates = new Set<string>();
  for (const need of needs) if (need.type === 'concurrency') gates.add(gateOf(need.key));
  if (provider) gates.add(gateOfProvider(provider.name));
  return gates;
}
