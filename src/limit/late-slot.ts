import type { Slot } from './rate-limiter';

/** A slot for an attempt that does not wait for its grant: what happens to it before the grant is told afterwards. */
export class LateSlot implements Slot {
  #granted: Slot | undefined;
  #hasBegun = false;
  #ending: { readonly actual: Parameters<Slot['release']>[0] } | undefined;

  /** There was room at once, so the attempt counts. */
  grant(slot: Slot): void {
    this.#granted = slot;
    if (this.#hasBegun) slot.begin?.();
    if (this.#ending) slot.release(this.#ending.actual);
  }

  begin(): void {
    this.#hasBegun = true;
    this.#granted?.begin?.();
  }

  release(actual?: Parameters<Slot['release']>[0]): void {
    this.#ending ??= { actual };
    this.#granted?.release(actual);
  }
}
