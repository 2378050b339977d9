// A report over a million records: exact, in seconds, in bounded memory, and without holding the process up.
import { afterAll, describe, expect, it } from 'vitest';
import { Governor } from '../../src/governor';
import { postgresBackend, type PostgresClient } from '../../src/postgres';
import { sqliteBackend } from '../../src/sqlite';
import { manualClock } from '../../src/testing/manual-clock';
import { countedMs } from '../../src/usage/duration-histogram';
import type { UsageLog } from '../../src/usage/usage-log';
import type { Report, ReportFigures } from '../../src/usage-report';
import { engineAtHand } from '../engine-at-hand';
import { probe, Server } from './postgres-at-hand';
import { driversAtHand, Files } from './sqlite-drivers';

const COUNT = 1_000_000;
const START = Date.UTC(2026, 9, 20);
// Thirty days of calls.
const STEP_MS = 2_592;
const MEGABYTE = 2 ** 20;

// What the nth record says, in words that both engines and JavaScript know.
const AT = `${START} + n * ${STEP_MS}`;
const IS_DENIED = 'n % 20 = 0';
const FIGURES = {
  promptTokens: '100 + n % 1000',
  cachedTokens: 'n % 50',
  completionTokens: 'n % 300',
  reasoningTokens: 'n % 20',
  costNanos: '(n * 37) % 100000',
  waitMs: 'CASE WHEN n % 10 = 1 THEN n % 5000 ELSE 0 END',
  latencyMs: '100 + (n * 31) % 3000',
};

interface Sums {
  calls: number;
  denied: number;
  costNanos: number;
  promptTokens: number;
  errors: number;
  readonly waits: number[];
  readonly latencies: number[];
}

/** The same in plain arithmetic. */
function expectedSums(): { readonly groups: ReadonlyMap<string, Sums>; readonly total: Sums } {
  const none = (): Sums => ({ calls: 0, denied: 0, costNanos: 0, promptTokens: 0, errors: 0, waits: [], latencies: [] });
  const groups = new Map<string, Sums>();
  const total = none();
  for (let n = 0; n < COUNT; n++) {
    const day = new Date(START + Math.floor((n * STEP_MS) / 86_400_000) * 86_400_000).toISOString().slice(0, 10);
    const key = `team-${n % 7} model-${n % 3} ${day}`;
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = none()));
    for (const sums of [group, total]) {
      if (n % 20 === 0) {
        sums.denied++;
        continue;
      }
      sums.calls++;
      sums.costNanos += (n * 37) % 100_000;
      sums.promptTokens += 100 + (n % 1_000);
      if (n % 33 === 0) sums.errors++;
      sums.waits.push(n % 10 === 1 ? n % 5_000 : 0);
      sums.latencies.push(100 + ((n * 31) % 3_000));
    }
  }
  return { groups, total };
}

function figuresOf({ calls, denied, costNanos, promptTokens, errors, waits, latencies }: Sums): Partial<ReportFigures> {
  const percentiles = (values: number[]): { p50: number; p95: number } => {
    const sorted = Float64Array.from(values).sort();
    const ranked = (percent: number): number => countedMs(sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? NaN);
    return { p50: ranked(50), p95: ranked(95) };
  };
  return { calls, denied, costNanos, promptTokens, errors, waitMs: percentiles(waits), latencyMs: percentiles(latencies) };
}

function expectExact({ rows, total }: Report): void {
  const expected = expectedSums();
  expect(rows.length).toBe(expected.groups.size);
  for (const row of rows) {
    const sums = expected.groups.get(`${row.team} ${row.model} ${row.day}`) ?? expect.fail(JSON.stringify(row));
    expect(row).toMatchObject(figuresOf(sums));
  }
  expect(total).toMatchObject(figuresOf(expected.total));
  expect(total.deniedBy).toEqual({ 'budget-exceeded': COUNT / 40, 'rate-limit-wait': COUNT / 40 });
}

interface Cost {
  readonly seconds: number;
  readonly heapMegabytes: number;
  readonly rssMegabytes: number;
  readonly blockedMs: number;
}

/** Milliseconds since then: by the clock, or by the processor if that is less, because others use the machine as well. */
function blockWatch(): () => number {
  const [from, used] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(used);
    return Math.min(performance.now() - from, (user + system) / 1_000);
  };
}

/** A report by team, model and day, and what it took. */
async function measured(usageLog: UsageLog): Promise<{ readonly report: Report; readonly cost: Cost }> {
  const governor = new Governor({ usageLog, clock: manualClock(START + COUNT * STEP_MS) });
  const before = process.memoryUsage();
  const begun = performance.now();
  let [heap, rss, blockedMs, elapsed] = [before.heapUsed, before.rss, 0, blockWatch()];
  const look = (): void => {
    const memory = process.memoryUsage();
    blockedMs = Math.max(blockedMs, elapsed());
    heap = Math.max(heap, memory.heapUsed);
    rss = Math.max(rss, memory.rss);
    elapsed = blockWatch();
  };
  const looks = setInterval(look, 2);
  try {
    const report = await governor.report({ from: START, by: ['team', 'model', 'day'] });
    look();
    const cost = {
      seconds: (performance.now() - begun) / 1_000,
      heapMegabytes: (heap - before.heapUsed) / MEGABYTE,
      rssMegabytes: (rss - before.rss) / MEGABYTE,
      blockedMs,
    };
    return { report, cost };
  } finally {
    clearInterval(looks);
  }
}

function expectCheap(engine: string, { seconds, heapMegabytes, rssMegabytes, blockedMs }: Cost): void {
  const grown = `heap at most ${heapMegabytes.toFixed(0)} MB more, rss ${rssMegabytes.toFixed(0)} MB`;
  console.log(`${engine}: ${seconds.toFixed(1)} s, ${grown}, event loop blocked for at most ${blockedMs.toFixed(0)} ms`);
  // Many times what it takes on a machine that does nothing else. The records themselves are a gigabyte of objects.
  expect(seconds).toBeLessThan(60);
  expect(heapMegabytes).toBeLessThan(250);
  expect(blockedMs).toBeLessThan(1_000);
}

const [driver] = await driversAtHand();

describe('a report over a million records', () => {
  it.each(driver === undefined ? [] : [driver])(
    'on SQLite by $name',
    async (one) => {
      const files = new Files();
      try {
        const database = files.open(one);
        const { usageLog } = sqliteBackend({ database });
        await usageLog.summarize({ from: 0, to: 0, groupBy: [] });
        const texts = { operation: 'chat.completions', accuracy: 'exact', priceVersion: '2026-11-13', user: 'ada' };
        const fixed = Object.entries(texts).map(([name, text]) => `"${name}":"${text}",`);
        const figures = Object.entries(FIGURES).map(([name, sql]) => `"${name}":' || (${sql}) || ',`);
        const record =
          `'{"id":"run-' || n || '","at":' || (${AT}) || ',"team":"team-' || (n % 7) || '","model":"model-' || (n % 3) || '",` +
          `${fixed.join('')}${figures.join('')}"attempts":1,"outcome":"' || CASE WHEN ${IS_DENIED} THEN ` +
          `CASE WHEN n % 40 = 0 THEN 'denied","code":"budget-exceeded' ELSE 'denied","code":"rate-limit-wait' END ` +
          `WHEN n % 33 = 0 THEN 'error' ELSE 'success' END || '"}'`;
        database.exec('PRAGMA synchronous = OFF');
        const part = 100_000;
        for (let from = 0; from < COUNT; from += part) {
          database.exec(
            `WITH RECURSIVE numbers (n) AS (VALUES (${from}) UNION ALL SELECT n + 1 FROM numbers WHERE n < ${from + part - 1}) ` +
              `INSERT INTO governed_groq_usage SELECT 'run-' || n, ${AT}, ${record} FROM numbers`,
          );
        }
        const { report, cost } = await measured(usageLog);
        expectExact(report);
        expectCheap('SQLite', cost);
      } finally {
        files.remove();
      }
    },
    240_000,
  );
});

describe.skipIf(!(await engineAtHand('PostgreSQL', probe)))('a report over a million records', () => {
  const server = new Server();
  afterAll(() => server.close(), 60_000);

  it('on PostgreSQL, which sends sums only', async () => {
    const schema = server.schema();
    let rowsSent = 0;
    const client: PostgresClient = {
      async query(text, params) {
        const result = await server.pool.query(text, params);
        rowsSent += Array.isArray(result.rows) ? result.rows.length : 0;
        return result;
      },
    };
    const { usageLog } = postgresBackend({ client, schema });
    await usageLog.summarize({ from: 0, to: 0, groupBy: [] });
    await server.pool.query(`ALTER TABLE ${schema}.usage SET UNLOGGED`);
    await server.pool.query(
      `INSERT INTO ${schema}.usage (id, at, team, "user", operation, model, prompt_tokens, cached_tokens, completion_tokens, ` +
        `reasoning_tokens, cost_nanos, wait_ms, latency_ms, accuracy, price_version, attempts, outcome, code) ` +
        `SELECT 'run-' || n, ${AT}, 'team-' || (n % 7), 'ada', 'chat.completions', 'model-' || (n % 3), ` +
        `${Object.values(FIGURES).join(', ')}, 'exact', '2026-11-13', 1, ` +
        `CASE WHEN ${IS_DENIED} THEN 'denied' WHEN n % 33 = 0 THEN 'error' ELSE 'success' END, ` +
        `CASE WHEN n % 40 = 0 THEN 'budget-exceeded' WHEN ${IS_DENIED} THEN 'rate-limit-wait' END ` +
        `FROM generate_series(0::bigint, ${COUNT - 1}) n`,
    );
    rowsSent = 0;
    const { report, cost } = await measured(usageLog);
    expectExact(report);
    expectCheap('PostgreSQL', cost);
    // A group has a row for each way to end, and two for its durations.
    expect(rowsSent).toBeLessThanOrEqual(5 * report.rows.length);
  }, 240_000);
});
