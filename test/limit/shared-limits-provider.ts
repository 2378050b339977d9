import type { TestRunner } from '../../src/testing/contracts/runner';
import {
  MINUTE,
  LEASE_MS,
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

// Groq's own limits: buckets that refill all the time and are charged in advance. What one process is told holds for all.
export function describeProvider({ describe, expect }: TestRunner, test: Test): void {
  describe('the provider', () => {
    test('pauses all who share it, and nobody else; a pause can be prolonged, not shortened', async ({
      clock,
      take,
      learn,
    }) => {
      const [provider, other] = [newKey(), newKey()];
      await learn(provider, [], 8000);
      await learn(provider, [], 2000);
      expect(await take(demandAt(provider, {}))).toEqual(refused('provider', 8000));
      expect(await take(demandAt(other, {}))).toEqual(GRANTED);
      await clock.advance(1000);
      await learn(provider, [], 8000);
      await clock.advance(7999);
      expect(await take(demandAt(provider, {}))).toEqual(refused('provider', 1));
      await clock.advance(1);
      expect(await take(demandAt(provider, {}))).toEqual(GRANTED);
    });
    test('grants what is left at once, and the rest as it refills', async ({ clock, take, learn }) => {
      const provider = newKey();
      await learn(provider, [perMinute(6000, 966)]);
      expect(await take(demandAt(provider, { tokens: 1443 }))).toEqual(refused('provider', 4770));
      await clock.advance(4769);
      expect(await take(demandAt(provider, { tokens: 1443 }))).toEqual(refused('provider', 1));
      await clock.advance(1);
      expect(await take(demandAt(provider, { tokens: 1443 }))).toEqual(GRANTED);
      expect(await take(demandAt(provider, { tokens: 1 }))).toEqual(refused('provider', 10));
      expect(await take(demandAt(provider, { requests: 1 }))).toEqual(GRANTED);
    });
    test('has several limits: all must have room, the longest wait tells when', async ({ take, learn, used }) => {
      const provider = newKey();
      await learn(provider, [
        perMinute(6000, 0),
        { kind: 'requests', windowMs: MINUTE, max: 60, remaining: 0 },
        { kind: 'tokens', windowMs: 86_400_000, max: 864_000 },
      ]);
      expect(await take(demandAt(provider, { tokens: 10, requests: 1 }))).toEqual(refused('provider', 1000));
      expect(await take(demandAt(provider, { tokens: 200, requests: 1 }))).toEqual(refused('provider', 2000));
      await learn(provider, [], 1500);
      expect(await take(demandAt(provider, { tokens: 10, requests: 1 }))).toEqual(refused('provider', 1500));
      expect(await used({ provider, kind: 'requests' })).toBe(60);
    });
    test('never lets through what is larger than its limit', async ({ clock, take, learn }) => {
      const provider = newKey();
      await learn(provider, [perMinute(6000)]);
      await clock.advance(MINUTE);
      const grant = await take(demandAt(provider, { tokens: 6001 }));
      expect([stopOf(grant), retryOf(grant) > 0]).toEqual(['provider', true]);
    });
    test('never has more than its limit in store', async ({ clock, learn, used, spend, take }) => {
      const provider = newKey();
      await learn(provider, [perMinute(6000)]);
      await clock.advance(10 * MINUTE);
      expect(await used({ provider, kind: 'tokens' })).toBe(0);
      await spend(demandAt(provider, { tokens: 6000 }));
      expect(await take(demandAt(provider, { tokens: 60 }))).toEqual(refused('provider', 600));
    });
    test('is believed while nothing is out, and only for less while something is', async ({
      clock,
      take,
      learn,
      used,
      end,
    }) => {
      const provider = newKey();
      const spent = { provider, kind: 'tokens' } as const;
      await learn(provider, [perMinute(1000, 400)]);
      expect(await used(spent)).toBe(600);
      await learn(provider, [perMinute(1000, 900)]);
      expect(await used(spent)).toBe(100);
      const demand = demandAt(provider, { tokens: 300 });
      await take(demand);
      await learn(provider, [perMinute(1000, 900)]);
      expect(await used(spent)).toBe(400);
      await learn(provider, [perMinute(1000, 500)]);
      expect(await used(spent)).toBe(500);
      await learn(provider, [perMinute(1000)]);
      expect(await used(spent)).toBe(500);
      await end(demand, { tokens: 100 });
      expect(await used(spent)).toBe(300);
      await clock.advance(6000);
      expect(await used(spent)).toBe(200);
    });
    test('is believed again once the lease of what was lost is over', async ({ clock, take, learn, used, end }) => {
      const provider = newKey();
      await learn(provider, [perMinute(60_000)]);
      const lost = demandAt(provider, { tokens: 30_000 }, { leaseMs: 5000 });
      await take(lost);
      await clock.advance(4999);
      await learn(provider, [perMinute(60_000, 59_000)]);
      expect(await used({ provider, kind: 'tokens' })).toBe(25_001);
      await clock.advance(1);
      await learn(provider, [perMinute(60_000, 59_000)]);
      expect(await used({ provider, kind: 'tokens' })).toBe(1000);
      await end(lost, { tokens: 0 });
      expect(await used({ provider, kind: 'tokens' })).toBe(1000);
    });
    test('keeps what is used when its maximum changes', async ({ take, learn, used, spend }) => {
      const provider = newKey();
      const spent = { provider, kind: 'tokens' } as const;
      await learn(provider, [perMinute(1000)]);
      await spend(demandAt(provider, { tokens: 600 }));
      await learn(provider, [perMinute(500)]);
      expect(await used(spent)).toBe(600);
      expect(await take(demandAt(provider, { tokens: 100 }))).toEqual(refused('provider', (200 * MINUTE) / 500));
      await learn(provider, [perMinute(2000)]);
      expect(await used(spent)).toBe(600);
    });
    test('gets all of it back for an attempt that never departed, whatever is said of its use', async ({
      limits,
      take,
      learn,
      used,
    }) => {
      const provider = newKey();
      await learn(provider, [perMinute(1000)]);
      const demand = demandAt(provider, { tokens: 700 });
      await take(demand);
      expect(await used({ provider, kind: 'tokens' })).toBe(700);
      await limits.change([{ demand, begun: false, released: true, actual: { tokens: 500 } }]);
      expect(await used({ provider, kind: 'tokens' })).toBe(0);
    });
    test('counts what was used above the estimate, into debt', async ({ take, learn, end, used }) => {
      const provider = newKey();
      await learn(provider, [perMinute(1000)]);
      const demand = demandAt(provider, { tokens: 700 });
      await take(demand);
      await end(demand, { tokens: 1600 });
      expect(await used({ provider, kind: 'tokens' })).toBe(1600);
      expect(await take(demandAt(provider, { tokens: 100 }))).toEqual(refused('provider', (700 * MINUTE) / 1000));
    });
    test('is taught about several in one trip, in the order given', async ({ clock, limits, take, used }) => {
      const [one, other] = [newKey(), newKey()];
      const at = clock.now();
      await limits.learn([
        { provider: one, at, limits: [perMinute(1000, 100)] },
        { provider: other, at, limits: [], pauseMs: 700 },
        { provider: one, at, limits: [perMinute(1000, 300)] },
      ]);
      expect(await used({ provider: one, kind: 'tokens' })).toBe(700);
      expect(await take(demandAt(other, {}))).toEqual(refused('provider', 700));
    });
  });
}

// `explain()` and the limiter's own corrections go by it, so it must show what `take` would find, and leave no trace.
export function describeLook({ describe, expect }: TestRunner, test: Test): void {
  describe('a look', () => {
    test('shows every limit of the demand, and takes nothing', async ({ clock, limits, spend, take, learn }) => {
      const [need, other, provider] = [window(10, 4, { kind: 'tokens' }), gate(3), newKey()];
      await learn(provider, [perMinute(1000, 400)], 250);
      await spend(demandOf([need]));
      await take(demandOf([other]));
      await clock.advance(100);
      const wanted = demandAt(provider, { tokens: 402 }, { needs: [{ ...need, amount: 7 }, other] });
      for (let look = 0; look < 2; look++) {
        const states = await limits.look(wanted);
        expect(states.slice(0, 2)).toEqual([
          { of: 0, used: 4, roomInMs: MINUTE - 100 },
          { of: 1, used: 1, roomInMs: 0 },
        ]);
        expect(states.find(({ of }) => of === 'pause')?.roomInMs).toBe(150);
        const learnt = states.find(({ of }) => typeof of === 'object');
        expect(learnt?.of).toEqual({ kind: 'tokens', windowMs: MINUTE, max: 1000 });
        expect(Math.abs((learnt?.used ?? NaN) - (600 - 1000 / 600)) < 1e-6).toBe(true);
        expect(learnt?.roomInMs).toBe(20);
      }
    });
    test('finds nothing where nothing is known, and remembers nobody', async ({ limits, take }) => {
      const [need, other, provider] = [window(1), gate(1), newKey()];
      const states = await limits.look(demandAt(provider, { tokens: 5 }, { needs: [need, other] }));
      expect(states.slice(0, 2)).toEqual([
        { of: 0, used: 0, roomInMs: 0 },
        { of: 1, used: 0, roomInMs: 0 },
      ]);
      expect(states.slice(2).every(({ roomInMs, used }) => roomInMs === 0 && used === 0)).toBe(true);
      expect(await take(demandOf([need, other]))).toEqual(GRANTED);
    });
    test('tells that only others make room, or when a lease ends', async ({ limits, take }) => {
      const need = gate(1);
      await take(demandOf([need]));
      const [state] = await limits.look(demandOf([need]));
      expect([state?.used, state?.roomInMs === Infinity || state?.roomInMs === LEASE_MS]).toEqual([1, true]);
    });
  });
}
