import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitsOfHeaders, msOfGoDuration, retryAfterMsOfHeaders } from '../../src/sdk/limit-headers';

const MINUTE = 60_000;
const HOUR = 3_600_000;

describe('limitsOfHeaders', () => {
  it('reads requests per day and tokens per minute', () => {
    const headers = new Headers({
      'x-ratelimit-limit-requests': '14400',
      'x-ratelimit-limit-tokens': '6000',
      'x-ratelimit-remaining-requests': '14399',
      'x-ratelimit-remaining-tokens': '5843',
      'x-ratelimit-reset-requests': '6s',
      'x-ratelimit-reset-tokens': '1.57s',
    });
    expect(limitsOfHeaders(headers)).toEqual([
      { kind: 'requests', windowMs: 24 * HOUR, max: 14400, remaining: 14399 },
      { kind: 'tokens', windowMs: MINUTE, max: 6000, remaining: 5843 },
    ]);
  });

  it('reads seconds of audio per hour, which audio calls have in place of tokens', () => {
    const headers = new Headers({
      'x-ratelimit-limit-requests': '2000',
      'x-ratelimit-remaining-requests': '1999',
      'x-ratelimit-limit-audio-seconds': '7200',
      'x-ratelimit-remaining-audio-seconds': '7198',
    });
    expect(limitsOfHeaders(headers)[1]).toEqual({ kind: 'audioSeconds', windowMs: HOUR, max: 7200, remaining: 7198 });
  });

  it('leaves out what is not said or not a number', () => {
    expect(limitsOfHeaders(new Headers({ 'x-ratelimit-limit-requests': '30' }))).toEqual([
      { kind: 'requests', windowMs: 24 * HOUR, max: 30, remaining: undefined },
    ]);
    const odd = {
      'x-ratelimit-limit-requests': '30',
      'x-ratelimit-remaining-requests': '-1',
      'x-ratelimit-limit-tokens': 'many',
    };
    expect(limitsOfHeaders(new Headers(odd))).toEqual([
      { kind: 'requests', windowMs: 24 * HOUR, max: 30, remaining: undefined },
    ]);
  });

  it('looks at one header only if there are none, and always returns the same empty list', () => {
    const asked: string[] = [];
    const reader = { get: (name: string) => (asked.push(name), null) };
    expect(limitsOfHeaders(reader)).toBe(limitsOfHeaders(new Headers()));
    expect(limitsOfHeaders(reader)).toEqual([]);
    expect(Object.isFrozen(limitsOfHeaders(reader))).toBe(true);
    expect(asked).toEqual(Array(3).fill('x-ratelimit-limit-requests'));
  });
});

describe('retryAfterMsOfHeaders', () => {
  const NOW = Date.UTC(2026, 0, 1);

  it.each([
    [{ 'retry-after': '12' }, 12_000],
    [{ 'retry-after': '1566' }, 1_566_000],
    [{ 'retry-after': '0.25' }, 250],
    [{ 'retry-after': ' 3 ' }, 3000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1500],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' }, 0],
    [{ 'retry-after': 'tomorrow' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': 'NaN' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ])('reads %j as %s ms', (headers, expected) => {
    expect(retryAfterMsOfHeaders(new Headers(headers as Record<string, string>), NOW)).toBe(expected);
  });

  it('is undefined or a number of 0 or more, whatever it says', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const ms = retryAfterMsOfHeaders({ get: (name) => (name === 'retry-after' ? text : null) }, NOW);
        expect(ms === undefined || ms >= 0).toBe(true);
      }),
    );
  });
});

describe('msOfGoDuration', () => {
  it.each([
    ['6s', 6000],
    ['1.57s', 1570],
    ['43.2s', 43_200],
    ['2m59.56s', 179_560],
    ['9m38.016s', 578_016],
    ['1.984999999s', 1984.999999],
    ['2h13m', 7_980_000],
    ['23h59m59s', 86_399_000],
    ['1m0s', 60_000],
    ['570ms', 570],
    ['820µs', 0.82],
    ['820μs', 0.82],
    ['820us', 0.82],
    ['15ns', 0.000015],
    ['0s', 0],
    ['0', 0],
  ])('reads %s', (text, ms) => {
    expect(msOfGoDuration(text)).toBeCloseTo(ms, 9);
  });

  it.each(['', '6', 's', '6x', '6s!', ' 6s', '1.2.3s', '-6s', '6s 5s', 'constructor'])('does not read %j', (text) => {
    expect(msOfGoDuration(text)).toBeUndefined();
  });
});
