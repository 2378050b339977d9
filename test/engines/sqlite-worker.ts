// One of several processes that share a file: asks for many holds at once when it is told to, and reports.
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { sqliteBackend, type SqliteDatabase } from '../../src/sqlite';

const [, , name = '', path = '', resolveFrom = '', driver = ''] = process.argv;
type DatabaseClass = new (path: string) => SqliteDatabase;

function load(): DatabaseClass {
  if (driver !== 'node:sqlite') return createRequire(resolveFrom)(driver) as DatabaseClass;
  return (process as unknown as { getBuiltinModule(id: string): { DatabaseSync: DatabaseClass } }).getBuiltinModule(
    'node:sqlite',
  ).DatabaseSync;
}

const Database = load();
const { budgetStore } = sqliteBackend({ database: new Database(path), timeoutMs: 20_000 });
const at = Date.now();
const lines = [{ account: 'a', limitNanos: 40, nanos: 1, window: { startsAt: at - 1e6, resetsAt: at + 1e9 } }];

process.on('message', () => {
  void (async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    // In groups, so that there are many transactions to compete.
    const results: PromiseSettledResult<{ readonly ok: boolean }>[] = [];
    for (let group = 0; group < 10; group++) {
      const ids = Array.from({ length: 25 }, (_, index) => `${name}-${group}-${index}`);
      const asked = ids.map((id) => budgetStore.reserve({ id, at, expiresAt: at + 900_000, lines }));
      results.push(...(await Promise.allSettled(asked)));
    }
    delay.disable();
    process.send?.({
      granted: results.filter((result) => result.status === 'fulfilled' && result.value.ok).length,
      errors: results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : [])),
      longestMs: delay.max / 1e6,
    });
  })();
});
process.send?.('ready');
