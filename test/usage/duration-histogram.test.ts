import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countedLengths, countedMs, DurationHistogram } from '../../src/usage/duration-histogram';

const COUNTED_MS = countedLengths();

const duration = fc.oneof(
  fc.nat(250),
  fc.nat(100_000),
  fc.maxSafeNat(),
  fc.double({ min: 0, max: 1e9, noNaN: true }),
  fc.constantFrom(...COUNTED_MS.filter(Number.isSafeInteger)),
);
const durations = fc.array(duration, { minLength: 1, maxLength: 300 });

function histogramOf(values: readonly number[]): DurationHistogram {
  const histogram = new DurationHistogram();
  for (const ms of values) histogram.add(ms);
  return histogram;
}

/** By the definition of nearest rank, in whole milliseconds. */
function exactly(values: readonly number[], percent: number): number {
  const sorted = values.map(Math.ceil).sort((a, b) => a - b);
  return sorted.find((ms) => sorted.filter((other) => other <= ms).length * 100 >= percent * sorted.length) ?? NaN;
}

describe('countedMs', () => {
  it('is the next length in the list, never below, and at most a twentieth above', () => {
    fc.assert(
      fc.property(duration, (ms) => {
        const counted = countedMs(ms);
        expect(counted).toBe(COUNTED_MS.find((length) => length >= ms));
        expect(counted).toBeGreaterThanOrEqual(ms);
        expect(counted).toBeLessThanOrEqual(Math.ceil(ms) * 1.05);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is exact up to a tenth of a second, and where steps end', () => {
    for (let ms = 0; ms <= 100; ms++) expect(countedMs(ms)).toBe(ms);
    for (const ms of COUNTED_MS) expect(countedMs(ms)).toBe(ms);
    for (const ms of COUNTED_MS.slice(1)) expect(countedMs(ms - 0.5)).toBe(ms);
    expect([100.001, 105.00000000000001, 101, 105, 106, 200, 201, 500, 501, 1_000, 1_001, 1_234, 5_001].map(countedMs)).toEqual(
      [105, 110, 105, 105, 110, 200, 210, 500, 525, 1_000, 1_050, 1_250, 5_250],
    );
  });

  it('takes what is no duration for none', () => {
    for (const ms of [-1, -Infinity, Infinity, NaN, 1e300]) expect(countedMs(ms)).toBe(0);
    // As JSON has what is not finite.
    expect(countedMs(JSON.parse('null') as number)).toBe(0);
  });

  it('knows few lengths, of whole milliseconds, in order', () => {
    expect(COUNTED_MS.length).toBeLessThan(1_100);
    expect(COUNTED_MS.slice(0, 3)).toEqual([0, 1, 2]);
    expect(COUNTED_MS.at(-1)).toBeGreaterThanOrEqual(Number.MAX_SAFE_INTEGER);
    for (const [index, ms] of COUNTED_MS.entries()) {
      expect(Number.isInteger(ms)).toBe(true);
      if (index > 0) expect(ms).toBeGreaterThan(COUNTED_MS[index - 1] ?? NaN);
    }
  });
});

describe('DurationHistogram', () => {
  it('has no percentiles of nothing', () => {
    expect(new DurationHistogram().percentiles()).toBe(undefined);
  });

  it('is never below the exact percentiles, and at most 5 % above', () => {
    fc.assert(
      fc.property(durations, (values) => {
        const told = histogramOf(values).percentiles() ?? expect.fail();
        for (const [figure, percent] of [
          [told.p50, 50],
          [told.p95, 95],
        ] as const) {
          const exact = exactly(values, percent);
          expect(figure).toBe(countedMs(exact));
          expect(figure).toBeGreaterThanOrEqual(exact);
          expect(figure).toBeLessThanOrEqual(exact * 1.05);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('counts the same in parts, in whatever order they are added up', () => {
    fc.assert(
      fc.property(durations, durations, fc.nat(300), (one, other, cut) => {
        const values = [...one, ...other];
        const sum = histogramOf(values.slice(cut));
        const part = histogramOf(values.slice(0, cut));
        sum.addAll(part);
        expect(sum.percentiles()).toEqual(histogramOf(values.toReversed()).percentiles());
        // What is added stays as it was.
        expect(part.percentiles()).toEqual(histogramOf(values.slice(0, cut)).percentiles());
      }),
    );
  });

  it('takes counts as they were made elsewhere', () => {
    const histogram = new DurationHistogram();
    histogram.addCounted(0, 94);
    histogram.addCounted(250, 6);
    expect(histogram.percentiles()).toEqual({ p50: 0, p95: 250 });
    histogram.addCounted(0, 19);
    expect(histogram.percentiles()).toEqual({ p50: 0, p95: 250 });
    histogram.addCounted(0, 1);
    expect(histogram.percentiles()).toEqual({ p50: 0, p95: 0 });
  });
});
