// The contracts, on every driver that this runtime can load.
import { afterEach, describe, expect, it } from 'vitest';
import type { SharedLimits } from '../../src/limit/shared-limits';
import { sharedRateLimiter } from '../../src/limit/shared';
import { sqliteBackend } from '../../src/sqlite';
import { Connection } from '../../src/sqlite/connection';
import { SqliteLimits } from '../../src/sqlite/limits';
import { Transactions } from '../../src/sqlite/transactions';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';
import { describeRateLimiter } from '../../src/testing/contracts/rate-limiter';
import { describeUsageLog } from '../../src/testing/contracts/usage-log';
import { manualClock, type ManualClock } from '../../src/testing/manual-clock';
import type { Clock } from '../../src/clock';
import { describeSharedLimits } from '../limit/shared-limits-contract';
import { type Driver, driversAtHand, Files } from './sqlite-drivers';

const runner = { describe, it, expect };
const files = new Files();
afterEach(() => files.remove());

function limitsOn(driver: Driver, clock: Clock | undefined): SqliteLimits {
  const connection = new Connection(files.open(driver), 'limits_', false);
  return new SqliteLimits(connection, new Transactions(connection, 5_000), clock);
}

/** Manual time stands still while the engine is asked. */
function during(clock: ManualClock, limits: SharedLimits): SharedLimits {
  return {
    take: (demands) => clock.during(limits.take(demands)),
    change: (changes) => clock.during(limits.change(changes)),
    learn: (snapshots) => clock.during(limits.learn(snapshots)),
    look: (demand) => clock.during(limits.look(demand)),
  };
}

describe.each(await driversAtHand())('SQLite by $name', (driver) => {
  describeBudgetStore(runner, () => sqliteBackend({ database: files.open(driver) }).budgetStore);
  describeUsageLog(runner, () => sqliteBackend({ database: files.open(driver) }).usageLog);
  describeSharedLimits(runner, ({ clock }) => limitsOn(driver, clock));
  describeRateLimiter(runner, ({ clock }) => {
    if (!isManual(clock)) throw new TypeError('the contract brings a manual clock');
    return sharedRateLimiter({ limits: during(clock, limitsOn(driver, clock)), clock });
  });

  it('goes by SQLite’s own time unless it is given a clock', async () => {
    const limits = limitsOn(driver, undefined);
    const need = { type: 'window', key: 'k', max: 1, windowMs: 60_000, kind: 'requests', amount: 1 } as const;
    const demand = { id: 'a', needs: [need], provider: undefined, leaseMs: 1_000 };
    await limits.take([demand]);
    const before = Date.now();
    await limits.change([{ demand, begun: true, released: true }]);
    const [grant] = await limits.take([{ ...demand, id: 'b' }]);
    // It is told to the millisecond, so a window is a millisecond longer than it says.
    const retryInMs = grant?.granted === false ? grant.retryInMs : 0;
    expect(retryInMs).toBeGreaterThan(60_000 - (Date.now() - before));
    expect(retryInMs).toBeLessThanOrEqual(60_001);
  });
});

function isManual(clock: Clock): clock is ManualClock {
  return Object.keys(manualClock()).every((name) => name in clock);
}
