import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_NANOS, NANOS_PER_USD, ceilDivide, formatUsd, nanosOfUsd } from '../src/money';

const safe = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

it('a dollar is a billion, and the most is what a double counts', () => {
  expect([NANOS_PER_USD, MAX_NANOS]).toEqual([1_000_000_000, 2 ** 53 - 1]);
});

describe('nanosOfUsd', () => {
  it.each([
    [0, 0],
    [-0, 0],
    [1, 1e9],
    [0.1, 100_000_000],
    [0.3, 300_000_000],
    [0.1 + 0.2, 300_000_000],
    [1.005, 1_005_000_000],
    [0.000000001, 1],
    [0.0000000005, 1],
    [0.00000000049, 0],
    [25.000000000000004, 25e9],
    [199.98, 199_980_000_000],
    [9_007_199, 9_007_199e9],
  ])('of %d is %d', (usd, nanos) => {
    expect(nanosOfUsd(usd) + 0).toBe(nanos);
    expect(Number.isSafeInteger(nanosOfUsd(usd))).toBe(true);
  });

  it.each([-1, -1e-12, Number.NaN, Infinity, -Infinity, 9_007_200, Number.MAX_VALUE])('refuses %d', (usd) => {
    expect(() => nanosOfUsd(usd)).toThrow(RangeError);
    expect(() => nanosOfUsd(usd)).toThrow(`got ${usd}`);
  });

  it.each(['1', null, undefined, {}, true])('refuses what only looks like a number: %s', (usd) => {
    // What JavaScript converts without being asked must end as a whole number, or not at all.
    let nanos: number | undefined;
    try {
      nanos = nanosOfUsd(usd as unknown as number);
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
    expect(nanos === undefined || Number.isSafeInteger(nanos)).toBe(true);
  });

  it('gives back every amount that has at most nine decimals', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 999_999_999 }), (whole, fraction) => {
        const text = `${whole}.${String(fraction).padStart(9, '0')}`;
        expect(nanosOfUsd(Number(text))).toBe(whole * 1e9 + fraction);
      }),
    );
  });

  it('never falls when the amount rises', () => {
    const usd = fc.double({ min: 0, max: 9_000_000, noNaN: true });
    fc.assert(
      fc.property(usd, usd, (a, b) => {
        expect(nanosOfUsd(Math.min(a, b))).toBeLessThanOrEqual(nanosOfUsd(Math.max(a, b)));
      }),
    );
  });
});

describe('ceilDivide', () => {
  it.each([
    [0, 1_000_000, 0],
    [1, 1_000_000, 1],
    [999_999, 1_000_000, 1],
    [1_000_000, 1_000_000, 1],
    [1_000_001, 1_000_000, 2],
    [10, 3, 4],
    [Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER],
    [Number.MAX_SAFE_INTEGER, 1_000_000, 9_007_199_255],
  ])('%d by %d is %d', (numerator, denominator, quotient) => {
    expect(ceilDivide(numerator, denominator)).toBe(quotient);
  });

  it.each([Number.MAX_SAFE_INTEGER + 1, 2 ** 60, Infinity])(
    'refuses %d, which a double does not count exactly',
    (numerator) => {
      expect(() => ceilDivide(numerator, 1_000_000)).toThrow(RangeError);
    },
  );

  it('is the ceiling that whole numbers have, for every denominator in use', () => {
    fc.assert(
      fc.property(safe, fc.constantFrom(1, 2, 3, 1000, 3600, 1_000_000, 3_600_000), (numerator, denominator) => {
        const exact = (BigInt(numerator) + BigInt(denominator) - 1n) / BigInt(denominator);
        expect(BigInt(ceilDivide(numerator, denominator))).toBe(exact);
      }),
      { numRuns: 2000 },
    );
  });

  it('never loses a unit: the quotient pays the numerator, and one less does not', () => {
    fc.assert(
      fc.property(safe, fc.integer({ min: 1, max: 1_000_000_000 }), (numerator, denominator) => {
        const quotient = BigInt(ceilDivide(numerator, denominator));
        expect(quotient * BigInt(denominator) >= BigInt(numerator)).toBe(true);
        expect(quotient === 0n || (quotient - 1n) * BigInt(denominator) < BigInt(numerator)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('formatUsd', () => {
  it.each([
    [0, '$0.00'],
    [1, '$0.000000001'],
    [12, '$0.000000012'],
    [15_750, '$0.00001575'],
    [30_000_000, '$0.03'],
    [10_000_000, '$0.01'],
    [123_456_789, '$0.1235'],
    [999_999_999, '$1.00'],
    [1e9, '$1.00'],
    [1_005_000_000, '$1.00'],
    [199_980_000_000, '$199.98'],
    [1_234_567_890_000, '$1234.57'],
    [-30_000_000, '-$0.03'],
    [MAX_NANOS, '$9007199.25'],
  ])('of %d is %s', (nanos, text) => {
    expect(formatUsd(nanos)).toBe(text);
  });

  it('has one form, and is off by less than it shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: -MAX_NANOS, max: MAX_NANOS }), (nanos) => {
        const text = formatUsd(nanos);
        expect(text).toMatch(/^-?\$\d+\.\d{2,9}$/);
        const value = Math.round(Number(text.replace('$', '')) * 1e9);
        const size = Math.abs(nanos);
        const step = size >= 1e9 ? 1e7 : 10 ** Math.max(0, Math.floor(Math.log10(Math.max(size, 1))) - 3);
        expect(Math.abs(value - nanos)).toBeLessThanOrEqual(step / 2 + 2);
      }),
    );
  });

  it('never shows what is not nothing as $0.00', () => {
    const cents = fc.integer({ min: 1, max: 1e9 });
    fc.assert(fc.property(cents, (nanos) => !/^\$0\.0+$/.test(formatUsd(nanos))));
  });
});
