import type { Need } from './constraint';
import type { Met } from './met';
import type { Amounts, Demand, LimitKind, LimitSnapshot, LimitState } from './rate-limiter';
import type { SharedChange, SharedDemand, SharedNeed, SharedState } from './shared-limits';

/** What an engine is asked for, in place of a demand that has these needs: with the maxima that hold now. */
export function sharedDemandOf(demand: Demand, needs: readonly Need[], id: string): SharedDemand {
  const { amounts, expected = amounts, provider, leaseMs } = demand;
  const shared: SharedNeed[] = [];
  for (const { type, key, max, windowMs, kind } of needs) {
    if (type === 'concurrency') shared.push({ type, key: portable(key), max });
    else if (type === 'limit' && kind !== undefined && amounts[kind] > 0) {
      shared.push({ type: 'window', key: portable(key), max, windowMs, kind, amount: amounts[kind] });
    }
  }
  return {
    id,
    needs: shared,
    provider: provider === undefined ? undefined : { name: portable(provider), amounts: finite(expected) },
    leaseMs,
  };
}

/** The same for a demand that only looks: whether there is room besides what goes before it, as far as that is a matter of one window. */
export function sharedLookOf(demand: Demand, all: readonly Met[], id: string): SharedDemand {
  const shared = sharedDemandOf(
    demand,
    all.map(({ need }) => need),
    id,
  );
  const counted = all.filter(({ need }) => isShared(need, demand));
  const needs = shared.needs.map((need, index): SharedNeed => {
    if (need.type === 'concurrency') return need;
    const together = need.amount + (counted[index]?.ahead ?? 0);
    return { ...need, amount: Math.max(need.amount, Math.min(need.max, together)) };
  });
  return { ...shared, needs };
}

/** What stands in this process for what an engine says of a demand. */
export function localNeed(of: number | 'provider', demand: Demand, needs: readonly Need[]): Need | undefined {
  if (of === 'provider') return needs.find(({ type }) => type === 'pause');
  let index = -1;
  for (const need of needs) {
    if (isShared(need, demand) && ++index === of) return need;
  }
  return undefined;
}

/** What this process knows and what the engine knows: of each limit, whichever leaves less room. `local` are the states of `all`. */
export function mergedStates(
  local: readonly LimitState[],
  shared: readonly SharedState[],
  all: readonly Met[],
  demand: Demand,
  now: number,
): readonly LimitState[] {
  const counted = all.flatMap(({ need }, index) => (isShared(need, demand) ? [index] : []));
  const merged = [...local];
  for (const { of, used, roomInMs } of shared) {
    const index = typeof of === 'number' ? counted[of] : undefined;
    const [state, met] = index === undefined ? [] : [merged[index], all[index]];
    if (index === undefined || state === undefined || met === undefined) continue;
    const { need, ahead } = met;
    // Of slots, the engine was asked for one.
    const isFull = roomInMs > 0 || (need.type === 'concurrency' && ahead > 0 && used + ahead + 1 > need.max);
    // What depends on others is over when their leases are, or what has not departed leaves the window.
    const usualMs = need.type === 'concurrency' ? demand.leaseMs : need.windowMs;
    const wait = roomInMs > 0 && roomInMs < Infinity ? roomInMs : usualMs;
    const availableAt = isFull ? Math.max(state.availableAt, now + wait) : state.availableAt;
    merged[index] = { ...state, used: Math.max(state.used, used), availableAt };
  }
  return merged;
}

// Whether the engine counts it under a key, for this demand.
function isShared({ type, kind }: Need, { amounts }: Demand): boolean {
  return type === 'concurrency' || (type === 'limit' && kind !== undefined && amounts[kind] > 0);
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
