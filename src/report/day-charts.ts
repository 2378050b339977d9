import type { Report, ReportBy, ReportRow } from '../usage-report';
import { type Chart, MOST_SERIES, seriesOf, showsSomething, usdSeries } from './chart';
import { groupLabel, groupingText } from './columns';
import { groupCharts, latencySeries, sums, tokenChart } from './group-charts';

const DAY_MS = 86_400_000;
/** Days in between are filled in up to this length of time; further apart they are what they are. */
const MOST_DAYS = 1_100;

/** The charts of a report with days: what happened day after day, and what the other groups come to over all days. */
export function dayCharts(report: Report): Chart[] {
  const { by, rows } = report;
  const others = by.filter((each) => each !== 'day');
  const labels = daysOf(rows);
  const byDay = grouped(rows, ({ day = '' }) => day);
  const days = labels.map((label) => byDay.get(label) ?? []);
  const groups = others.length > 0 ? groupsOf(rows, others) : [{ label: 'Cost', rows, costNanos: 0 }];
  const cost: Chart = {
    title: `Cost ${groupingText(['day', ...others])}`,
    kind: 'up',
    stacked: true,
    unit: 'usd',
    labels,
    series: costSeries(groups, labels),
  };
  const tokens = tokenChart(
    'Tokens by day',
    'up',
    days.map((each, index) => ({ ...sums(each), label: labels[index] ?? '' })),
  );
  const more =
    others.length === 0
      ? [callChart(days, labels), tokens, latencyChart(days, labels)]
      : [tokens, ...groupCharts({ ...report, by: others, rows: mergedRows(groups) }).slice(0, 1)];
  return [cost, ...more].filter(showsSomething);
}

/** One row per group; what cannot be summed up is left out. */
const mergedRows = (groups: readonly Group[]): ReportRow[] =>
  groups.flatMap(({ rows: [first], ...total }) => (first ? [{ ...first, ...total, latencyMs: undefined }] : []));

function grouped(rows: readonly ReportRow[], keyOf: (row: ReportRow) => string): Map<string, ReportRow[]> {
  const groups = new Map<string, ReportRow[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

/** Every day from the first to the last that has records: a day without calls is a gap that should be seen. */
function daysOf(rows: readonly ReportRow[]): string[] {
  const known = [...new Set(rows.map(({ day = '' }) => day))].sort();
  const [first, last] = [Date.parse(known.at(0) ?? ''), Date.parse(known.at(-1) ?? '')];
  const count = (last - first) / DAY_MS + 1;
  if (!Number.isInteger(count) || count > MOST_DAYS) return known;
  return Array.from({ length: count }, (_, index) => new Date(first + index * DAY_MS).toISOString().slice(0, 10));
}

interface Group extends Partial<ReturnType<typeof sums>> {
  readonly label: string;
  readonly costNanos: number;
  readonly rows: readonly ReportRow[];
}

/** The groups without their days, highest cost first. */
function groupsOf(rows: readonly ReportRow[], others: readonly ReportBy[]): Group[] {
  return [...grouped(rows, (row) => groupLabel(row, others))]
    .map(([label, members]) => ({ label, rows: members, ...sums(members) }))
    .sort((a, b) => b.costNanos - a.costNanos);
}

function costSeries(groups: readonly Group[], labels: readonly string[]): Chart['series'] {
  const shown = groups.length > MOST_SERIES ? groups.slice(0, MOST_SERIES - 1) : groups;
  const left = groups.slice(shown.length);
  const others = { label: `${left.length} others`, rows: left.flatMap(({ rows }) => rows) };
  return usdSeries(
    [...shown, ...(left.length > 0 ? [others] : [])].map(({ label, rows }) => {
      const byDay = grouped(rows, ({ day = '' }) => day);
      return { name: label, nanos: labels.map((day) => sums(byDay.get(day) ?? []).costNanos) };
    }),
  );
}

function callChart(days: readonly (readonly ReportRow[])[], labels: readonly string[]): Chart {
  const count = (figure: (row: ReportRow) => number): number[] =>
    days.map((rows) => rows.reduce((sum, row) => sum + figure(row), 0));
  const sent = seriesOf(
    'Sent',
    count(({ calls }) => calls),
  );
  const refused = seriesOf(
    'Refused',
    count(({ denied }) => denied),
  );
  return { title: 'Calls by day', kind: 'up', stacked: true, unit: 'count', labels, series: [sent, refused] };
}

/** Of days alone: percentiles of several groups cannot be put together. */
const latencyChart = (days: readonly (readonly ReportRow[])[], labels: readonly string[]): Chart => ({
  title: 'Latency by day',
  kind: 'line',
  stacked: false,
  unit: 'ms',
  labels,
  series: latencySeries(days.map(([row]) => row)),
});
