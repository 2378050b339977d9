import { runsOutAt } from './budget/forecast';
import type { Context } from './context';
import { PolicyDeniedError } from './errors';
import { NANOS_PER_USD } from './money';
import type { TeamRules } from './settings';
import type { GroupBy, Percentiles, UsageSummary } from './usage/usage-log';

/** What a report can be grouped by: as a log, and `endpoint`, which is another word for `operation`. */
export type ReportBy = GroupBy | 'endpoint';

/** What to report. */
export interface ReportQuery {
  /** A length of time up to now: `24h`, `7d`, `4w`; minutes as `30m`. Default `30d`. */
  readonly last?: string;
  /** Epoch milliseconds, inclusive; instead of `last`. */
  readonly from?: number;
  /** Epoch milliseconds, exclusive; default: everything until now. */
  readonly to?: number;
  /** Default `['team']`. */
  readonly by?: readonly ReportBy[];
}

/** Sums over one group, or over all in `total`. */
export interface ReportFigures {
  /** Calls that were sent. */
  readonly calls: number;
  readonly denied: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly reasoningTokens: number;
  readonly costNanos: number;
  readonly costUsd: number;
  readonly topModel: string;
  /** Calls that ended in an error or a timeout. This and what follows is undefined if the usage log does not tell. */
  readonly errors?: number | undefined;
  /** Denied calls by the code of the refusal. */
  readonly deniedBy?: Readonly<Record<string, number>> | undefined;
  /** Milliseconds spent waiting for a turn. */
  readonly waitMs?: Percentiles | undefined;
  /** Milliseconds from admission to the end of the answer, waiting excluded. */
  readonly latencyMs?: Percentiles | undefined;
}

/** One group. It has the fields that the report is grouped by. */
export interface ReportRow extends ReportFigures {
  readonly team?: string;
  readonly user?: string;
  readonly key?: string;
  readonly model?: string;
  readonly operation?: string;
  readonly endpoint?: string;
  /** E.g. `2026-11-21`. */
  readonly day?: string;
  /** The values of the tags grouped by. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The limit of the team's first hard budget; if the report is grouped by team alone. */
  readonly budgetUsd?: number;
  /** What was spent of that budget in its current window. */
  readonly budgetSpentNanos?: number;
  /** Share of that budget spent in its current window, 0 to 1, above 1 for debt. */
  readonly budgetUsed?: number;
  /** When that budget's window ends, epoch milliseconds. */
  readonly budgetResetsAt?: number;
  /** When that budget runs out at the pace of its current window so far, if that is before the window ends. */
  readonly budgetRunsOutAt?: number;
}

/** What `governor.report()` resolves to. */
export interface Report {
  readonly from: number;
  readonly to: number;
  /** What the rows are grouped by. */
  readonly by: readonly ReportBy[];
  /** IANA name, for days. */
  readonly timeZone: string;
  readonly rows: readonly ReportRow[];
  readonly total: ReportFigures;
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Sums up the usage log; the budgets' part comes from the budget store. */
export async function report(context: Context, timeZone: string, query: ReportQuery): Promise<Report> {
  const { by = ['team'] } = query;
  const { from, to } = period(query, context.clock.now());
  const [groups, all] = await Promise.all([
    context.usageLog.summarize({ from, to, groupBy: by.map((each) => (each === 'endpoint' ? 'operation' : each)), timeZone }),
    context.usageLog.summarize({ from, to, groupBy: [], timeZone }),
  ]);
  const rows: ReportRow[] = groups.map((summary) => ({ ...groupFields(by, summary), ...figures(summary) }));
  const total = all[0] ? figures(all[0]) : NOTHING;
  if (by.length !== 1 || by[0] !== 'team') return { from, to, by, timeZone, rows, total };
  return { from, to, by, timeZone, rows: await Promise.all(rows.map((row) => withBudget(context, row))), total };
}

function period({ last = '30d', from, to }: ReportQuery, now: number): { from: number; to: number } {
  const end = to ?? Math.floor(now) + 1;
  if (from !== undefined) return { from, to: end };
  const [, amount, unit] = /^(\d+)([mhdw])$/.exec(last) ?? [];
  if (amount === undefined || unit === undefined) {
    throw new PolicyDeniedError({
      code: 'invalid-request',
      rule: 'last',
      reason: `Expected last to be a number and m, h, d or w, e.g. '7d', got ${JSON.stringify(last)}.`,
    });
  }
  return { from: end - Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS], to: end };
}

function groupFields(by: readonly ReportBy[], { group }: UsageSummary): Partial<ReportRow> {
  const fields: [string, string][] = [];
  const tags: [string, string][] = [];
  by.forEach((key, index) => {
    if (typeof key === 'string') fields.push([key, group[index] ?? '']);
    else tags.push([key.tag, group[index] ?? '']);
  });
  return { ...Object.fromEntries(fields), ...(tags.length > 0 && { tags: Object.fromEntries(tags) }) };
}

function figures({
  calls,
  denied,
  promptTokens,
  cachedTokens,
  completionTokens,
  reasoningTokens,
  costNanos,
  topModel,
  errors,
  deniedBy,
  waitMs,
  latencyMs,
}: UsageSummary): ReportFigures {
  return {
    calls,
    denied,
    promptTokens,
    cachedTokens,
    completionTokens,
    reasoningTokens,
    costNanos,
    costUsd: costNanos / NANOS_PER_USD,
    topModel,
    errors,
    deniedBy,
    waitMs,
    latencyMs,
  };
}

const NOTHING: ReportFigures = Object.freeze({
  calls: 0,
  denied: 0,
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0,
  costNanos: 0,
  costUsd: 0,
  topModel: '',
  errors: 0,
  deniedBy: {},
});

async function withBudget(context: Context, row: ReportRow): Promise<ReportRow> {
  const rules: TeamRules | undefined = row.team === undefined ? undefined : context.rulesFor(row.team);
  const rule = rules?.budgets.find(({ scope, soft, per }) => scope !== 'organization' && !soft && per === undefined);
  if (!rule) return row;
  const now = context.clock.now();
  const account = context.accountsOf(rule).at(now, '');
  const [state] = await context.budgetStore.read([account.name], now);
  const spent = state?.spentNanos ?? 0;
  const used = rule.limitNanos === 0 ? (spent > 0 ? Infinity : 0) : spent / rule.limitNanos;
  const emptyAt = runsOutAt({ spentNanos: spent, limitNanos: rule.limitNanos, window: account.window }, now);
  return {
    ...row,
    budgetUsd: rule.limitNanos / NANOS_PER_USD,
    budgetSpentNanos: spent,
    budgetUsed: used,
    budgetResetsAt: account.resetsAt,
    ...(emptyAt !== undefined && { budgetRunsOutAt: emptyAt }),
  };
}
