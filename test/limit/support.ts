import type { Amounts, Demand, LimitDemand, LimitKind } from '../../src/limit/rate-limiter';

export const NOTHING: Amounts = { requests: 0, tokens: 0, inputTokens: 0, outputTokens: 0, audioSeconds: 0 };

export function limit(key: string, max: number, kind: LimitKind = 'requests', windowMs = 60_000): LimitDemand {
  return { key, name: key, kind, max, windowMs };
}

let count = 0;
const NONE: readonly never[] = Object.freeze([]);

/** One request that is limited by nothing. */
export function demand(fields: Partial<Demand> = {}): Demand {
  return {
    id: `attempt-${++count}`,
    team: 'chatbot',
    amounts: { ...NOTHING, requests: 1 },
    limits: NONE,
    concurrency: NONE,
    priority: 0,
    weight: 1,
    maxWaitMs: Infinity,
    maxQueueSize: Infinity,
    leaseMs: 600_000,
    ...fields,
  };
}

export interface Departure {
  readonly at: number;
  readonly amount: number;
}

/** The most that departed in any half-open window: it is enough to look at those that begin with a departure. */
export function mostInAnyWindow(departures: readonly Departure[], windowMs: number): number {
  const sorted = [...departures].sort((one, other) => one.at - other.at);
  let most = 0;
  let sum = 0;
  let first = 0;
  for (const { at, amount } of sorted) {
    sum += amount;
    for (let oldest = sorted[first]; oldest && at - oldest.at >= windowMs; oldest = sorted[++first]) sum -= oldest.amount;
    most = Math.max(most, sum);
  }
  return most;
}
