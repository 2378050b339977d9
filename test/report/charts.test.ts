import { describe, expect, it } from 'vitest';
import { type Chart, chartInWords } from '../../src/report/chart';
import { dayCharts } from '../../src/report/day-charts';
import { groupCharts, refusalChart } from '../../src/report/group-charts';
import { dayReport, reportOf, row, teamReport } from './reports';

const titles = (charts: readonly Chart[]): string[] => charts.map(({ title }) => title);
const named = (charts: readonly Chart[], title: string): Chart =>
  charts.find((chart) => chart.title === title) ?? expect.fail(`no chart is called ${title}: ${titles(charts).join(', ')}`);
const sum = (values: readonly (number | null)[]): number => values.reduce<number>((all, each) => all + (each ?? 0), 0);

describe('charts of groups', () => {
  it('are of cost, budgets, tokens and latency, as far as it is known', () => {
    expect(titles(groupCharts(teamReport()))).toEqual([
      'Cost by team',
      'Share of budgets, current windows',
      'Tokens by team',
      'Latency by team',
    ]);
    expect(titles(groupCharts(reportOf(['user'], [row({ user: 'ada', calls: 1, costNanos: 1 })])))).toEqual(['Cost by user']);
    expect(groupCharts(reportOf(['user'], [row({ user: 'ada', denied: 1 })]))).toEqual([]);
  });

  it('of cost have dollars, and texts that are rounded as in the table', () => {
    const cost = named(groupCharts(teamReport()), 'Cost by team');
    expect(cost.labels).toEqual(['chatbot', 'analytics', 'support']);
    expect(cost.series).toEqual([
      { name: 'Cost', values: [164.90321745, 51.02, 0.00001575], texts: ['$164.90', '$51.02', '<$0.01'] },
    ]);
  });

  it('of budgets have the fullest first, the marks, and no Infinity', () => {
    const rows = [
      ...teamReport().rows,
      row({ team: 'trial', costNanos: 1, budgetUsd: 0, budgetSpentNanos: 1, budgetUsed: Infinity }),
    ];
    const budgets = named(groupCharts(reportOf(['team'], rows)), 'Share of budgets, current windows');
    expect(budgets.labels).toEqual(['trial', 'analytics', 'chatbot']);
    expect(budgets.series[0]?.texts).toEqual(['over', '102 %', '82 %']);
    expect(budgets.series[0]?.values).toEqual([10, 1.0204, 164_903_217_450 / 200e9]);
    expect(budgets.marks).toEqual([0.5, 0.8, 0.95]);
  });

  it('of tokens count each token once', () => {
    const { total } = teamReport();
    const tokens = named(groupCharts(teamReport()), 'Tokens by team');
    expect(tokens.series.map(({ name }) => name)).toEqual(['Input', 'Cached input', 'Output', 'Reasoning']);
    expect(sum(tokens.series.map(({ values }) => sum(values)))).toBe(total.promptTokens + total.completionTokens);
    expect(tokens.totals?.[2]).toBe('53,402');
  });

  it('have twelve bars at most, and lose no cost', () => {
    const rows = Array.from({ length: 40 }, (_, index) => row({ user: `u${index}`, costNanos: (40 - index) * 1e9 }));
    const cost = named(groupCharts(reportOf(['user'], rows)), 'Cost by user');
    expect(cost.labels).toHaveLength(12);
    expect(cost.labels.at(-1)).toBe('29 others');
    expect(sum(cost.series[0]?.values ?? [])).toBe(820);
  });

  it('of refusals have the most frequent first', () => {
    expect(refusalChart(teamReport())[0]).toMatchObject({
      labels: ['budget-exceeded', 'rate-limit-wait'],
      series: [{ values: [217, 3] }],
    });
    expect(refusalChart(reportOf(['team'], []))).toEqual([]);
  });
});

describe('charts of days', () => {
  it('stack the groups of each day, and show a day without calls', () => {
    const report = dayReport();
    const charts = dayCharts(report);
    expect(titles(charts)).toEqual(['Cost by day and team', 'Tokens by day', 'Cost by team']);
    const [cost] = charts;
    expect(cost?.labels).toHaveLength(14);
    expect(cost?.labels[6]).toBe('2026-11-07');
    expect(cost?.series.map(({ name }) => name)).toEqual(['chatbot', 'analytics', 'support']);
    expect(cost?.series.map(({ values }) => values[6])).toEqual([0, 0, 0]);
    const all = report.total.costNanos / 1e9;
    expect(sum(cost?.series.map(({ values }) => sum(values)) ?? [])).toBeCloseTo(all, 9);
    expect(sum(named(charts, 'Cost by team').series[0]?.values ?? [])).toBeCloseTo(all, 9);
  });

  it('of days alone are of cost, calls, tokens and latency', () => {
    const rows = dayReport().rows.filter(({ team }) => team === 'chatbot');
    const charts = dayCharts(reportOf(['day'], rows));
    expect(titles(charts)).toEqual(['Cost by day', 'Calls by day', 'Tokens by day', 'Latency by day']);
    // A day without calls has no latency, which is not a latency of 0.
    expect(charts[3]?.series[0]?.values[6]).toBe(null);
    expect(charts[3]?.kind).toBe('line');
  });

  it('have six series at most, and lose no cost', () => {
    const rows = Array.from({ length: 20 }, (_, index) => row({ day: '2026-11-01', user: `u${index}`, costNanos: 1e9 }));
    const [cost] = dayCharts(reportOf(['user', 'day'], rows));
    expect(cost?.series).toHaveLength(6);
    expect(cost?.series[5]).toEqual({ name: '15 others', values: [15], texts: ['$15.00'] });
  });

  it('leave out those that would show nothing', () => {
    const refused = [row({ day: '2026-11-01', team: 'chatbot', denied: 3 })];
    expect(titles(dayCharts(reportOf(['day'], refused)))).toEqual(['Calls by day']);
    expect(dayCharts(reportOf(['day', 'team'], refused))).toEqual([]);
  });

  it('fill in months and leap days, yet not centuries', () => {
    const days = (...all: readonly string[]): readonly string[] =>
      dayCharts(
        reportOf(
          ['day'],
          all.map((day) => row({ day, costNanos: 1 })),
        ),
      )[0]?.labels ?? [];
    expect(days('2028-03-01', '2028-02-28')).toEqual(['2028-02-28', '2028-02-29', '2028-03-01']);
    expect(days('2026-01-01', '1970-01-01')).toEqual(['1970-01-01', '2026-01-01']);
    expect(days('2026-01-01', '')).toEqual(['', '2026-01-01']);
  });

  it('are made of many rows in no time', () => {
    const rows = Array.from({ length: 60_000 }, (_, index) =>
      row({
        day: new Date(Date.UTC(2026, 0, 1 + (index % 365))).toISOString().slice(0, 10),
        user: `u${index % 211}`,
        costNanos: index,
      }),
    );
    const [cost] = dayCharts(reportOf(['day', 'user'], rows));
    expect(cost?.labels).toHaveLength(365);
  }, 5_000);
});

it('are told in words', () => {
  const [cost] = groupCharts(teamReport());
  expect(cost && chartInWords(cost)).toBe(
    'Chart: Cost by team. chatbot: $164.90; analytics: $51.02; support: <$0.01. The table holds all figures.',
  );
  const latency = groupCharts(teamReport()).at(-1);
  expect(latency && chartInWords(latency)).toMatch(/^Chart: Latency by team\. chatbot: p50 640 ms, p95 2\.3 s; /);
});
