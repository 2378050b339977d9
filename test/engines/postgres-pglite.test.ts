import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { postgresBackend, postgresMigrations, type PostgresClient } from '../../src/postgres';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';
import { describeRateLimiter } from '../../src/testing/contracts/rate-limiter';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import { describeSharedLimits } from '../limit/shared-limits-contract';
import { backendDuring, emptied, newSchema, sharedLimits } from './postgres-at-hand';

const runner = { describe, it, expect };
// An engine of its own takes real time, and more of it beside others.
vi.setConfig({ testTimeout: 60_000 });

describe('PGlite', () => {
  let database: PGlite | undefined;
  beforeAll(async () => {
    database = await PGlite.create();
  }, 60_000);
  afterAll(() => database?.close());
  // As it is: it has a query() that takes what the backend gives.
  const client: PostgresClient = {
    query: (text, params) => (database ?? expect.fail('not started')).query(text, params),
  };
  const schema = newSchema();

  describeBudgetStore(runner, async () => postgresBackend({ client, schema: await emptied(client, schema) }).budgetStore);
  describeUsageLog(runner, async () => postgresBackend({ client, schema: await emptied(client, schema) }).usageLog);
  describeSharedLimits(runner, async ({ clock }) => sharedLimits(client, await emptied(client, schema), clock));
  describeRateLimiter(runner, async ({ clock }) => backendDuring(client, await emptied(client, schema), clock).rateLimiter);

  it('is a client as it is', async () => {
    const pglite = database ?? expect.fail('not started');
    const { budgetStore } = postgresBackend({ client: pglite, schema: newSchema() });
    expect(await budgetStore.read(['a'], 5)).toEqual([
      { account: 'a', limitNanos: 0, spentNanos: 0, heldNanos: 0, resetsAt: 5 },
    ]);
  });
  it('runs the migrations by hand, as often as one likes', async () => {
    const own = newSchema();
    for (let run = 0; run < 2; run++) await database?.exec(postgresMigrations({ schema: own }));
    const { rows } = await client.query(`SELECT count(*)::text AS count FROM ${own}.migrations`);
    expect(rows).toEqual([{ count: '1' }]);
  });
});
