// Two processes that share one Redis change from one key to another, over 48 hours of their clocks: no call fails, the old key is
// left alone after the switch, and the report says when it can go.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeyReport } from '../../src/key-report';
import { SERVERS, enginesAtHand } from './at-hand';
import { newPlace } from './engines';
import { type Process, type Seen, type Stage, stage } from './rotation-support';
import type { RotationOrder, RotationReport, RotationSetup } from './rotation-worker';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const T0 = Date.UTC(2026, 10, 21, 7);
const SWITCH = T0 + 6 * HOUR;
const STEP = 10 * MINUTE;
const [OLD, NEW] = ['chatbot-prod-2026-04', 'chatbot-prod-2026-11'];
const [OLD_SECRET, NEW_SECRET] = ['gsk_old', 'gsk_new'];
const NAMES = ['one', 'two'] as const;

interface Play {
  readonly here: Stage;
  readonly both: readonly Process[];
  /** What has gone wrong so far; empty for all plays here. */
  readonly failures: string[];
  answered: number;
}

const hasRedis = (await enginesAtHand()).includes('redis');

async function play(keys: (here: Stage) => RotationSetup['keys'], acts: (play: Play) => Promise<void>): Promise<void> {
  const place = await newPlace('redis', SERVERS);
  const here = await stage(T0);
  try {
    const both = await Promise.all(NAMES.map((name) => here.start({ place, name, keys: keys(here) })));
    const playing: Play = { here, both, failures: [], answered: 0 };
    await acts(playing);
    for (const process of both) await process.end();
    expect(playing.failures).toEqual([]);
    expect(playing.answered).toBe(here.seen.filter(({ status }) => status === 200).length);
  } finally {
    await here.close();
    await place.drop();
  }
}

/** Both make some calls at once, now. */
async function both({ both: processes }: Play, order: Partial<RotationOrder> = {}) {
  const { prompt = 'hi', calls = 3 } = order;
  return Promise.all(processes.map((process) => process.order({ ...order, calls, prompt })));
}

function note(play: Play, reports: readonly RotationReport[]): readonly RotationReport[] {
  for (const { failures, answered } of reports) {
    play.failures.push(...failures);
    play.answered += answered;
  }
  return reports;
}

/** Lets time pass up to `until`, with calls every ten minutes. The reports are those of the last step. */
async function passUntil(play: Play, until: number): Promise<readonly RotationReport[]> {
  let reports: readonly RotationReport[] = [];
  while (play.here.now + STEP <= until) {
    play.here.now += STEP;
    reports = note(play, await both(play, { tell: play.here.now + STEP > until }));
  }
  return reports;
}

const keyOf = ({ keys }: RotationReport, id: string): KeyReport => keys.find((key) => key.id === id) ?? expect.fail(`no ${id}`);
const secretsSince = (seen: readonly Seen[], from: number): ReadonlySet<string> =>
  new Set(seen.filter(({ at }) => at >= from).map(({ secret }) => secret));
const refused = (seen: readonly Seen[]): number => seen.filter(({ status }) => status === 401).length;

describe.skipIf(!hasRedis)('two processes on Redis', () => {
  it('change to a new key over 48 hours', async () => {
    const entries = (here: Stage): RotationSetup['keys'] => [
      { name: OLD, secret: OLD_SECRET },
      { name: NEW, secret: { file: join(here.folder, 'new-key') }, notBefore: SWITCH },
    ];
    await play(entries, async (playing) => {
      const { here } = playing;
      here.validUntil.set(OLD_SECRET, T0 + 36 * HOUR).set(NEW_SECRET, Infinity);
      await passUntil(playing, SWITCH - HOUR);
      expect(secretsSince(here.seen, T0)).toEqual(new Set([OLD_SECRET]));
      writeFileSync(join(here.folder, 'new-key'), `${NEW_SECRET}\n`);
      // A long call in each, which ends after the switch.
      await both(playing, { prompt: here.held, calls: 1, goOn: true });
      await here.holding(2);
      await passUntil(playing, SWITCH + HOUR);
      expect(secretsSince(here.seen, T0)).toEqual(new Set([OLD_SECRET, NEW_SECRET]));
      here.release();
      here.now += STEP;
      const lately = note(playing, await both(playing, { finish: true, tell: true }));

      // From its first step with a proved key on, a process leaves the old one alone; what was in flight ends with it.
      for (const name of NAMES) {
        const own = here.seen.filter(({ process }) => process === name);
        const first = own.find(({ secret }) => secret === NEW_SECRET)?.at ?? NaN;
        expect(first).toBeLessThanOrEqual(SWITCH + STEP);
        const after = own.filter(({ at, secret }) => at > first && secret === OLD_SECRET);
        expect(after.map(({ prompt }) => prompt)).toEqual([here.held]);
      }
      for (const report of lately) {
        const old = keyOf(report, OLD);
        expect(old).toMatchObject({ state: 'standby', safeToDelete: false });
        expect(old.note).toMatch(/safe to delete after 2026-11-22T1[23]:\d0:00Z/);
        expect(keyOf(report, NEW)).toMatchObject({ state: 'active', safeToDelete: false });
      }
      const lastUse = Math.max(...lately.map((report) => keyOf(report, OLD).lastUsedAt ?? NaN));
      expect(lastUse).toBeLessThanOrEqual(SWITCH + STEP);

      for (const report of await passUntil(playing, lastUse + 24 * HOUR - STEP))
        expect(keyOf(report, OLD)).toMatchObject({
          lastUsedAt: lastUse,
          safeToDelete: false,
          safeToDeleteAt: lastUse + 24 * HOUR,
        });
      for (const report of await passUntil(playing, lastUse + 24 * HOUR))
        expect(keyOf(report, OLD)).toMatchObject({ safeToDelete: true, note: 'safe to delete: silent for 24 h' });
      // Now it is deleted, and nobody notices.
      here.validUntil.set(OLD_SECRET, here.now);
      for (const report of await passUntil(playing, T0 + 48 * HOUR))
        expect(keyOf(report, NEW)).toMatchObject({ state: 'active', errors: 0, requests: expect.any(Number) as number });
      expect(secretsSince(here.seen, lastUse + 2 * HOUR)).toEqual(new Set([NEW_SECRET]));
      expect(refused(here.seen)).toBe(0);
      expect(here.seen.length).toBeGreaterThan(1_500);
    });
  }, 180_000);

  it('lose no call if the old key is revoked before the new one is proved, with calls in flight', async () => {
    const entries = (here: Stage): RotationSetup['keys'] => [
      { name: OLD, secret: OLD_SECRET },
      { name: NEW, secret: { fileThroughFunction: join(here.folder, 'new-key') }, notBefore: SWITCH },
    ];
    await play(entries, async (playing) => {
      const { here } = playing;
      here.validUntil.set(OLD_SECRET, SWITCH).set(NEW_SECRET, Infinity);
      await passUntil(playing, SWITCH - STEP);
      writeFileSync(join(here.folder, 'new-key'), NEW_SECRET);
      await both(playing, { prompt: here.held, calls: 5, goOn: true });
      await here.holding(10);
      here.now += STEP;
      // New calls and those in flight find out together.
      const calls = both(playing, { calls: 10, finish: true });
      here.release();
      note(playing, await calls);
      // Those in flight, at least.
      expect(refused(here.seen)).toBeGreaterThanOrEqual(10);
      const reports = await passUntil(playing, SWITCH + 2 * HOUR);
      expect(secretsSince(here.seen, SWITCH + STEP)).toEqual(new Set([NEW_SECRET]));
      for (const report of reports) expect(keyOf(report, OLD)).toMatchObject({ state: 'quarantined' });
      const ends = await passUntil(playing, T0 + 48 * HOUR);
      for (const report of ends) {
        expect(keyOf(report, OLD)).toMatchObject({ state: 'quarantined', safeToDelete: true });
        expect(keyOf(report, NEW)).toMatchObject({ state: 'active' });
      }
    });
  }, 180_000);

  it('lose no call if the secret of their only key is replaced and the one before revoked at once', async () => {
    const name = 'chatbot-prod-web';
    const entries = (here: Stage): RotationSetup['keys'] => [{ name, secret: { file: join(here.folder, 'key') } }];
    await play(entries, async (playing) => {
      const { here } = playing;
      writeFileSync(join(here.folder, 'key'), OLD_SECRET);
      here.validUntil.set(OLD_SECRET, SWITCH).set(NEW_SECRET, Infinity);
      await passUntil(playing, SWITCH - STEP);
      await both(playing, { prompt: here.held, calls: 5, goOn: true });
      await here.holding(10);
      writeFileSync(join(here.folder, 'key'), NEW_SECRET);
      here.now += STEP;
      const calls = both(playing, { calls: 10, finish: true });
      here.release();
      note(playing, await calls);
      // Those in flight, at least.
      expect(refused(here.seen)).toBeGreaterThanOrEqual(10);
      for (const report of await passUntil(playing, SWITCH + HOUR))
        expect(report.keys).toMatchObject([{ id: name, state: 'active' }]);
      expect(secretsSince(here.seen, SWITCH + STEP)).toEqual(new Set([NEW_SECRET]));
    });
  }, 120_000);
});
