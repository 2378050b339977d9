import { manualClock } from '../../src/testing/manual-clock';
import type { TestRunner } from '../../src/testing/contracts/runner';
import {
  MINUTE,
  type WindowNeed,
  type MakeLimits,
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
  sceneOf,
} from './shared-limits-fixtures';
import { describeHistory } from './shared-limits-history';
import { describeConcurrency, describeIds, describeKeys } from './shared-limits-holders';
import { describeLook, describeProvider } from './shared-limits-provider';

/**
 * What every engine of shared limits must do, as tests. `makeLimits` is called once per test and returns limits that nothing counts
 * against yet, and which go by the clock they are given; closing is up to whoever made them. Keys differ from test to test.
 */
export function describeSharedLimits(runner: TestRunner, makeLimits: MakeLimits): void {
  const test: Test = (name, body) =>
    runner.it(name, async () => {
      const clock = manualClock();
      await body(sceneOf(await makeLimits({ clock }), clock));
    });
  runner.describe('SharedLimits', () => {
    describeWindows(runner, test);
    describeAtomicity(runner, test);
    describeCorrections(runner, test);
    describeIds(runner, test);
    describeConcurrency(runner, test);
    describeProvider(runner, test);
    describeLook(runner, test);
    describeKeys(runner, test);
    describeHistory(runner, makeLimits);
  });
}

// The promise is about departures, in any window: what has not departed yet could do so at any moment, so it counts until it has.
function describeWindows({ describe, expect }: TestRunner, test: Test): void {
  describe('windows', () => {
    test('let the limit through, and no more', async ({ count, used }) => {
      const need = window(5);
      expect(await count(() => demandOf([need]))).toBe(5);
      expect(await used(need)).toBe(5);
    });
    test('count from the departure, to the exact millisecond', async ({ clock, take, begin }) => {
      const need = window(2);
      const demands = [demandOf([need]), demandOf([need])] as const;
      for (const demand of demands) expect(await take(demand)).toEqual(GRANTED);
      await clock.advance(1000);
      await begin(demands[0]);
      await clock.advance(500);
      await begin(demands[1]);
      expect(await take(demandOf([need]))).toEqual(refused(0, MINUTE - 500));
      await clock.advance(MINUTE - 501);
      expect(await take(demandOf([need]))).toEqual(refused(0, 1));
      await clock.advance(1);
      expect(await take(demandOf([need]))).toEqual(GRANTED);
      expect(await take(demandOf([need]))).toEqual(refused(0, 500));
    });
    test('tell when enough for a large demand will have left', async ({ clock, spend, take }) => {
      const need = window(10);
      for (const amount of [2, 3, 4]) {
        await spend(demandOf([{ ...need, amount }]));
        await clock.advance(1000);
      }
      const waits = [2, 3, 4, 6, 7, 10].map(async (amount) => MINUTE - retryOf(await take(demandOf([{ ...need, amount }]))));
      expect(await Promise.all(waits)).toEqual([3000, 3000, 2000, 2000, 1000, 1000]);
    });
    test('count what has not begun until its lease is over, and as begun from there', async ({ clock, take }) => {
      const need = window(1);
      const lost = demandOf([need], { leaseMs: 5000 });
      expect(await take(lost)).toEqual(GRANTED);
      await clock.advance(4999 + MINUTE);
      expect(await take(demandOf([need]))).toEqual(refused(0, 1));
      await clock.advance(1);
      expect(await take(demandOf([need]))).toEqual(GRANTED);
    });
    test('go on counting what has begun when its lease is over, from its departure', async ({ clock, take, begin }) => {
      const need = window(1);
      const lost = demandOf([need], { leaseMs: 5000 });
      await take(lost);
      await clock.advance(1000);
      await begin(lost);
      await clock.advance(MINUTE - 1);
      expect(await take(demandOf([need]))).toEqual(refused(0, 1));
      await clock.advance(1);
      expect(await take(demandOf([need]))).toEqual(GRANTED);
    });
    test('restart for no second begin, and for none that comes with the release', async ({ clock, take, begin, end }) => {
      const need = window(1);
      const demand = demandOf([need]);
      await take(demand);
      await begin(demand);
      await clock.advance(1000);
      await begin(demand);
      await clock.advance(1000);
      await end(demand);
      expect(await take(demandOf([need]))).toEqual(refused(0, MINUTE - 2000));
    });
    test('count from the release if the departure was not told before', async ({ clock, take, end }) => {
      const need = window(1);
      const demand = demandOf([need]);
      await take(demand);
      await clock.advance(1000);
      await end(demand);
      expect(await take(demandOf([need]))).toEqual(refused(0, MINUTE));
    });
    test('take back what is released and never departed', async ({ clock, take, giveBack, used }) => {
      const need = window(2);
      const [one, other] = [demandOf([need]), demandOf([need])];
      await take(one);
      await take(other);
      await clock.advance(100);
      await giveBack(one);
      expect(await used(need)).toBe(1);
      expect(await take(demandOf([need]))).toEqual(GRANTED);
      expect((await take(demandOf([need]))).granted).toBe(false);
    });
    test('go by the maximum that the demand names, and keep what counts when it changes', async ({ spend, take, count }) => {
      const need = window(5);
      for (let call = 0; call < 5; call++) await spend(demandOf([need]));
      expect(await take(demandOf([{ ...need, max: 3 }]))).toEqual(refused(0, MINUTE));
      expect(await count(() => demandOf([{ ...need, max: 8 }]))).toBe(3);
    });
    test('never let through what is larger than the maximum', async ({ take, used }) => {
      const need = window(5, 6);
      const grant = await take(demandOf([need]));
      expect([stopOf(grant), retryOf(grant) > 0]).toEqual([0, true]);
      expect(await used(need)).toBe(0);
    });
    test('add up fractions, and forget them', async ({ clock, spend, take, used }) => {
      const need = window(100, 0.1, { kind: 'audioSeconds', windowMs: 1000 });
      for (let call = 0; call < 30; call++) {
        await spend(demandOf([need]));
        await clock.advance(10);
      }
      expect(Math.abs((await used(need)) - 3) < 1e-6).toBe(true);
      await clock.advance(1000);
      expect(await used(need)).toBe(0);
      expect(await take(demandOf([{ ...need, amount: 100 }]))).toEqual(GRANTED);
    });
    test('are exact with hundreds of departures at as many instants', async ({ clock, spend, take, used }) => {
      const need = window(300, 1, { windowMs: 1000 });
      for (let call = 0; call < 300; call++) {
        await spend(demandOf([need]));
        await clock.advance(2);
      }
      expect(await used(need)).toBe(300);
      await clock.advance(499);
      expect(await used(need)).toBe(250);
      expect(await take(demandOf([{ ...need, amount: 100 }]))).toEqual(refused(0, 99));
    });
  });
}

// A demand that took a part of what it needs would keep it from those who need only that part.
function describeAtomicity({ describe, expect }: TestRunner, test: Test): void {
  describe('all of a demand, or nothing', () => {
    test('names the first that has no room, and takes nothing of the others', async ({ take, used, learn }) => {
      const [one, full, gateNeed, alsoFull] = [window(5), window(1), gate(5), window(1)] as const;
      for (const need of [full, alsoFull]) await take(demandOf([need]));
      const provider = newKey();
      await learn(provider, [perMinute(100)]);
      const wanted = demandAt(provider, { tokens: 10 }, { needs: [one, full, gateNeed, alsoFull] });
      expect(stopOf(await take(wanted))).toBe(1);
      expect(stopOf(await take({ ...wanted, needs: [gateNeed, one, alsoFull, full] }))).toBe(2);
      expect([await used(one), await used(gateNeed), await used({ provider, kind: 'tokens' })]).toEqual([0, 0, 0]);
      expect(await take({ ...wanted, needs: [one, gateNeed] })).toEqual(GRANTED);
      expect([await used(one), await used(gateNeed), await used({ provider, kind: 'tokens' })]).toEqual([1, 1, 10]);
    });
    test('the provider stops it after everything else, and then nothing of the rest is taken', async ({
      take,
      used,
      learn,
    }) => {
      const [open, full] = [window(5), window(1)];
      await take(demandOf([full]));
      const provider = newKey();
      await learn(provider, [], 5000);
      expect(await take(demandAt(provider, {}, { needs: [open] }))).toEqual(refused('provider', 5000));
      expect(stopOf(await take(demandAt(provider, {}, { needs: [open, full] })))).toBe(1);
      expect(await used(open)).toBe(0);
    });
    test('each of a trip is a step of its own, in the order given', async ({ limits, used }) => {
      const [need, other] = [window(5), gate(1)];
      const amounts = [3, 3, 2, 1];
      const grants = await limits.take(amounts.map((amount) => demandOf([{ ...need, amount }])));
      expect(grants.map((grant) => grant.granted)).toEqual([true, false, true, false]);
      expect(await used(need)).toBe(5);
      const gated = await limits.take([demandOf([other]), demandOf([other]), demandOf([need, other])]);
      expect(gated.map(stopOf)).toEqual([GRANTED, 0, 0]);
    });
    test('of many trips at once, no more get through than the limit allows', async ({ limits, used }) => {
      const [need, other] = [window(20), window(25)];
      const trips = Array.from({ length: 8 }, () => limits.take(Array.from({ length: 10 }, () => demandOf([need, other]))));
      const grants = (await Promise.all(trips)).flat();
      expect([grants.length, grants.filter(({ granted }) => granted).length]).toEqual([80, 20]);
      expect([await used(need), await used(other)]).toEqual([20, 20]);
    });
    test('changes are made in the order given, and an empty trip does nothing', async ({ limits, take, used }) => {
      const need = window(10, 4, { kind: 'tokens' });
      const demand = demandOf([need]);
      await take(demand);
      await limits.change([
        { demand, begun: true, released: false },
        { demand, begun: true, released: true, actual: { tokens: 7 } },
        { demand, begun: true, released: true, actual: { tokens: 1 } },
      ]);
      expect(await used(need)).toBe(7);
      expect(await limits.take([])).toEqual([]);
      await limits.change([]);
      await limits.learn([]);
    });
    test('a demand that needs nothing is granted', async ({ take }) => {
      expect(await take(demandOf([]))).toEqual(GRANTED);
      expect(await take(demandAt(newKey(), { tokens: 5 }))).toEqual(GRANTED);
    });
  });
}

// What is taken is an estimate; what counts in the end is what was used, at the time of the departure.
function describeCorrections({ describe, expect }: TestRunner, test: Test): void {
  describe('corrections', () => {
    const tokens = (max: number, amount: number): WindowNeed => window(max, amount, { kind: 'tokens' });

    test('give back what was not used', async ({ take, begin, end, used }) => {
      const need = tokens(1000, 900);
      const demand = demandOf([need]);
      await take(demand);
      await begin(demand);
      await end(demand, { tokens: 300 });
      expect(await used(need)).toBe(300);
      expect(await take(demandOf([{ ...need, amount: 700 }]))).toEqual(GRANTED);
    });
    test('count what was used above the estimate, also above the limit, and for as long as the estimate would have', async ({
      clock,
      take,
      begin,
      end,
      used,
    }) => {
      const need = tokens(1000, 500);
      const demand = demandOf([need]);
      await take(demand);
      await begin(demand);
      await clock.advance(20_000);
      await end(demand, { tokens: 1200 });
      expect(await used(need)).toBe(1200);
      expect(await take(demandOf([{ ...need, amount: 1 }]))).toEqual(refused(0, MINUTE - 20_000));
      await clock.advance(MINUTE - 20_000);
      expect(await used(need)).toBe(0);
    });
    test('touch only the kinds that are named, each in all its windows', async ({ take, end, used }) => {
      const needs = [tokens(1000, 100), window(1000, 80, { kind: 'inputTokens' }), tokens(500, 100), window(9)] as const;
      const demand = demandOf(needs);
      await take(demand);
      await end(demand, { tokens: 30, outputTokens: 5, inputTokens: undefined });
      expect(await Promise.all(needs.map(used))).toEqual([30, 80, 30, 1]);
    });
    test('to nothing leave nothing', async ({ take, end, used }) => {
      const [need, requests] = [tokens(100, 100), window(1)];
      const demand = demandOf([need, requests]);
      await take(demand);
      await end(demand, { tokens: 0 });
      expect([await used(need), await used(requests)]).toEqual([0, 1]);
    });
    test('come too late once the departure has left the window', async ({ clock, take, begin, end, used }) => {
      const need = tokens(1000, 600);
      const [early, late] = [demandOf([need]), demandOf([need])];
      await take(early);
      await begin(early);
      await clock.advance(MINUTE);
      await take(late);
      await begin(late);
      await end(early, { tokens: 900 });
      expect(await used(need)).toBe(600);
    });
    test('come too late once the lease is over', async ({ clock, take, begin, end, used }) => {
      const need = tokens(1000, 600);
      const demand = demandOf([need], { leaseMs: 5000 });
      await take(demand);
      await begin(demand);
      await clock.advance(5000);
      await end(demand, { tokens: 0 });
      expect(await used(need)).toBe(600);
    });
  });
}
