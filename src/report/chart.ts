import { NANOS_PER_USD } from '../money';
import { UNKNOWN, countText, roundedUsd, usdDecimals } from './figures';

/** What the figures of a chart are. Amounts are in dollars, shares from 0 to 1, times in milliseconds. */
export type Unit = 'usd' | 'count' | 'share' | 'ms';

/** One series of a chart: a figure per label, null where there is none, and the same as text. */
export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly texts: readonly string[];
}

/** A chart as the page's script draws it. Plain data: it travels as JSON. */
export interface Chart {
  readonly title: string;
  /** `across`: a bar per group, read from left to right. `up`: a bar per day. `line`: a point per day. */
  readonly kind: 'across' | 'up' | 'line';
  /** Whether the series of one label stand on each other. */
  readonly stacked: boolean;
  readonly unit: Unit;
  readonly labels: readonly string[];
  readonly series: readonly Series[];
  /** What the series of each label come to, to stand at its end; for bars across that are stacked. */
  readonly totals?: readonly string[];
  /** Lines over all bars at these values. */
  readonly marks?: readonly number[];
}

/** No chart has more groups than this; what is left is summed up, or stays to the table. */
export const MOST_BARS = 12;

/** No chart has more series than this, so that their colours can be told apart. */
export const MOST_SERIES = 6;

const MOST_SPOKEN = 8;

/** Whether there is anything to see in a chart. */
export const showsSomething = ({ series }: Chart): boolean =>
  series.some(({ values }) => values.some((value) => (value ?? 0) > 0));

/** A series of figures that are printed as `format` says. */
export const seriesOf = (
  name: string,
  values: readonly (number | null)[],
  format: (value: number) => string = countText,
): Series => ({ name, values, texts: values.map((value) => (value === null ? UNKNOWN : format(value))) });

/** Series of amounts: dollars, with the digits that the largest of all needs. */
export function usdSeries(all: readonly { readonly name: string; readonly nanos: readonly number[] }[]): Series[] {
  const largest = all.flatMap(({ nanos }) => nanos).reduce((most, each) => Math.max(most, each), 0);
  const decimals = usdDecimals(largest);
  return all.map(({ name, nanos }) => ({
    name,
    values: nanos.map((each) => each / NANOS_PER_USD),
    texts: nanos.map((each) => roundedUsd(each, decimals)),
  }));
}

/** A chart in words, for those who cannot see it. The table below it holds every figure. */
export function chartInWords({ title, labels, series }: Chart): string {
  const spoken = labels
    .slice(0, MOST_SPOKEN)
    .map((label, index) => `${label}: ${series.map((each) => wordsOf(each, index, series.length > 1)).join(', ')}`);
  const more = labels.length - spoken.length;
  return `Chart: ${title}. ${spoken.join('; ')}${more > 0 ? `; and ${more} more` : ''}. The table holds all figures.`;
}

const wordsOf = ({ name, texts }: Series, index: number, isNamed: boolean): string =>
  `${isNamed ? `${name} ` : ''}${texts[index] ?? UNKNOWN}`;
