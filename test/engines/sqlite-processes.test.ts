// Real processes that share one file.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { sqliteBackend } from '../../src/sqlite';
import { driversAtHand, Files } from './sqlite-drivers';

interface Report {
  readonly granted: number;
  readonly errors: readonly string[];
  readonly longestMs: number;
}

const files = new Files();
const folder = mkdtempSync(join(tmpdir(), 'governed-groq-worker-'));
const bundle = join(folder, 'worker.mjs');
afterAll(() => {
  files.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function messageOf<T>(worker: ChildProcess): Promise<T> {
  const [message] = (await once(worker, 'message')) as [T];
  return message;
}

describe.each(await driversAtHand())('4 processes on one file by $name', (driver) => {
  it('grant what the budget pays and not one more; nobody hears of a lock, and nobody is blocked', async () => {
    await build({
      entryPoints: [fileURLToPath(new URL('./sqlite-worker.ts', import.meta.url))],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
    const path = files.path();
    const workers = [0, 1, 2, 3].map((name) => fork(bundle, [String(name), path, import.meta.url, driver.name]));
    try {
      await Promise.all(workers.map((worker) => messageOf(worker)));
      const reports = Promise.all(workers.map((worker) => messageOf<Report>(worker)));
      for (const worker of workers) worker.send('go');
      const all = await reports;
      expect(all.flatMap(({ errors }) => errors)).toEqual([]);
      expect(all.reduce((sum, { granted }) => sum + granted, 0)).toBe(40);
      console.log(
        `${driver.name}: event loops blocked for at most ${all.map(({ longestMs }) => longestMs.toFixed(0)).join(', ')} ms`,
      );
      // Other work on the machine counts as well, so only what no waiting of SQLite's own would stay below is refused.
      for (const { longestMs } of all) expect(longestMs).toBeLessThan(1_000);
    } finally {
      for (const worker of workers) worker.kill();
    }
    const { budgetStore } = sqliteBackend({ database: files.open(driver, path) });
    expect(await budgetStore.read(['a'], Date.now())).toMatchObject([{ spentNanos: 0, heldNanos: 40 }]);
  }, 60_000);
});
