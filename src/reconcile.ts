import type { OpenHold } from './budget/budget-store';
import type { Context } from './context';
import type { Rulebook } from './rulebook';
import type { BudgetRule } from './settings';

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
  /** Budgets over a calendar window, of teams, keys and the organisation, that do not agree with the log. */
  readonly gaps: readonly Gap[];
}

/** Compares what was counted with what was recorded. Writes nothing. */
export async function reconcile(context: Context, { all, keyBudgets }: Rulebook): Promise<Reconciliation> {
  const at = context.clock.now();
  const holds = (await context.budgetStore.openHolds?.(at)) ?? [];
  const counted: Counted[] = [
    ...all.flatMap(({ name, budgets }) =>
      budgets.map((rule): Counted => ({ rule, by: 'team', of: rule.scope === 'organization' ? undefined : name })),
    ),
    ...keyBudgets.flatMap(([keyId, budgets]) => budgets.map((rule): Counted => ({ rule, by: 'key', of: keyId }))),
  ];
  const checked = new Set<BudgetRule>();
  const gaps: Gap[] = [];
  for (const each of counted) {
    if (each.rule.per !== undefined || checked.has(each.rule)) continue;
    checked.add(each.rule);
    const gap = await gapOf(context, each, at);
    if (gap && gap.gapNanos !== 0 && !gaps.some(({ account }) => account === gap.account)) gaps.push(gap);
  }
  return { at, live: holds.filter(({ expired }) => !expired), expired: holds.filter(({ expired }) => expired), gaps };
}

/** A budget, and which records count in it: those of one team or key, or all. */
interface Counted {
  readonly rule: BudgetRule;
  readonly by: 'team' | 'key';
  readonly of: string | undefined;
}

async function gapOf(context: Context, { rule, by, of }: Counted, at: number): Promise<Gap | undefined> {
  const account = context.accountsOf(rule).at(at, '');
  if (typeof account.window !== 'object' || !('startsAt' in account.window)) return undefined;
  const [state] = await context.budgetStore.read([account.name], at);
  const groups = await context.usageLog.summarize({
    from: account.window.startsAt,
    to: account.window.resetsAt,
    groupBy: [by],
  });
  const logNanos = groups.reduce(
    (sum, { group, costNanos }) => (of === undefined || group[0] === of ? sum + costNanos : sum),
    0,
  );
  const counterNanos = state?.spentNanos ?? 0;
  return { budget: rule.name, account: account.name, counterNanos, logNanos, gapNanos: counterNanos - logNanos };
}
