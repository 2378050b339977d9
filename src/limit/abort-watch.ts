import type { Waiting } from './lane';

/** Listens on the signals of waiting calls: once per signal, as adding a listener costs more the more there are. */
export class AbortWatch {
  readonly #watched: Map<EventTarget, Waiting | Set<Waiting>> = new Map();
  readonly #onAbort: (waiting: Waiting) => void;

  constructor(onAbort: (waiting: Waiting) => void) {
    this.#onAbort = onAbort;
  }

  add(waiting: Waiting): void {
    const { signal } = waiting;
    if (signal === undefined) return;
    const others = this.#watched.get(signal);
    if (others === undefined) {
      this.#watched.set(signal, waiting);
      signal.addEventListener('abort', this.#listener, ONCE);
    } else if (others instanceof Set) others.add(waiting);
    else this.#watched.set(signal, new Set([others, waiting]));
  }

  delete(waiting: Waiting): void {
    const { signal } = waiting;
    if (signal === undefined) return;
    const watched = this.#watched.get(signal);
    if (watched instanceof Set) {
      watched.delete(waiting);
      if (watched.size > 0) return;
    } else if (watched !== waiting) return;
    this.#watched.delete(signal);
    signal.removeEventListener('abort', this.#listener);
  }

  // One function for all signals: a closure for each would be a third of what a waiting call keeps alive.
  readonly #listener = ({ target }: Event): void => {
    const watched = target === null ? undefined : this.#watched.get(target);
    if (watched === undefined || target === null) return;
    this.#watched.delete(target);
    if (watched instanceof Set) for (const waiting of watched) this.#onAbort(waiting);
    else this.#onAbort(watched);
  };
}

const ONCE = { once: true };
