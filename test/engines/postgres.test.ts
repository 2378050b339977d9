import { afterAll, describe, expect, it, vi } from 'vitest';
import { postgresBackend } from '../../src/postgres';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';
import { describeRateLimiter } from '../../src/testing/contracts/rate-limiter';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import { engineAtHand } from '../engine-at-hand';
import { describeSharedLimits } from '../limit/shared-limits-contract';
import { backendDuring, emptied, probe, Server, sharedLimits } from './postgres-at-hand';

const runner = { describe, it, expect };
// An engine of its own takes real time, and more of it beside others.
vi.setConfig({ testTimeout: 60_000 });

describe.skipIf(!(await engineAtHand('PostgreSQL', probe)))('PostgreSQL', () => {
  const server = new Server();
  const client = server.pool;
  const schema = server.schema();
  afterAll(() => server.close(), 60_000);

  describeBudgetStore(runner, async () => postgresBackend({ client, schema: await emptied(client, schema) }).budgetStore);
  describeUsageLog(runner, async () => postgresBackend({ client, schema: await emptied(client, schema) }).usageLog);
  describeSharedLimits(runner, async ({ clock }) => sharedLimits(client, await emptied(client, schema), clock));
  describeRateLimiter(runner, async ({ clock }) => backendDuring(client, await emptied(client, schema), clock).rateLimiter);
});
