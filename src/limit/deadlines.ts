import { Heap, type Heaped } from './heap';
import type { Waiting } from './lane';

/** Those who wait equally long at most, in the order in which they came, which is that of their deadlines. */
interface Group extends Heaped {
  readonly maxWaitMs: number;
  first: Waiting | undefined;
  last: Waiting | undefined;
}

/** Who has to leave first if nothing happens. Costs the same however many wait, as most of them wait equally long at most. */
export class Deadlines {
  readonly #groups: Map<number, Group> = new Map();
  readonly #heap: Heap<Group> = new Heap((one, other) => deadlineOf(one) < deadlineOf(other));

  get first(): Waiting | undefined {
    return this.#heap.first?.first;
  }

  /** Ignores who may wait for ever. Whoever is added later has come later, but for a few. */
  add(waiting: Waiting): void {
    const { maxWaitMs } = waiting.demand;
    if (!(maxWaitMs < Infinity)) return;
    const group = this.#groups.get(maxWaitMs);
    if (group?.last === undefined) {
      const created: Group = { heapIndex: -1, maxWaitMs, first: waiting, last: waiting };
      this.#groups.set(maxWaitMs, created);
      this.#heap.add(created);
      return;
    }
    let earlier: Waiting | undefined = group.last;
    while (earlier !== undefined && earlier.since > waiting.since) earlier = earlier.earlier;
    const later = earlier === undefined ? group.first : earlier.later;
    waiting.earlier = earlier;
    waiting.later = later;
    if (earlier) earlier.later = waiting;
    else group.first = waiting;
    if (later) later.earlier = waiting;
    else group.last = waiting;
    if (earlier === undefined) this.#heap.update(group);
  }

  delete(waiting: Waiting): void {
    const { earlier, later } = waiting;
    waiting.earlier = waiting.later = undefined;
    if (earlier) earlier.later = later;
    if (later) later.earlier = earlier;
    if (earlier && later) return;
    const group = this.#groups.get(waiting.demand.maxWaitMs);
    if (group === undefined) return;
    if (group.last === waiting) group.last = earlier;
    if (group.first !== waiting) return;
    group.first = later;
    if (later) this.#heap.update(group);
    else {
      this.#heap.delete(group);
      this.#groups.delete(group.maxWaitMs);
    }
  }
}

function deadlineOf({ first }: Group): number {
  return first?.deadline ?? Infinity;
}
