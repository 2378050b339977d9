import type { Report, ReportBy, ReportFigures, ReportRow } from '../../src/usage-report';

/** Figures of a group that did nothing, but for those given. */
export function figures(given: Partial<ReportFigures> = {}): ReportFigures {
  const costNanos = given.costNanos ?? 0;
  return {
    calls: 0,
    denied: 0,
    promptTokens: 0,
    cachedTokens: 0,
    completionTokens: 0,
    reasoningTokens: 0,
    costNanos,
    costUsd: costNanos / 1e9,
    topModel: '',
    ...given,
  };
}

/** One row: the fields it is grouped by, and figures. */
export const row = (given: Partial<ReportRow>): ReportRow => ({ ...given, ...figures(given) });

/** A report of November 2026; its total is the sum of what can be summed up. */
export function reportOf(by: readonly ReportBy[], rows: readonly ReportRow[], given: Partial<Report> = {}): Report {
  const sum = (figure: (each: ReportRow) => number): number => rows.reduce((all, each) => all + figure(each), 0);
  const total = figures({
    calls: sum(({ calls }) => calls),
    denied: sum(({ denied }) => denied),
    promptTokens: sum(({ promptTokens }) => promptTokens),
    cachedTokens: sum(({ cachedTokens }) => cachedTokens),
    completionTokens: sum(({ completionTokens }) => completionTokens),
    reasoningTokens: sum(({ reasoningTokens }) => reasoningTokens),
    costNanos: sum(({ costNanos }) => costNanos),
    topModel: rows[0]?.topModel ?? '',
  });
  return { from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 11, 1), by, timeZone: 'UTC', rows, total, ...given };
}

/** Three teams, one of them over its budget, with all figures that a report can have. */
export function teamReport(): Report {
  const rows = [
    row({
      team: 'chatbot',
      calls: 18_204,
      denied: 12,
      errors: 31,
      deniedBy: { 'budget-exceeded': 9, 'rate-limit-wait': 3 },
      promptTokens: 61_204_118,
      cachedTokens: 20_113_400,
      completionTokens: 9_871_002,
      reasoningTokens: 3_100_250,
      costNanos: 164_903_217_450,
      topModel: 'openai/gpt-oss-120b',
      waitMs: { p50: 0, p95: 420 },
      latencyMs: { p50: 640, p95: 2_310 },
      budgetName: 'chatbot/month',
      budgetUsd: 200,
      budgetSpentNanos: 164_903_217_450,
      budgetUsed: 164_903_217_450 / 200e9,
      budgetResetsAt: Date.UTC(2026, 11, 1),
      budgetRunsOutAt: Date.UTC(2026, 10, 27, 14),
    }),
    row({
      team: 'analytics',
      calls: 2_417,
      denied: 208,
      errors: 4,
      deniedBy: { 'budget-exceeded': 208 },
      promptTokens: 8_300_411,
      cachedTokens: 0,
      completionTokens: 1_204_300,
      reasoningTokens: 204_117,
      costNanos: 51_020_000_000,
      topModel: 'openai/gpt-oss-20b',
      waitMs: { p50: 12, p95: 1_900 },
      latencyMs: { p50: 410, p95: 1_120 },
      budgetName: 'analytics/month',
      budgetUsd: 50,
      budgetSpentNanos: 51_020_000_000,
      budgetUsed: 1.0204,
      budgetResetsAt: Date.UTC(2026, 11, 1),
    }),
    row({
      team: 'support',
      calls: 96,
      denied: 0,
      errors: 0,
      deniedBy: {},
      promptTokens: 41_002,
      cachedTokens: 1_024,
      completionTokens: 12_400,
      reasoningTokens: 0,
      costNanos: 15_750,
      topModel: 'llama-3.1-8b-instant',
      waitMs: { p50: 0, p95: 0 },
      latencyMs: { p50: 180, p95: 390 },
    }),
  ];
  const report = reportOf(['team'], rows);
  const total = {
    ...report.total,
    errors: 35,
    deniedBy: { 'budget-exceeded': 217, 'rate-limit-wait': 3 },
    waitMs: { p50: 0, p95: 610 },
    latencyMs: { p50: 600, p95: 2_205 },
  };
  return { ...report, total };
}

/** Two teams over two weeks, with a day on which nothing happened, highest cost first. */
export function dayReport(): Report {
  const rows = Array.from({ length: 14 }, (_, index) => index).flatMap((index) => {
    const day = `2026-11-${String(index + 1).padStart(2, '0')}`;
    if (index === 6) return [];
    return ['chatbot', 'analytics', 'support'].map((team, place) => {
      const calls = 300 + ((index * 37 + place * 101) % 240);
      return row({
        day,
        team,
        calls,
        denied: index % 3,
        promptTokens: calls * 3_100,
        cachedTokens: calls * 900,
        completionTokens: calls * 510,
        reasoningTokens: calls * 120,
        costNanos: Math.round((calls * 9_000_000) / (place + 1)),
        topModel: 'openai/gpt-oss-120b',
        latencyMs: { p50: 500 + index * 10, p95: 1_800 + index * 45 },
      });
    });
  });
  return reportOf(
    ['day', 'team'],
    rows.sort((a, b) => b.costNanos - a.costNanos),
  );
}
