import { systemClock } from './clock';

/** How often is looked for trips that take too long, in parts of the limit. */
const LOOKS = 8;

interface Trip {
  /** The number of the look before which it began. */
  readonly look: number;
  readonly reject: (error: Error) => void;
}

/**
 * Gives trips up that take longer than so many milliseconds of real time, or up to an eighth more. There is one timer for all of
 * them, as one each would cost more than the trip, and none while nothing is under way for long.
 */
export class TimeLimit {
  readonly #timeoutMs: number;
  readonly #name: string;
  /** In the order of their beginnings. */
  readonly #underWay: Set<Trip> = new Set();
  #look = 0;
  #isLooking = false;

  /** `Infinity` for no limit. `name` begins the message, e.g. `The usage log`. */
  constructor(timeoutMs: number, name: string) {
    this.#timeoutMs = timeoutMs;
    this.#name = name;
  }

  /** The work's own outcome, or a rejection when it takes too long. */
  within<T>(work: Promise<T>): Promise<T> {
    if (this.#timeoutMs === Infinity) return work;
    return new Promise((resolve, reject) => {
      const trip: Trip = { look: this.#look, reject };
      this.#underWay.add(trip);
      work.then(
        (answer) => {
          this.#underWay.delete(trip);
          resolve(answer);
        },
        (error: unknown) => {
          this.#underWay.delete(trip);
          reject(error as Error);
        },
      );
      if (!this.#isLooking) void this.#watch();
    });
  }

  async #watch(): Promise<void> {
    this.#isLooking = true;
    while (this.#underWay.size > 0) {
      await systemClock.sleep(this.#timeoutMs / LOOKS, undefined, true);
      this.#look++;
      for (const trip of this.#underWay) {
        if (this.#look - trip.look <= LOOKS) break;
        this.#underWay.delete(trip);
        trip.reject(new Error(`${this.#name} did not answer within ${this.#timeoutMs} ms.`));
      }
    }
    this.#isLooking = false;
  }
}
