import { Constraint } from './constraint';
import type { LimitKind } from './rate-limiter';

// Less than this is rounding, not waiting.
const ROUNDING_MS = 1e-6;

/** A limit as Groq computes it: a bucket that holds `max`, refills by `max` per window all the time, and is charged in advance. */
export class RefillBucket extends Constraint {
  readonly kind: LimitKind;
  readonly windowMs: number;
  #level: number;
  #at: number;
  #out = 0;

  constructor(kind: LimitKind, windowMs: number, max: number, now: number) {
    super();
    this.kind = kind;
    this.windowMs = windowMs;
    this.max = max;
    this.#level = max;
    this.#at = now;
  }

  /** What the provider said at `at`. Its word counts alone if `isAlone`, else it can only lower the level. */
  learn(max: number, remaining: number | undefined, isAlone: boolean, at: number, now: number): void {
    this.#refill(now);
    // A new maximum leaves what is used as it is.
    this.#level += max - this.max;
    this.max = max;
    if (remaining === undefined) return;
    const level = Math.min(max, remaining + (Math.max(0, now - at) * max) / this.windowMs);
    this.#level = isAlone ? level : Math.min(this.#level, level);
  }

  /** At least `used` is in use, debt included. */
  lower(used: number, now: number): void {
    this.#refill(now);
    if (used > 0 && used < Infinity) this.#level = Math.min(this.#level, this.max - used);
  }

  override get keepMs(): number {
    return this.windowMs;
  }

  override used(now: number): number {
    this.#refill(now);
    return this.max - this.#level;
  }

  protected override hasRoom(amount: number, _max: number, now: number): boolean {
    this.#refill(now);
    return this.#waitMs(amount) <= ROUNDING_MS;
  }

  protected override roomAt(amount: number, _max: number, now: number): number {
    this.#refill(now);
    // Timers count in whole milliseconds.
    return now + Math.max(1, Math.ceil(this.#waitMs(amount) - ROUNDING_MS));
  }

  override isCertain(): boolean {
    return this.#out === 0;
  }

  override take(amount: number): void {
    this.#level -= amount;
    this.#out++;
  }

  override begin(): number {
    return 0;
  }

  override settle(amount: number, actual: number | undefined, ticket: number | undefined): void {
    this.#out--;
    const used = ticket === undefined ? 0 : (actual ?? amount);
    this.#level = Math.min(this.max, this.#level + amount - used);
  }

  override lapse(): void {
    // Refilled by time alone.
  }

  override isIdle(): boolean {
    return false;
  }

  #waitMs(amount: number): number {
    return ((amount - this.#level) * this.windowMs) / this.max;
  }

  #refill(now: number): void {
    if (now <= this.#at) return;
    this.#level = Math.min(this.max, this.#level + ((now - this.#at) * this.max) / this.windowMs);
    this.#at = now;
  }
}
