// Random histories of batches and calls, over two processes: the cap holds, and counters and log are one number.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { memoryBudgetStore } from '../../src/budget/memory';
import { memoryUsageLog } from '../../src/usage/memory';
import { GovernedGroq } from '../../src/client';
import { manualClock } from '../../src/testing/manual-clock';
import { type MockGroq, mockGroq } from '../../src/testing/mock-groq';
import { MESSAGES, MODEL, settle } from '../governor/support';
import { LARGE, create, fileOf, lineHold, lines } from './support';

interface Step {
  readonly lines: number;
  readonly mixed: boolean;
  readonly user: string;
  /** Share of the lines that are answered, in tenths; `cancel` ends it without. */
  readonly done: number | 'cancel' | 'never';
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly reader: 0 | 1;
  readonly how: 'content' | 'settleBatch' | 'both';
  readonly reply: 'ok' | 400 | 500 | 'ECONNRESET' | 'ECONNREFUSED';
  readonly waitMs: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    lines: fc.integer({ min: 1, max: 6 }),
    mixed: fc.boolean(),
    user: fc.constantFrom('u', 'v'),
    done: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 10 }) },
      fc.constantFrom('cancel' as const, 'never' as const),
    ),
    usage: fc.record({ prompt_tokens: fc.integer({ min: 1, max: 112 }), completion_tokens: fc.integer({ min: 1, max: 10 }) }),
    reader: fc.constantFrom(0 as const, 1 as const),
    how: fc.constantFrom('content' as const, 'settleBatch' as const, 'both' as const),
    reply: fc.oneof(
      { weight: 5, arbitrary: fc.constant('ok' as const) },
      fc.constantFrom(400 as const, 500 as const, 'ECONNRESET' as const, 'ECONNREFUSED' as const),
    ),
    waitMs: fc.constantFrom(0, 1000, 3_600_000, 86_400_000),
  }),
  { minLength: 1, maxLength: 12 },
);

const REPLIES = {
  400: { status: 400 },
  500: { status: 500 },
  ECONNRESET: { networkError: 'ECONNRESET' },
  ECONNREFUSED: { networkError: 'ECONNREFUSED' },
} as const;

const CAP = 14 * lineHold(10, LARGE);

async function take(clients: readonly GovernedGroq[], mock: MockGroq, step: Step): Promise<void> {
  const [first] = clients;
  const reader = clients[step.reader];
  if (!first || !reader) return;
  const client = first.withTeam('a', { user: step.user });
  const all = lines(step.lines, (index) => ({ model: step.mixed && index % 2 ? LARGE : MODEL }));
  const { id: fileId = '' } = await client.files.create({ file: fileOf(all), purpose: 'batch' });
  let id: string;
  try {
    ({ id } = await create(client, fileId));
  } catch {
    return;
  }
  // Other calls of the team meanwhile.
  await client.chat.completions.create({ model: MODEL, messages: MESSAGES, max_completion_tokens: 10 }).catch(() => {});
  if (step.done === 'never') return;
  if (step.done === 'cancel') await client.batches.cancel(id);
  else mock.completeBatch(id, { answer: () => ({ usage: step.usage }), lines: Math.floor((step.done * step.lines) / 10) });
  if (step.how !== 'content') await reader.governor.settleBatch(id);
  if (step.how === 'settleBatch') return;
  const { output_file_id: outputId } = await reader.batches.retrieve(id);
  if (outputId) await (await reader.files.content(outputId)).text();
}

it('stay within every cap, and sum to the same nano-dollar everywhere', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (history, perModel) => {
      const clock = manualClock(Date.UTC(2026, 10, 2));
      const mock = mockGroq({ clock });
      const budgetStore = memoryBudgetStore();
      const usageLog = memoryUsageLog();
      const team = {
        monthlyBudgetUsd: CAP / 1e9,
        budgets: [
          { limitUsd: CAP / 2e9, window: 'week' as const, per: 'user' as const },
          ...(perModel ? [{ limitUsd: CAP / 2e9, window: 'month' as const, per: 'model' as const }] : []),
        ],
      };
      const governance = { teams: { a: team }, budgetStore, usageLog, clock };
      const options = { apiKey: 'gsk_test', fetch: mock.fetch, maxRetries: 0, logLevel: 'off' as const, team: 'a' };
      const clients = [0, 1].map(() => new GovernedGroq({ ...options, governance }));
      const month = 'team:a/a/month@2026-11';
      const accounts = new Set([month]);
      let reply: Step['reply'] = 'ok';
      mock.reply('batches.create', () => (reply === 'ok' ? undefined : REPLIES[reply])).persist();
      for (const step of history) {
        ({ reply } = step);
        await clock.runUntil(take(clients, mock, step).then(settle));
        for (const hold of (await budgetStore.openHolds?.(clock.now())) ?? [])
          for (const name of hold.accounts) accounts.add(name);
        for (const { spentNanos, heldNanos, account } of await budgetStore.read([...accounts], clock.now())) {
          expect(spentNanos + heldNanos).toBeLessThanOrEqual(account === month ? CAP : CAP / 2);
        }
        await clock.advance(step.waitMs);
      }
      for (const { governor } of clients) await governor.report();
      const { expired, gaps } = (await clients[0]?.governor.reconcile()) ?? { expired: [], gaps: [] };
      // What nobody has settled in time is charged, and is the only difference there is.
      const unsettled = expired.reduce((sum, { nanos }) => sum + nanos, 0);
      const [state] = await budgetStore.read([month], clock.now());
      const [total] = await usageLog.summarize({ from: 0, to: Infinity, groupBy: [] });
      expect(state?.spentNanos).toBe((total?.costNanos ?? 0) + unsettled);
      expect(gaps.reduce((sum, { gapNanos }) => sum + gapNanos, 0)).toBe(unsettled);
      // No two holds for the same batch are left.
      expect(new Set(expired.map(({ id }) => id)).size).toBe(expired.length);
    }),
    { numRuns: 30 },
  );
}, 120_000);
