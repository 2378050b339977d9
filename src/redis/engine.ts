import type { Send } from './client';
import { storedName } from '../stored-name';
import { TimeLimit } from '../time-limit';
import { Reply, type Script } from './script';

/** One Redis, and the part of it that one backend has for itself. */
export class Engine {
  readonly #send: Send;
  readonly #root: string;
  readonly #limit: TimeLimit;

  constructor(send: Send, prefix: string, limit: TimeLimit = new TimeLimit(Infinity, 'Redis')) {
    this.#send = send;
    this.#limit = limit;
    // Only what is in braces decides on a cluster's slot, so all keys are in the same.
    this.#root = `{${storedName(prefix)}}`;
  }

  async run(script: Script, args: readonly string[]): Promise<Reply> {
    return new Reply(await this.#limit.within(script.run(this.#send, this.#root, args)));
  }
}

/** A time to live in whole milliseconds, as an argument; 300 years at most. */
export function keepMs(ms: number): string {
  return String(Math.min(Math.max(1, Math.ceil(ms)), LONGEST_MS));
}

/** A time or an amount as an argument, in all its digits. */
export function numeral(value: number): string {
  if (value === Infinity) return 'inf';
  return value === -Infinity ? '-inf' : String(value);
}

/** The same, `''` if there is none. */
export function optional(value: number | undefined): string {
  return value === undefined ? '' : numeral(value);
}

// Redis refuses what does not fit with today's date into 64 bits.
const LONGEST_MS = 1e13;
