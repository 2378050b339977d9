import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap, type Heaped } from '../../src/limit/heap';
import { PriorityLevels, type Ranked } from '../../src/limit/priority-levels';

class Item implements Ranked<Item>, Heaped {
  previous: Item | undefined;
  next: Item | undefined;
  heapIndex = -1;
  constructor(
    readonly sequence: number,
    public priority: number,
  ) {}
}

const before = (one: Item, other: Item): boolean =>
  one.priority > other.priority || (one.priority === other.priority && one.sequence < other.sequence);

const commands = fc.array(fc.record({ add: fc.boolean(), priority: fc.integer({ min: -3, max: 3 }), pick: fc.nat() }), {
  maxLength: 200,
});

describe.each([
  ['PriorityLevels', () => new PriorityLevels<Item>()],
  ['Heap', () => new Heap<Item>(before)],
])('%s', (_name, make) => {
  it('keeps the order of a sorted list through any additions and removals', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const tested = make();
        let model: Item[] = [];
        for (const [sequence, { add, priority, pick }] of list.entries()) {
          const item = model[pick % Math.max(1, model.length)];
          if (add || item === undefined) {
            const added = new Item(sequence, priority);
            tested.add(added);
            model = [...model, added].sort((one, other) => (before(one, other) ? -1 : 1));
          } else {
            tested.delete(item);
            model = model.filter((other) => other !== item);
          }
          expect(tested.first).toBe(model[0]);
          expect(tested.size).toBe(model.length);
        }
        const drained: Item[] = [];
        for (let item = tested.first; item; item = tested.first) {
          drained.push(item);
          tested.delete(item);
        }
        expect(drained).toEqual(model);
      }),
    );
  });
});

describe('Heap', () => {
  it('puts an item right whose order has changed, and ignores one that it does not hold', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 1, maxLength: 30 }), fc.nat(), (pairs, pick) => {
        const heap = new Heap<Item>(before);
        const items = pairs.map(([priority], sequence) => new Item(sequence, priority));
        for (const item of items) heap.add(item);
        const changed = items[pick % items.length];
        if (changed) {
          changed.priority = pairs[pick % pairs.length]?.[1] ?? 0;
          heap.update(changed);
        }
        heap.delete(new Item(-1, 99));
        const drained: Item[] = [];
        for (let item = heap.first; item; item = heap.first) {
          drained.push(item);
          heap.delete(item);
        }
        expect(drained).toEqual([...items].sort((one, other) => (before(one, other) ? -1 : 1)));
      }),
    );
  });
});

describe('PriorityLevels', () => {
  it('yields in order, also while what it yields is deleted', () => {
    const levels = new PriorityLevels<Item>();
    const items = [1, 2, 1, 0, 2].map((priority, sequence) => new Item(sequence, priority));
    for (const item of items) levels.add(item);
    const seen: number[] = [];
    for (const item of levels) {
      seen.push(item.sequence);
      if (item.priority !== 1) levels.delete(item);
    }
    expect(seen).toEqual([1, 4, 0, 2, 3]);
    expect([...levels].map(({ sequence }) => sequence)).toEqual([0, 2]);
  });
});
