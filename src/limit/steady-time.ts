import type { Clock } from '../clock';

/** The clock's time, except that it never goes back: what happened before a correction of the clock stays in the past. */
export class SteadyTime {
  readonly #clock: Clock;
  #last = -Infinity;
  #ahead = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    const read = this.#clock.now();
    if (read + this.#ahead < this.#last) this.#ahead = this.#last - read;
    return (this.#last = read + this.#ahead);
  }

  /** Of an instant that somebody read from the clock. */
  ofClock(at: number): number {
    return at + this.#ahead;
  }

  toClock(at: number): number {
    return at - this.#ahead;
  }
}
