/** 1 USD in the unit of account. All money is a whole number of nano-dollars; see `Price` for the rates. */
export const NANOS_PER_USD = 1_000_000_000;

/** The largest amount that counts exactly: about 9 million USD per account. */
export const MAX_NANOS: number = Number.MAX_SAFE_INTEGER;

/** USD as people write it, to the nearest nano-dollar. Throws on anything that is not a finite number of 0 or more. */
export function nanosOfUsd(usd: number): number {
  const nanos = Math.round(usd * NANOS_PER_USD);
  if (!(usd >= 0) || !Number.isSafeInteger(nanos)) {
    throw new RangeError(`Expected an amount in USD from 0 to ${MAX_NANOS / NANOS_PER_USD}, got ${String(usd)}`);
  }
  return nanos;
}

/** `amount × rate ÷ per` without rounding, as a fraction of integers; sums of such terms are rounded up once, by `ceilDivide`. */
export function ceilDivide(numerator: number, denominator: number): number {
  // Beyond 2^53 doubles lose units, and a lost unit is lost money.
  if (numerator > Number.MAX_SAFE_INTEGER) throw new RangeError('Amount too large to be counted exactly');
  return Math.ceil(numerator / denominator);
}

/** `$0.03`, `$199.98`, `$0.00001575`: at least two decimals, and as many as the amount needs to show four digits. */
export function formatUsd(nanos: number): string {
  const sign = nanos < 0 ? '-' : '';
  const usd = Math.abs(nanos) / NANOS_PER_USD;
  const decimals = usd === 0 || usd >= 1 ? 2 : Math.min(9, Math.max(2, 3 - Math.floor(Math.log10(usd))));
  const [whole = '0', fraction = ''] = usd.toFixed(decimals).split('.');
  return `${sign}$${whole}.${fraction.replace(/0+$/, '').padEnd(2, '0')}`;
}
