import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  budgetLevel,
  countText,
  durationText,
  exactUsd,
  limitText,
  roundedUsd,
  shareText,
  usdDecimals,
} from '../../src/report/figures';

describe('exactUsd', () => {
  it.each([
    [0, '0.00'],
    [1, '0.000000001'],
    [15_750, '0.00001575'],
    [12_000_000_000, '12.00'],
    [199_980_000_000, '199.98'],
    [Number.MAX_SAFE_INTEGER, '9007199.254740991'],
    [-30_000_000, '-0.03'],
  ])('of %d is %s', (nanos, text) => {
    expect(exactUsd(nanos)).toBe(text);
  });

  it('holds every nano-dollar', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (nanos) => {
        const [whole = '', fraction = ''] = exactUsd(nanos).split('.');
        expect(BigInt(whole + fraction.padEnd(9, '0'))).toBe(BigInt(nanos));
      }),
    );
  });
});

describe('roundedUsd', () => {
  it.each([
    [0, 2, '$0.00'],
    [1, 2, '<$0.01'],
    [4_999_999, 2, '<$0.01'],
    [5_000_000, 2, '$0.01'],
    [14_999_999, 2, '$0.01'],
    [15_000_000, 2, '$0.02'],
    [999_995_000_000, 2, '$1,000.00'],
    [1_234_567_891_234_567, 2, '$1,234,567.89'],
    [15_750, 6, '$0.000016'],
    [15_750, 9, '$0.000015750'],
    [-15_000_000, 2, '-$0.02'],
  ])('of %d with %d decimals is %s', (nanos, decimals, text) => {
    expect(roundedUsd(nanos, decimals)).toBe(text);
  });

  it('is never further away than half of its last digit', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.constantFrom(2, 4, 6, 9), (nanos, decimals) => {
        const text = roundedUsd(nanos, decimals);
        const unit = 10n ** BigInt(9 - decimals);
        const shown = text.startsWith('<') ? 0n : BigInt(text.replace(/[$,.]/g, '')) * unit;
        const distance = shown > BigInt(nanos) ? shown - BigInt(nanos) : BigInt(nanos) - shown;
        expect(distance * 2n <= unit).toBe(true);
        expect(text.startsWith('<')).toBe(nanos > 0 && shown === 0n);
      }),
    );
  });

  it.each([
    [0, 2],
    [1e9, 2],
    [999_999_999, 4],
    [10_000_000, 4],
    [9_999_999, 6],
    [99_999, 9],
  ])('an amount of at most %d needs %d decimals', (largest, decimals) => {
    expect(usdDecimals(largest)).toBe(decimals);
  });
});

it.each([
  [0, '$0.00'],
  [200, '$200.00'],
  [0.1 + 0.2, '$0.30'],
  [0.0005, '$0.0005'],
  [1_234_567.5, '$1,234,567.50'],
])('a limit of %d dollars is %s', (usd, text) => {
  expect(limitText(usd)).toBe(text);
});

it.each([
  [0, '0'],
  [999, '999'],
  [1_000, '1,000'],
  [123_456_789, '123,456,789'],
])('a count of %d is %s', (count, text) => {
  expect(countText(count)).toBe(text);
});

it.each([
  [0, '0 %', 'calm'],
  [0.004, '<1 %', 'calm'],
  [0.29, '29 %', 'calm'],
  [0.7999, '79 %', 'calm'],
  [0.8, '80 %', 'near'],
  [0.95, '95 %', 'full'],
  [0.9999, '99 %', 'full'],
  [1, '100 %', 'full'],
  [12.5, '1,250 %', 'full'],
  [Infinity, 'over', 'full'],
])('a share of %d is %s and %s', (share, text, level) => {
  expect([shareText(share), budgetLevel(share)]).toEqual([text, level]);
});

it.each([
  [0, '0 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [2_310, '2.3 s'],
  [59_949, '59.9 s'],
  [60_000, '1.0 min'],
  [3_600_000, '1 h'],
  [90_000_000, '25 h'],
])('%d ms are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
