import { readFileSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import { manualClock } from '../../src/testing/manual-clock';
import { jsonlUsageLog, type JsonlUsageLog } from '../../src/usage/jsonl';
import { expectOneTruth, usageRecord, usageRecords } from './records';

const ALL = { from: 0, to: Infinity, groupBy: [] };

let directory = '';
let files = 0;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'usage-log-'))));
afterAll(() => rm(directory, { recursive: true, force: true }));
const newPath = (): string => join(directory, `${++files}.jsonl`);

const linesOf = async (path: string): Promise<string[]> => (await readFile(path, 'utf8')).split('\n');
const costOf = async (log: JsonlUsageLog): Promise<number> => (await log.summarize(ALL))[0]?.costNanos ?? 0;

describe('jsonlUsageLog', () => {
  describeUsageLog({ describe, it, expect }, () => jsonlUsageLog(newPath()));
});

describe('options of jsonlUsageLog', () => {
  it.each<[unknown, RegExp]>([
    [undefined, /^jsonlUsageLog: expected an object with path, fsync, flushMs, clock, got undefined$/],
    [{}, /^jsonlUsageLog: expected the path of a file, e\.g\. 'usage\.jsonl', got undefined$/],
    ['', /got no text$/],
    [new URL('file:///usage.jsonl'), /^jsonlUsageLog: expected the path of a file/],
    [{ path: 'usage.jsonl', fsynch: true }, /^jsonlUsageLog: unknown option "fsynch"; known are path, /],
  ])('%#: of the wrong kind', (options, message) => {
    expect(() => Reflect.apply(jsonlUsageLog, undefined, [options])).toThrow(message);
  });
});

describe('jsonlUsageLog with fsync', () => {
  describeUsageLog({ describe, it, expect }, () => jsonlUsageLog({ path: newPath(), fsync: true }));

  it('has a record on disk when its promise resolves', async () => {
    const path = newPath();
    const log = jsonlUsageLog({ path, fsync: true });
    await Promise.all([1, 2, 3].map(async (costNanos) => log.record(usageRecord({ costNanos }))));
    expect(await linesOf(path)).toHaveLength(4);
    await log.record(usageRecord());
    expect(await linesOf(path)).toHaveLength(5);
  });
});

describe('jsonlUsageLog, writing', () => {
  it('never waits without fsync, and keeps the order', async () => {
    const path = newPath();
    const log = jsonlUsageLog(path);
    const records = Array.from({ length: 25_000 }, (_, index) => usageRecord({ costNanos: index }));
    for (const record of records) expect(log.record(record)).toBe(undefined);
    await log.flush();
    expect((await linesOf(path)).slice(0, -1).map((line) => JSON.parse(line) as unknown)).toEqual(records);
    await log.close();
  });

  it('has flushed when every batch is written', async () => {
    const path = newPath();
    const log = jsonlUsageLog({ path, fsync: true });
    for (let n = 0; n < 25_000; n++) void log.record(usageRecord());
    await log.flush();
    // Synchronously, so that nothing can be written between.
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(25_001);
    await log.close();
  });

  it('creates a file that only its owner can read', async () => {
    const path = newPath();
    const log = jsonlUsageLog(path);
    void log.record(usageRecord());
    await log.close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('writes the fields of a record and nothing else', async () => {
    const path = newPath();
    const log = jsonlUsageLog(path);
    const record = usageRecord({
      user: 'ada',
      tags: { env: 'prod' },
      code: 'budget-exceeded',
      overrunNanos: 3,
      ungoverned: true,
    });
    void log.record(Object.assign({ ...record }, { prompt: 'secret plan', apiKey: 'gsk_1' }));
    await log.flush();
    const [line = ''] = await linesOf(path);
    expect(JSON.parse(line)).toEqual(record);
  });

  it('refuses a record that it could not read back', () => {
    const log = jsonlUsageLog(newPath());
    expect(() => log.record(usageRecord({ id: 'x', costNanos: NaN }))).toThrow(
      'usage of call "x": its costNanos is missing or malformed',
    );
    expect(() => log.record(usageRecord({ promptTokens: -1 }))).toThrow(/promptTokens/);
  });

  it('says that the directory is missing, keeps the records and writes them later', async () => {
    const parent = join(directory, 'later');
    const path = join(parent, 'usage.jsonl');
    const log = jsonlUsageLog(path);
    void log.record(usageRecord({ costNanos: 1 }));
    await expect(log.flush()).rejects.toThrow(`Cannot write ${path}: its directory does not exist`);
    void log.record(usageRecord({ costNanos: 10 }));
    await expect(log.flush()).rejects.toThrow(/does not exist/);
    await mkdir(parent);
    expect(await costOf(log)).toBe(11);
  });

  it('rejects the promise of a record that is not on disk, and accepts it again', async () => {
    const parent = join(directory, 'not-yet');
    const log = jsonlUsageLog({ path: join(parent, 'usage.jsonl'), fsync: true });
    const record = usageRecord({ costNanos: 7 });
    await expect(log.record(record)).rejects.toThrow(/does not exist/);
    await mkdir(parent);
    await log.record(record);
    expect(await costOf(log)).toBe(7);
  });

  it('retries for those who ask again as soon as they are told of a failure', async () => {
    const log = jsonlUsageLog(join(directory, 'never', 'usage.jsonl'));
    void log.record(usageRecord());
    const again = log.flush().catch(() => log.flush());
    await expect(again).rejects.toThrow(/does not exist/);
  });

  it('waits up to flushMs for more to write, unless flushed', async () => {
    const clock = manualClock();
    const path = newPath();
    const log = jsonlUsageLog({ path, flushMs: 100, clock });
    void log.record(usageRecord());
    await clock.advance(99);
    expect(clock.sleeping).toBe(1);
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
    void log.record(usageRecord());
    await log.flush();
    expect(clock.sleeping).toBe(0);
    expect(await linesOf(path)).toHaveLength(3);
    void log.record(usageRecord());
    await clock.advance(100);
    await log.close();
    expect(await linesOf(path)).toHaveLength(4);
  });

  it('shares a file with other writers', async () => {
    const path = newPath();
    const writers = [1, 2, 3].map(() => jsonlUsageLog(path));
    for (let round = 0; round < 40; round++) {
      for (const writer of writers)
        for (let n = 0; n < 5; n++) void writer.record(usageRecord({ costNanos: 1, team: 'x'.repeat(n * 300) }));
      await writers[round % 3]?.flush();
    }
    await Promise.all(writers.map((writer) => writer.close()));
    const reader = jsonlUsageLog(path);
    expect(await costOf(reader)).toBe(600);
    expect(reader.skippedLines).toBe(0);
  });
});

describe('jsonlUsageLog, reading', () => {
  it('reads nothing where there is no file, and does not make one', async () => {
    const path = newPath();
    expect(await jsonlUsageLog(path).summarize(ALL)).toEqual([]);
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });

  it('reads what another run wrote', async () => {
    const path = newPath();
    const first = jsonlUsageLog(path);
    const record = usageRecord({ costNanos: 5 });
    void first.record(record);
    await first.close();
    const second = jsonlUsageLog(path);
    void second.record(record);
    void second.record(usageRecord({ costNanos: 6 }));
    expect(await costOf(second)).toBe(11);
  });

  it('skips lines that are no records, and counts them', async () => {
    const path = newPath();
    const good = JSON.stringify(usageRecord({ costNanos: 5 }));
    const foreign = [
      'null',
      '[]',
      '42',
      '{}',
      '# note',
      good.replace('5', '"5"'),
      good.slice(0, -1),
      `{"x":"${'y'.repeat(3_000_000)}"}`,
    ];
    await writeFile(path, `\n${foreign.join('\n')}\n\n${good}\n\n`);
    const log = jsonlUsageLog(path);
    expect(await costOf(log)).toBe(5);
    expect(log.skippedLines).toBe(foreign.length);
  });

  it('reads characters that lie across two chunks', async () => {
    const path = newPath();
    const log = jsonlUsageLog(path);
    for (let n = 0; n < 200; n++) {
      void log.record(usageRecord({ team: '🚀'.repeat(2_000 + (n % 7)), user: 'u'.repeat(n % 4) }));
    }
    const teams = await log.summarize({ ...ALL, groupBy: ['team'] });
    expect(teams).toHaveLength(7);
    for (const { group } of teams) expect(group[0]).toMatch(/^(🚀){2000,2006}$/u);
    expect(log.skippedLines).toBe(0);
  });

  it('fails if the file cannot be read', async () => {
    const path = join(directory, 'a-directory');
    await mkdir(path);
    await expect(jsonlUsageLog(path).summarize(ALL)).rejects.toThrow(/EISDIR/);
  });
});

describe('jsonlUsageLog after a crash', () => {
  it('loses only the line that was torn, wherever it was', async () => {
    const last = `${JSON.stringify(usageRecord({ id: 'last', user: 'Größe 🚀', costNanos: 100 }))}\n`;
    const size = Buffer.byteLength(last);
    const intact = `${JSON.stringify(usageRecord({ id: 'first', costNanos: 1 }))}\n`;
    const path = newPath();
    for (let kept = 0; kept <= size; kept++) {
      await writeFile(path, intact + last);
      await truncate(path, Buffer.byteLength(intact) + kept);
      const log = jsonlUsageLog(path);
      const torn = kept > 0 && kept < size - 1;
      const survived = kept >= size - 1 ? 100 : 0;
      expect([kept, await costOf(log), log.skippedLines]).toEqual([kept, 1 + survived, torn ? 1 : 0]);
      void log.record(usageRecord({ id: 'next', costNanos: 10 }));
      expect([kept, await costOf(log), log.skippedLines]).toEqual([kept, 11 + survived, torn ? 1 : 0]);
    }
  });

  it('starts on a new line when another process died while this one was idle', async () => {
    const path = newPath();
    const log = jsonlUsageLog(path);
    void log.record(usageRecord({ costNanos: 1 }));
    await log.close();
    await appendFile(path, '{"id":"torn","at":17');
    void log.record(usageRecord({ costNanos: 10 }));
    expect(await costOf(log)).toBe(11);
    expect(log.skippedLines).toBe(1);
  });
});

describe('jsonlUsageLog, one truth', () => {
  it('sums the same whatever it groups by', async () => {
    await fc.assert(
      fc.asyncProperty(usageRecords(), async (records) => {
        const path = newPath();
        // Half of the history is from another run.
        const half = Math.floor(records.length / 2);
        const earlier = jsonlUsageLog(path);
        for (const record of records.slice(0, half)) void earlier.record(record);
        await earlier.close();
        await expectOneTruth(jsonlUsageLog(path), records);
      }),
      { numRuns: 40 },
    );
  });
});
