import type { Need } from './constraint';
import type { Amounts, Demand, LimitKind, LimitSnapshot, LimitState } from './rate-limiter';
import type { SharedChange, SharedDemand, SharedNeed, SharedState } from './shared-limits';

/** What an engine is asked for, in place of a demand. */
export function sharedDemandOf(demand: Demand, id: string): SharedDemand {
  const { limits, concurrency, amounts, expected = amounts, provider, leaseMs } = demand;
  const needs: SharedNeed[] = [];
  for (const { key, max, windowMs, kind } of limits) {
    const amount = amounts[kind];
    if (amount > 0) needs.push({ type: 'window', key: portable(key), max, windowMs, kind, amount });
  }
  for (const { key, max } of concurrency) needs.push({ type: 'concurrency', key: portable(key), max });
  return {
    id,
    needs,
    provider: provider === undefined ? undefined : { name: portable(provider), amounts: finite(expected) },
    leaseMs,
  };
}

/** What stands in this process for what an engine says of a demand. */
export function localNeed(of: number | 'provider', demand: Demand, needs: readonly Need[]): Need | undefined {
  if (of === 'provider') return needs.find(({ type }) => type === 'pause');
  let index = -1;
  for (const need of needs) {
    const isShared =
      need.type === 'concurrency' || (need.type === 'limit' && need.kind !== undefined && demand.amounts[need.kind] > 0);
    if (isShared && ++index === of) return need;
  }
  return undefined;
}

/** What this process knows and what the engine knows: of each limit, whichever leaves less room. */
export function mergedStates(
  local: readonly LimitState[],
  shared: readonly SharedState[],
  demand: Demand,
  now: number,
): readonly LimitState[] {
  const { limits, concurrency, amounts, leaseMs } = demand;
  // In the order of the needs; the provider's are in between.
  const counted = limits.flatMap(({ kind }, index) => (amounts[kind] > 0 ? [index] : []));
  const offset = local[0]?.kind === 'pause' ? 1 : 0;
  const merged = [...local];
  for (const { of, used, roomInMs } of shared) {
    if (typeof of !== 'number') continue;
    const limit = counted[of];
    const index = limit === undefined ? local.length - concurrency.length + of - counted.length : offset + limit;
    const state = merged[index];
    if (state === undefined) continue;
    // What depends on others is over when their leases are, or what has not departed leaves the window.
    const wait = roomInMs < Infinity ? roomInMs : limit === undefined ? leaseMs : (limits[limit]?.windowMs ?? 0);
    const availableAt = roomInMs > 0 ? Math.max(state.availableAt, now + wait) : state.availableAt;
    merged[index] = { ...state, used: Math.max(state.used, used), availableAt };
  }
  return merged;
}

/** Begins now: what is left of a pause, and what has been refilled since. Numbers that cannot be are left out. */
export function sharedSnapshot({ provider, at, limits, pauseMs = 0 }: LimitSnapshot, now: number): LimitSnapshot {
  const age = Math.max(0, now - at);
  return {
    provider: portable(provider),
    at: now,
    limits: limits
      .filter(({ max, windowMs }) => max >= 1 && windowMs > 0 && max < Infinity && windowMs < Infinity)
      .map(({ kind, windowMs, max, remaining }) => ({
        kind,
        windowMs,
        max,
        remaining: remaining !== undefined && remaining >= 0 ? Math.min(max, remaining + (age * max) / windowMs) : undefined,
      })),
    pauseMs: pauseMs > age && pauseMs < Infinity ? pauseMs - age : undefined,
  };
}

/** Without the numbers that cannot be. */
export function validActual(actual: SharedChange['actual']): SharedChange['actual'] {
  if (actual === undefined) return undefined;
  const valid: { [kind in LimitKind]?: number } = {};
  for (const kind of KINDS) {
    const amount = actual[kind];
    if (amount !== undefined && amount >= 0 && amount < Infinity) valid[kind] = amount;
  }
  return valid;
}

const KINDS = ['requests', 'tokens', 'inputTokens', 'outputTokens', 'audioSeconds'] as const satisfies readonly LimitKind[];

function finite(amounts: Amounts): Amounts {
  const { requests, tokens, inputTokens, outputTokens, audioSeconds } = amounts;
  const valid = (amount: number): number => (amount > 0 && amount < Infinity ? amount : 0);
  return {
    requests: valid(requests),
    tokens: valid(tokens),
    inputTokens: valid(inputTokens),
    outputTokens: valid(outputTokens),
    audioSeconds: valid(audioSeconds),
  };
}

// Not every engine can store these, and one name that it cannot store would fail a trip for all who share it.
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** A name that every engine can store. */
export function portable(name: string): string {
  return UNSTORABLE.test(name) ? JSON.stringify(name) : name;
}
