// What answers say: accounts as they are, refusals that a caller can act on, and each rise once.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BudgetState, BudgetStore } from '../../src/budget/budget-store';
import { leased } from '../../src/budget/leased';
import { memoryBudgetStore } from '../../src/budget/memory';
import { START, UNIT, amounts, hold, line, sharedStore } from './leased-support';

const LEASE_MS = 8_000;

function scene() {
  const { clock, store, link } = sharedStore();
  const open = () => leased(link(), { sliceUsd: 1, leaseMs: LEASE_MS, clock });
  return { clock, store, open, own: open() };
}

describe('answers', () => {
  it('show what calls hold and have spent, not what slices hold; others see the slices', async () => {
    const { own, open } = scene();
    const lines = [line('org', 1_000 * UNIT, UNIT)];
    await own.reserve(hold('a', START, lines));
    await own.settle({ id: 'a', spentNanos: 3, at: START });
    const { states } = await own.reserve(hold('b', START, lines));
    expect(amounts(states)).toEqual([[0, UNIT + 3]]);
    expect(amounts(await own.read(['org'], START))).toEqual([[3, UNIT]]);
    const other = open();
    expect(amounts((await other.reserve(hold('c', START, lines))).states)).toEqual([[0, 101 * UNIT]]);
    expect(amounts(await other.read(['org'], START))).toEqual([[0, 101 * UNIT]]);
  });

  it('show it also where the store was asked', async () => {
    const { own } = scene();
    await own.reserve(hold('a', START, [line('org', 1_000 * UNIT, UNIT)]));
    const large = await own.reserve(hold('b', START, [line('org', 1_000 * UNIT, 200 * UNIT)]));
    expect(amounts(large.states)).toEqual([[0, 201 * UNIT]]);
    const ended = await own.settle({ id: 'b', spentNanos: 5, at: START });
    expect(amounts(ended.states)).toEqual([[5, UNIT]]);
  });

  it('show slices that the store has charged as what was spent of them', async () => {
    const { own, store, clock } = scene();
    await own.reserve(hold('a', START, [line('org', 1_000 * UNIT, UNIT)]));
    await own.settle({ id: 'a', spentNanos: 3, at: START });
    await store.reserve(hold('others', START, [line('org', 1_000 * UNIT, 300 * UNIT)], 900_000));
    clock.set(START + 600_000);
    expect(amounts(await own.read(['org'], clock.now()))).toEqual([[3, 300 * UNIT]]);
  });

  it('a refusal tells the room that there is for this call, so that one that asks for no more gets in', async () => {
    const { own, open } = scene();
    const ask = (by: BudgetStore, id: string, nanos: number) => by.reserve(hold(id, START, [line('org', 80 * UNIT, nanos)]));
    await ask(open(), 'theirs', 10 * UNIT);
    await ask(own, 'mine', UNIT);
    await own.settle({ id: 'mine', spentNanos: 0, at: START });
    const refusal = await ask(own, 'large', 79 * UNIT);
    expect(refusal).toMatchObject({ ok: false, exceeded: ['org'] });
    const [state] = refusal.states;
    const room = 80 * UNIT - (state?.spentNanos ?? 0) - (state?.heldNanos ?? 0);
    expect(room).toBe(70 * UNIT);
    expect((await ask(own, 'one too much', room + 1)).ok).toBe(false);
    expect((await ask(own, 'large', room)).ok).toBe(true);
  });

  it('one refusal answers all who waited for it and need no less; who needs less is asked for again', async () => {
    const { clock, store, link } = sharedStore();
    const way = link();
    const own = leased(way, { sliceUsd: 1, leaseMs: LEASE_MS, clock });
    await store.reserve(hold('others', START, [line('org', 100 * UNIT, 95 * UNIT)]));
    const asked = [9, 8, 7, 6, 3, 2, 7].map((units, index) =>
      own.reserve(hold(`h${index}`, START, [line('org', 100 * UNIT, units * UNIT)])),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(({ ok }) => ok)).toEqual([false, false, false, false, true, true, false]);
    expect(way.trips).toBeLessThanOrEqual(6);
    expect(amounts(await store.read(['org'], START))).toEqual([[0, 100 * UNIT]]);
  });

  it('a refusal names the accounts that have no room', async () => {
    const { own } = scene();
    const lines = [line('roomy', 100 * UNIT, UNIT), line('tight', UNIT - 1, UNIT), line('none', 0, UNIT)];
    expect(await own.reserve(hold('a', START, lines))).toMatchObject({ ok: false, exceeded: ['tight', 'none'] });
  });

  it('leave `toldNanos` out if the store does', async () => {
    const inner = memoryBudgetStore();
    const silent = (states: readonly BudgetState[]): readonly BudgetState[] =>
      states.map(({ account, limitNanos, spentNanos, heldNanos, resetsAt }) => {
        return { account, limitNanos, spentNanos, heldNanos, resetsAt };
      });
    const store: BudgetStore = {
      async reserve(asked) {
        const answer = await inner.reserve(asked);
        return { ...answer, states: silent(answer.states) };
      },
      settle: async (settlement) => ({ states: silent((await inner.settle(settlement)).states) }),
      read: (accounts, at) => inner.read(accounts, at),
    };
    const { clock } = sharedStore();
    const own = leased(store, { sliceUsd: 1, leaseMs: LEASE_MS, clock });
    expect(own).toHaveProperty('openHolds', undefined);
    const lines = [line('org', 1_000 * UNIT, UNIT)];
    for (const nanos of [UNIT, 300 * UNIT]) {
      const id = `h${nanos}`;
      const asked = await own.reserve(hold(id, START, lines));
      const ended = await own.settle({ id, spentNanos: nanos, at: START });
      for (const state of [...asked.states, ...ended.states]) expect('toldNanos' in state).toBe(false);
    }
  });
});

describe('each rise of a sum', () => {
  it('that a timer brought about is told by the next answer for the account, and by no other', async () => {
    const { own, clock } = scene();
    const reserve = (id: string) => own.reserve(hold(id, clock.now(), [line('org', 1_000 * UNIT, UNIT)]));
    await reserve('a');
    await own.settle({ id: 'a', spentNanos: 30, at: START });
    await clock.advance(LEASE_MS);
    const answers = [await reserve('b'), await reserve('c'), await own.settle({ id: 'b', spentNanos: 9, at: clock.now() })];
    expect(answers.map(({ states }) => states.map(({ toldNanos, spentNanos }) => [toldNanos, spentNanos]))).toEqual([
      [[0, 30]],
      [[30, 30]],
      [[30, 30]],
    ]);
  });

  it('that one refusal of the store tells is told by one of those whom it refuses', async () => {
    const { own, store } = scene();
    await store.reserve(hold('crashed', START, [line('org', 100, 95)], 1));
    const ask = (nanos: number, at: number) => own.reserve(hold(`h${nanos}`, at, [line('org', 100, nanos)]));
    const asked = [ask(1, START), ask(9, START + 1), ask(8, START + 1), ask(7, START + 1)];
    const answers = await Promise.all(asked);
    expect(
      answers.map(({ ok, states }) => [ok, ...states.map(({ toldNanos, spentNanos }) => [toldNanos, spentNanos])]),
    ).toEqual([
      [true, [0, 0]],
      [false, [0, 95]],
      [false, [95, 95]],
      [false, [95, 95]],
    ]);
  });

  it('is told once over all processes, without a gap, whatever they do', async () => {
    const step = fc.record({
      process: fc.nat(2),
      team: fc.constantFrom('a', 'b', 'straight'),
      nanos: fc.integer({ min: 1, max: 30 }),
      share: fc.double({ min: 0, max: 1.5, noNaN: true }),
      waitMs: fc.oneof(fc.constant(0), fc.nat(LEASE_MS)),
      isSettled: fc.boolean(),
    });
    const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (history) => {
      const { clock, store, open } = scene();
      const processes = [open(), open(), open()];
      const rises: (readonly [from: number, to: number])[] = [];
      const note = ({ states }: { readonly states: readonly BudgetState[] }) => {
        for (const { account, toldNanos = 0, spentNanos } of states) {
          if (account === 'org' && spentNanos > toldNanos) rises.push([toldNanos, spentNanos]);
        }
      };
      let count = 0;
      const call = async (own: BudgetStore | undefined, team: string, nanos: number, spentNanos: number, isSettled = true) => {
        const id = `h${count++}`;
        const lines = [line('org', 600, nanos), line(team, 600, team === 'straight' ? 0 : nanos)];
        const answer = await own?.reserve(hold(id, clock.now(), lines));
        if (answer === undefined) return;
        note(answer);
        if (answer.ok && isSettled) note((await own?.settle({ id, spentNanos, at: clock.now() })) ?? answer);
      };
      for (const { process, team, nanos, share, waitMs, isSettled } of history) {
        await call(processes[process], team, nanos, Math.floor(share * nanos), isSettled);
        if (waitMs > 0) await clock.advance(waitMs);
      }
      await clock.advance(200_000);
      // Each answer tells one rise.
      for (const own of processes) for (let left = 0; left < 40; left++) await call(own, 'a', 1, 0);
      await Promise.all(processes.flatMap((own) => own.close?.() ?? []));
      const [state] = await store.read(['org'], clock.now());
      rises.sort(([one], [other]) => one - other);
      expect(rises.map(([from]) => from)).toEqual([0, ...rises.map(([, to]) => to)].slice(0, rises.length));
      expect(rises.at(-1)?.[1] ?? 0).toBe(state?.spentNanos);
    });
    await fc.assert(property, { numRuns: 25, endOnFailure: true });
  }, 60_000);
});
