import type { Amounts, Demand, LimitDemand, LimitKind, RateLimiter, Slot } from '../../limit/rate-limiter';
import type { ManualClock } from '../manual-clock';

export const MINUTE: number = 60_000;

let count = 0;

/** At most `max` of `kind` per minute, under a key that no other test uses unless it passes the same limit. */
export function limit(max: number, kind: LimitKind = 'requests', windowMs: number = MINUTE): LimitDemand {
  return { key: `contract/${++count}`, name: `${kind} limit ${count}`, kind, max, windowMs };
}

/** One request of 100 + 50 tokens, with a new id. */
export function demand(fields: Partial<Demand> = {}): Demand {
  return {
    id: `attempt-${++count}`,
    team: 'chatbot',
    amounts: { requests: 1, tokens: 150, inputTokens: 100, outputTokens: 50, audioSeconds: 0 },
    limits: [],
    concurrency: [],
    priority: 0,
    weight: 1,
    maxWaitMs: Infinity,
    maxQueueSize: Infinity,
    leaseMs: 10 * MINUTE,
    ...fields,
  };
}

/** So many requests, and nothing else. */
export const requests = (amount: number): Amounts => ({
  requests: amount,
  tokens: 0,
  inputTokens: 0,
  outputTokens: 0,
  audioSeconds: 0,
});
/** One request of so many tokens. */
export const tokens = (amount: number): Amounts => ({
  requests: 1,
  tokens: amount,
  inputTokens: amount,
  outputTokens: 0,
  audioSeconds: 0,
});

/** A limiter and its clock, and what the tests do with them. */
export interface RateLimiterScene {
  readonly limiter: RateLimiter;
  readonly clock: ManualClock;
  /** Waits for the slot, moving the clock as far as needed, and departs. */
  readonly go: (demand: Demand) => Promise<Slot>;
  /** How long the demand has to wait, in milliseconds. It departs and ends as estimated. */
  readonly waitOf: (demand: Demand) => Promise<number>;
  /** Queues the demand; it departs as soon as it may, and `at` gets the milliseconds since the start of the test. */
  readonly queue: (demand: Demand, at: number[], signal?: AbortSignal) => Promise<void>;
  /** What the demand is rejected with, and how long that took. */
  readonly refusal: (demand: Demand, signal?: AbortSignal) => Promise<{ readonly error: unknown; readonly afterMs: number }>;
}

/** At most `max` at once, under a key that no other test uses. */
export function atOnce(max: number): Demand['concurrency'][number] {
  return { key: `contract/${++count}`, name: 'at once', max };
}

/** For one test. */
export function rateLimiterScene(limiter: RateLimiter, clock: ManualClock): RateLimiterScene {
  const start = clock.now();
  const acquire = async (wanted: Demand, signal?: AbortSignal): Promise<Slot> => limiter.acquire(wanted, signal);
  const go = async (wanted: Demand): Promise<Slot> => {
    const slot = await clock.runUntil(acquire(wanted));
    slot.begin?.();
    return slot;
  };
  return {
    limiter,
    clock,
    go,
    async waitOf(wanted) {
      const before = clock.now();
      const slot = await go(wanted);
      slot.release();
      return clock.now() - before;
    },
    async queue(wanted, at, signal) {
      const slot = await acquire(wanted, signal);
      at.push(clock.now() - start);
      slot.begin?.();
      slot.release();
    },
    async refusal(wanted, signal) {
      const before = clock.now();
      const failed = acquire(wanted, signal).then(
        () => 'granted',
        (error: unknown) => error,
      );
      return { error: await clock.runUntil(failed), afterMs: clock.now() - before };
    },
  };
}
