import type { LimitKind, ProviderLimit } from '../limit/rate-limiter';
import { msOfGoDuration } from './limit-headers';

/** What the text of a refusal tells about the limit that was met. */
export interface ToldLimit {
  /** Undefined if the text does not say which limit it is. */
  readonly limit?:
    (ProviderLimit & { readonly used?: number | undefined; readonly requested?: number | undefined }) | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The request is larger than the limit, so it can never be let in as it is. */
  readonly tooLarge: boolean;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DIMENSIONS: Readonly<Record<string, Pick<ProviderLimit, 'kind' | 'windowMs'>>> = {
  RPM: { kind: 'requests', windowMs: MINUTE_MS },
  RPD: { kind: 'requests', windowMs: DAY_MS },
  TPM: { kind: 'tokens', windowMs: MINUTE_MS },
  TPD: { kind: 'tokens', windowMs: DAY_MS },
  ITPM: { kind: 'inputTokens', windowMs: MINUTE_MS },
  OTPM: { kind: 'outputTokens', windowMs: MINUTE_MS },
  ASH: { kind: 'audioSeconds', windowMs: HOUR_MS },
  ASD: { kind: 'audioSeconds', windowMs: DAY_MS },
};

const KINDS: Readonly<Record<string, LimitKind>> = {
  requests: 'requests',
  tokens: 'tokens',
  'input tokens': 'inputTokens',
  'output tokens': 'outputTokens',
  'seconds of audio': 'audioSeconds',
  'audio seconds': 'audioSeconds',
};
const WINDOWS: Readonly<Record<string, number>> = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };

const NUMBER = String.raw`(\d+(?:\.\d+)?)`;
const REFUSED = /^\s*(?:rate limit reached|(request too large)) for model\b/i;
const LIMIT = new RegExp(String.raw`\bon\s+([a-z ]*?)\s*(?:\(([a-z]+)\))?\s*: Limit ${NUMBER}`, 'i');
const USED = new RegExp(String.raw`\bUsed ${NUMBER}`, 'i');
const REQUESTED = new RegExp(String.raw`\bRequested ${NUMBER}`, 'i');
const WAIT = /\btry again in ([\d.]+[a-zµμ][\da-zµμ.]*?)\.?(?:\s|$)/i;

// Texts are short; what is longer is not one of them.
const LONGEST = 4000;

/** Reads the `error.message` of a 429 or 413, or returns undefined if it is about something else. The status does not matter. */
export function limitOfError(text: string): ToldLimit | undefined {
  const refused = text.length > LONGEST ? null : REFUSED.exec(text);
  if (!refused) return undefined;
  const wait = WAIT.exec(text)?.[1];
  return {
    limit: limitOf(text),
    retryAfterMs: wait === undefined ? undefined : msOfGoDuration(wait),
    tooLarge: refused[1] !== undefined,
  };
}

function limitOf(text: string): ToldLimit['limit'] {
  const [, words = '', letters = '', limit] = LIMIT.exec(text) ?? [];
  const dimension = own(DIMENSIONS, letters.toUpperCase()) ?? dimensionOfWords(words);
  if (dimension === undefined || limit === undefined) return undefined;
  const max = Number(limit);
  const used = numberOf(USED, text);
  const remaining = used === undefined ? undefined : Math.max(0, max - used);
  return { ...dimension, max, remaining, used, requested: numberOf(REQUESTED, text) };
}

function dimensionOfWords(words: string): Pick<ProviderLimit, 'kind' | 'windowMs'> | undefined {
  const [what = '', window = ''] = words.trim().toLowerCase().split(' per ');
  const kind = own(KINDS, what);
  const windowMs = own(WINDOWS, window);
  return kind === undefined || windowMs === undefined ? undefined : { kind, windowMs };
}

function numberOf(pattern: RegExp, text: string): number | undefined {
  const number = pattern.exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
}

function own<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
