import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import { memoryUsageLog } from '../../src/usage/memory';
import { expectOneTruth, NOON, usageRecord, usageRecords } from './records';

describeUsageLog({ describe, it, expect }, () => memoryUsageLog());

const HOUR = 3_600_000;
const ALWAYS = { from: 0, to: Infinity };

describe('memoryUsageLog with few whole records', () => {
  // The suite's range test needs four whole records; everything else is exact when folded.
  describeUsageLog({ describe, it, expect }, () => memoryUsageLog({ maxRecords: 4 }));

  it('keeps the latest records, oldest first', () => {
    const log = memoryUsageLog({ maxRecords: 3 });
    const records = Array.from({ length: 8 }, () => usageRecord());
    for (const [index, record] of records.entries()) {
      log.record(record);
      expect(log.records).toEqual(records.slice(Math.max(0, index - 2), index + 1));
    }
  });

  it('can keep none, and then still sums', async () => {
    const log = memoryUsageLog({ maxRecords: 0 });
    log.record(usageRecord({ costNanos: 5 }));
    log.record(usageRecord({ costNanos: 6 }));
    expect(log.records).toEqual([]);
    const [sum] = await log.summarize({ ...ALWAYS, groupBy: [] });
    expect(sum?.costNanos).toBe(11);
  });

  it('counts a folded record where its quarter of an hour begins', async () => {
    const log = memoryUsageLog({ maxRecords: 0 });
    log.record(usageRecord({ at: NOON + 5 * 60_000, costNanos: 5 }));
    const cost = async (from: number, to: number): Promise<number> =>
      (await log.summarize({ from, to, groupBy: [] }))[0]?.costNanos ?? 0;
    expect(await cost(NOON, NOON + 1)).toBe(5);
    expect(await cost(NOON + 1, NOON + HOUR)).toBe(0);
    expect(await cost(NOON - HOUR, NOON)).toBe(0);
  });

  it('knows days that begin at a quarter of an hour, folded or not', async () => {
    const log = memoryUsageLog({ maxRecords: 0 });
    for (const [index, time] of ['18:14:59.999', '18:15:00.000', '18:29:59.999', '18:30:00.000'].entries()) {
      log.record(usageRecord({ at: Date.parse(`2026-11-20T${time}Z`), costNanos: 10 ** index }));
    }
    const days = async (timeZone: string): Promise<unknown[]> =>
      (await log.summarize({ ...ALWAYS, groupBy: ['day'], timeZone })).map(({ group, costNanos }) => [...group, costNanos]);
    expect(await days('Asia/Kathmandu')).toEqual([
      ['2026-11-21', 1110],
      ['2026-11-20', 1],
    ]);
    expect(await days('Asia/Kolkata')).toEqual([
      ['2026-11-21', 1000],
      ['2026-11-20', 111],
    ]);
    await expect(days('Mars/Olympus')).rejects.toThrow(RangeError);
  });

  it('remembers an id for as many records as it keeps, and for a thousand', async () => {
    const log = memoryUsageLog({ maxRecords: 2 });
    const first = usageRecord();
    log.record(first);
    for (let n = 0; n < 999; n++) log.record(usageRecord());
    log.record(first);
    const [sum] = await log.summarize({ ...ALWAYS, groupBy: [] });
    expect(sum?.calls).toBe(1_000);
  });

  it('rejects sizes that are no sizes', () => {
    for (const maxRecords of [-1, 1.5, NaN]) expect(() => memoryUsageLog({ maxRecords })).toThrow(/maxRecords must be/);
    expect(() => memoryUsageLog({ maxRecords: 0, maxSums: -1 })).toThrow(/maxSums must be/);
  });

  it('tells tag sets apart, whatever their order or spelling', async () => {
    const log = memoryUsageLog({ maxRecords: 0 });
    log.record(usageRecord({ tags: { a: 'x', b: 'y' }, costNanos: 1 }));
    log.record(usageRecord({ tags: { b: 'y', a: 'x' }, costNanos: 10 }));
    log.record(usageRecord({ tags: { a: 'x","b' }, costNanos: 100 }));
    log.record(usageRecord({ tags: {}, costNanos: 1000 }));
    const rows = await log.summarize({ ...ALWAYS, groupBy: [{ tag: 'a' }, { tag: 'b' }] });
    expect(rows.map(({ group, costNanos }) => [...group, costNanos])).toEqual([
      ['', '', 1000],
      ['x","b', '', 100],
      ['x', 'y', 11],
    ]);
  });
});

describe('memoryUsageLog with many sums', () => {
  it('merges the older half by day, team, operation and model, and loses nothing', async () => {
    const log = memoryUsageLog({ maxRecords: 0, maxSums: 100 });
    let cost = 0;
    for (let index = 0; index < 2_000; index++) {
      cost += index;
      log.record(
        usageRecord({
          at: NOON + index * 60_000,
          user: `u${index}`,
          team: `t${index % 2}`,
          costNanos: index,
          tags: { index: `${index}` },
        }),
      );
    }
    const [total] = await log.summarize({ ...ALWAYS, groupBy: [] });
    expect([total?.calls, total?.costNanos]).toEqual([2_000, cost]);
    const users = await log.summarize({ ...ALWAYS, groupBy: ['user'] });
    expect(users.length).toBeLessThan(110);
    expect(users.reduce((sum, { costNanos }) => sum + costNanos, 0)).toBe(cost);
    expect(users.at(0)?.group).toEqual(['']);
    const days = await log.summarize({ ...ALWAYS, groupBy: ['day', 'team'] });
    expect(days.map(({ group, calls }) => [...group, calls])).toEqual([
      ['2026-11-22', 't1', 640],
      ['2026-11-22', 't0', 640],
      ['2026-11-21', 't1', 360],
      ['2026-11-21', 't0', 360],
    ]);
    const midnight = Date.UTC(2026, 10, 21);
    expect((await log.summarize({ from: midnight, to: midnight + 1, groupBy: [] }))[0]?.calls).toBe(720);
  });
});

describe('memoryUsageLog, one truth', () => {
  for (const maxRecords of [0, 3, 1_000]) {
    it(`sums the same whatever it groups by (${maxRecords} whole records)`, async () => {
      await fc.assert(fc.asyncProperty(usageRecords(), (records) => expectOneTruth(memoryUsageLog({ maxRecords }), records)));
    });
  }

  it('sums the same when old sums are merged', async () => {
    await fc.assert(
      fc.asyncProperty(usageRecords(), (records) =>
        expectOneTruth(memoryUsageLog({ maxRecords: 0, maxSums: 5 }), records, true),
      ),
    );
  });
});
