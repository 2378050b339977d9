import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExpiryQueue } from '../../src/budget/expiry-queue';

interface Item {
  readonly expiresAt: number;
  isDone: boolean;
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('push'), value: fc.nat(1000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('done'), value: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('take'), value: fc.nat(1000) }) },
);

it('hands out what has expired, in order, and nothing that is done', () => {
  const property = fc.property(fc.array(step, { maxLength: 1000, size: 'max' }), (steps) => {
    const queue = new ExpiryQueue<Item>();
    let waiting: Item[] = [];
    for (const { kind, value } of steps) {
      const item = kind === 'push' ? { expiresAt: value, isDone: false } : waiting[value % (waiting.length || 1)];
      if (kind === 'push' && item !== undefined) {
        waiting.push(item);
        queue.push(item);
      } else if (kind === 'done' && item !== undefined) {
        waiting = waiting.filter((other) => other !== item);
        item.isDone = true;
        queue.noteDone();
      } else if (kind === 'take') {
        const due = waiting.filter((other) => other.expiresAt <= value).sort((a, b) => a.expiresAt - b.expiresAt);
        waiting = waiting.filter((other) => other.expiresAt > value);
        for (const { expiresAt } of due) expect(queue.take(value)?.expiresAt).toBe(expiresAt);
        expect(queue.take(value)).toBe(undefined);
      }
    }
  });
  fc.assert(property, { numRuns: 100 });
});

it('keeps the order when it drops what is done', () => {
  const queue = new ExpiryQueue<Item>();
  const items = [1, 50, 2, ...Array.from({ length: 200 }, (_, n) => 100 + n)].map((expiresAt): Item => ({
    expiresAt,
    isDone: false,
  }));
  for (const item of items) queue.push(item);
  for (const item of items) {
    if (item.expiresAt !== 1 && item.expiresAt < 150) continue;
    item.isDone = true;
    queue.noteDone();
  }
  expect([queue.take(10)?.expiresAt, queue.take(10)?.expiresAt, queue.take(99)?.expiresAt]).toEqual([2, undefined, 50]);
});
