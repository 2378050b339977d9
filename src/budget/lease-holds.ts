import { type Expiring, ExpiryQueue } from './expiry-queue';
import type { LeasePool } from './lease-pool';

/** A call's hold on what is leased. */
export interface LeasedHold extends Expiring {
  readonly id: string;
  readonly expiresAt: number;
  readonly nanos: number;
  readonly pool: LeasePool;
  /** Which of the pool's lapses it was in; undefined while it is live. */
  lapse: number | undefined;
  /** Settled, or forgotten. */
  isDone: boolean;
}

/** How many ids of ended calls are remembered, so that reserving or settling them again changes nothing. */
const REMEMBERED_IDS = 1_024;
/** How many expired holds can be corrected when they are settled after all. */
const REMEMBERED_EXPIRIES = 10_000;

/** The holds of this process's calls, by their ids and by when they expire. */
export class LeasedHolds {
  readonly #open: Map<string, LeasedHold> = new Map();
  readonly #expiries: ExpiryQueue<LeasedHold> = new ExpiryQueue();
  // Two generations of ids: dropping one is cheaper than deleting the oldest id for each new one.
  #ended: Set<string> = new Set();
  #endedBefore: Set<string> = new Set();
  readonly #expired: LeasedHold[] = [];
  #nextExpired = 0;

  add(hold: LeasedHold): void {
    this.#open.set(hold.id, hold);
    this.#expiries.push(hold);
  }

  /** A hold that is live, or has expired and not been settled. */
  find(id: string): LeasedHold | undefined {
    return this.#open.get(id);
  }

  hasEnded(id: string): boolean {
    return this.#ended.has(id) || this.#endedBefore.has(id);
  }

  /** The next hold that has expired by `at`. It stays open until it is settled. */
  takeExpired(at: number): LeasedHold | undefined {
    const hold = this.#expiries.take(at);
    if (hold === undefined) return undefined;
    const oldest = this.#expired[this.#nextExpired];
    this.#expired[this.#nextExpired] = hold;
    this.#nextExpired = (this.#nextExpired + 1) % REMEMBERED_EXPIRIES;
    if (oldest !== undefined && !oldest.isDone) this.#close(oldest);
    return hold;
  }

  /** Forgets the hold and remembers its id. */
  end(hold: LeasedHold): void {
    this.#close(hold);
    if (hold.lapse === undefined) this.#expiries.noteDone();
  }

  #close(hold: LeasedHold): void {
    hold.isDone = true;
    this.#open.delete(hold.id);
    if (this.#ended.add(hold.id).size < REMEMBERED_IDS) return;
    this.#endedBefore = this.#ended;
    this.#ended = new Set();
  }
}
