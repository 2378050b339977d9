// Two processes over one store and one log, and one of them dies: what it held is charged in full, once, and is listed.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { BudgetState, BudgetStore, Hold, Settlement } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { Governance } from '../../src/governance';
import type { Reconciliation } from '../../src/reconcile';
import type { UsageLog, UsageRecord } from '../../src/usage/usage-log';
import { memoryUsageLog } from '../../src/usage/memory';
import { MESSAGES, MODEL, type Scene, holdOf, scene, settle, sum, usage } from './support';

const HOLD_MS = 15 * 60_000;
// Mid-month, on a Wednesday: no window of a month ends while a history runs.
const START = Date.UTC(2026, 2, 11, 12);

/** Keeps what was held, and refuses to let any account rise above its limit unseen. */
class Witness {
  readonly held: Map<string, number> = new Map();
  worst = 0;

  look(states: readonly BudgetState[]): void {
    for (const { limitNanos, spentNanos, heldNanos } of states) {
      if (limitNanos > 0) this.worst = Math.max(this.worst, (spentNanos + heldNanos) / limitNanos);
    }
  }
}

/** One process's way to the store. Once `crashed`, nothing that it has to say arrives, and `lost` keeps it. */
class Process implements BudgetStore, UsageLog {
  readonly witness = new Witness();
  readonly lost: Settlement[] = [];
  readonly records: UsageRecord[] = [];
  crashed = false;
  readonly #store: BudgetStore;
  readonly #log: UsageLog;
  readonly #losesRecords: boolean;

  constructor(store: BudgetStore, log: UsageLog, losesRecords: boolean) {
    this.#store = store;
    this.#log = log;
    this.#losesRecords = losesRecords;
  }

  async reserve(hold: Hold): ReturnType<BudgetStore['reserve']> {
    const reserved = await this.#store.reserve(hold);
    if (reserved.ok) this.witness.held.set(hold.id, hold.lines[0]?.nanos ?? 0);
    this.witness.look(reserved.states);
    return reserved;
  }

  async settle(settlement: Settlement): ReturnType<BudgetStore['settle']> {
    if (this.crashed) {
      this.lost.push(settlement);
      return { states: [] };
    }
    const settled = await this.#store.settle(settlement);
    this.witness.look(settled.states);
    return settled;
  }

  read: BudgetStore['read'] = (accounts, at) => this.#store.read(accounts, at);
  openHolds = async (at: number): Promise<Awaited<ReturnType<NonNullable<BudgetStore['openHolds']>>>> =>
    (await this.#store.openHolds?.(at)) ?? [];

  record(entry: UsageRecord): void | Promise<void> {
    if (this.crashed && this.#losesRecords) return;
    this.records.push(entry);
    return this.#log.record(entry);
  }

  summarize: UsageLog['summarize'] = (query) => this.#log.summarize(query);
}

interface Step {
  readonly who: 'healthy' | 'crashing';
  readonly output: number;
  readonly actual: number;
  readonly waitMs: number;
  readonly together: number;
}

const BOUND = 40;
const histories = fc.array(
  fc.record<Step>({
    who: fc.constantFrom('healthy', 'crashing'),
    output: fc.integer({ min: 16, max: BOUND }),
    actual: fc.integer({ min: 1, max: BOUND }),
    waitMs: fc.constantFrom(0, 1, 1000, 60_000, HOLD_MS),
    together: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 20 },
);

async function run(here: Scene, step: Step): Promise<void> {
  const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: step.output };
  here.mock.reset();
  here.mock
    .reply('chat.completions', { content: 'x', usage: usage(1 + (step.actual % 112), Math.min(step.actual, step.output)) })
    .persist();
  const calls = Array.from({ length: step.together }, () => here.client.chat.completions.create(params));
  await Promise.allSettled(calls);
  await settle();
}

const costs = (records: readonly UsageRecord[]): number => sum(records.map(({ costNanos }) => costNanos));

it('holds of a crashed process are charged in full after holdTimeoutMs, listed, and are exactly what the log lacks', async () => {
  let crashes = 0;
  await fc.assert(
    fc.asyncProperty(
      histories,
      fc.nat(20),
      fc.boolean(),
      fc.integer({ min: 1, max: 60 }),
      async (history, crashAt, losesRecords, calls) => {
        const cap = calls * holdOf(BOUND);
        const store = memoryBudgetStore();
        const log = memoryUsageLog();
        const governance: Governance = {
          teams: { a: { monthlyBudgetUsd: cap / 1e9, concurrency: Infinity } },
          organization: { monthlyBudgetUsd: (2 * cap) / 1e9 },
          holdTimeoutMs: HOLD_MS,
        };
        const well = new Process(store, log, false);
        const ill = new Process(store, log, losesRecords);
        const healthy = scene({ ...governance, budgetStore: well, usageLog: well }, { team: 'a', start: START });
        const { clock } = healthy;
        const crashing = scene({ ...governance, clock, budgetStore: ill, usageLog: ill }, { team: 'a', mock: { clock } });
        for (const [index, step] of history.entries()) {
          ill.crashed = index >= crashAt;
          await run(step.who === 'healthy' ? healthy : crashing, step);
          await clock.advance(step.waitMs);
        }
        const orphans = new Set(ill.lost.map(({ id }) => id));
        crashes += orphans.size > 0 ? 1 : 0;
        await clock.advance(HOLD_MS);

        const found: Reconciliation = await healthy.governor.reconcile();
        const held = sum([...orphans].map((id) => ill.witness.held.get(id) ?? Number.NaN));
        expect(found.live).toEqual([]);
        expect(new Map(found.expired.map(({ id, nanos }) => [id, nanos]))).toEqual(
          new Map([...orphans].map((id) => [id, ill.witness.held.get(id)])),
        );
        // What is known to be spent, and what may have been.
        const settled = [...well.records, ...ill.records].filter(({ id }) => !orphans.has(id));
        const logged = costs(well.records) + costs(ill.records);
        const counted = costs(settled) + held;
        expect(counted).toBeLessThanOrEqual(cap);
        expect(well.witness.worst).toBeLessThanOrEqual(1);
        expect(ill.witness.worst).toBeLessThanOrEqual(1);
        const accounts = ['a/month', 'organization/month'];
        const gaps = counted === logged ? [] : accounts;
        expect(found.gaps.map(({ budget }) => budget).toSorted()).toEqual(gaps);
        for (const gap of found.gaps) {
          expect(gap).toMatchObject({ counterNanos: counted, logNanos: logged, gapNanos: counted - logged });
        }
        // The report tells of what is logged, and nothing of it is counted twice.
        expect((await healthy.governor.report({ from: 0 })).total.costNanos).toBe(logged);
        const { limits } = await healthy.governor.explain({ model: MODEL, messages: MESSAGES }, { team: 'a' });
        const month = limits.find(({ name }) => name === 'a/month');
        expect(month).toMatchObject({ used: counted / 1e9, held: 0 });

        // A process that comes back sees the same, and what the dead one had to say still counts when it arrives, once.
        const back = scene({ ...governance, clock, budgetStore: well, usageLog: well }, { team: 'a', mock: { clock } });
        expect(await back.governor.reconcile()).toEqual(found);
        for (const settlement of [...ill.lost, ...ill.lost]) await store.settle({ ...settlement, at: clock.now() });
        const after = await back.governor.reconcile();
        expect(after.expired).toEqual([]);
        const late = sum(ill.lost.map(({ spentNanos }) => spentNanos));
        const missing = losesRecords ? late : 0;
        expect(after.gaps.map(({ gapNanos }) => gapNanos)).toEqual(missing === 0 ? [] : [missing, missing]);
      },
    ),
    { numRuns: 80 },
  );
  // A property over histories without a crash would prove nothing.
  expect(crashes).toBeGreaterThan(3);
}, 60_000);

it('a crashed process cannot be used to spend the cap twice: its holds bind until they are charged, and after', async () => {
  const store = memoryBudgetStore();
  const log = memoryUsageLog();
  const governance: Governance = {
    teams: { a: { monthlyBudgetUsd: (10 * holdOf(BOUND)) / 1e9, concurrency: Infinity } },
    holdTimeoutMs: HOLD_MS,
  };
  const ill = new Process(store, log, true);
  ill.crashed = true;
  const crashing = scene({ ...governance, budgetStore: ill, usageLog: ill }, { team: 'a', start: START });
  const { clock } = crashing;
  const healthy = scene({ ...governance, clock, budgetStore: store, usageLog: log }, { team: 'a', mock: { clock } });
  const step: Step = { who: 'crashing', output: BOUND, actual: 1, waitMs: 0, together: 7 };
  await run(crashing, step);
  expect((await healthy.governor.reconcile()).live).toHaveLength(7);
  await run(healthy, { ...step, actual: BOUND, together: 10 });
  // Three fit beside the seven that are held; what they leave of their bounds pays for no fourth at once.
  expect(healthy.mock.calls).toHaveLength(3);
  await clock.advance(HOLD_MS - 1);
  expect(await healthy.governor.reconcile()).toMatchObject({ live: { length: 7 }, expired: [], gaps: [] });
  await clock.advance(1);
  const found = await healthy.governor.reconcile();
  expect(found).toMatchObject({ live: [], expired: { length: 7 } });
  expect(found.gaps.map(({ gapNanos }) => gapNanos)).toEqual([7 * holdOf(BOUND)]);
});
