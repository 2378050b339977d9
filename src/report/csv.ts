import type { Report, ReportBy, ReportFigures, ReportRow } from '../usage-report';
import { groupName, groupValue } from './columns';
import { exactUsd, nanosIn } from './figures';
import { isoTime } from './period';

/** How CSV is written. */
export interface CsvLayout {
  /** Whether a last row has the total, its groups empty. */
  readonly total: boolean;
}

type Field = readonly [name: string, field: (row: ReportRow) => string];

/**
 * A report as CSV by RFC 4180, one line per group in the order of the report. Which columns there are depends on what it is
 * grouped by alone; what is not known is empty. Amounts are exact, times ISO 8601 in UTC.
 */
export function csvText(report: Report, { total }: CsvLayout): string {
  const fields = fieldsOf(report);
  const rows: readonly ReportRow[] = total ? [...report.rows, report.total] : report.rows;
  const lines = [
    fields.map(([name]) => quoted(safe(name))),
    ...rows.map((row) => fields.map(([, field]) => quoted(field(row)))),
  ];
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

function fieldsOf({ by, from, to }: Report): Field[] {
  return [
    ...by.map((each): Field => [headerOf(each), (row) => safe(groupValue(row, each))]),
    ...FIGURES,
    ...(by.length === 1 && by[0] === 'team' ? BUDGET : []),
    ['from', () => isoTime(from) ?? ''],
    ['to', () => isoTime(to) ?? ''],
  ];
}

// A tag may be called as a figure is.
const headerOf = (by: ReportBy): string => (typeof by === 'string' ? by : `tag:${groupName(by)}`);

const FIGURES: readonly Field[] = [
  ['calls', ({ calls }) => numeric(calls)],
  ['errors', ({ errors }) => numeric(errors)],
  ['denied', ({ denied }) => numeric(denied)],
  ['deniedBy', ({ deniedBy }) => (deniedBy ? countsText(deniedBy) : '')],
  ['promptTokens', ({ promptTokens }) => numeric(promptTokens)],
  ['cachedTokens', ({ cachedTokens }) => numeric(cachedTokens)],
  ['completionTokens', ({ completionTokens }) => numeric(completionTokens)],
  ['reasoningTokens', ({ reasoningTokens }) => numeric(reasoningTokens)],
  ['costNanos', ({ costNanos }) => numeric(costNanos)],
  ['costUsd', ({ costNanos }) => exactUsd(costNanos)],
  ['topModel', ({ topModel }) => safe(topModel)],
  ['waitP50Ms', ({ waitMs }) => numeric(waitMs?.p50)],
  ['waitP95Ms', ({ waitMs }) => numeric(waitMs?.p95)],
  ['latencyP50Ms', ({ latencyMs }) => numeric(latencyMs?.p50)],
  ['latencyP95Ms', ({ latencyMs }) => numeric(latencyMs?.p95)],
];

const BUDGET: readonly Field[] = [
  ['budgetName', ({ budgetName }) => safe(budgetName ?? '')],
  ['budgetUsd', ({ budgetUsd }) => (budgetUsd === undefined ? '' : exactUsd(nanosIn(budgetUsd)))],
  ['budgetSpentUsd', ({ budgetSpentNanos }) => (budgetSpentNanos === undefined ? '' : exactUsd(budgetSpentNanos))],
  ['budgetUsed', ({ budgetUsed }) => numeric(budgetUsed)],
  ['budgetResetsAt', ({ budgetResetsAt }) => (budgetResetsAt === undefined ? '' : (isoTime(budgetResetsAt) ?? ''))],
  ['budgetRunsOutAt', ({ budgetRunsOutAt }) => (budgetRunsOutAt === undefined ? '' : (isoTime(budgetRunsOutAt) ?? ''))],
];

const numeric = (value: number | undefined): string => (value === undefined ? '' : String(value));

/** `budget-exceeded=3; rate-limit-wait=1`, by code: one column, so that the columns do not depend on what was refused. */
function countsText(deniedBy: NonNullable<ReportFigures['deniedBy']>): string {
  const counts = Object.entries(deniedBy).sort(([a], [b]) => (a < b ? -1 : 1));
  return safe(counts.map(([code, count]) => `${code || 'none'}=${count}`).join('; '));
}

// Apostrophes before it are counted in, so that one can be taken away again from just those texts that got one.
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;
// A file is also shown in terminals, which would obey these.
const CONTROLS = /(?![\t\r\n])\p{Cc}/gu;

/** A text that no spreadsheet takes for a formula: it gets an apostrophe in front. */
function safe(text: string): string {
  const shown = text.replace(CONTROLS, '\ufffd');
  return FORMULA.test(shown) ? `'${shown}` : shown;
}

const quoted = (field: string): string => (/[",\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
