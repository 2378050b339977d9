import type { BudgetState, BudgetStore, BudgetWindow, Hold } from '../src/index'; // Users write 'governed-groq'.

/**
 * A complete budget store for one process. It keeps every hold and derives all else from them, which is slow and easy to get
 * right; a store on a database does the same in one transaction per method. `describeBudgetStore` proves it in test/examples.
 */
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

/** When what was booked at `at` leaves the window; never for a fixed one, whose account is used for that window alone. */
function leavesAt(window: BudgetWindow, at: number): number {
  if (typeof window === 'object') return 'rollingMs' in window ? at + window.rollingMs : Infinity;
  const date = new Date(at);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  if (window === 'month') return Date.UTC(year, month + 1, 1);
  return Date.UTC(year, month, window === 'day' ? day + 1 : day + 7 - ((date.getUTCDay() + 6) % 7));
}
