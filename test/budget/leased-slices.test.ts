// When slices are taken, how large they are, and when they go back.
import { describe, expect, it } from 'vitest';
import type { BudgetStore, HoldLine } from '../../src/budget/budget-store';
import { leased } from '../../src/budget/leased';
import { systemClock } from '../../src/clock';
import { LIFE_MS, START, TODAY, UNIT, amounts, hold, line, sharedStore, skewed } from './leased-support';

const LEASE_MS = 8_000;
const CAP = 1_000 * UNIT;
const ORG = [line('org', CAP, UNIT)];

/** A process that leases slices of 100 units of a store that others use as well. */
function scene(options: { sliceUsd?: number; leaseMs?: number } = {}) {
  const { clock, store, link } = sharedStore();
  const open = () => {
    const way = link();
    return { way, own: leased(way, { sliceUsd: 1, leaseMs: LEASE_MS, clock, ...options }) };
  };
  const shared = async (account = 'org', at = clock.now()) => amounts(await store.read([account], at))[0];
  return { clock, store, open, shared, ...open() };
}

async function call(own: BudgetStore, id: string, lines: readonly HoldLine[] = ORG, spentNanos = UNIT, at = START) {
  const { ok } = await own.reserve(hold(id, at, lines));
  await own.settle({ id, spentNanos, at });
  return ok;
}

describe('a slice', () => {
  it('is taken once, by one request for all who ask at the same time, and pays for those who come later', async () => {
    const { own, way, shared } = scene();
    await Promise.all(['a', 'b', 'c'].map((id) => own.reserve(hold(id, START, ORG))));
    await call(own, 'd');
    expect(way.sent).toEqual(['reserve']);
    expect(await shared()).toEqual([0, 100 * UNIT]);
    expect(amounts(await own.read(['org'], START))).toEqual([[UNIT, 3 * UNIT]]);
  });

  it('is an eighth of the room at most, and never less than the call needs', async () => {
    const { own, shared } = scene();
    await own.reserve(hold('a', START, [line('small', 40 * UNIT, UNIT)]));
    expect(await shared('small')).toEqual([0, 5 * UNIT]);
    await own.reserve(hold('b', START, [line('tiny', 3 * UNIT, 2 * UNIT)]));
    expect(await shared('tiny')).toEqual([0, 2 * UNIT]);
  });

  it('is asked for again, smaller, if others have taken the room meanwhile', async () => {
    const { own, way, open, shared } = scene();
    const other = open();
    await call(own, 'a');
    await own.close?.();
    await other.own.reserve(hold('big', START, [line('org', CAP, 995 * UNIT)]));
    const fresh = open();
    expect((await fresh.own.reserve(hold('b', START, ORG))).ok).toBe(true);
    // An eighth of the limit was refused; then there were 4 units, and an eighth of them is less than one.
    expect(fresh.way.sent).toEqual(['reserve', 'reserve']);
    expect(await shared()).toEqual([UNIT, 996 * UNIT]);
    expect(way.sent).toEqual(['reserve', 'settle']);
  });

  it('is of no use under another limit: a lower one counts at once', async () => {
    const { own } = scene();
    await own.reserve(hold('a', START, ORG));
    const lower = await own.reserve(hold('b', START, [line('org', 0.5 * UNIT, UNIT)]));
    expect(lower).toMatchObject({ ok: false, exceeded: ['org'], states: [{ limitNanos: 0.5 * UNIT }] });
    expect((await own.reserve(hold('c', START, [line('org', 2 * UNIT, UNIT)]))).ok).toBe(true);
    expect((await own.reserve(hold('d', START, [line('org', 2 * UNIT, UNIT)]))).ok).toBe(false);
    expect((await own.reserve(hold('e', START, ORG))).ok).toBe(true);
  });

  it('pays for no call of another window', async () => {
    const { own, shared } = scene();
    await own.reserve(hold('a', START, ORG));
    const window = { startsAt: TODAY.resetsAt, resetsAt: TODAY.resetsAt + 86_400_000 };
    await own.reserve(hold('b', TODAY.resetsAt, [{ ...line('org@tomorrow', CAP, UNIT), window }]));
    expect(await shared('org@tomorrow', TODAY.resetsAt)).toEqual([0, 100 * UNIT]);
  });

  it('pays for no call that may be open for longer than it is held', async () => {
    const { own, way } = scene();
    await own.reserve(hold('a', START, ORG));
    await own.reserve(hold('long', START, ORG, 10 * LIFE_MS));
    expect(way.sent).toEqual(['reserve', 'reserve']);
    expect((await own.openHolds?.(START))?.map(({ expiresAt }) => expiresAt)).toEqual([
      START + LIFE_MS + 1.5 * LEASE_MS,
      START + 10 * LIFE_MS + 1.5 * LEASE_MS,
    ]);
  });
});

describe('what is not used goes back', () => {
  it('when no call has come for a while, with what was spent', async () => {
    const { own, clock, shared } = scene();
    await call(own, 'a', ORG, 3);
    await clock.advance(LEASE_MS / 4);
    expect(await shared()).toEqual([0, 100 * UNIT]);
    await clock.advance(LEASE_MS / 4);
    expect(await shared()).toEqual([3, 0]);
  });

  it('when the lease is over, also while calls come and others run: what those hold stays held', async () => {
    const { own, clock, shared } = scene();
    await own.reserve(hold('long', START, ORG));
    await own.reserve(hold('short', START, ORG));
    for (let left = LEASE_MS; left > 0; left -= 1_000) {
      await call(own, `at-${left}`, ORG, 1, clock.now());
      expect(await shared()).toEqual([0, 100 * UNIT]);
      await clock.advance(1_000);
    }
    expect(await shared()).toEqual([8, 2 * UNIT]);
    await own.settle({ id: 'short', spentNanos: 5, at: clock.now() });
    await own.settle({ id: 'long', spentNanos: 7, at: clock.now() });
    await clock.advance(LEASE_MS);
    expect(await shared()).toEqual([20, 0]);
  });

  it('when the lease is over, at the price of two trips, and none while the calls that need the rest are open', async () => {
    const { own, way, clock, shared, store } = scene();
    const lines = [line('org', 320, 2)];
    for (let number = 0; number < 20; number++) await own.reserve(hold(`first-${number}`, START, lines));
    await store.reserve(hold('others', START, [line('org', 320, 270)]));
    await own.reserve(hold('second', START, lines));
    await store.settle({ id: 'others', spentNanos: 0, at: START });
    for (let number = 0; number < 13; number++) await own.settle({ id: `first-${number}`, spentNanos: 0, at: START });
    expect(await shared()).toEqual([0, 42]);
    way.sent.length = 0;
    await clock.advance(LIFE_MS - 1);
    expect(way.sent).toEqual(['reserve', 'settle']);
    expect(await shared()).toEqual([0, 16]);
    await clock.advance(2 * LEASE_MS);
    expect([await shared(), clock.sleeping]).toEqual([[16, 0], 0]);
  });

  it('when another budget of this process needs it', async () => {
    const { own, shared } = scene();
    const team = (name: string, nanos: number) => [line('org', 10 * UNIT, nanos), line(name, CAP, nanos)];
    await own.reserve(hold('a', START, team('a', 2 * UNIT)));
    await own.settle({ id: 'a', spentNanos: UNIT, at: START });
    expect(await call(own, 'b', team('b', 9 * UNIT), UNIT)).toBe(true);
    // What does not fit a slice gets it too.
    expect(await call(own, 'c', [line('org', 10 * UNIT, 8 * UNIT), line('c', CAP, 7 * UNIT)], UNIT)).toBe(true);
    expect(await shared()).toEqual([3 * UNIT, 0]);
  });

  it('when another budget of this process needs it, except for what a call in flight holds', async () => {
    const { own, store } = scene();
    const team = (name: string, nanos: number) => [line('org', 80 * UNIT, nanos), line(name, CAP, nanos)];
    await own.reserve(hold('a', START, team('a', UNIT)));
    expect((await store.read(['org'], START))[0]?.heldNanos).toBe(10 * UNIT);
    const answer = await own.reserve(hold('b', START, team('b', 79 * UNIT)));
    expect(answer.ok).toBe(true);
    expect(amounts(answer.states)).toEqual([
      [0, 80 * UNIT],
      [0, 79 * UNIT],
    ]);
    expect((await own.reserve(hold('c', START, team('c', 1)))).ok).toBe(false);
  });

  it('on close, which ends all timers and leaves the store open; calls that come later ask it directly', async () => {
    const { own, clock, way, shared, store } = scene();
    await call(own, 'a', ORG, 3);
    await own.reserve(hold('live', START, ORG));
    await own.close?.();
    expect(await shared()).toEqual([3, UNIT]);
    await own.settle({ id: 'live', spentNanos: 4, at: START });
    await own.close?.();
    await clock.advance(0);
    expect([await shared(), clock.sleeping]).toEqual([[7, 0], 0]);
    way.sent.length = 0;
    await call(own, 'b', ORG, 5);
    expect([way.sent, await shared()]).toEqual([
      ['reserve', 'settle'],
      [12, 0],
    ]);
    expect((await store.openHolds?.(START))?.length).toBe(0);
  });

  it('also if the process has crashed: all of it is charged, once the longest call could have ended', async () => {
    const { own, way, open, shared } = scene();
    await call(own, 'a', ORG, 3);
    way.cut = 'dead';
    const end = START + LIFE_MS + 1.5 * LEASE_MS;
    expect(await shared('org', end - 1)).toEqual([0, 100 * UNIT]);
    expect(await shared('org', end)).toEqual([100 * UNIT, 0]);
    expect((await open().own.reserve(hold('b', end, [line('org', CAP, 901 * UNIT)]))).ok).toBe(false);
    expect((await open().own.reserve(hold('c', end, [line('org', CAP, 900 * UNIT)]))).ok).toBe(true);
  });

  it('with one timer, which sleeps only while something is leased', async () => {
    const { own, clock } = scene();
    expect(clock.sleeping).toBe(0);
    for (const name of ['a', 'b', 'c']) await call(own, name, [line(name, CAP, UNIT)]);
    await clock.advance(0);
    expect(clock.sleeping).toBe(1);
    await clock.advance(LEASE_MS);
    expect(clock.sleeping).toBe(0);
    await call(own, 'd');
    await clock.advance(0);
    expect(clock.sleeping).toBe(1);
  });

  it('and the timer keeps no process alive', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const { store } = sharedStore();
    const own = leased(store, { sliceUsd: 1, leaseMs: LEASE_MS });
    await own.reserve(hold('h', systemClock.now(), ORG));
    expect(timers()).toBe(before);
    await own.settle({ id: 'h', spentNanos: 1, at: systemClock.now() });
    await own.close?.();
  });
});

describe('clocks that disagree', () => {
  it('another process, hours ahead, charges the slices; the cap holds, and what was spent is put right', async () => {
    const { store, clock, link } = sharedStore();
    const own = leased(link(), { sliceUsd: 1, leaseMs: LEASE_MS, clock });
    const ahead = leased(link(), { sliceUsd: 1, leaseMs: LEASE_MS, clock: skewed(clock, 7_200_000) });
    const lines = [line('org', 8 * UNIT, UNIT)];
    await own.reserve(hold('a', START, lines));
    const later = START + 7_200_000;
    for (let number = 0; number < 7; number++) expect(await call(ahead, `b${number}`, lines, UNIT, later)).toBe(true);
    expect(await call(ahead, 'full', lines, UNIT, later)).toBe(false);
    expect(await call(own, 'full', lines)).toBe(false);
    expect(amounts(await own.read(['org'], START))).toEqual([[7 * UNIT, UNIT]]);
    await own.settle({ id: 'a', spentNanos: 1, at: START });
    await own.close?.();
    await ahead.close?.();
    expect(amounts(await store.read(['org'], later))).toEqual([[7 * UNIT + 1, 0]]);
  });
});
