import type { Account } from './budget/accounts';
import { runsOutAt } from './budget/forecast';
import { calendarWindow } from './budget/window';
import type { Context } from './context';
import type { BudgetIncrease } from './governance';
import { PolicyDeniedError } from './errors';
import { NANOS_PER_USD } from './money';
import type { GroupBy, Percentiles, UsageQuery, UsageSummary } from './usage/usage-log';

/** What a report can be grouped by: as a log, and `endpoint`, which is another word for `operation`. */
export type ReportBy = GroupBy | 'endpoint';

/** A time in a query: epoch milliseconds, a `Date`, an ISO 8601 time with its zone, or a date, which is its beginning in the governance's time zone. */
export type ReportTime = number | string | Date;

/** What to report. A query that makes no sense rejects with a `PolicyDeniedError` of code `invalid-request`. */
export interface ReportQuery {
  /** A length of time up to `to`: `30m`, `24h`, `7d`, `4w`. Default `30d`. */
  readonly last?: string;
  /** Inclusive; instead of `last`. */
  readonly from?: ReportTime;
  /** Exclusive; default: everything until now. */
  readonly to?: ReportTime;
  /** Default `['team']`; `[]` is one row of all. */
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
  /** The name of the team's first hard budget; this and what follows only if the report is grouped by team alone. */
  readonly budgetName?: string;
  /** Its limit. */
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
  /** Highest cost first. */
  readonly rows: readonly ReportRow[];
  /** Of the same calls as the rows, also while others end. */
  readonly total: ReportFigures;
  /** Budgets that were raised in this time, as far as this governor's rules tell; undefined if none was. */
  readonly increases?: readonly BudgetIncrease[] | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const BY: readonly string[] = ['team', 'user', 'key', 'model', 'operation', 'endpoint', 'day'] satisfies readonly ReportBy[];
const OPTIONS: readonly string[] = ['last', 'from', 'to', 'by'] satisfies readonly (keyof ReportQuery)[];
const LATEST_MS = 8.64e15;

/** Sums up the usage log; the budgets' part comes from the budget store. */
export async function report(context: Context, timeZone: string, query: ReportQuery): Promise<Report> {
  const by = groupsOf(query);
  const period = periodOf(query, timeZone, context.clock.now());
  const groupBy = by.map((each) => (each === 'endpoint' ? 'operation' : each));
  const usageQuery: UsageQuery = { ...period, groupBy, timeZone };
  const summaries = await context.usageLog.summarize({ ...usageQuery, withTotal: true });
  const groups = by.length === 0 ? summaries : summaries.filter(({ group }) => group.length > 0);
  const rows = groups.map((summary) => ({ ...groupFields(by, summary), ...figures(summary) }));
  const all = summaries.find(({ group }) => group.length === 0) ?? (await addedUp(context, usageQuery, groups));
  const isByTeam = by.length === 1 && by[0] === 'team';
  return {
    ...period,
    by,
    timeZone,
    rows: isByTeam ? await withBudgets(context, rows) : rows,
    total: all ? figures(all) : NOTHING,
  };
}

function refused(rule: string, reason: string): PolicyDeniedError {
  return new PolicyDeniedError({ code: 'invalid-request', rule, reason });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (typeof value !== 'object' || value === null || value instanceof Date) return String(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}

function groupsOf(query: ReportQuery): readonly ReportBy[] {
  const unknown = Object.keys(query).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw refused(unknown, `Unknown option ${shown(unknown)} of a report; known are ${OPTIONS.join(', ')}.`);
  }
  const by: unknown = query.by === undefined ? ['team'] : query.by;
  if (!Array.isArray(by)) throw refused('by', `Expected by to be a list, e.g. ['team', 'model'], got ${shown(by)}.`);
  return by.map((each: unknown) => {
    if (isReportBy(each)) return each;
    throw refused('by', `Cannot report by ${shown(each)}; known are ${BY.join(', ')} and { tag: 'name' }.`);
  });
}

function isReportBy(by: unknown): by is ReportBy {
  if (typeof by === 'object' && by !== null) return 'tag' in by && typeof by.tag === 'string';
  return typeof by === 'string' && BY.includes(by);
}

function periodOf({ last, from, to }: ReportQuery, timeZone: string, now: number): { from: number; to: number } {
  const end = to === undefined ? Math.floor(now) + 1 : timeOf('to', to, timeZone);
  if (from === undefined) return { from: end - lengthOf(last ?? '30d'), to: end };
  if (last !== undefined) throw refused('last', 'Expected either last or from, got both.');
  const start = timeOf('from', from, timeZone);
  if (to !== undefined && start > end)
    throw refused('from', `Expected from to be before to, got ${shown(from)} and ${shown(to)}.`);
  return { from: start, to: end };
}

function lengthOf(last: unknown): number {
  const [, amount, unit = ''] = (typeof last === 'string' && /^(\d+)([mhdw])$/.exec(last)) || [];
  const ms = Number(amount) * (UNIT_MS[unit] ?? NaN);
  if (ms > 0 && ms < LATEST_MS) return ms;
  throw refused('last', `Expected last to be a number and m, h, d or w, e.g. '7d', got ${shown(last)}.`);
}

function timeOf(name: 'from' | 'to', time: unknown, timeZone: string): number {
  const ms = time instanceof Date ? time.getTime() : typeof time === 'string' ? instantOf(time, timeZone) : time;
  if (typeof ms === 'number' && Math.abs(ms) <= LATEST_MS) return ms;
  throw refused(
    name,
    `Expected ${name} to be epoch milliseconds, a Date, a date as '2026-11-21' or a time as '2026-11-21T09:30:00Z', got ${shown(time)}.`,
  );
}

function instantOf(text: string, timeZone: string): number | undefined {
  // A time without a zone would be another one on each machine.
  if (/^\d{4}-\d{2}-\d{2}T.+(Z|[+-]\d{2}:\d{2})$/.test(text)) return Date.parse(text);
  if (!/^(19|[2-8]\d)\d{2}-\d{2}-\d{2}$/.test(text)) return undefined;
  // One of the two is in that day, whatever the zone.
  for (const hour of ['00', '12']) {
    const at = Date.parse(`${text}T${hour}:00:00Z`);
    if (Number.isNaN(at)) return undefined;
    const day = calendarWindow('day', at, timeZone);
    if (day.label === text) return day.startsAt;
  }
  return undefined;
}

/** What the groups add up to, for a log that does not tell a total: only what no sum gives is asked for again. */
async function addedUp(
  context: Context,
  query: UsageQuery,
  groups: readonly UsageSummary[],
): Promise<UsageSummary | undefined> {
  const [all] = groups.length === 0 ? [] : await context.usageLog.summarize({ ...query, groupBy: [] });
  if (all === undefined) return undefined;
  const sum = (figure: (group: UsageSummary) => number): number => groups.reduce((total, group) => total + figure(group), 0);
  return {
    ...all,
    calls: sum(({ calls }) => calls),
    denied: sum(({ denied }) => denied),
    promptTokens: sum(({ promptTokens }) => promptTokens),
    cachedTokens: sum(({ cachedTokens }) => cachedTokens),
    completionTokens: sum(({ completionTokens }) => completionTokens),
    reasoningTokens: sum(({ reasoningTokens }) => reasoningTokens),
    costNanos: sum(({ costNanos }) => costNanos),
    ...(all.errors !== undefined && { errors: sum(({ errors = 0 }) => errors) }),
    ...(all.deniedBy !== undefined && { deniedBy: addedCounts(groups.map(({ deniedBy = {} }) => deniedBy)) }),
  };
}

function addedCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of all.flatMap((counts) => Object.entries(counts))) sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries([...sums].sort(([, a], [, b]) => b - a));
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

async function withBudgets(context: Context, rows: readonly ReportRow[]): Promise<readonly ReportRow[]> {
  const now = context.clock.now();
  const accounts = rows.map(({ team }) => budgetOf(context, team, now));
  const names = [...new Set(accounts.flatMap((account) => account?.name ?? []))];
  const states = names.length === 0 ? [] : await context.budgetStore.read(names, now);
  const spent = new Map(states.map(({ account, spentNanos }) => [account, spentNanos]));
  return rows.map((row, index) => {
    const account = accounts[index];
    return account === undefined ? row : { ...row, ...budgetFields(account, spent.get(account.name) ?? 0, now) };
  });
}

function budgetOf(context: Context, team: string | undefined, now: number): Account | undefined {
  const rules = team === undefined ? undefined : context.rulesFor(team);
  const rule = rules?.budgets.find(({ scope, soft, per }) => scope.startsWith('team:') && !soft && per === undefined);
  return rule && context.accountsOf(rule).at(now, '');
}

function budgetFields({ rule, window, resetsAt }: Account, spentNanos: number, now: number): Partial<ReportRow> {
  const { name, limitNanos } = rule;
  const emptyAt = runsOutAt({ spentNanos, limitNanos, window }, now);
  return {
    budgetName: name,
    budgetUsd: limitNanos / NANOS_PER_USD,
    budgetSpentNanos: spentNanos,
    budgetUsed: limitNanos === 0 ? (spentNanos > 0 ? Infinity : 0) : spentNanos / limitNanos,
    budgetResetsAt: resetsAt,
    ...(emptyAt !== undefined && { budgetRunsOutAt: emptyAt }),
  };
}
