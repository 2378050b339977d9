/** How many bookings are kept one by one; above that, neighbours are merged. */
const EXACT_BOOKINGS = 1_024;
/** Merged bookings are at most this part of the window apart, and so is the time by which one of them leaves late. */
const MERGED_PARTS = 256;
/** Bookings that have left stay this long, if there is room, for a clock that is slow or steps back. */
const KEEP_MS = 3_600_000;

/**
 * What was booked in the last `rollingMs`. A booking counts from its own time until exactly `rollingMs` later; the sums are
 * exact integers. When there are many bookings, those less than 1/256 of the window apart become one at the later time: money
 * may then leave that much late, never early.
 */
export class RollingSum {
  /** May be changed: what has been forgotten under a shorter window does not come back. */
  rollingMs: number;
  // Booking i is the money booked from #from[i] to #to[i]; the spans are in order and do not overlap.
  #from: number[] = [];
  #to: number[] = [];
  #nanos: number[] = [];
  // The bookings from #head on are in the window of the last look, and #sum is theirs.
  #head = 0;
  #sum = 0;

  constructor(rollingMs: number) {
    this.rollingMs = rollingMs;
  }

  /** How many bookings are kept. */
  get length(): number {
    return this.#to.length;
  }

  sumAt(at: number, rollingMs: number = this.rollingMs): number {
    this.#moveEdge(at - rollingMs);
    return this.#sum;
  }

  /** When the oldest money in the window leaves it; if there is none, when money spent now would. */
  resetsAt(at: number, rollingMs: number = this.rollingMs): number {
    this.#moveEdge(at - rollingMs);
    return (this.#to[this.#head] ?? at) + rollingMs;
  }

  add(time: number, nanos: number): void {
    if (nanos === 0) return;
    const index = this.#indexOf(time);
    if ((this.#from[index] ?? Infinity) <= time) {
      this.#change(index, nanos);
      return;
    }
    this.#insert(index, time, nanos);
    if (this.#to.length > EXACT_BOOKINGS) this.#shrink();
  }

  /** Takes back what was added at `time`. Nothing happens if that has been forgotten. */
  remove(time: number, nanos: number): void {
    const index = this.#indexOf(time);
    if (nanos === 0 || !((this.#from[index] ?? Infinity) <= time)) return;
    this.#change(index, -nanos);
    if (this.#nanos[index] !== 0) return;
    this.#from.splice(index, 1);
    this.#to.splice(index, 1);
    this.#nanos.splice(index, 1);
    if (index < this.#head) this.#head--;
  }

  /** The first booking that ends at `time` or later. Almost always time has moved on, and it is the last one or none. */
  #indexOf(time: number): number {
    let low = 0;
    let high = this.#to.length;
    if (high > 0 && (this.#to[high - 1] ?? 0) < time) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#to[middle] ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #change(index: number, nanos: number): void {
    this.#nanos[index] = (this.#nanos[index] ?? 0) + nanos;
    if (index >= this.#head) this.#sum += nanos;
  }

  #insert(index: number, time: number, nanos: number): void {
    if (index === this.#to.length) {
      this.#from.push(time);
      this.#to.push(time);
      this.#nanos.push(nanos);
    } else {
      this.#from.splice(index, 0, time);
      this.#to.splice(index, 0, time);
      this.#nanos.splice(index, 0, nanos);
    }
    if (index < this.#head) this.#head++;
    else this.#sum += nanos;
  }

  /** Money booked at the edge or before has left the window. The edge may move in either direction. */
  #moveEdge(edge: number): void {
    while (this.#head < this.#to.length && (this.#to[this.#head] ?? 0) <= edge) this.#sum -= this.#nanos[this.#head++] ?? 0;
    while (this.#head > 0 && (this.#to[this.#head - 1] ?? 0) > edge) this.#sum += this.#nanos[--this.#head] ?? 0;
  }

  #shrink(): void {
    const latest = this.#to.at(-1) ?? 0;
    this.#dropBefore(latest - this.rollingMs - Math.max(this.rollingMs, KEEP_MS));
    if (this.#to.length > EXACT_BOOKINGS / 2) this.#dropBefore(latest - 2 * this.rollingMs);
    if (this.#to.length > EXACT_BOOKINGS / 2) this.#merge();
  }

  #dropBefore(edge: number): void {
    let count = 0;
    while (count < this.#head && (this.#to[count] ?? 0) <= edge) count++;
    this.#from.splice(0, count);
    this.#to.splice(0, count);
    this.#nanos.splice(0, count);
    this.#head -= count;
  }

  #merge(): void {
    const span = this.rollingMs / MERGED_PARTS;
    const head = this.#head;
    const count = this.#to.length;
    let last = 0;
    for (let index = 1; index < count; index++) {
      const from = this.#from[index] ?? 0;
      const to = this.#to[index] ?? 0;
      const nanos = this.#nanos[index] ?? 0;
      // Nothing that has left the window may come back into it.
      const together = index !== head && Math.floor((this.#from[last] ?? 0) / span) === Math.floor(to / span);
      if (!together) this.#from[++last] = from;
      if (index === head) this.#head = last;
      this.#to[last] = to;
      this.#nanos[last] = (together ? (this.#nanos[last] ?? 0) : 0) + nanos;
    }
    if (head === count) this.#head = last + 1;
    this.#from.length = this.#to.length = this.#nanos.length = last + 1;
  }
}
