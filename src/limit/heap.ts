/** What a `Heap` can hold: it remembers its own place, so that it can be removed without a search. */
export interface Heaped {
  /** Kept by the heap; -1 outside of it. An item is in one heap at a time. */
  heapIndex: number;
}

/** A binary heap: the first item in O(1); adding, removing and moving any item in O(log n). */
export class Heap<Item extends Heaped> {
  readonly #items: Item[] = [];
  readonly #before: (one: Item, other: Item) => boolean;

  constructor(before: (one: Item, other: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  /** All items, in no order. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#items.values();
  }

  add(item: Item): void {
    item.heapIndex = this.#items.push(item) - 1;
    this.#rise(item);
  }

  /** Does nothing if the item is in no heap. */
  delete(item: Item): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#put(last, index);
    this.update(last);
  }

  /** To be called when the item's order has changed. */
  update(item: Item): void {
    this.#rise(item);
    this.#sink(item);
  }

  #put(item: Item, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }

  #rise(item: Item): void {
    let index = item.heapIndex;
    while (index > 0) {
      const parent = this.#items[(index - 1) >> 1];
      if (parent === undefined || !this.#before(item, parent)) break;
      const above = parent.heapIndex;
      this.#put(parent, index);
      index = above;
    }
    this.#put(item, index);
  }

  #sink(item: Item): void {
    let index = item.heapIndex;
    for (;;) {
      let child = this.#items[2 * index + 1];
      const right = this.#items[2 * index + 2];
      if (child !== undefined && right !== undefined && this.#before(right, child)) child = right;
      if (child === undefined || !this.#before(child, item)) break;
      const below = child.heapIndex;
      this.#put(child, index);
      index = below;
    }
    this.#put(item, index);
  }
}
