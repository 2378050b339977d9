import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BudgetState, BudgetStore, HoldLine } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { BudgetWindow } from '../../src/budget/window';
import { ReferenceStore } from './reference-store';

const START = Date.UTC(2026, 10, 21);
const WINDOWS: Readonly<Record<string, BudgetWindow>> = {
  fixed: { startsAt: START, resetsAt: START + 86_400_000 },
  other: { startsAt: START, resetsAt: START + 86_400_000 },
  rolling: { rollingMs: 50 },
  long: { rollingMs: 400 },
};
const ACCOUNTS = Object.keys(WINDOWS);
const LIMIT = 100;

type Step =
  | { readonly kind: 'reserve'; readonly id: number; readonly lines: readonly HoldLine[]; readonly lifeMs: number }
  | { readonly kind: 'settle'; readonly id: number; readonly spentNanos: number }
  | { readonly kind: 'read' }
  | { readonly kind: 'clock'; readonly ms: number };

interface Choices {
  readonly id: fc.Arbitrary<number>;
  readonly limit: fc.Arbitrary<number>;
  readonly clock: fc.Arbitrary<number>;
}

function anyStep({ id, limit, clock }: Choices): fc.Arbitrary<Step> {
  const line = fc
    .tuple(fc.constantFrom(...ACCOUNTS), limit, fc.nat(40))
    .map(([account, limitNanos, nanos]) => ({ account, limitNanos, nanos, window: WINDOWS[account] ?? 'day' }));
  const lines = fc.array(line, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('reserve'), id, lines, lifeMs: fc.integer({ min: 1, max: 100 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle'), id, spentNanos: fc.nat(60) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('clock'), ms: clock }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('read') }) },
  );
}

async function take(store: BudgetStore, step: Step, at: number): Promise<unknown> {
  if (step.kind === 'clock') return undefined;
  const withoutReset = (states: readonly BudgetState[]) => states.map((state) => ({ ...state, resetsAt: 0, toldNanos: 0 }));
  if (step.kind === 'reserve') {
    const answer = await store.reserve({ id: `h${step.id}`, at, expiresAt: at + step.lifeMs, lines: step.lines });
    return { ...answer, states: withoutReset(answer.states) };
  }
  if (step.kind === 'settle') {
    const { states } = await store.settle({ id: `h${step.id}`, spentNanos: step.spentNanos, at });
    return withoutReset(states);
  }
  return withoutReset(await store.read(ACCOUNTS, at));
}

describe('random histories', () => {
  it('are answered as by a store that recomputes everything, with clocks that step back and holds of all kinds', async () => {
    const step = anyStep({
      id: fc.nat(25),
      limit: fc.constantFrom(0, 30, 60, LIMIT, Infinity),
      clock: fc.integer({ min: -30, max: 60 }),
    });
    const property = fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
      const [store, reference] = [memoryBudgetStore(), new ReferenceStore()];
      let at = START;
      for (const next of steps) {
        if (next.kind === 'clock') at += next.ms;
        expect(await take(store, next, at)).toEqual(await take(reference, next, at));
      }
    });
    await fc.assert(property, { numRuns: 300 });
  }, 60_000);

  it('stay within the limit if no call costs more than its hold, in a rolling window at every instant', async () => {
    const step = anyStep({ id: fc.nat(60), limit: fc.constant(LIMIT), clock: fc.nat(40) });
    const property = fc.asyncProperty(fc.array(step, { maxLength: 150, size: 'max' }), async (steps) => {
      const store = memoryBudgetStore();
      const held = new Map<number, number>();
      let at = START;
      for (const next of steps) {
        if (next.kind === 'clock') at += next.ms;
        if (next.kind === 'reserve' && !held.has(next.id)) held.set(next.id, Math.min(...next.lines.map((line) => line.nanos)));
        // An id may be reserved again by other lines after a refusal; only the first is settled within its bound here.
        if (next.kind === 'settle')
          await take(store, { ...next, spentNanos: Math.min(next.spentNanos, held.get(next.id) ?? 0) }, at);
        else if (next.kind !== 'reserve' || held.get(next.id) === Math.min(...next.lines.map((line) => line.nanos)))
          await take(store, next, at);
        for (const state of await store.read(ACCOUNTS, at)) expect(state.spentNanos + state.heldNanos <= LIMIT).toBe(true);
      }
    });
    await fc.assert(property, { numRuns: 300 });
  }, 60_000);

  it('end with counters that are exactly the sum of holds and settlements', async () => {
    const step = anyStep({ id: fc.nat(500), limit: fc.constantFrom(1000, Infinity), clock: fc.nat(3) });
    const property = fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 300, size: 'max' }), async (steps) => {
      const [store, reference] = [memoryBudgetStore(), new ReferenceStore()];
      let at = START;
      for (const next of steps) {
        if (next.kind === 'clock') at += next.ms;
        else await Promise.all([take(store, next, at), take(reference, next, at)]);
      }
      const open = (await store.openHolds?.(at)) ?? [];
      await reference.read([], at);
      const unsettled = reference.entries.filter((entry) => entry.settlement === undefined);
      expect(open.map(({ id, expired }) => [id, expired])).toEqual(
        unsettled.map(({ hold, chargedAt }) => [hold.id, chargedAt !== undefined]),
      );
      const total = (await store.read(['fixed', 'other'], at)).map((state) => state.spentNanos + state.heldNanos);
      expect(total).toEqual(['fixed', 'other'].map((account) => reference.spent(account, at) + reference.held(account)));
    });
    await fc.assert(property, { numRuns: 60 });
  }, 60_000);
});
