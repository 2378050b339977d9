import type { Need } from './constraint';
import type { Slot } from './rate-limiter';
import { validActual } from './shared-demand';
import type { SharedChange, SharedDemand } from './shared-limits';
import type { MemorySlot } from './slot';

/** Whom a slot tells what has become of it. */
export interface SharedSlotOwner {
  onBegun(demand: SharedDemand): void;
  /** `freed` may have room now. */
  onReleased(change: SharedChange, freed: readonly Need[]): void;
}

/** A slot that counts in this process and in the engine. */
export class SharedSlot implements Slot {
  readonly waitedMs: number;
  readonly #owner: SharedSlotOwner;
  readonly #local: MemorySlot;
  readonly #demand: SharedDemand;
  #hasBegun = false;
  #isReleased = false;

  constructor(owner: SharedSlotOwner, local: MemorySlot, demand: SharedDemand, waitedMs: number) {
    this.#owner = owner;
    this.#local = local;
    this.#demand = demand;
    this.waitedMs = waitedMs;
  }

  begin(): void {
    if (this.#hasBegun || this.#isReleased) return;
    this.#hasBegun = true;
    // Nothing else cares when it departs.
    if (this.#demand.needs.some(({ type }) => type === 'window')) this.#owner.onBegun(this.#demand);
    this.#local.begin();
  }

  release(actual?: Parameters<Slot['release']>[0]): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const valid = validActual(actual);
    const change = { demand: this.#demand, begun: this.#hasBegun, released: true, actual: valid };
    // The engine first: whoever goes next here asks it for what was given back.
    this.#owner.onReleased(change, freedBy(this.#local, this.#hasBegun, valid));
    this.#local.release(valid);
  }
}

/** Of what it took, that which is free again at least in part. */
export function freedBy({ needs, amounts }: MemorySlot, hasBegun: boolean, actual: SharedChange['actual']): readonly Need[] {
  return needs.filter(({ kind, type }, index) => {
    const amount = amounts[index] ?? 0;
    if (amount === 0) return false;
    if (!hasBegun || type === 'concurrency') return true;
    return kind === undefined ? actual !== undefined : (actual?.[kind] ?? amount) < amount;
  });
}
