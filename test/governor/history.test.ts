// Random histories: the cap holds, and counters, log and report are one number.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { BudgetState, BudgetStore } from '../../src/budget/budget-store';
import type { MockCall } from '../../src/testing/mock-request';
import type { MockScript } from '../../src/testing/mock-script';
import { MESSAGES, MODEL, type Scene, holdOf, scene, settle, sum } from './support';

const LARGE = 'openai/gpt-oss-120b';

interface Reported {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

const usageWithin = (bound: number): fc.Arbitrary<Reported> =>
  fc.record({ prompt_tokens: fc.integer({ min: 1, max: 112 }), completion_tokens: fc.integer({ min: 1, max: bound }) });

/** A provider that keeps to the output bound it was sent. */
const answering = (usage: Reported): MockScript =>
  Object.assign(
    ({ body }: MockCall) => ({
      stream: WORDS,
      usage: { ...usage, completion_tokens: Math.min(usage.completion_tokens, Number(body['max_completion_tokens'])) },
    }),
    { [fc.toStringMethod]: () => JSON.stringify(usage) },
  );

const BOUND = 40;
const WORDS = ['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee'];

const scripts: fc.Arbitrary<MockScript> = fc.oneof(
  { weight: 5, arbitrary: usageWithin(BOUND).map((usage) => answering(usage)) },
  fc.constant({ stream: WORDS, usage: null }),
  fc.constantFrom(...[400, 401, 404, 413, 429, 500, 503].map((status) => ({ status }))),
  fc
    .integer({ min: 0, max: 60 })
    .map((length) => ({ status: 400, error: { code: 'json_validate_failed', failed_generation: 'x'.repeat(length) } })),
  fc.constantFrom(...['ECONNREFUSED', 'ECONNRESET'].map((networkError) => ({ networkError }))),
  fc.integer({ min: 0, max: 6 }).map((cutAfter) => ({ stream: WORDS, cutAfter })),
  fc.integer({ min: 0, max: 6 }).map((cutAfter) => ({ stream: WORDS, cutAfter, how: 'reset' as const })),
  fc.integer({ min: 0, max: 6 }).map((errorAfter) => ({ stream: WORDS, errorAfter })),
);

interface Step {
  readonly script: MockScript;
  readonly streamed: boolean;
  readonly leaveAfter: number;
  readonly injected: boolean;
  readonly model: string;
  readonly team: string;
  readonly user: string;
  readonly waitMs: number;
  readonly together: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    script: scripts,
    streamed: fc.boolean(),
    leaveAfter: fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, fc.integer({ min: 0, max: 6 })),
    injected: fc.boolean(),
    model: fc.constantFrom(MODEL, LARGE),
    team: fc.constantFrom('a', 'b'),
    user: fc.constantFrom('u', 'v'),
    waitMs: fc.constantFrom(0, 1, 1000, 3_600_000, 86_400_000),
    together: fc.integer({ min: 1, max: 6 }),
  }),
  { minLength: 1, maxLength: 25 },
);

async function call({ client }: Scene, { streamed, leaveAfter, injected, model, team, user }: Step): Promise<void> {
  const params = { model, messages: MESSAGES, ...(injected ? {} : { max_completion_tokens: BOUND }) };
  const view = client.withTeam(team, { user });
  try {
    if (!streamed) return void (await view.chat.completions.create(params));
    let chunks = 0;
    for await (const _ of await view.chat.completions.create({ ...params, stream: true })) if (++chunks > leaveAfter) break;
  } catch {
    // How it ended is in the records.
  }
}

/** Every account that was ever held or spent in, and the most that it ever had against its limit. */
function watching(inner: BudgetStore): BudgetStore & { readonly accounts: Set<string>; readonly worst: () => number } {
  const accounts = new Set<string>();
  let worst = 0;
  const look = (states: readonly BudgetState[]): void => {
    for (const { account, limitNanos, spentNanos, heldNanos } of states) {
      accounts.add(account);
      if (limitNanos > 0 && limitNanos < Number.MAX_SAFE_INTEGER)
        worst = Math.max(worst, (spentNanos + heldNanos) / limitNanos);
    }
  };
  return {
    accounts,
    worst: () => worst,
    async reserve(hold) {
      const reserved = await inner.reserve(hold);
      look(reserved.states);
      return reserved;
    },
    async settle(settlement) {
      const settled = await inner.settle(settlement);
      look(settled.states);
      return settled;
    },
    read: (names, at) => inner.read(names, at),
    openHolds: (at) => inner.openHolds?.(at) ?? Promise.resolve([]),
  };
}

it('stay within every cap, and sum to the same nano-dollar everywhere', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 0, max: 2 }), async (history, maxRetries) => {
      const store = watching(memoryBudgetStore());
      const budget = (calls: number): number => (calls * holdOf(BOUND)) / 1e9;
      const here = scene(
        {
          budgetStore: store,
          teams: {
            a: {
              monthlyBudgetUsd: budget(30),
              maxTokensPerRequest: BOUND,
              budgets: [
                { limitUsd: budget(8), window: 'day' },
                { limitUsd: budget(4), window: { rollingMs: 3_600_000 }, per: 'user' },
              ],
            },
            b: {
              maxTokensPerRequest: BOUND,
              budgets: [
                { limitUsd: budget(10), window: 'week', per: 'model' },
                { limitUsd: 0, window: 'day', soft: true },
              ],
            },
          },
          organization: { monthlyBudgetUsd: budget(40) },
          timeZone: 'Europe/Berlin',
        },
        { start: Date.UTC(2026, 2, 27, 20) },
      );
      for (const step of history) {
        here.mock.reset();
        // Network errors are retried on the SDK's own timers.
        const retries = typeof step.script === 'object' && 'networkError' in step.script ? 0 : maxRetries;
        const client = here.client.withOptions({ maxRetries: retries });
        here.mock.reply('chat.completions', step.script).persist();
        await here.clock.runUntil(Promise.all(Array.from({ length: step.together }, () => call({ ...here, client }, step))));
        await settle();
        await here.clock.advance(step.waitMs);
      }
      expect(store.worst()).toBeLessThanOrEqual(1);
      const { total, rows } = await here.governor.report({ from: 0, by: ['team', 'model', 'user'] });
      const logged = sum(here.records.map(({ costNanos }) => costNanos));
      expect(total.costNanos).toBe(logged);
      expect(sum(rows.map(({ costNanos }) => costNanos))).toBe(logged);
      // The organisation's months count every call.
      const months = [...store.accounts].filter((account) => account.startsWith('organization/organization/month@'));
      expect(sum((await store.read(months, here.clock.now())).map(({ spentNanos }) => spentNanos))).toBe(logged);
      for (const team of ['a', 'b']) {
        const spent = sum(here.records.filter((record) => record.team === team).map(({ costNanos }) => costNanos));
        expect(rows.filter((row) => row.team === team).reduce((all, row) => all + row.costNanos, 0)).toBe(spent);
      }
      expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
      for (const record of here.records) {
        if (record.completionTokens > 0 || record.outcome === 'success') expect(record.costNanos).toBeGreaterThan(0);
        expect(Number.isSafeInteger(record.costNanos)).toBe(true);
        expect(record).not.toHaveProperty('overrunNanos');
      }
      expect(new Set(here.records.map(({ id }) => id)).size).toBe(here.records.length);
    }),
    { numRuns: 60 },
  );
}, 60_000);
