import type { Percentiles } from '../usage/usage-log';
import type { Report, ReportBy, ReportFigures, ReportRow } from '../usage-report';
import { UNKNOWN, countText, durationText, limitText, roundedUsd, shareText, usdDecimals } from './figures';
import { printable } from './names';
import { localDay, localTime } from './period';

/** A column of the formats for people. Rows and the total are asked alike; the total has no group and no budget. */
export interface Column {
  readonly id: ColumnId;
  readonly title: string;
  readonly kind: 'group' | 'text' | 'time' | 'number' | 'bar';
  /** What to print. Safe in a terminal; not escaped for any markup. */
  readonly text: (row: ReportRow) => string;
  /** What to sort by; undefined if not known. */
  readonly value: (row: ReportRow) => number | string | undefined;
}

type FigureId =
  | 'cost'
  | 'calls'
  | 'denied'
  | 'budgetUsed'
  | 'budget'
  | 'input'
  | 'output'
  | 'budgetBar'
  | 'errors'
  | 'latencyP95'
  | 'topModel'
  | 'budgetRunsOut'
  | 'cached'
  | 'waitP95'
  | 'deniedBy'
  | 'reasoning'
  | 'latencyP50'
  | 'waitP50';

export type ColumnId = FigureId | `group${number}`;

/** The figures from the most to the least important: where room is short, the last go first. Groups outlast them all. */
export const IMPORTANCE: readonly FigureId[] = [
  'cost',
  'calls',
  'denied',
  'budgetUsed',
  'budget',
  'input',
  'output',
  'budgetBar',
  'errors',
  'latencyP95',
  'topModel',
  'budgetRunsOut',
  'cached',
  'waitP95',
  'deniedBy',
  'reasoning',
  'latencyP50',
  'waitP50',
];

/** What one part of a grouping is called: `team`, or the name of the tag. */
export const groupName = (by: ReportBy): string => (typeof by === 'string' ? by : by.tag);

/** The value of one part of a row's group; `''` if it has none. */
export const groupValue = (row: ReportRow, by: ReportBy): string =>
  (typeof by === 'string' ? row[by] : row.tags?.[by.tag]) ?? '';

/** A row's group as people read it: `chatbot · openai/gpt-oss-20b`. */
export const groupLabel = (row: ReportRow, by: readonly ReportBy[]): string =>
  by.length === 0 ? 'all' : by.map((each) => valueText(groupValue(row, each))).join(' · ');

/** What reports by these are called: `by team and model`. */
export function groupingText(by: readonly ReportBy[]): string {
  const names = by.map((each) => printable(groupName(each)));
  if (names.length === 0) return 'in all';
  return `by ${names.length > 1 ? `${names.slice(0, -1).join(', ')} and ` : ''}${names.at(-1)}`;
}

/** The rows as people read them: by day if the first grouping is by day, else as the report has them, highest cost first. */
export function rowsInOrder({ by, rows }: Report): readonly ReportRow[] {
  if (by[0] !== 'day') return rows;
  return rows.toSorted(({ day: a = '' }, { day: b = '' }) => (a < b ? -1 : a > b ? 1 : 0));
}

/** `budget-exceeded 3, rate-limit-wait 1`: the most frequent first. */
export const refusalsText = (deniedBy: Readonly<Record<string, number>>): string =>
  refusals(deniedBy)
    .map(([code, count]) => `${code} ${countText(count)}`)
    .join(', ');

/** The codes of refusals with their counts, the most frequent first. */
export const refusals = (deniedBy: Readonly<Record<string, number>>): [code: string, count: number][] =>
  Object.entries(deniedBy)
    .filter(([, count]) => count > 0)
    .map(([code, count]): [string, number] => [valueText(code), count])
    .sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));

const valueText = (value: string): string => (value === '' ? '(none)' : printable(value));

/** The groups, then the figures that at least one row has, as they are read from left to right. */
export function columnsOf(report: Report): Column[] {
  const { by, rows, total } = report;
  const groups: Column[] =
    by.length === 0
      ? [{ id: 'group0', title: 'group', kind: 'group', text: () => 'all', value: () => 'all' }]
      : by.map((each, index) => ({
          id: `group${index}`,
          title: printable(groupName(each)),
          kind: 'group',
          text: (row) => valueText(groupValue(row, each)),
          value: (row) => groupValue(row, each),
        }));
  const known = figureColumns(report).filter(({ value }) => [...rows, total].some((row) => value(row) !== undefined));
  // Grouped by model, the top model is the model.
  return [...groups, ...known.filter(({ id }) => id !== 'topModel' || !by.includes('model'))];
}

function figureColumns(report: Report): Column[] {
  return [
    cost(report),
    number('budget', 'budget', ({ budgetUsd }) => budgetUsd, limitText),
    number('budgetUsed', 'of budget', ({ budgetUsed }) => budgetUsed, shareText),
    time('budgetRunsOut', 'runs out', ({ budgetRunsOutAt }) => budgetRunsOutAt, report.timeZone),
    number('calls', 'calls', ({ calls }) => calls),
    number('errors', 'errors', ({ errors }) => errors),
    number('denied', 'denied', ({ denied }) => denied),
    number('input', 'input', ({ promptTokens }) => promptTokens),
    number('cached', 'cached', ({ cachedTokens }) => cachedTokens),
    number('output', 'output', ({ completionTokens }) => completionTokens),
    number('reasoning', 'reasoning', ({ reasoningTokens }) => reasoningTokens),
    ...percentiles('latency', ({ latencyMs }) => latencyMs),
    ...percentiles('wait', ({ waitMs }) => waitMs),
    text('topModel', 'top model', ({ topModel }) => printable(topModel)),
    text('deniedBy', 'denied by', ({ deniedBy }) => (deniedBy ? refusalsText(deniedBy) : undefined)),
  ];
}

function number(
  id: FigureId,
  title: string,
  value: (row: ReportRow) => number | undefined,
  format: (value: number) => string = countText,
): Column {
  return { id, title, kind: 'number', value, text: textOf(value, format) };
}

function cost({ rows, total }: Report): Column {
  const decimals = usdDecimals([...rows, total].reduce((largest, { costNanos }) => Math.max(largest, costNanos), 0));
  return number(
    'cost',
    'cost',
    ({ costNanos }) => costNanos,
    (nanos) => roundedUsd(nanos, decimals),
  );
}

function time(id: FigureId, title: string, value: (row: ReportRow) => number | undefined, timeZone: string): Column {
  return { id, title, kind: 'time', value, text: textOf(value, (at) => localDay(at, timeZone)) };
}

function percentiles(id: 'latency' | 'wait', value: (row: ReportFigures) => Percentiles | undefined): Column[] {
  return [
    number(`${id}P50`, `${id} p50`, (row) => value(row)?.p50, durationText),
    number(`${id}P95`, `${id} p95`, (row) => value(row)?.p95, durationText),
  ];
}

/** An empty text is not known either: a group without calls has no top model. */
function text(id: FigureId, title: string, value: (row: ReportRow) => string | undefined): Column {
  const known = (row: ReportRow): string | undefined => value(row) || undefined;
  return { id, title, kind: 'text', value: known, text: textOf(known, (each) => each) };
}

const textOf =
  <T>(value: (row: ReportRow) => T | undefined, format: (value: T) => string) =>
  (row: ReportRow): string => {
    const known = value(row);
    return known === undefined ? UNKNOWN : format(known);
  };

/** When the budget's window ends: the day, and the time unless that is midnight. */
export const resetText = (row: ReportRow, timeZone: string): string | undefined =>
  row.budgetResetsAt === undefined ? undefined : localTime(row.budgetResetsAt, timeZone).replace(/ 00:00$/, '');
