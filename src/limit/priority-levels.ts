/** What `PriorityLevels` can hold: a link of a list, so that it can be removed without a search. */
export interface Ranked<Item> {
  readonly priority: number;
  /** Who came first has the lower one. */
  readonly sequence: number;
  /** Kept by the levels. */
  previous: Item | undefined;
  /** Kept by the levels. */
  next: Item | undefined;
}

interface Level<Item> {
  readonly priority: number;
  first: Item;
  last: Item;
  /** The last that was added before others. Those that come back one after the other need no search from here. */
  returned: Item | undefined;
}

/**
 * First in, first out within a priority; the higher priority goes first. Adding and removing cost the same however many wait. What
 * was taken out and comes back finds its old place from the front.
 */
export class PriorityLevels<Item extends Ranked<Item>> {
  // The lowest priority first, none of them empty.
  readonly #levels: Level<Item>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#levels.at(-1)?.first;
  }

  add(item: Item): void {
    this.#size++;
    const index = this.#indexOf(item.priority);
    const level = this.#levels[index];
    if (level?.priority !== item.priority) {
      this.#levels.splice(index, 0, { priority: item.priority, first: item, last: item, returned: undefined });
      return;
    }
    if (item.sequence < level.last.sequence) {
      returnTo(level, item);
      return;
    }
    item.previous = level.last;
    level.last.next = item;
    level.last = item;
  }

  /** The item must be in here. */
  delete(item: Item): void {
    this.#size--;
    const { previous, next } = item;
    if (previous) previous.next = next;
    if (next) next.previous = previous;
    item.previous = item.next = undefined;
    const index = this.#indexOf(item.priority);
    const level = this.#levels[index];
    if (level === undefined) return;
    if (level.returned === item) level.returned = previous;
    if (previous && next) return;
    if (previous) level.last = previous;
    else if (next) level.first = next;
    else this.#levels.splice(index, 1);
  }

  /** In the order in which they would leave. What is yielded may be deleted. */
  *[Symbol.iterator](): Generator<Item, void, undefined> {
    for (const level of this.#levels.toReversed()) {
      for (let item: Item | undefined = level.first; item;) {
        const next: Item | undefined = item.next;
        yield item;
        item = next;
      }
    }
  }

  /** Where the level is, or would be. */
  #indexOf(priority: number): number {
    let low = 0;
    for (let high = this.#levels.length; low < high;) {
      const middle = (low + high) >> 1;
      const level = this.#levels[middle];
      if (level !== undefined && level.priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function returnTo<Item extends Ranked<Item>>(level: Level<Item>, item: Item): void {
  const { returned } = level;
  let after: Item | undefined = returned !== undefined && returned.sequence < item.sequence ? returned : undefined;
  let before: Item | undefined = after === undefined ? level.first : after.next;
  while (before !== undefined && before.sequence < item.sequence) {
    after = before;
    before = before.next;
  }
  item.previous = after;
  item.next = before;
  if (after) after.next = item;
  else level.first = item;
  if (before) before.previous = item;
  level.returned = item;
}
