import { describe, expect, it } from 'vitest';
import { isoTime, localDay, localTime, periodText } from '../../src/report/period';

const at = (text: string): number => Date.parse(text);

describe('periodText', () => {
  it.each([
    ['2026-11-01T00:00Z', '2026-12-01T00:00Z', 'UTC', '2026-11-01 to 2026-11-30 (UTC)'],
    ['2026-11-01T00:00Z', '2026-11-02T00:00Z', 'UTC', '2026-11-01 (UTC)'],
    ['2026-11-14T19:12:30Z', '2026-11-21T19:12:30Z', 'UTC', '2026-11-14 19:12 to 2026-11-21 19:12 (UTC)'],
    ['2026-11-14T00:00Z', '2026-11-21T00:00:30Z', 'UTC', '2026-11-14 00:00 to 2026-11-21 00:00 (UTC)'],
    // Days of 25 and 23 hours.
    ['2026-10-25T00:00+02:00', '2026-10-26T00:00+01:00', 'Europe/Berlin', '2026-10-25 (Europe/Berlin)'],
    ['2026-03-29T00:00+01:00', '2026-03-30T00:00+02:00', 'Europe/Berlin', '2026-03-29 (Europe/Berlin)'],
    ['2026-11-01T00:00Z', '2026-11-02T00:00Z', 'Asia/Kolkata', '2026-11-01 05:30 to 2026-11-02 05:30 (Asia/Kolkata)'],
  ])('%s up to %s', (from, to, timeZone, text) => {
    expect(periodText({ from: at(from), to: at(to), timeZone })).toBe(text);
  });

  it.each([
    [0, at('2026-11-21T00:00Z'), 'up to 2026-11-21 00:00 (UTC)'],
    [-1e300, at('2026-11-21T00:00Z'), 'up to 2026-11-21 00:00 (UTC)'],
    [at('2026-11-21T00:00Z'), Infinity, 'from 2026-11-21 00:00 on (UTC)'],
    [0, Infinity, 'all time'],
    [NaN, NaN, 'all time'],
  ])('%d up to %d', (from, to, text) => {
    expect(periodText({ from, to, timeZone: 'UTC' })).toBe(text);
  });
});

it('shows a time as the clocks of the zone do', () => {
  expect(localTime(at('2026-11-21T23:30Z'), 'Asia/Tokyo')).toBe('2026-11-22 08:30');
  expect(localDay(at('2026-11-21T00:30Z'), 'America/New_York')).toBe('2026-11-20');
});

it('has no ISO time for what no calendar holds', () => {
  expect([isoTime(0), isoTime(Infinity), isoTime(NaN), isoTime(8.65e15)]).toEqual([
    '1970-01-01T00:00:00.000Z',
    undefined,
    undefined,
    undefined,
  ]);
});
