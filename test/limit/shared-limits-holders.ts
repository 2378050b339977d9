import type { TestRunner } from '../../src/testing/contracts/runner';
import {
  MINUTE,
  type Test,
  newKey,
  window,
  gate,
  demandOf,
  demandAt,
  perMinute,
  GRANTED,
  refused,
  stopOf,
  retryOf,
} from './shared-limits-fixtures';

// Trips are repeated when their answer was lost, and changes may come after everybody has given up waiting for them.
export function describeIds({ describe, expect }: TestRunner, test: Test): void {
  describe('ids', () => {
    test('that are taken again are granted and change nothing, also if there is no more room', async ({
      clock,
      limits,
      take,
      used,
    }) => {
      const [need, other] = [window(1), gate(1)];
      const demand = demandOf([need, other]);
      expect(await limits.take([demand, demand])).toEqual([GRANTED, GRANTED]);
      await clock.advance(10);
      expect(await take(demand)).toEqual(GRANTED);
      expect([await used(need), await used(other)]).toEqual([1, 1]);
    });
    test('that are taken again keep their lease and their departure', async ({ clock, take, begin }) => {
      const [need, other] = [window(1), gate(1)];
      const demand = demandOf([need, other], { leaseMs: 5000 });
      await take(demand);
      await begin(demand);
      await clock.advance(4000);
      await take(demand);
      await clock.advance(1000);
      expect(await take(demandOf([other]))).toEqual(GRANTED);
      expect(await take(demandOf([need]))).toEqual(refused(0, MINUTE - 5000));
    });
    test('that were never taken, or were refused, change nothing', async ({ limits, take, spend, used, learn }) => {
      const [need, other, provider] = [window(5, 3, { kind: 'tokens' }), gate(2), newKey()];
      await learn(provider, [perMinute(100)]);
      await spend(demandAt(provider, { tokens: 30 }, { needs: [need] }));
      await take(demandOf([other]));
      const strange = demandAt(provider, { tokens: 30 }, { needs: [need, other] });
      expect((await take(strange)).granted).toBe(false);
      for (const begun of [true, false]) {
        for (const released of [true, false]) {
          await limits.change([{ demand: strange, begun, released, actual: { tokens: 1 } }]);
        }
      }
      expect([await used(need), await used(other), await used({ provider, kind: 'tokens' })]).toEqual([3, 1, 30]);
    });
    test('that are released twice are given back once', async ({ take, giveBack, end, used, learn }) => {
      const [need, other, provider] = [window(5), gate(5), newKey()];
      await learn(provider, [perMinute(100)]);
      const demands = [1, 2].map(() => demandAt(provider, { tokens: 20 }, { needs: [need, other] }));
      for (const demand of demands) await take(demand);
      const [demand = demandOf([])] = demands;
      await giveBack(demand);
      await giveBack(demand);
      await end(demand, { tokens: 90 });
      expect([await used(need), await used(other), await used({ provider, kind: 'tokens' })]).toEqual([1, 1, 20]);
    });
    test('that were given back can be taken again', async ({ take, giveBack, used }) => {
      const [need, other] = [window(1), gate(1)];
      const demand = demandOf([need, other]);
      await take(demand);
      await giveBack(demand);
      expect(await take(demand)).toEqual(GRANTED);
      expect([await used(need), await used(other)]).toEqual([1, 1]);
    });
  });
}

// What a process held that died must come back by itself, or the others stand still for ever.
export function describeConcurrency({ describe, expect }: TestRunner, test: Test): void {
  describe('concurrency', () => {
    test('lets so many be out at once, begun or not', async ({ take, begin, count }) => {
      const need = gate(3);
      const first = demandOf([need]);
      await take(first);
      await begin(first);
      expect(await count(() => demandOf([need]))).toBe(2);
      const grant = await take(demandOf([need]));
      expect([stopOf(grant), retryOf(grant) > 0]).toEqual([0, true]);
    });
    test('is free with the release, begun or not', async ({ take, begin, end, giveBack, used }) => {
      const need = gate(2);
      const [one, other] = [demandOf([need]), demandOf([need])];
      await take(one);
      await take(other);
      await begin(one);
      await end(one);
      expect(await used(need)).toBe(1);
      await giveBack(other);
      expect(await used(need)).toBe(0);
    });
    test('is free when the lease is over, to the exact millisecond; a late release frees nobody else’s', async ({
      clock,
      take,
      begin,
      end,
      used,
    }) => {
      const need = gate(1);
      const lost = demandOf([need], { leaseMs: 5000 });
      await take(lost);
      await clock.advance(100);
      await begin(lost);
      await clock.advance(4899);
      expect((await take(demandOf([need]))).granted).toBe(false);
      await clock.advance(1);
      expect(await used(need)).toBe(0);
      expect(await take(demandOf([need]))).toEqual(GRANTED);
      await end(lost);
      expect(await used(need)).toBe(1);
    });
    test('goes by the maximum that the demand names', async ({ take, count }) => {
      const need = gate(2);
      expect(await count(() => demandOf([need]))).toBe(2);
      expect(await count(() => demandOf([gate(4, need.key)]))).toBe(2);
      expect((await take(demandOf([gate(1, need.key)]))).granted).toBe(false);
      expect((await take(demandOf([gate(0)]))).granted).toBe(false);
    });
  });
}

// Keys and ids hold names that users chose.
export function describeKeys({ describe, expect }: TestRunner, test: Test): void {
  describe('names', () => {
    const names = [
      'a',
      'A',
      'a ',
      'a/b',
      'a:b',
      'a\nb',
      "a'b",
      'a"b',
      'a\\b',
      'a%_',
      'a{b}',
      '{a}b',
      '[1]',
      '*',
      '$1',
      '__proto__',
    ];
    const odd = [...names, 'constructor', '', 'ä', 'a\u0308', '名前', '😀', `long-${'x'.repeat(300)}`];

    test('do not touch each other, whatever they are', async ({ limits, take, used, begin, end }) => {
      const prefix = newKey();
      const key = (name: string): string => (name === '' ? '' : prefix + name);
      for (const [index, name] of odd.entries()) {
        const need = window(100, index + 1, { key: key(name), kind: 'tokens' });
        const demand = demandAt(key(name), { tokens: 1 }, { needs: [need, gate(1, key(name))], id: `${prefix}${name}` });
        expect(await take(demand)).toEqual(GRANTED);
        expect(stopOf(await take({ ...demand, id: `${prefix}${name}/2` }))).toBe(1);
        await begin(demand);
        if (index % 2) await end(demand, { tokens: 50 });
      }
      for (const [index, name] of odd.entries()) {
        expect(await used(window(100, 1, { key: key(name) }))).toBe(index % 2 ? 50 : index + 1);
        expect(await used(gate(1, key(name)))).toBe(index % 2 ? 0 : 1);
      }
      expect(await limits.look(demandOf([]))).toEqual([]);
    });
    test('may be the same for a window, a gate, a provider and an attempt', async ({ take, learn, used, end }) => {
      const key = newKey();
      await learn(key, [perMinute(100)]);
      const demand = demandAt(key, { tokens: 7 }, { id: key, needs: [window(5, 2, { key }), gate(3, key)] });
      expect(await take(demand)).toEqual(GRANTED);
      expect([
        await used(window(5, 1, { key })),
        await used(gate(3, key)),
        await used({ provider: key, kind: 'tokens' }),
      ]).toEqual([2, 1, 7]);
      await end(demand);
      expect([await used(window(5, 1, { key })), await used(gate(3, key))]).toEqual([2, 0]);
    });
    test('may be many in one demand', async ({ take, used }) => {
      const needs = Array.from({ length: 20 }, () => [window(2), gate(2)]).flat();
      const demand = demandOf(needs);
      expect(await take(demand)).toEqual(GRANTED);
      expect(await Promise.all(needs.map(used))).toEqual(needs.map(() => 1));
      expect(await take(demandOf([...needs, window(1, 2)]))).toEqual(refused(40, Infinity));
    });
  });
}
