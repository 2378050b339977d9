// What the contracts leave open: random histories, several backends on one file, clean-up, and odd names.
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { BudgetState, BudgetStore, Hold, HoldLine } from '../../src/budget/budget-store';
import type { BudgetWindow } from '../../src/budget/window';
import { sqliteBackend } from '../../src/sqlite';
import { tablesOf, type Tables } from '../../src/sqlite/schema';
import { ReferenceStore } from '../budget/reference-store';
import { expectOneTruth, NOON, usageRecord, usageRecords } from '../usage/records';
import { driversAtHand, Files, type OpenDatabase } from './sqlite-drivers';

const START = Date.UTC(2026, 10, 21);
const DAY_MS = 86_400_000;
const WINDOWS: Readonly<Record<string, BudgetWindow>> = {
  fixed: { startsAt: START, resetsAt: START + DAY_MS },
  other: { startsAt: START, resetsAt: START + DAY_MS },
  rolling: { rollingMs: 50 },
  long: { rollingMs: 400 },
};
const ACCOUNTS = Object.keys(WINDOWS);

type Step =
  | { readonly kind: 'reserve'; readonly id: number; readonly lines: readonly HoldLine[]; readonly lifeMs: number }
  | { readonly kind: 'settle'; readonly id: number; readonly spentNanos: number }
  | { readonly kind: 'read' };

const line = fc
  .tuple(fc.constantFrom(...ACCOUNTS), fc.constantFrom(0, 30, 60, 100, 2 ** 50), fc.nat(40))
  .map(([account, limitNanos, nanos]) => ({ account, limitNanos, nanos, window: WINDOWS[account] ?? 'day' }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('reserve'),
      id: fc.nat(25),
      lines: fc.array(line, { minLength: 1, maxLength: 3 }),
      lifeMs: fc.integer({ min: 1, max: 100 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle'), id: fc.nat(25), spentNanos: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read') }) },
);
/** Steps that are asked for at once, after a change of the clock. */
const trip = fc.record({ clockMs: fc.integer({ min: -30, max: 60 }), steps: fc.array(step, { minLength: 1, maxLength: 12 }) });

async function take(store: BudgetStore, next: Step, at: number): Promise<unknown> {
  const plain = (states: readonly BudgetState[]) =>
    states.map(({ account, limitNanos, spentNanos, heldNanos }) => ({
      account,
      limitNanos,
      spentNanos,
      heldNanos,
      resetsAt: 0,
    }));
  if (next.kind === 'reserve') {
    const answer = await store.reserve({ id: `h${next.id}`, at, expiresAt: at + next.lifeMs, lines: next.lines });
    return { ...answer, states: plain(answer.states) };
  }
  if (next.kind === 'settle') return plain((await store.settle({ id: `h${next.id}`, spentNanos: next.spentNanos, at })).states);
  return plain(await store.read(ACCOUNTS, at));
}

const files = new Files();
afterEach(() => files.remove());

function count(database: OpenDatabase, table: keyof Tables): number {
  const [row] = database.prepare(`SELECT COUNT(*) AS n FROM ${tablesOf('governed_groq_')[table]}`).all();
  return Number((row as { readonly n: number }).n);
}

function hold(id: string, fields: Partial<Hold> = {}, account = 'a', window: BudgetWindow = WINDOWS['fixed'] ?? 'day'): Hold {
  return { id, at: START, expiresAt: START + 1_000, lines: [{ account, limitNanos: 1e12, nanos: 10, window }], ...fields };
}

describe.each(await driversAtHand())('SQLite by $name', (driver) => {
  it('answers random histories as a store that recomputes everything, from two backends of one file', async () => {
    const property = fc.asyncProperty(fc.array(trip, { maxLength: 25, size: 'max' }), async (trips) => {
      const path = files.path();
      const stores = [1, 2].map(() => sqliteBackend({ database: files.open(driver, path) }).budgetStore);
      const reference = new ReferenceStore();
      let at = START;
      for (const [index, { clockMs, steps }] of trips.entries()) {
        at += clockMs;
        const store = stores[index % 2] ?? expect.fail();
        // Reads do not stand in line with what writes.
        const writes = steps.filter(({ kind }) => kind !== 'read');
        const answers = await Promise.all(writes.map((next) => take(store, next, at)));
        for (const [place, next] of writes.entries()) expect(answers[place]).toEqual(await take(reference, next, at));
        expect(await take(store, { kind: 'read' }, at)).toEqual(await take(reference, { kind: 'read' }, at));
      }
    });
    await fc.assert(property, { numRuns: 40 });
  }, 60_000);

  it('tells each rise once, whichever backend answers', async () => {
    const path = files.path();
    const [one, other] = [1, 2].map(() => sqliteBackend({ database: files.open(driver, path) }).budgetStore);
    await one?.reserve(hold('h'));
    await other?.reserve(hold('i'));
    const answers = [
      await one?.settle({ id: 'h', spentNanos: 25, at: START }),
      await other?.settle({ id: 'i', spentNanos: 10, at: START }),
      await one?.reserve(hold('j')),
    ];
    expect(answers.map((answer) => answer?.states.map(({ toldNanos, spentNanos }) => [toldNanos, spentNanos]))).toEqual([
      [[0, 25]],
      [[25, 35]],
      [[35, 35]],
    ]);
  });

  it('settles and records in one transaction, once, also what it does not know', async () => {
    const { budgetStore, usageLog } = sqliteBackend({ database: files.open(driver) });
    expect(budgetStore.recordsInto).toBe(usageLog);
    const usage = usageRecord({ costNanos: 7 });
    const sum = async (): Promise<number | undefined> =>
      (await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] }))[0]?.costNanos;
    await budgetStore.reserve(hold('h'));
    await budgetStore.settle({ id: 'h', spentNanos: 7, at: START, usage });
    await budgetStore.settle({ id: 'h', spentNanos: 7, at: START, usage: { ...usage, costNanos: 9 } });
    expect(await sum()).toBe(7);
    const again = usageRecord({ costNanos: 100 });
    await Promise.all([1, 2].map(() => budgetStore.settle({ id: 'h', spentNanos: 7, at: START, usage: again })));
    await budgetStore.settle({ id: 'unknown', spentNanos: 7, at: START, usage: usageRecord({ costNanos: 1_000 }) });
    expect(await sum()).toBe(1_107);
  });

  it('rejects what cannot be written, and only that', async () => {
    const { budgetStore, usageLog } = sqliteBackend({ database: files.open(driver) });
    await budgetStore.reserve(hold('fixed'));
    const rolling = hold('rolling', {}, 'a', { rollingMs: 1_000 });
    const results = await Promise.allSettled([
      budgetStore.reserve(hold('one')),
      budgetStore.reserve(rolling),
      budgetStore.reserve(hold('')),
      usageLog.record(usageRecord({ costNanos: NaN })),
      usageLog.record(usageRecord({ at: Infinity })),
      budgetStore.reserve(hold('two')),
    ]);
    expect(results.map((result) => (result.status === 'rejected' ? String(result.reason) : 'done'))).toEqual([
      'done',
      'RangeError: Hold "rolling": account "a" is counted in a fixed window, so it cannot be asked for in a rolling one',
      'TypeError: Expected id to be a non-empty string, got ',
      expect.stringMatching(/^RangeError: Usage record "call-\d+": expected costNanos to be a finite number$/),
      expect.stringMatching(/^RangeError: Usage record "call-\d+": expected at to be a finite number$/),
      'done',
    ]);
    expect((await budgetStore.read(['a'], START))[0]?.heldNanos).toBe(30);
  });

  it('keeps any name apart from any other, and gives it back', async () => {
    const { budgetStore, usageLog } = sqliteBackend({ database: files.open(driver) });
    const names = [
      '',
      'nul\0a',
      'nul\0b',
      'nul',
      '\u001b0000',
      '\0',
      '\ud800',
      '\udc00',
      '\ud83d\ude00',
      '\ufffd',
      "'",
      '__proto__',
      '%',
    ];
    names.push('x'.repeat(10_000), `${'x'.repeat(10_000)}y`);
    for (const [index, name] of names.entries()) {
      await budgetStore.reserve(hold(`id${name}`, {}, name));
      await budgetStore.settle({ id: `id${name}`, spentNanos: index + 1, at: START });
      await usageLog.record(usageRecord({ id: `id${name}`, team: name, tags: { [`tag${name}`]: name }, costNanos: index + 1 }));
      await budgetStore.reserve(hold(`open${name}`, {}, name));
    }
    expect((await budgetStore.read(names, START)).map(({ account, spentNanos }) => [account, spentNanos])).toEqual(
      names.map((name, index) => [name, index + 1]),
    );
    const open = await budgetStore.openHolds?.(START);
    expect(open?.map(({ id, accounts }) => [id, accounts])).toEqual(names.map((name) => [`open${name}`, [name]]));
    const rows = await usageLog.summarize({ from: 0, to: Infinity, groupBy: ['team'] });
    expect(rows.map(({ group, costNanos }) => [group[0], costNanos]).reverse()).toEqual(
      names.map((name, index) => [name, index + 1]),
    );
  });

  it('keeps backends of different prefixes apart', async () => {
    const path = files.path();
    const [one, other] = ['one_', 'other_'].map((prefix) => sqliteBackend({ database: files.open(driver, path), prefix }));
    await one?.budgetStore.reserve(hold('h'));
    expect((await other?.budgetStore.read(['a'], START))?.[0]?.heldNanos).toBe(0);
    expect((await one?.budgetStore.read(['a'], START))?.[0]?.heldNanos).toBe(10);
  });

  it('forgets what is over: counters, settled ids, expired holds, bookings', async () => {
    const database = files.open(driver);
    const { budgetStore } = sqliteBackend({ database });
    const HOURS = 400;
    for (let hour = 0; hour < HOURS; hour++) {
      const at = START + hour * 3_600_000;
      const window = { startsAt: at, resetsAt: at + 3_600_000 };
      const lines: readonly HoldLine[] = [
        { account: `a@${hour}`, limitNanos: 1e12, nanos: 1, window },
        { account: `b@${hour}`, limitNanos: 1e12, nanos: 1, window },
        { account: 'rolling', limitNanos: 1e12, nanos: 1, window: { rollingMs: 3_600_000 } },
      ];
      const ids = Array.from({ length: 10 }, (_, index) => `${hour}-${index}`);
      await Promise.all(ids.map((id, index) => budgetStore.reserve({ id, at: at + index, expiresAt: at + 900_000, lines })));
      // One in ten is never settled.
      await Promise.all(ids.slice(1).map((id, index) => budgetStore.settle({ id, spentNanos: 1, at: at + index })));
    }
    // Settled ids live for a day and a quarter of an hour, that is 25 hours of 10.
    expect(count(database, 'holds')).toBeGreaterThan(240);
    expect(count(database, 'holds')).toBeLessThan(1_000);
    expect(count(database, 'accounts')).toBeLessThan(200);
    expect(count(database, 'bookings')).toBeLessThan(300);
    const end = START + HOURS * 3_600_000;
    const [state] = await budgetStore.read(['rolling'], end - 3_600_000 + 900_000);
    // The nine that were settled, and one that expired.
    expect(state?.spentNanos).toBe(9 + 1);
  });

  it('knows a settled id for a day after its hold would have expired', async () => {
    const { budgetStore } = sqliteBackend({ database: files.open(driver) });
    await budgetStore.reserve(hold('h'));
    await budgetStore.settle({ id: 'h', spentNanos: 3, at: START });
    const later = START + DAY_MS;
    for (let index = 0; index < 300; index++)
      await budgetStore.reserve(hold(`i${index}`, { at: later, expiresAt: later + 9 }, 'b'));
    expect((await budgetStore.reserve(hold('h', { at: later }))).ok).toBe(true);
    expect(await budgetStore.read(['a'], later)).toMatchObject([{ spentNanos: 3, heldNanos: 0 }]);
  });

  it('charges thousands of expired holds at once, each once', async () => {
    const { budgetStore } = sqliteBackend({ database: files.open(driver) });
    const ids = Array.from({ length: 2_500 }, (_, index) => `h${index}`);
    await Promise.all(ids.map((id, index) => budgetStore.reserve(hold(id, { expiresAt: START + 1 + index }))));
    expect(await budgetStore.read(['a'], START + 100)).toMatchObject([{ spentNanos: 1_000, heldNanos: 24_000 }]);
    expect(await budgetStore.read(['a'], START + 5_000)).toMatchObject([{ spentNanos: 25_000, heldNanos: 0 }]);
    await Promise.all(ids.map((id) => budgetStore.settle({ id, spentNanos: 1, at: START + 5_000 })));
    expect(await budgetStore.read(['a'], START + 5_000)).toMatchObject([{ spentNanos: 2_500, heldNanos: 0 }]);
    expect(await budgetStore.openHolds?.(START + 5_000)).toEqual([]);
  });

  it('finds those that expire after all ids before them have been forgotten', async () => {
    const { budgetStore } = sqliteBackend({ database: files.open(driver) });
    for (let round = 0; round < 3; round++) {
      const at = START + round * 3 * DAY_MS;
      for (let index = 0; index < 200; index++) {
        const id = `${round}-${index}`;
        await budgetStore.reserve(hold(id, { at, expiresAt: at + 1_000 }, `a${round}`));
        if (index > 0) await budgetStore.settle({ id, spentNanos: 1, at });
      }
      expect(await budgetStore.read([`a${round}`], at + 1_000)).toMatchObject([{ spentNanos: 199 + 10, heldNanos: 0 }]);
    }
  });

  it('finds those that expire after the last known hold has been forgotten', async () => {
    const { budgetStore } = sqliteBackend({ database: files.open(driver) });
    for (let index = 0; index < 20; index++) {
      await budgetStore.reserve(hold(`h${index}`));
      await budgetStore.settle({ id: `h${index}`, spentNanos: 0, at: START });
    }
    await budgetStore.read(['a'], START + 1_000);
    const later = START + 3 * DAY_MS;
    const lines = [{ account: 'full', limitNanos: 0, nanos: 1, window: WINDOWS['fixed'] ?? 'day' }];
    for (let index = 0; index < 300; index++) {
      expect((await budgetStore.reserve(hold(`refused${index}`, { at: later, expiresAt: later + 1, lines }))).ok).toBe(false);
    }
    await budgetStore.reserve(hold('new', { at: later, expiresAt: later + 1_000 }, 'b'));
    expect(await budgetStore.read(['b'], later + 1_000)).toMatchObject([{ spentNanos: 10, heldNanos: 0 }]);
  });

  it('makes, charges and settles a hold in one transaction, once', async () => {
    const { budgetStore } = sqliteBackend({ database: files.open(driver) });
    const later = START + 2_000;
    await Promise.all([
      budgetStore.reserve(hold('h')),
      budgetStore.reserve(hold('i', { expiresAt: START + 9_000 })),
      budgetStore.reserve(hold('j', { at: later, expiresAt: START + 9_000 })),
      budgetStore.settle({ id: 'h', spentNanos: 3, at: later }),
      budgetStore.settle({ id: 'i', spentNanos: 4, at: later }),
      budgetStore.settle({ id: 'h', spentNanos: 5, at: later }),
    ]);
    await budgetStore.settle({ id: 'h', spentNanos: 6, at: later });
    expect(await budgetStore.read(['a'], later)).toMatchObject([{ spentNanos: 7, heldNanos: 10 }]);
    expect((await budgetStore.openHolds?.(later))?.map(({ id }) => id)).toEqual(['j']);
  });

  it('counts nothing in a rolling window that was booked before it, by a clock that is a window slow', async () => {
    const { budgetStore } = sqliteBackend({ database: files.open(driver) });
    const window = { rollingMs: 1_000 };
    for (const id of ['h', 'slow']) await budgetStore.reserve(hold(id, { at: START - 5_000 }, 'a', window));
    // The window is looked at further on, which is kept with the booking.
    await budgetStore.settle({ id: 'h', spentNanos: 1, at: START });
    const { states } = await budgetStore.settle({ id: 'slow', spentNanos: 20, at: START - 4_000 });
    expect(states).toMatchObject([{ spentNanos: 21 }]);
    expect(await budgetStore.read(['a'], START)).toMatchObject([{ spentNanos: 1, resetsAt: START + 1_000 }]);
    expect(await budgetStore.read(['a'], START - 3_500)).toMatchObject([{ spentNanos: 21, resetsAt: START - 3_000 }]);
    expect(await budgetStore.read(['a'], START + 1_000)).toMatchObject([{ spentNanos: 0 }]);
  });

  it('counts up to 2^53 − 1 and refuses above, and keeps a window without end', async () => {
    const { budgetStore } = sqliteBackend({ database: files.open(driver) });
    const window = { startsAt: START, resetsAt: Infinity };
    const lines = [{ account: 'a', limitNanos: Infinity, nanos: Number.MAX_SAFE_INTEGER, window }];
    expect((await budgetStore.reserve(hold('h', { lines }))).ok).toBe(true);
    await budgetStore.settle({ id: 'h', spentNanos: Number.MAX_SAFE_INTEGER, at: START });
    expect((await budgetStore.reserve(hold('i', { lines: lines.map((one) => ({ ...one, nanos: 1 })) }))).ok).toBe(false);
    expect(await budgetStore.read(['a'], START)).toMatchObject([{ spentNanos: Number.MAX_SAFE_INTEGER, resetsAt: Infinity }]);
  });

  it('sums random histories of records as they are', async () => {
    await fc.assert(
      fc.asyncProperty(usageRecords(), (records) =>
        expectOneTruth(sqliteBackend({ database: files.open(driver) }).usageLog, records),
      ),
      { numRuns: 20 },
    );
  }, 60_000);

  it('sums more records than it reads at once, many of them of the same time', async () => {
    const { usageLog } = sqliteBackend({ database: files.open(driver) });
    const records = Array.from({ length: 4_500 }, (_, index) => usageRecord({ at: NOON + (index >> 11), costNanos: index }));
    await Promise.all(records.map(async (record) => usageLog.record(record)));
    const [sum] = await usageLog.summarize({ from: NOON, to: NOON + 10, groupBy: [] });
    expect([sum?.calls, sum?.costNanos]).toEqual([4_500, (4_499 * 4_500) / 2]);
  });

  it('lets others in while it sums up, and counts no record twice', async () => {
    const { usageLog } = sqliteBackend({ database: files.open(driver) });
    const record = async (at: number): Promise<void> => usageLog.record(usageRecord({ at, costNanos: 1 }));
    await Promise.all(Array.from({ length: 9_000 }, (_, index) => record(NOON + index)));
    const ended: string[] = [];
    const all = usageLog.summarize({ from: NOON, to: NOON + 9_000, groupBy: ['team'], withTotal: true });
    const summing = all.then(() => ended.push('summary'));
    // Some of them fall in what has been read already.
    for (let index = 0; index < 20; index++) await record(NOON + index * 450 + 0.5);
    ended.push('records');
    await summing;
    expect(ended).toEqual(['records', 'summary']);
    const [total, team] = await all;
    expect(total).toMatchObject({ calls: team?.calls, costNanos: team?.calls });
    expect(team?.calls).toBeGreaterThanOrEqual(9_000);
    expect(team?.calls).toBeLessThanOrEqual(9_020);
    expect(await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] })).toMatchObject([{ calls: 9_020 }]);
  });
});
