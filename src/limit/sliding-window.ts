import { Constraint } from './constraint';

// Up to here every departure is remembered by itself.
const EXACT_ENTRIES = 2048;
// Beyond, departures of the same slice are remembered together, as if all had left with the last.
const SLICES = 1024;

/** Never more than the maximum in any half-open window of `windowMs`. What has not departed yet counts, and does not expire. */
export class SlidingWindow extends Constraint {
  /** Longer than `windowMs` by what the clock's readings can be off. */
  #spanMs = 0;
  #windowMs = 0;
  // A ring of departures, oldest first; `#head` and `#tail` count up for ever and are the tickets.
  #at: number[] = [0, 0, 0, 0];
  #amount: number[] = [0, 0, 0, 0];
  #head = 0;
  #tail = 0;
  #departed = 0;
  #pending = 0;
  #pendingCount = 0;
  // Departed, not ended: these may still give something back.
  #running = 0;

  constructor(windowMs: number, resolutionMs: number) {
    super();
    this.resize(windowMs, resolutionMs);
  }

  resize(windowMs: number, resolutionMs: number): void {
    this.#windowMs = windowMs;
    this.#spanMs = windowMs + resolutionMs;
  }

  override get keepMs(): number {
    return this.#windowMs;
  }

  override used(now: number): number {
    this.#expire(now);
    return this.#departed + this.#pending;
  }

  protected override hasRoom(amount: number, max: number, now: number): boolean {
    this.#expire(now);
    return this.#departed + this.#pending + amount <= max;
  }

  protected override roomAt(amount: number, max: number, now: number): number {
    let excess = this.used(now) + amount - max;
    for (let ticket = this.#head; ticket < this.#tail; ticket++) {
      const index = ticket & (this.#at.length - 1);
      excess -= this.#amount[index] ?? 0;
      if (excess <= 0) return (this.#at[index] ?? 0) + this.#spanMs;
    }
    return Infinity;
  }

  override isCertain(): boolean {
    return this.#pendingCount === 0 && this.#running === 0;
  }

  override take(amount: number): void {
    this.#pending += amount;
    this.#pendingCount++;
  }

  override begin(amount: number, now: number): number {
    this.#unpend(amount);
    this.#running++;
    this.#departed += amount;
    return this.#append(amount, now);
  }

  override settle(amount: number, actual: number | undefined, ticket: number | undefined): void {
    if (ticket === undefined) {
      this.#unpend(amount);
      return;
    }
    this.#running--;
    if (actual === undefined || ticket < this.#head) return;
    const index = ticket & (this.#at.length - 1);
    this.#amount[index] = (this.#amount[index] ?? 0) + actual - amount;
    this.#departed += actual - amount;
  }

  override lapse(): void {
    // What was taken stays taken until it leaves the window.
  }

  override isIdle(now: number): boolean {
    this.#expire(now);
    return this.#head === this.#tail && this.#pendingCount === 0 && this.isUnattended;
  }

  #unpend(amount: number): void {
    // Sums of fractions drift; an empty sum is 0.
    this.#pending = --this.#pendingCount === 0 ? 0 : this.#pending - amount;
  }

  #expire(now: number): void {
    while (this.#head < this.#tail) {
      const index = this.#head & (this.#at.length - 1);
      if (now - (this.#at[index] ?? 0) < this.#spanMs) return;
      this.#departed -= this.#amount[index] ?? 0;
      if (++this.#head === this.#tail) this.#departed = 0;
    }
  }

  #append(amount: number, now: number): number {
    const size = this.#tail - this.#head;
    const last = (this.#tail - 1) & (this.#at.length - 1);
    if (size > 0 && this.#joins(this.#at[last] ?? 0, now, size)) {
      this.#at[last] = now;
      this.#amount[last] = (this.#amount[last] ?? 0) + amount;
      return this.#tail - 1;
    }
    if (size === this.#at.length) this.#grow();
    const index = this.#tail & (this.#at.length - 1);
    this.#at[index] = now;
    this.#amount[index] = amount;
    return this.#tail++;
  }

  #joins(last: number, now: number, size: number): boolean {
    if (last === now) return true;
    const sliceMs = this.#windowMs / SLICES;
    return size >= EXACT_ENTRIES && Math.floor(last / sliceMs) === Math.floor(now / sliceMs);
  }

  #grow(): void {
    const length = this.#at.length * 2;
    const at = Array.from({ length }, () => 0);
    const amount = Array.from({ length }, () => 0);
    for (let ticket = this.#head; ticket < this.#tail; ticket++) {
      at[ticket & (length - 1)] = this.#at[ticket & (this.#at.length - 1)] ?? 0;
      amount[ticket & (length - 1)] = this.#amount[ticket & (this.#at.length - 1)] ?? 0;
    }
    this.#at = at;
    this.#amount = amount;
  }
}
