import type { OpenHold } from './budget/budget-store';
import type { Context } from './context';
import type { BudgetRule, TeamRules } from './settings';

/** A budget whose counter and the usage log disagree. */
export interface Gap {
  readonly budget: string;
  readonly account: string;
  readonly counterNanos: number;
  readonly logNanos: number;
  /** Counter less log: above 0 where a hold was charged that nobody recorded. */
  readonly gapNanos: number;
}

/** What `governor.reconcile()` resolves to. */
export interface Reconciliation {
  readonly at: number;
  /** Holds of calls in flight. */
  readonly live: readonly OpenHold[];
  /** Holds that were charged because nobody settled them: crashed processes, answers never read. */
  readonly expired: readonly OpenHold[];
  /** Budgets over a calendar window, per team and for the organisation, that do not agree with the log. */
  readonly gaps: readonly Gap[];
}

/** Compares what was counted with what was recorded. Writes nothing. */
export async function reconcile(context: Context, teams: readonly TeamRules[]): Promise<Reconciliation> {
  const at = context.clock.now();
  const holds = (await context.budgetStore.openHolds?.(at)) ?? [];
  const checked = new Set<BudgetRule>();
  const gaps: Gap[] = [];
  for (const { name, budgets } of teams) {
    for (const rule of budgets) {
      if (rule.per !== undefined || checked.has(rule)) continue;
      checked.add(rule);
      const gap = await gapOf(context, rule, rule.scope === 'organization' ? undefined : name, at);
      if (gap && gap.gapNanos !== 0 && !gaps.some(({ account }) => account === gap.account)) gaps.push(gap);
    }
  }
  return { at, live: holds.filter(({ expired }) => !expired), expired: holds.filter(({ expired }) => expired), gaps };
}

async function gapOf(context: Context, rule: BudgetRule, team: string | undefined, at: number): Promise<Gap | undefined> {
  const account = context.accountsOf(rule).at(at, '');
  if (typeof account.window !== 'object' || !('startsAt' in account.window)) return undefined;
  const [state] = await context.budgetStore.read([account.name], at);
  const groups = await context.usageLog.summarize({
    from: account.window.startsAt,
    to: account.window.resetsAt,
    groupBy: ['team'],
  });
  const logNanos = groups.reduce(
    (sum, { group, costNanos }) => (team === undefined || group[0] === team ? sum + costNanos : sum),
    0,
  );
  const counterNanos = state?.spentNanos ?? 0;
  return { budget: rule.name, account: account.name, counterNanos, logNanos, gapNanos: counterNanos - logNanos };
}
