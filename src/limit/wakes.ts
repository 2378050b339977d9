import type { Clock } from '../clock';
import { Alarm } from './alarm';
import type { Constraint } from './constraint';
import { Heap } from './heap';

/** When which constraint may have room by itself. */
export class Wakes {
  readonly #heap: Heap<Constraint> = new Heap((one, other) => one.wakeAt < other.wakeAt);
  readonly #alarm: Alarm;

  constructor(clock: Clock, onDue: () => void) {
    this.#alarm = new Alarm(clock, onDue);
  }

  /** `Infinity` for never. */
  set(constraint: Constraint, at: number): void {
    this.#heap.delete(constraint);
    constraint.wakeAt = at;
    if (at < Infinity) this.#heap.add(constraint);
  }

  /** One that is due, and no longer is. */
  takeDue(now: number): Constraint | undefined {
    const { first } = this.#heap;
    if (first === undefined || first.wakeAt > now) return undefined;
    this.#heap.delete(first);
    return first;
  }

  /** Sets the alarm for whatever comes first, `other` included. */
  arm(other: number, now: number): void {
    this.#alarm.set(Math.min(this.#heap.first?.wakeAt ?? Infinity, other), now);
  }

  disarm(): void {
    this.#alarm.clear();
  }
}
