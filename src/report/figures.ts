import { NANOS_PER_USD } from '../money';

/** What stands where a figure is not known. */
export const UNKNOWN = '–';

const DECIMALS = 9;

/** Exact decimal dollars of whole nano-dollars, with at least two decimals: `12.00`, `0.00001575`. For programs to read. */
export function exactUsd(nanos: number): string {
  const digits = BigInt(Math.abs(nanos))
    .toString()
    .padStart(DECIMALS + 1, '0');
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '').padEnd(2, '0');
  return `${nanos < 0 ? '-' : ''}${digits.slice(0, -DECIMALS)}.${fraction}`;
}

/** The nano-dollars of an amount that a report gives in dollars only. */
export const nanosIn = (usd: number): number => Math.round(usd * NANOS_PER_USD);

/** How many decimals a column of amounts needs for its largest: cents from a dollar up, more where all is less. */
export function usdDecimals(largestNanos: number): number {
  const usd = Math.abs(largestNanos) / NANOS_PER_USD;
  if (usd === 0 || usd >= 1) return 2;
  if (usd >= 0.01) return 4;
  return usd >= 0.0001 ? 6 : DECIMALS;
}

/** `$1,234.56`, rounded half up; `<$0.01` for what is not nothing, yet would round to it. For people to read. */
export function roundedUsd(nanos: number, decimals: number): string {
  const unit = 10 ** (DECIMALS - decimals);
  const amount = Math.abs(nanos);
  const units = Math.floor(amount / unit) + ((amount % unit) * 2 >= unit ? 1 : 0);
  const sign = nanos < 0 ? '-' : '';
  if (units === 0 && amount > 0) return `${sign}<$${fixed(1, decimals)}`;
  return `${sign}$${fixed(units, decimals)}`;
}

function fixed(units: number, decimals: number): string {
  const digits = BigInt(units)
    .toString()
    .padStart(decimals + 1, '0');
  return `${grouped(digits.slice(0, -decimals))}.${digits.slice(-decimals)}`;
}

/** `$200.00`, `$0.0005`: an amount that somebody chose, to its last digit. For people to read. */
export function limitText(usd: number): string {
  const [whole = '', fraction = ''] = exactUsd(Math.round(usd * NANOS_PER_USD)).split('.');
  return `$${grouped(whole)}.${fraction}`;
}

/** `1,234,567`. */
export const countText = (count: number): string => grouped(String(count));

const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, ',');

/** `82 %`, rounded down, so that 100 % is shown only when it is reached; `over` for any spending of a budget of nothing. */
export function shareText(share: number): string {
  if (share === Infinity) return 'over';
  const percent = Math.floor(share * 100 + 1e-9);
  return percent === 0 && share > 0 ? '<1 %' : `${grouped(String(percent))} %`;
}

/** `850 ms`, `1.2 s`, `3.5 min`, `2.0 h`. */
export function durationText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_597_000 ? `${(ms / 60_000).toFixed(1)} min` : `${grouped((ms / 3_600_000).toFixed(0))} h`;
}

/** From here on a budget is shown as near its end, and as at its end: the upper two of the levels that alerts have by default. */
export const BUDGET_LEVELS: readonly number[] = [0.5, 0.8, 0.95];

/** `calm` below 80 %, `near` below 95 %, then `full`. */
export function budgetLevel(share: number): 'calm' | 'near' | 'full' {
  if (share >= 0.95) return 'full';
  return share >= 0.8 ? 'near' : 'calm';
}
