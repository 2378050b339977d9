import { DurationHistogram } from './duration-histogram';
import type { UsageRecord } from './usage-log';

/** What records add up to. */
export interface UsageSums {
  calls: number;
  denied: number;
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  reasoningTokens: number;
  costNanos: number;
  errors: number;
  /** When the latest call was; `-Infinity` if there was none. */
  lastAt: number;
  /** Denied calls by code; undefined if there are none. */
  deniedBy: Map<string, number> | undefined;
  readonly waits: DurationHistogram;
  readonly latencies: DurationHistogram;
}

/** Sums of nothing. */
export function noSums(): UsageSums {
  return {
    calls: 0,
    denied: 0,
    promptTokens: 0,
    cachedTokens: 0,
    completionTokens: 0,
    reasoningTokens: 0,
    costNanos: 0,
    errors: 0,
    lastAt: -Infinity,
    deniedBy: undefined,
    waits: new DurationHistogram(),
    latencies: new DurationHistogram(),
  };
}

/** Adds `from` to `to`. */
export function addSums(to: UsageSums, from: Readonly<UsageSums>): void {
  to.calls += from.calls;
  to.promptTokens += from.promptTokens;
  to.cachedTokens += from.cachedTokens;
  to.completionTokens += from.completionTokens;
  to.reasoningTokens += from.reasoningTokens;
  to.costNanos += from.costNanos;
  to.errors += from.errors;
  if (from.lastAt > to.lastAt) to.lastAt = from.lastAt;
  if (from.deniedBy !== undefined) for (const [code, times] of from.deniedBy) addDenials(to, code, times);
  to.waits.addAll(from.waits);
  to.latencies.addAll(from.latencies);
}

/** Adds one record to `to`. A denied one counts as denied and as nothing else. */
export function addRecord(to: UsageSums, record: UsageRecord): void {
  if (record.outcome === 'denied') {
    addDenials(to, record.code ?? '', 1);
    return;
  }
  to.calls += 1;
  to.promptTokens += record.promptTokens;
  to.cachedTokens += record.cachedTokens;
  to.completionTokens += record.completionTokens;
  to.reasoningTokens += record.reasoningTokens;
  to.costNanos += record.costNanos;
  if (record.outcome === 'error' || record.outcome === 'timeout') to.errors += 1;
  if (record.at > to.lastAt) to.lastAt = record.at;
  to.waits.add(record.waitMs);
  to.latencies.add(record.latencyMs);
}

/** Adds so many calls that were denied with this code. */
export function addDenials(to: UsageSums, code: string, times: number): void {
  to.denied += times;
  const deniedBy = (to.deniedBy ??= new Map<string, number>());
  deniedBy.set(code, (deniedBy.get(code) ?? 0) + times);
}
