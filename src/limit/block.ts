import { random } from '../id';

// How long it takes until it is worth asking again for what only others can give back: each time twice as long, up to the last.
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 250;
// Others may give something back at any time, so nobody relies on a longer wait than this.
const LONGEST_WAIT_MS = 1000;
// Several processes wait for the same instant; a little chance keeps one of them from always being the first.
const MOST_JITTER_MS = 10;
const JITTER_SHARE = 100;
// Whoever has had its share leaves what becomes free to others for so long, in which those who poll do so at least once.
const GATE_YIELD_MS = 60;
const RIVAL_POLL_MS = 40;
// So many asks at once and more are as good as any number.
const MANY = 64;

/**
 * Holds demands back from a constraint that an engine has found full: until it is worth asking again, and then lets one ask, two
 * after that one was granted, four after those, so that a queue does not ask in vain all at once. Leaves others what they have
 * not had yet.
 */
export class Block {
  /** When there will be room, as far as the engine knows. */
  expectedAt: number = -Infinity;
  readonly #windowMs: number;
  #closedUntil = -Infinity;
  #yieldsFrom = -Infinity;
  #yieldsUntil = -Infinity;
  #rivals = 0;
  #allowed = 1;
  #asking = 0;
  #pollMs = FIRST_POLL_MS;

  /** `windowMs` is 0 for what only releases free. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** When one may ask again, as far as this goes; now or earlier if one may now. */
  reopensAt(now: number): number {
    return now < this.#yieldsFrom ? this.#closedUntil : Math.max(this.#closedUntil, this.#yieldsUntil);
  }

  /** How many other processes wait for the same. */
  get rivals(): number {
    return this.#rivals;
  }

  set rivals(rivals: number) {
    this.#rivals = rivals;
    if (rivals === 0) this.#yieldsUntil = -Infinity;
  }

  /** Whether one more may ask. */
  isOpen(now: number): boolean {
    return now >= this.reopensAt(now) && this.#asking < this.#allowed;
  }

  /** Whether all who may ask are asking. */
  get isBusy(): boolean {
    return this.#asking >= this.#allowed;
  }

  get isAsking(): boolean {
    return this.#asking > 0;
  }

  /** To be followed by `answered`. */
  ask(): void {
    this.#asking++;
  }

  answered(granted: boolean): void {
    this.#asking--;
    if (!granted) return;
    this.expectedAt = -Infinity;
    this.#pollMs = FIRST_POLL_MS;
    this.#allowed *= 2;
  }

  /** Whether it holds nobody back any more. */
  get isOver(): boolean {
    return this.#allowed > MANY && this.#rivals === 0;
  }

  /** The engine has no room for `retryInMs`. */
  close(now: number, retryInMs: number): void {
    // What was asked for together is refused together, and says nothing new.
    if (now < this.#closedUntil) return;
    this.#allowed = 1;
    this.expectedAt = now + retryInMs;
    if (retryInMs === Infinity) {
      this.#closedUntil = now + Math.ceil(this.#pollMs * (0.5 + random() / 2));
      this.#pollMs = Math.min(this.#rivals > 0 ? RIVAL_POLL_MS : LAST_POLL_MS, this.#pollMs * 2);
    } else this.#closedUntil = now + Math.min(LONGEST_WAIT_MS, retryInMs) + this.#jitterMs();
  }

  /** Something was given back that may have made room. */
  open(now: number): void {
    this.#pollMs = FIRST_POLL_MS;
    if (now < this.#closedUntil) this.#closedUntil = this.expectedAt = now;
  }

  /** There will be room at `at`, of which this process deserves so much of what it asks for, from 0 to 1. */
  yield(at: number, deserved: number): void {
    if (this.#rivals === 0 || (at >= this.#yieldsFrom && at <= this.#yieldsUntil)) return;
    this.#allowed = 1;
    const longMs = this.#windowMs === 0 ? GATE_YIELD_MS : 2 * this.#mostJitterMs + 1;
    this.#yieldsFrom = at;
    this.#yieldsUntil = at + (random() < deserved ? this.#jitterMs() : longMs);
  }

  get #mostJitterMs(): number {
    return Math.floor(Math.min(MOST_JITTER_MS, this.#windowMs / JITTER_SHARE));
  }

  #jitterMs(): number {
    return Math.floor(random() * (this.#mostJitterMs + 1));
  }
}
