import { amountOf, type Need } from './constraint';
import type { Demand } from './rate-limiter';

/** One constraint as a demand would meet it if it came now. */
export interface Met {
  readonly need: Need;
  /** What the demand takes of it. */
  readonly amount: number;
  /** What those will take of it who wait there and go before. */
  readonly ahead: number;
}

export function met(need: Need, demand: Demand): Met {
  const amount = amountOf(need, demand);
  const { constraint } = need;
  if (!(amount > 0) || constraint.line === undefined || need.type === 'pause') return { need, amount, ahead: 0 };
  const ahead = constraint.line.ahead(demand, (waiting) => {
    const same = waiting.lane.plan.needs.find((each) => each.constraint === constraint);
    return same === undefined ? 0 : amountOf(same, waiting.demand);
  });
  return { need, amount, ahead };
}

/** When the demand's turn comes, as far as anybody knows now; `now` if it need not wait, `Infinity` if it can never fit. */
export function availableAt({ need, amount, ahead }: Met, { leaseMs }: Demand, now: number): number {
  const { constraint, max, windowMs, type } = need;
  if (amount > max) return Infinity;
  if (!(amount > 0)) return now;
  const all = ahead + amount;
  // Only a window is full in turns; a bucket is refilled all the time, and of slots nobody knows when they are free again.
  const windows = type === 'limit' && all > max ? Math.ceil(all / max) - 1 : 0;
  let at = constraint.availableAt(windows === 0 ? all : all - windows * max, max, now, undefined);
  // Before it departs it cannot be known; one window from now is the earliest that can be promised. A lease ends by itself.
  if (at === Infinity) at = now + (windowMs > 0 ? windowMs : leaseMs);
  return at + windows * windowMs;
}
