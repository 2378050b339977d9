import type { Clock } from '../clock';

/** One wait at a time for the instant at which something can happen by itself. */
export class Alarm {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #set: { readonly at: number; readonly stop: AbortController } | undefined;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Sets it for `at` or, if it is set already, earlier. `Infinity` is never. */
  set(at: number, now: number): void {
    if (this.#set !== undefined) {
      // An alarm that is too early finds nothing to do, which is cheaper than setting it again at every turn.
      if (this.#set.at <= at) return;
      this.clear();
    }
    if (at === Infinity) return;
    const alarm = { at, stop: new AbortController() };
    this.#set = alarm;
    this.#clock.sleep(at - now, alarm.stop.signal).then(
      () => {
        if (this.#set !== alarm) return;
        this.#set = undefined;
        this.#onDue();
      },
      () => undefined,
    );
  }

  clear(): void {
    this.#set?.stop.abort();
    this.#set = undefined;
  }
}
