import { ceilDivide, nanosOfUsd } from '../money';
import type { ToolPrice } from './groq-prices';
import type { PriceRow } from './price-book';

/** A row's prices as integers, for exact arithmetic. A price that the row does not have is `NaN`, never 0. */
export interface Rates {
  /** Nano-dollars per 1,000,000 input tokens. */
  readonly inputPerMillion: number;
  /** Nano-dollars per 1,000,000 cached input tokens; the input rate if the row has no price of its own for them. */
  readonly cachedInputPerMillion: number;
  /** Nano-dollars per 1,000,000 output tokens. */
  readonly outputPerMillion: number;
  /** Nano-dollars per hour of audio. */
  readonly audioPerHour: number;
  /** The shortest audio billed, in milliseconds. */
  readonly minAudioMs: number;
  /** Nano-dollars per 1,000,000 characters. */
  readonly charactersPerMillion: number;
}

/** What one call used. Tokens, characters and nano-dollars are whole numbers. */
export interface Quantities {
  /** Includes `cachedTokens`. */
  readonly promptTokens: number;
  /** More than `promptTokens` counts as all of them. */
  readonly cachedTokens: number;
  /** Includes reasoning tokens. */
  readonly completionTokens: number;
  /** Length of the audio, counted in milliseconds. 0 costs nothing; anything above is billed at least the minimum. */
  readonly audioSeconds?: number;
  readonly characters?: number;
  /** The price of built-in tools, see `toolNanos`. Added as it is, in a batch too. */
  readonly toolNanos?: number;
  /** Half price. Cached tokens then cost half of the input price: the two discounts do not add up. */
  readonly batch?: boolean;
}

const MILLION = 1_000_000;
const HOUR_MS = 3_600_000n;

const ratesByRow = new WeakMap<PriceRow, Rates>();

/** The row's prices in whole nano-dollars per unit. Computed once per row object. Throws a `RangeError` on a negative price. */
export function ratesOf(row: PriceRow): Rates {
  let rates = ratesByRow.get(row);
  if (rates === undefined) {
    const input = rate(row.inputPerMillionUsd);
    rates = {
      inputPerMillion: input,
      cachedInputPerMillion: row.cachedInputPerMillionUsd === undefined ? input : rate(row.cachedInputPerMillionUsd),
      outputPerMillion: rate(row.outputPerMillionUsd),
      audioPerHour: rate(row.audioPerHourUsd),
      minAudioMs: Math.ceil((row.minAudioSeconds ?? 0) * 1000),
      charactersPerMillion: rate(row.charactersPerMillionUsd),
    };
    ratesByRow.set(row, rates);
  }
  return rates;
}

function rate(usd: number | undefined): number {
  if (usd === undefined) return NaN;
  // A price so small that it rounds to 0 would make calls free.
  return usd > 0 ? Math.max(1, nanosOfUsd(usd)) : nanosOfUsd(usd);
}

/**
 * The cost of one call in whole nano-dollars: exact, rounded up once.
 *
 * Throws a `RangeError` if a quantity is negative, not finite or (other than `audioSeconds`) not whole, if something was
 * used that has no price, or if the cost is more than can be counted exactly.
 */
export function costNanos(rates: Rates, used: Quantities): number {
  const { promptTokens, cachedTokens, completionTokens } = used;
  if (
    isWhole(promptTokens) &&
    isWhole(cachedTokens) &&
    isWhole(completionTokens) &&
    !used.batch &&
    used.audioSeconds === undefined &&
    used.characters === undefined &&
    used.toolNanos === undefined
  ) {
    const cached = cachedTokens < promptTokens ? cachedTokens : promptTokens;
    const numerator =
      (promptTokens - cached) * rates.inputPerMillion +
      cached * rates.cachedInputPerMillion +
      completionTokens * rates.outputPerMillion;
    // Below 2^53 all terms and their sum are exact. NaN (no price) fails the test too.
    if (numerator <= Number.MAX_SAFE_INTEGER) return ceilDivide(numerator, MILLION);
  }
  const { numerator, denominator } = costOfAnything(rates, used);
  return counted(ceilOf(numerator, denominator));
}

/** The cost of one call that several models answered, each at its own rates: exact, rounded up once. Throws as `costNanos`. */
export function costOfAllNanos(parts: readonly { readonly rates: Rates; readonly used: Quantities }[]): number {
  let sum: Fraction = { numerator: 0n, denominator: 1n };
  for (const { rates, used } of parts) sum = plus(sum, costOfAnything(rates, used));
  return counted(ceilOf(sum.numerator, sum.denominator));
}

/** Nano-dollars, not yet rounded. */
interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

function plus(a: Fraction, b: Fraction): Fraction {
  if (a.denominator === b.denominator) return { numerator: a.numerator + b.numerator, denominator: a.denominator };
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function costOfAnything(rates: Rates, used: Quantities): Fraction {
  const { audioSeconds = 0, characters = 0, toolNanos: tools = 0, batch = false } = used;
  const prompt = wholeOf('promptTokens', used.promptTokens);
  const given = wholeOf('cachedTokens', used.cachedTokens);
  const cached = given < prompt ? given : prompt;
  const cachedRate = batch ? rates.inputPerMillion : rates.cachedInputPerMillion;

  const perMillion =
    term('input tokens', prompt - cached, rates.inputPerMillion) +
    term('cached input tokens', cached, cachedRate) +
    term('output tokens', wholeOf('completionTokens', used.completionTokens), rates.outputPerMillion) +
    term('characters', wholeOf('characters', characters), rates.charactersPerMillion);
  const perHour = term('audio', billedMs(audioSeconds, rates.minAudioMs), rates.audioPerHour);

  // Brought to one denominator, so that only the sum is rounded.
  const denominator = BigInt(MILLION) * HOUR_MS * (batch ? 2n : 1n);
  const numerator = perMillion * HOUR_MS + perHour * BigInt(MILLION) + wholeOf('toolNanos', tools) * denominator;
  return { numerator, denominator };
}

function term(what: string, quantity: bigint, rate: number): bigint {
  if (quantity === 0n) return 0n;
  if (Number.isNaN(rate)) throw new RangeError(`The model has no price for ${what}`);
  return quantity * BigInt(rate);
}

function wholeOf(name: string, value: number): bigint {
  if (!isWhole(value)) throw new RangeError(`${name} must be a whole number of 0 or more, got ${String(value)}`);
  return BigInt(value);
}

function billedMs(seconds: number, minMs: number): bigint {
  if (!(seconds >= 0) || seconds > 1e9) {
    throw new RangeError(`audioSeconds must be a finite number of 0 or more, got ${String(seconds)}`);
  }
  return seconds === 0 ? 0n : BigInt(Math.max(1, minMs, Math.round(seconds * 1000)));
}

const ceilOf = (numerator: bigint, denominator: bigint): bigint => (numerator + denominator - 1n) / denominator;

function counted(nanos: bigint): number {
  if (nanos > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('The cost is too large to be counted exactly');
  return Number(nanos);
}

/**
 * The price of using a built-in tool, in nano-dollars, rounded up: by the number of uses or, for a tool charged by the
 * hour, by the seconds it ran. Throws a `RangeError` on a quantity that is negative or not finite.
 */
export function toolNanos(price: ToolPrice, used: { readonly uses: number; readonly seconds?: number }): number {
  const perThousand = BigInt(nanosOfUsd(price.perThousandUsesUsd ?? 0)) * wholeOf('uses', used.uses);
  const perHour = BigInt(nanosOfUsd(price.perHourUsd ?? 0)) * billedMs(used.seconds ?? 0, 0);
  return counted(ceilOf(perThousand * HOUR_MS + perHour * 1000n, 1000n * HOUR_MS));
}
