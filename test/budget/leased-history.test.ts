// Several processes lease from one store, over links that take their time, with clocks that disagree; some crash.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BudgetStore, Reserved } from '../../src/budget/budget-store';
import { leased } from '../../src/budget/leased';
import type { Clock } from '../../src/clock';
import { Link, LIFE_MS, START, hold, line, seeded, sharedStore, skewed } from './leased-support';

const LEASE_MS = 10_000;
const PROCESSES = 3;
const CAPS: Readonly<Record<string, number>> = { all: 400, left: 250, right: 300 };
const ACCOUNTS = Object.keys(CAPS);

type Step =
  | { readonly kind: 'reserve'; readonly process: number; readonly team: string; readonly nanos: number }
  | { readonly kind: 'settle'; readonly call: number; readonly spent: number; readonly isLate: boolean }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'crash'; readonly process: number }
  | { readonly kind: 'cut'; readonly process: number; readonly where: 'asked' | 'answered' | undefined };

interface Process {
  readonly store: BudgetStore;
  readonly link: Link;
  readonly clock: Clock;
}

interface Call {
  readonly id: string;
  readonly process: Process;
  readonly accounts: readonly string[];
  readonly nanos: number;
  readonly expiresAt: number;
  answer: Reserved | undefined;
  settledNanos: number | undefined;
}

const process = fc.nat(PROCESSES - 1);
const reserve = fc.record({
  kind: fc.constant('reserve' as const),
  process,
  team: fc.constantFrom('left', 'right', ''),
  nanos: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 20 }) }, { weight: 1, arbitrary: fc.nat(90) }),
});
const settle = fc.record({
  kind: fc.constant('settle' as const),
  call: fc.nat(1_000),
  spent: fc.double({ min: 0, max: 1, noNaN: true }),
  isLate: fc.constant(false),
});
const time = fc.record({ kind: fc.constant('time' as const), ms: fc.oneof(fc.nat(40), fc.nat(LEASE_MS), fc.nat(LIFE_MS)) });
const crash = fc.record({ kind: fc.constant('crash' as const), process });
const cut = fc.record({
  kind: fc.constant('cut' as const),
  process,
  where: fc.constantFrom(undefined, undefined, 'asked' as const, 'answered' as const),
});

const steps = (...others: readonly fc.WeightedArbitrary<Step>[]): fc.Arbitrary<readonly Step[]> =>
  fc.array(
    fc.oneof({ weight: 12, arbitrary: reserve }, { weight: 9, arbitrary: settle }, { weight: 5, arbitrary: time }, ...others),
    { minLength: 20, maxLength: 120, size: 'max' },
  );

const world = { seed: fc.integer(), latencyMs: fc.constantFrom(0, 5, 400), skewMs: fc.constantFrom(0, 3_000, 600_000) };

/** Lets a history happen. Fails as soon as more is held and spent in the shared store than a cap allows. */
async function happen(
  history: readonly Step[],
  { seed, latencyMs, skewMs }: { seed: number; latencyMs: number; skewMs: number },
): Promise<{ readonly calls: readonly Call[]; readonly processes: readonly Process[]; readonly spent: readonly number[] }> {
  const { clock, store, link } = sharedStore();
  const chance = seeded(seed);
  const over: string[] = [];
  const processes = Array.from({ length: PROCESSES }, (_, index): Process => {
    const way = link();
    if (latencyMs > 0) way.delayMs = () => Math.floor(chance() * latencyMs);
    way.onChange = async () => {
      for (const { account, spentNanos, heldNanos } of await store.read(ACCOUNTS, START)) {
        if (spentNanos + heldNanos > (CAPS[account] ?? 0)) over.push(`${account}: ${spentNanos} + ${heldNanos}`);
      }
    };
    const own = skewed(clock, (index - 1) * skewMs, () => way.isDead());
    return { store: leased(way, { sliceUsd: 60e-9, leaseMs: LEASE_MS, clock: own }), link: way, clock: own };
  });
  const calls: Call[] = [];
  for (const step of history) await take(step);
  for (const { link: way } of processes) if (way.cut !== 'dead') way.cut = undefined;
  const alive = processes.filter(({ link: way }) => way.cut !== 'dead');
  await clock.advance(0);
  await clock.runUntil(Promise.all(alive.flatMap((each) => each.store.close?.() ?? [])));
  // What is still open expires, and so do the slices of those who crashed.
  await clock.advance(LIFE_MS + 3 * LEASE_MS + 60_000);
  const states = await store.read(ACCOUNTS, clock.now() + 10 * LIFE_MS + skewMs);
  expect(over).toEqual([]);
  expect(states.map(({ heldNanos }) => heldNanos)).toEqual([0, 0, 0]);
  expect(clock.sleeping).toBe(0);
  return { calls, processes, spent: states.map(({ spentNanos }) => spentNanos) };

  async function take(step: Step): Promise<void> {
    if (step.kind === 'time') await clock.advance(step.ms);
    else if (step.kind === 'settle') settleOne(step);
    else {
      const by = processes[step.process];
      if (by === undefined || by.link.cut === 'dead') return;
      if (step.kind === 'crash') by.link.cut = 'dead';
      else if (step.kind === 'cut') by.link.cut = step.where;
      else ask(by, step.team, step.nanos);
    }
  }

  function ask(by: Process, team: string, nanos: number): void {
    const accounts = team === '' ? ['all'] : ['all', team];
    const lines = accounts.map((account) => line(account, CAPS[account] ?? 0, nanos));
    const asked = hold(`c${calls.length}`, by.clock.now(), lines);
    const call: Call = { ...asked, process: by, accounts, nanos, answer: undefined, settledNanos: undefined };
    calls.push(call);
    by.store.reserve(asked).then(
      (answer) => (call.answer = answer),
      // As the governor does: it may have been held although the answer was lost.
      () => by.store.settle({ id: call.id, spentNanos: 0, at: by.clock.now() }).catch(() => undefined),
    );
  }

  function settleOne({ call: index, spent, isLate }: Extract<Step, { kind: 'settle' }>): void {
    const open = calls.filter(({ answer, settledNanos, process: by, expiresAt }) => {
      const isOpen = answer?.ok === true && settledNanos === undefined && by.link.cut !== 'dead';
      return isOpen && (isLate || expiresAt > by.clock.now());
    });
    const call = open[index % open.length];
    if (call === undefined) return;
    call.settledNanos = Math.round(spent * call.nanos);
    const settlement = { id: call.id, spentNanos: call.settledNanos, at: call.process.clock.now() };
    call.process.store.settle(settlement).catch(() => undefined);
  }
}

/** What an account must show in the end: calls by what they spent, or by their holds if nobody settled them. */
function expected(account: string, calls: readonly Call[], processes: readonly Process[]): number {
  const ofCalls = calls
    .filter(({ answer, accounts, process: by }) => answer?.ok && accounts.includes(account) && by.link.cut !== 'dead')
    .reduce((sum, { settledNanos, nanos }) => sum + (settledNanos ?? nanos), 0);
  return processes
    .filter(({ link }) => link.cut === 'dead')
    .flatMap(({ link }) => [...link.taken.values()])
    .reduce((sum, { lines, settledNanos }) => {
      const own = lines.find((each) => each.account === account);
      return own === undefined ? sum : sum + (settledNanos ?? own.nanos);
    }, ofCalls);
}

describe('random histories of several processes', () => {
  it('stay within the cap at every step, and end with the exact sum of what was spent, crashed slices in full', async () => {
    let crashes = 0;
    let grants = 0;
    const property = fc.asyncProperty(
      steps({ weight: 1, arbitrary: crash }),
      fc.record(world),
      async (history, { seed, latencyMs, skewMs }) => {
        const { calls, processes, spent } = await happen(history, { seed, latencyMs, skewMs });
        crashes += processes.filter(({ link }) => link.cut === 'dead' && link.taken.size > 0).length;
        grants += calls.filter(({ answer }) => answer?.ok).length;
        expect(spent).toEqual(ACCOUNTS.map((account) => expected(account, calls, processes)));
      },
    );
    await fc.assert(property, { numRuns: 25 });
    expect(crashes).toBeGreaterThan(5);
    expect(grants).toBeGreaterThan(300);
  }, 120_000);

  it('stay within the cap over links that fail, and never lose what was spent', async () => {
    const late = settle.map((step) => ({ ...step, isLate: true }));
    const property = fc.asyncProperty(
      steps({ weight: 4, arbitrary: cut }, { weight: 3, arbitrary: late }),
      fc.record(world),
      async (history, { seed, latencyMs, skewMs }) => {
        const { calls, spent } = await happen(history, { seed, latencyMs, skewMs });
        for (const [index, account] of ACCOUNTS.entries()) {
          const settled = calls.filter(({ answer, accounts }) => answer?.ok && accounts.includes(account));
          const least = settled.reduce((sum, { settledNanos }) => sum + (settledNanos ?? 0), 0);
          expect(spent[index]).toBeGreaterThanOrEqual(least);
          expect(spent[index]).toBeLessThanOrEqual(CAPS[account] ?? 0);
        }
      },
    );
    await fc.assert(property, { numRuns: 25 });
  }, 120_000);
});
