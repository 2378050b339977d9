// A complete budget store. It keeps every hold and derives all else from them, which is slow and easy to get right; a store on
// a database does the same in one transaction per method. test/examples proves it with `describeBudgetStore`.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { type BudgetState, type BudgetStore, type BudgetWindow, GovernedGroq, type Hold } from '../src/index';
import { mockGroq } from '../src/testing';

/** When what was booked at `at` leaves the window; never for a fixed one, whose account is used for that window alone. */
function leavesAt(window: BudgetWindow, at: number): number {
  if (typeof window === 'object') return 'rollingMs' in window ? at + window.rollingMs : Infinity;
  const date = new Date(at);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  if (window === 'month') return Date.UTC(year, month + 1, 1);
  return Date.UTC(year, month, window === 'day' ? day + 1 : day + 7 - ((date.getUTCDay() + 6) % 7));
}

export function simpleBudgetStore(): BudgetStore {
  const holds = new Map<string, { readonly hold: Hold; paid?: { readonly nanos: number; readonly at: number } }>();

  const state = (account: string, at: number): BudgetState => {
    const sum = { account, limitNanos: 0, spentNanos: 0, heldNanos: 0, resetsAt: Infinity };
    for (const { hold, paid } of holds.values()) {
      for (const { window, limitNanos } of hold.lines.filter((line) => line.account === account).slice(0, 1)) {
        sum.limitNanos = limitNanos;
        // A hold that nobody settles in time is spent, from then on; one that is settled late keeps that time.
        const bookedAt = Math.min(paid?.at ?? Infinity, hold.expiresAt);
        const leaves = leavesAt(window, typeof window === 'string' ? hold.at : bookedAt);
        if (at >= leaves) continue;
        if (paid || at >= hold.expiresAt) sum.spentNanos += paid?.nanos ?? nanosOf(hold, account);
        else sum.heldNanos += nanosOf(hold, account);
        sum.resetsAt = Math.min(sum.resetsAt, typeof window === 'object' && 'resetsAt' in window ? window.resetsAt : leaves);
      }
    }
    return sum;
  };
  const states = ({ lines }: Hold, at: number) =>
    [...new Set(lines.map((line) => line.account))].map((name) => state(name, at));

  // Nothing waits inside a method, so each is one atomic step.
  return {
    async reserve(hold) {
      if (holds.has(hold.id)) return { ok: true, states: states(hold, hold.at) };
      holds.set(hold.id, { hold });
      const after = states(hold, hold.at);
      const exceeded = after.filter(({ spentNanos, heldNanos, limitNanos }) => spentNanos + heldNanos > limitNanos);
      if (exceeded.length === 0) return { ok: true, states: after };
      holds.delete(hold.id);
      const before = after.map((each) => ({ ...each, heldNanos: each.heldNanos - nanosOf(hold, each.account) }));
      return { ok: false, exceeded: exceeded.map(({ account }) => account), states: before };
    },
    async settle({ id, spentNanos, at }) {
      const entry = holds.get(id);
      if (!entry || entry.paid) return { states: [] };
      entry.paid = { nanos: spentNanos, at };
      return { states: states(entry.hold, at) };
    },
    read: async (accounts, at) => accounts.map((account) => state(account, at)),
  };
}

const nanosOf = ({ lines }: Hold, account: string): number =>
  lines.reduce((sum, line) => (line.account === account ? sum + line.nanos : sum), 0);

const governance = {
  budgetStore: simpleBudgetStore(),
  organization: { budgets: [{ limitUsd: 0.0005, window: 'day' as const }] },
};
const groq = new GovernedGroq({ apiKey: 'gsk_test', fetch: mockGroq().fetch, governance });
const ask = () => groq.chat.completions.create({ model: 'openai/gpt-oss-20b', messages: [], max_completion_tokens: 500 });

const answers = await Promise.allSettled(Array.from({ length: 10 }, ask));
const served = answers.filter(({ status }) => status === 'fulfilled').length;
const { total } = await groq.governor.report();
console.log(`10 calls at once, ${served} fit the budget, $${total.costUsd} of $0.0005 spent`);
assert.ok(served === 3 && total.costNanos <= 500_000 && (await groq.governor.reconcile()).gaps.length === 0);
