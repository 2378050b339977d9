import type { LimitKind, ProviderLimit } from '../limit/rate-limiter';

/** As much of `Headers` as is read here. */
export interface HeaderReader {
  get(name: string): string | null;
}

const HOUR_MS = 3_600_000;

// Groq shows these three and no others. `requests` is per day, never per minute.
const REQUESTS = {
  kind: 'requests',
  windowMs: 24 * HOUR_MS,
  limit: 'x-ratelimit-limit-requests',
  remaining: 'x-ratelimit-remaining-requests',
} as const;
const TOKENS = {
  kind: 'tokens',
  windowMs: 60_000,
  limit: 'x-ratelimit-limit-tokens',
  remaining: 'x-ratelimit-remaining-tokens',
} as const;
const AUDIO = {
  kind: 'audioSeconds',
  windowMs: HOUR_MS,
  limit: 'x-ratelimit-limit-audio-seconds',
  remaining: 'x-ratelimit-remaining-audio-seconds',
} as const;

const NO_LIMITS: readonly ProviderLimit[] = Object.freeze([]);

/** The limits that a response shows; empty if its first limit header is missing or makes no sense. */
export function limitsOfHeaders(headers: HeaderReader): readonly ProviderLimit[] {
  const requests = limitOf(headers, REQUESTS);
  if (requests === undefined) return NO_LIMITS;
  // A transcription shows audio in place of tokens.
  const second = limitOf(headers, TOKENS) ?? limitOf(headers, AUDIO);
  return second === undefined ? [requests] : [requests, second];
}

interface Names {
  readonly kind: LimitKind;
  readonly windowMs: number;
  readonly limit: string;
  readonly remaining: string;
}

function limitOf(headers: HeaderReader, { kind, windowMs, limit, remaining }: Names): ProviderLimit | undefined {
  const max = countOf(headers.get(limit));
  return max === undefined ? undefined : { kind, windowMs, max, remaining: countOf(headers.get(remaining)) };
}

function countOf(text: string | null): number | undefined {
  return text !== null && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/**
 * How long a response asks to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date,
 * which is compared with `now`. Never negative; undefined if neither can be read.
 */
export function retryAfterMsOfHeaders(headers: HeaderReader, now: number): number | undefined {
  const ms = countOf(headers.get('retry-after-ms'));
  if (ms !== undefined) return ms;
  const text = headers.get('retry-after')?.trim();
  if (text === undefined || text === '') return undefined;
  const seconds = countOf(text);
  if (seconds !== undefined) return seconds * 1000;
  // A date has a name of a day or month in it; "-1" or "1.2.3" is neither a number to wait for nor a date.
  const at = /[a-z]{3}/i.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  h: HOUR_MS,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  μs: 0.001,
  ns: 1e-6,
};
const PART = /(\d+(?:\.\d+)?|\.\d+)(ms|us|µs|μs|ns|h|m|s)/gy;

/** The milliseconds of a duration as Go prints it, e.g. `2m59.56s`, or undefined. */
export function msOfGoDuration(text: string): number | undefined {
  if (text === '0') return 0;
  let ms = 0;
  let end = 0;
  for (const [part, amount, unit] of text.matchAll(PART)) {
    ms += Number(amount) * (UNIT_MS[unit ?? ''] ?? NaN);
    end += part.length;
  }
  return end > 0 && end === text.length ? ms : undefined;
}
