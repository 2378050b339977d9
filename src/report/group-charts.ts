import type { Report, ReportFigures, ReportRow } from '../usage-report';
import { type Chart, MOST_BARS, seriesOf, showsSomething, usdSeries } from './chart';
import { groupLabel, groupingText, refusals } from './columns';
import { BUDGET_LEVELS, countText, durationText, shareText } from './figures';

type Sums = Pick<ReportFigures, 'costNanos' | 'promptTokens' | 'cachedTokens' | 'completionTokens' | 'reasoningTokens'>;

/** A bar: one group, or what is left of them. */
interface Bar extends Sums {
  readonly label: string;
}

/** The charts of a report whose groups are no days. Those that would show nothing are left out. */
export function groupCharts(report: Report): Chart[] {
  const { by, rows } = report;
  const bars = barsOf(report);
  const title = (of: string): string => `${of} ${groupingText(by)}`;
  const charts: Chart[] = [
    {
      title: title('Cost'),
      kind: 'across',
      stacked: false,
      unit: 'usd',
      labels: bars.map(({ label }) => label),
      series: usdSeries([{ name: 'Cost', nanos: bars.map(({ costNanos }) => costNanos) }]),
    },
    ...budgetChart(rows, (row) => groupLabel(row, by)),
    tokenChart(title('Tokens'), 'across', bars),
    ...latencyChart(title('Latency'), rows, (row) => groupLabel(row, by)),
  ];
  return charts.filter(showsSomething);
}

function barsOf({ by, rows }: Report): Bar[] {
  const all = rows.map((row): Bar => ({ ...row, label: groupLabel(row, by) }));
  if (all.length <= MOST_BARS) return all;
  const shown = all.slice(0, MOST_BARS - 1);
  const left = all.slice(MOST_BARS - 1);
  return [...shown, { ...sums(left), label: `${left.length} others` }];
}

/** The sums of several groups that charts show. */
export function sums(all: readonly Sums[]): Sums {
  const of = (figure: (each: Sums) => number): number => all.reduce((sum, each) => sum + figure(each), 0);
  return {
    costNanos: of(({ costNanos }) => costNanos),
    promptTokens: of(({ promptTokens }) => promptTokens),
    cachedTokens: of(({ cachedTokens }) => cachedTokens),
    completionTokens: of(({ completionTokens }) => completionTokens),
    reasoningTokens: of(({ reasoningTokens }) => reasoningTokens),
  };
}

/** Tokens by class. All classes are there, used or not, so that a colour means the same in all charts. */
export function tokenChart(title: string, kind: Chart['kind'], bars: readonly Bar[]): Chart {
  const classes: [name: string, tokens: (bar: Bar) => number][] = [
    ['Input', ({ promptTokens, cachedTokens }) => promptTokens - cachedTokens],
    ['Cached input', ({ cachedTokens }) => cachedTokens],
    ['Output', ({ completionTokens, reasoningTokens }) => completionTokens - reasoningTokens],
    ['Reasoning', ({ reasoningTokens }) => reasoningTokens],
  ];
  const series = classes.map(([name, tokens]) => seriesOf(name, bars.map(tokens)));
  const chart = { title, kind, stacked: true, unit: 'count', labels: bars.map(({ label }) => label), series } as const;
  if (kind !== 'across') return chart;
  return { ...chart, totals: bars.map(({ promptTokens, completionTokens }) => countText(promptTokens + completionTokens)) };
}

function budgetChart(rows: readonly ReportRow[], label: (row: ReportRow) => string): Chart[] {
  const budgets = rows
    .filter(({ budgetUsed }) => budgetUsed !== undefined)
    .sort((a, b) => (b.budgetUsed ?? 0) - (a.budgetUsed ?? 0))
    .slice(0, MOST_BARS);
  if (budgets.length === 0) return [];
  const { values, ...shares } = seriesOf(
    'Share of the budget',
    budgets.map(({ budgetUsed = 0 }) => budgetUsed),
    shareText,
  );
  // JSON has no Infinity, and a bar no room for it.
  const series = [{ ...shares, values: values.map((share) => Math.min(share ?? 0, 10)) }];
  const labels = budgets.map(label);
  const title = 'Share of budgets, current windows';
  return [{ title, kind: 'across', stacked: false, unit: 'share', labels, series, marks: BUDGET_LEVELS }];
}

function latencyChart(title: string, rows: readonly ReportRow[], label: (row: ReportRow) => string): Chart[] {
  const known = rows.filter(({ latencyMs }) => latencyMs !== undefined).slice(0, MOST_BARS);
  if (known.length === 0) return [];
  const labels = known.map(label);
  return [{ title, kind: 'across', stacked: false, unit: 'ms', labels, series: latencySeries(known) }];
}

/** The middle, and what 95 of 100 calls stay below. */
export const latencySeries = (rows: readonly (ReportFigures | undefined)[]): Chart['series'] => [
  seriesOf(
    'p50',
    rows.map((row) => row?.latencyMs?.p50 ?? null),
    durationText,
  ),
  seriesOf(
    'p95',
    rows.map((row) => row?.latencyMs?.p95 ?? null),
    durationText,
  ),
];

/** What was refused over all groups, by code. */
export function refusalChart({ total: { deniedBy } }: Report): Chart[] {
  const counts = refusals(deniedBy ?? {}).slice(0, MOST_BARS);
  if (counts.length === 0) return [];
  const series = [
    seriesOf(
      'Refused',
      counts.map(([, count]) => count),
    ),
  ];
  const labels = counts.map(([code]) => code);
  return [{ title: 'Refusals by reason', kind: 'across', stacked: false, unit: 'count', labels, series }];
}
