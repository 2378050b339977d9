import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PriorityLevels, type Ranked } from '../../src/limit/priority-levels';

class Item implements Ranked<Item> {
  previous: Item | undefined;
  next: Item | undefined;
  constructor(
    readonly sequence: number,
    readonly priority: number,
  ) {}
}

it('what was taken out of the levels finds its old place again', () => {
  const commands = fc.array(
    fc.record({
      what: fc.constantFrom('add', 'takeOut', 'bringBack'),
      priority: fc.integer({ min: 0, max: 1 }),
      pick: fc.nat(),
    }),
    { minLength: 40, maxLength: 120 },
  );
  fc.assert(
    fc.property(commands, (list) => {
      const levels = new PriorityLevels<Item>();
      const inside = new Set<Item>();
      const outside: Item[] = [];
      for (const [sequence, { what, priority, pick }] of list.entries()) {
        const item = what === 'add' ? new Item(sequence, priority) : (what === 'takeOut' ? [...inside] : outside)[pick % 7];
        if (item === undefined) continue;
        if (what === 'takeOut') {
          levels.delete(item);
          inside.delete(item);
          outside.push(item);
        } else {
          if (what === 'bringBack') outside.splice(outside.indexOf(item), 1);
          levels.add(item);
          inside.add(item);
        }
        const sorted = [...inside].sort((one, other) => other.priority - one.priority || one.sequence - other.sequence);
        expect([...levels]).toEqual(sorted);
        expect([levels.first, levels.size]).toEqual([sorted[0], sorted.length]);
      }
    }),
    { numRuns: 100 },
  );
});
