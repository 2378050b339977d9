import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BudgetStore, Hold, HoldLine, OpenHold, Settlement } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { BudgetWindow } from '../../src/budget/window';
import { redisBackend } from '../../src/redis';
import { engineAtHand } from '../engine-at-hand';
import { inspector, LIBRARIES, newPrefix, sweep, type Opened } from './redis-servers';

const isAtHand = await engineAtHand('Redis', async () => (await inspector()).quit());
const START = Date.UTC(2026, 10, 21);
const WINDOWS: Readonly<Record<string, BudgetWindow>> = {
  fixed: { startsAt: START - 86_400_000, resetsAt: START + 86_400_000 },
  endless: { startsAt: 0, resetsAt: Infinity },
  day: 'day',
  rolling: { rollingMs: 50 },
  long: { rollingMs: 400.5 },
};
const ACCOUNTS = Object.keys(WINDOWS);

type Step =
  | { readonly kind: 'reserve'; readonly gapMs: number; readonly holds: readonly Omit<Hold, 'at'>[] }
  | { readonly kind: 'settle'; readonly gapMs: number; readonly calls: readonly Pick<Settlement, 'id' | 'spentNanos'>[] }
  | { readonly kind: 'clock'; readonly ms: number };

const id = fc.nat(30).map((number) => `h${number}`);
const line = fc
  .tuple(
    fc.constantFrom(...ACCOUNTS, 'rolling shorter' as const),
    fc.constantFrom(0, 60, 100.5, Number.MAX_SAFE_INTEGER),
    fc.nat(40),
  )
  .map(([name, limitNanos, nanos]): HoldLine => {
    // A rolling window whose length was edited.
    if (name === 'rolling shorter') return { account: 'rolling', limitNanos, nanos, window: { rollingMs: 20 } };
    return { account: name, limitNanos, nanos, window: WINDOWS[name] ?? 'day' };
  });
const hold = fc.record({
  id,
  lines: fc.array(line, { minLength: 1, maxLength: 3 }),
  expiresAt: fc.integer({ min: 1, max: 100 }),
});

// Between what goes in one trip.
const gapMs = fc.constantFrom(0, 0, 7, 40);

/** What is asked at the same time goes in one trip. */
function anyStep(leastMs: number): fc.Arbitrary<Step> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('reserve'), gapMs, holds: fc.array(hold, { minLength: 1, maxLength: 5 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('settle'),
        gapMs,
        calls: fc.array(fc.record({ id, spentNanos: fc.nat(60) }), { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('clock'), ms: fc.integer({ min: leastMs, max: 60 }) }) },
  );
}

/** Everything that a store answers, and how all accounts stand then. */
async function take(store: BudgetStore, step: Step, at: number, granted: ReadonlySet<string>): Promise<unknown> {
  if (step.kind === 'clock') return store.read(ACCOUNTS, at);
  const timeOf = (index: number): number => at + index * step.gapMs;
  const answers =
    step.kind === 'reserve'
      ? step.holds.map(async (asked, index) => {
          return store.reserve({ ...asked, at: timeOf(index), expiresAt: timeOf(index) + asked.expiresAt });
        })
      : step.calls
          .filter((call) => granted.has(call.id))
          .map(async (call, index) => store.settle({ ...call, at: timeOf(index) }));
  return [await Promise.all(answers), await store.read(ACCOUNTS, timeOf(answers.length))];
}

const byId = (one: OpenHold, other: OpenHold): number => (one.id < other.id ? -1 : 1);

describe.skipIf(!isAtHand)('random histories on Redis', () => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await LIBRARIES.ioredis();
  });
  afterAll(async () => {
    await opened.close();
    await sweep();
  });

  async function compare(steps: readonly Step[], settlesAll: boolean): Promise<void> {
    const { budgetStore } = redisBackend({ client: opened.client, prefix: newPrefix() });
    const memory = memoryBudgetStore();
    // An id that is settled while nobody knows it is remembered here, and not in memory.
    const granted = new Set<string>();
    if (settlesAll) for (let index = 0; index <= 30; index++) granted.add(`h${index}`);
    let at = START;
    for (const step of steps) {
      if (step.kind === 'clock') at += step.ms;
      expect(await take(budgetStore, step, at, granted)).toEqual(await take(memory, step, at, granted));
      if (step.kind === 'reserve') at += step.holds.length * step.gapMs;
      if (step.kind === 'settle') at += step.calls.length * step.gapMs;
      const open = (await memory.openHolds?.(at)) ?? [];
      expect([...((await budgetStore.openHolds?.(at)) ?? [])].sort(byId)).toEqual([...open].sort(byId));
      for (const { id: known } of open) granted.add(known);
    }
  }

  it('are answered as in memory, many at a time, with holds that expire and windows of all kinds', async () => {
    const steps = fc.array(anyStep(0), { maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(steps, (some) => compare(some, true)),
      { numRuns: 60 },
    );
  }, 120_000);

  it('also with clocks that step back', async () => {
    const steps = fc.array(anyStep(-30), { maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(steps, (some) => compare(some, false)),
      { numRuns: 60 },
    );
  }, 120_000);

  it('of a rolling window with more bookings than are kept apart are exact while it is full, and let nothing leave early', async () => {
    const { budgetStore } = redisBackend({ client: opened.client, prefix: newPrefix() });
    const rollingMs = 100_000;
    const nanos = (index: number): number => 1 + (index % 7);
    const count = 6000;
    const lines = [{ account: 'a', limitNanos: Number.MAX_SAFE_INTEGER, nanos: 10, window: { rollingMs } }];
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const [at, each] = [START + index * 10, `h${index}`];
        await budgetStore.reserve({ id: each, at, expiresAt: at + 600_000, lines });
        await budgetStore.settle({ id: each, spentNanos: nanos(index), at });
      }),
    );
    const spentAt = (at: number): number => {
      let sum = 0;
      for (let index = 0; index < count; index++) if (START + index * 10 > at - rollingMs) sum += nanos(index);
      return sum;
    };
    // Merged bookings may leave by one slice late.
    const sliceMs = rollingMs / 1024;
    for (let at = START + count * 10; at < START + count * 10 + rollingMs + 1000; at += 997) {
      const [state] = await budgetStore.read(['a'], at);
      expect(state?.spentNanos).toBeGreaterThanOrEqual(spentAt(at));
      expect(state?.spentNanos).toBeLessThanOrEqual(spentAt(at - sliceMs));
    }
    expect((await budgetStore.read(['a'], START + count * 10 + rollingMs))[0]?.spentNanos).toBe(0);
  }, 60_000);
});
