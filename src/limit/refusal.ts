import { formatInstant, RateLimitWaitError } from '../errors';
import { amountOf, type Need } from './constraint';
import type { Demand, LimitKind } from './rate-limiter';

// What is assumed of an attempt that is out, as nobody knows when it will end.
const USUAL_CALL_MS = 1000;

const WINDOW_NAMES: ReadonlyMap<number, string> = new Map([
  [1000, 'second'],
  [60_000, 'minute'],
  [3_600_000, 'hour'],
  [86_400_000, 'day'],
]);

/** `minute`, `day`, `90 s`. */
export function windowName(windowMs: number): string {
  return WINDOW_NAMES.get(windowMs) ?? formatMs(windowMs);
}

/** Why the demand can never be granted, if so. */
export function impossible(needs: readonly Need[], demand: Demand): Error | undefined {
  for (const need of needs) {
    const amount = amountOf(need, demand);
    if (!(amount >= 0 && amount < Infinity)) {
      return new RangeError(`A demand's ${String(need.kind)} must be a finite number of 0 or more, got ${amount}`);
    }
    const cap = need.max;
    if (amount === 0 || amount <= cap) continue;
    const per = need.windowMs > 0 ? ` per ${windowName(need.windowMs)}` : ' at once';
    return new RateLimitWaitError({
      limit: need.name,
      retryAfterMs: Infinity,
      message:
        `Limit "${need.name}" can never let this call through: it needs ${formatCount(amount)} ${unit(need.kind)}, ` +
        `and the limit is ${formatCount(cap)}${per}. ${remedy(need, cap, demand)}`,
    });
  }
  return undefined;
}

export function queueFull(demand: Demand, need: Need, waiting: number, expectedMs: number, at: number): Error {
  return new RateLimitWaitError({
    limit: need.name,
    retryAfterMs: expectedMs,
    message:
      `Team "${demand.team}" has ${formatCount(waiting)} calls waiting for room under limit "${need.name}", and its queue holds ` +
      `${formatCount(demand.maxQueueSize)}. Room is expected ${formatWait(expectedMs, at)}; try again then, or raise maxQueueSize.`,
  });
}

export function waitTooLong(demand: Demand, need: Need, used: number, expectedMs: number, at: number): Error {
  const amount = amountOf(need, demand);
  const cap = need.max;
  // With an engine, what others have taken is not counted here.
  const elsewhere = need.constraint.block !== undefined && used + amount <= cap ? ' here and the rest by other processes' : '';
  const state =
    need.type === 'pause'
      ? 'the provider asked for a pause'
      : `${formatCount(used)} of ${formatCount(cap)} ${unit(need.kind)} are in use${elsewhere}, ` +
        `this call needs ${formatCount(amount)}`;
  return new RateLimitWaitError({
    limit: need.name,
    retryAfterMs: expectedMs,
    message:
      `Limit "${need.name}" has no room within ${formatMs(demand.maxWaitMs)}: ${state}. ` +
      `Room is expected ${formatWait(expectedMs, at)}; try again then, or raise queueTimeoutMs.`,
  });
}

export function closed(): Error {
  return new RateLimitWaitError({
    limit: 'closed',
    retryAfterMs: Infinity,
    message: 'The rate limiter was closed, so the call was not sent. Make calls before close().',
  });
}

/** How long a demand would wait with `ahead` others like it before it, as far as anybody knows now. */
export function expectedWaitMs(needs: readonly Need[], demand: Demand, ahead: number, now: number): number {
  let longest = 0;
  for (const need of needs) {
    const amount = amountOf(need, demand);
    if (!(amount > 0)) continue;
    const { constraint, max, windowMs } = need;
    let wait = constraint.availableAt(amount, max, now, undefined) - now;
    if (need.type === 'concurrency' && wait > 0) wait = Math.min(wait, USUAL_CALL_MS);
    // What has not departed yet will at least be gone one window from now.
    else if (wait === Infinity) wait = windowMs;
    if (windowMs > 0) wait += (ahead * amount * windowMs) / max;
    longest = Math.max(longest, wait);
  }
  return Math.ceil(longest);
}

function remedy({ kind, type }: Need, cap: number, { amounts, expected = amounts }: Demand): string {
  switch (kind) {
    case 'outputTokens':
      return `Lower max_completion_tokens to at most ${formatCount(Math.floor(cap))}.`;
    case 'tokens': {
      const { tokens, outputTokens } = type === 'learnt' ? expected : amounts;
      const left = Math.floor(cap - (tokens - outputTokens));
      return left >= 1
        ? `Lower max_completion_tokens to at most ${formatCount(left)}.`
        : `The prompt alone is too long: shorten it to less than ${formatCount(cap)} tokens, and lower max_completion_tokens to what is left.`;
    }
    case 'inputTokens':
      return `Shorten the prompt to at most ${formatCount(Math.floor(cap))} tokens.`;
    case 'audioSeconds':
      return `Send at most ${formatCount(Math.floor(cap))} seconds of audio per request.`;
    default:
      return 'Raise the limit to at least 1.';
  }
}

function unit(kind: LimitKind | undefined): string {
  switch (kind) {
    case undefined:
      return 'slots';
    case 'inputTokens':
      return 'input tokens';
    case 'outputTokens':
      return 'output tokens';
    case 'audioSeconds':
      return 'seconds of audio';
    default:
      return kind;
  }
}

function formatWait(ms: number, at: number): string {
  return ms === Infinity ? 'at no known time' : `in ${formatMs(ms)}, at ${formatInstant(at)}`;
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.ceil(ms)} ms` : `${Math.ceil(ms / 100) / 10} s`;
}

/** Digits as they are typed into a request. */
function formatCount(amount: number): string {
  return String(Math.round(amount * 1000) / 1000);
}
