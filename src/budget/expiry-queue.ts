/** Something that ends by itself at `expiresAt`, unless it is done before. */
export interface Expiring {
  readonly expiresAt: number;
  readonly isDone: boolean;
}

/** Done items may stay in the queue up to the number of the others and this. */
const SLACK = 64;

/** Hands out items when they have expired, earliest first. Adding costs O(log n) at worst, and O(1) if times only grow. */
export class ExpiryQueue<T extends Expiring> {
  // A binary heap: no item expires before its parent, which is at half its index.
  #heap: T[] = [];
  #done = 0;

  push(item: T): void {
    this.#heap.push(item);
    this.#up(this.#heap.length - 1, item);
  }

  /** Removes and returns an item that is not done and has expired by `at`; undefined if there is none. */
  take(at: number): T | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.expiresAt > at) return undefined;
      const last = this.#heap.pop();
      if (last !== undefined && last !== first) this.#down(0, last);
      if (!first.isDone) return first;
      this.#done--;
    }
  }

  /** To be called once for each item that became done while it was in the queue, so that such items do not pile up. */
  noteDone(): void {
    this.#done++;
    if (this.#done * 2 <= this.#heap.length + SLACK) return;
    this.#done = 0;
    this.#heap = this.#heap.filter((item) => !item.isDone);
    for (let index = (this.#heap.length >>> 1) - 1; index >= 0; index--) {
      const item = this.#heap[index];
      if (item !== undefined) this.#down(index, item);
    }
  }

  #up(from: number, item: T): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >>> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.expiresAt <= item.expiresAt) break;
      this.#heap[index] = parent;
      index = above;
    }
    this.#heap[index] = item;
  }

  #down(from: number, item: T): void {
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      let child = this.#heap[below];
      if (child === undefined) break;
      const other = this.#heap[below + 1];
      if (other !== undefined && other.expiresAt < child.expiresAt) {
        child = other;
        below++;
      }
      if (child.expiresAt >= item.expiresAt) break;
      this.#heap[index] = child;
      index = below;
    }
    this.#heap[index] = item;
  }
}
