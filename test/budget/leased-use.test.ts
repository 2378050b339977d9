// How much of a cap several processes can use together, and how often they ask for it.
import { describe, expect, it } from 'vitest';
import type { BudgetStore } from '../../src/budget/budget-store';
import { leased } from '../../src/budget/leased';
import { type Link, UNIT, hold, line, seeded, sharedStore } from './leased-support';

const LEASE_MS = 10_000;
const SLICE_USD = 1;

interface Load {
  readonly cap: number;
  readonly need: () => number;
  /** What a call costs, of what it held. */
  readonly cost: (need: number) => number;
  readonly callMs: () => number;
  readonly latencyMs: (() => number) | undefined;
  /** What each caller does when it is refused: come again, so many times. */
  readonly comesBack: number;
}

/** Four processes with 250 callers each, who call one after the other until they are refused. */
async function load({ cap, need, cost, callMs, latencyMs, comesBack }: Load) {
  const { clock, store, link } = sharedStore();
  let granted = 0;
  let highest = 0;
  const links: Link[] = [];
  const caller = async (own: BudgetStore, name: string): Promise<void> => {
    for (let refusals = 0, count = 0; refusals <= comesBack; count++) {
      const id = `${name}-${count}`;
      const nanos = need();
      const answer = await own.reserve(hold(id, clock.now(), [line('org', cap, nanos), line('team', 10 * cap, nanos)]));
      if (!answer.ok) {
        refusals++;
        await clock.sleep(2_000);
        continue;
      }
      granted++;
      await clock.sleep(callMs());
      await own.settle({ id, spentNanos: cost(nanos), at: clock.now() });
    }
  };
  const processes = Array.from({ length: 4 }, () => {
    const way = link();
    way.delayMs = latencyMs;
    way.onChange = async () => {
      const [state] = await store.read(['org'], clock.now());
      highest = Math.max(highest, (state?.spentNanos ?? 0) + (state?.heldNanos ?? 0));
    };
    links.push(way);
    return leased(way, { sliceUsd: SLICE_USD, leaseMs: LEASE_MS, clock });
  });
  const callers = processes.flatMap((own, at) => Array.from({ length: 250 }, (_, number) => caller(own, `${at}-${number}`)));
  await clock.runUntil(Promise.all(callers));
  await clock.runUntil(Promise.all(processes.flatMap((own) => own.close?.() ?? [])));
  const [state] = await store.read(['org'], clock.now());
  const trips = links.reduce((sum, way) => sum + way.trips, 0);
  return { granted, highest, spent: state?.spentNanos ?? 0, held: state?.heldNanos, trips };
}

const random = seeded(7);
const latencies: readonly (readonly [string, (() => number) | undefined])[] = [
  ['at once', undefined],
  ['after up to 40 ms', () => Math.floor(random() * 5) * 10],
];

describe('four processes with 250 callers each', () => {
  it.each(latencies)('use all of a cap that pays 40 calls, the store answering %s', async (_, latencyMs) => {
    const cap = 40 * UNIT;
    const used = await load({ cap, need: () => UNIT, cost: (need) => need, callMs: () => 50, latencyMs, comesBack: 0 });
    expect(used).toMatchObject({ granted: 40, spent: cap, held: 0 });
    expect(used.highest).toBeLessThanOrEqual(cap);
  });

  it.each(latencies)('use all of a cap that pays 4,000 calls, the store answering %s', async (_, latencyMs) => {
    const cap = 4_000 * UNIT;
    const used = await load({
      cap,
      need: () => UNIT,
      cost: (need) => need,
      callMs: () => 50 * Math.ceil(random() * 3),
      latencyMs,
      comesBack: 0,
    });
    expect(used).toMatchObject({ granted: 4_000, spent: cap, held: 0 });
    expect(used.highest).toBeLessThanOrEqual(cap);
  });

  it.each(latencies)(
    'use 95 % and more if calls hold ten times what they cost, the store answering %s',
    async (_, latencyMs) => {
      const cap = 400 * UNIT;
      const need = () => Math.ceil((0.2 + random()) * UNIT);
      const cost = (held: number) => Math.ceil((held / 10) * (0.5 + random()));
      const used = await load({ cap, need, cost, callMs: () => 100 * Math.ceil(random() * 5), latencyMs, comesBack: 3 });
      expect(used.highest).toBeLessThanOrEqual(cap);
      expect(used.spent).toBeGreaterThan(cap * 0.95);
      expect(used.held).toBe(0);
    },
    30_000,
  );
});

describe('round trips', () => {
  async function tripsOf(calls: number, atOnce: number, share: number): Promise<number> {
    const { clock, link } = sharedStore();
    const way = link();
    const store = leased(way, { sliceUsd: SLICE_USD, leaseMs: LEASE_MS, clock });
    for (let done = 0; done < calls; done += atOnce) {
      const ids = Array.from({ length: atOnce }, (_, index) => `h${done + index}`);
      const lines = [line('org', 1e6 * UNIT, UNIT), line('team', 1e6 * UNIT, UNIT)];
      const answers = await Promise.all(ids.map((id) => store.reserve(hold(id, clock.now(), lines))));
      expect(answers.every(({ ok }) => ok)).toBe(true);
      await Promise.all(ids.map((id) => store.settle({ id, spentNanos: share * UNIT, at: clock.now() })));
      clock.set(clock.now() + atOnce);
    }
    await store.close?.();
    return way.trips;
  }

  it('are two per slice of 100 calls, however many come at once', async () => {
    expect(await tripsOf(1_000, 1, 1)).toBe(20);
    expect(await tripsOf(1_000, 250, 1)).toBeLessThan(30);
    // Calls that cost less than they hold make a slice last longer.
    expect(await tripsOf(1_000, 10, 0.1)).toBeLessThan(8);
  });
});
