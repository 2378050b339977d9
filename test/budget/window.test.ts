import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarWindow, isTimeZone } from '../../src/budget/window';

const HOUR = 3_600_000;
const PERIODS = ['day', 'week', 'month'] as const;
const ZONES = Intl.supportedValuesOf('timeZone');

const utc = (text: string): number => Date.parse(`${text}Z`);
const text = (at: number): string => new Date(at).toISOString().slice(0, 16);

/** What is on the calendars of a zone, by another formatter than the code's own. */
const dates = new Map<string, Intl.DateTimeFormat>();
function localDate(at: number, timeZone: string): string {
  let format = dates.get(timeZone);
  if (format === undefined) dates.set(timeZone, (format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' })));
  return format.format(at);
}

const offsets = new Map<string, Intl.DateTimeFormat>();
function offset(at: number, timeZone: string): string {
  let format = offsets.get(timeZone);
  if (format === undefined)
    offsets.set(timeZone, (format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })));
  return format.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? '';
}

/** The first time that the zone's clocks are changed after `at`, to the minute; `at` itself if that is not soon. */
function nextChange(at: number, zone: string): number {
  let low = Math.floor(at / 60_000) * 60_000;
  let high = low;
  for (let days = 10; days <= 400 && offset(high, zone) === offset(low, zone); days += 10) high += 240 * HOUR;
  if (offset(high, zone) === offset(low, zone)) return at;
  while (high - low > 60_000) {
    const middle = low + Math.floor((high - low) / 120_000) * 60_000;
    if (offset(middle, zone) === offset(low, zone)) low = middle;
    else high = middle;
  }
  return high;
}

describe('the day that a time falls in', () => {
  // zone, a time in UTC, then the window in UTC, its label and its length in hours
  it.each([
    ['UTC', '2026-11-21T12:00', '2026-11-21T00:00', '2026-11-22T00:00', '2026-11-21', 24],
    // spring forward, fall back
    ['Europe/Berlin', '2026-03-29T00:59', '2026-03-28T23:00', '2026-03-29T22:00', '2026-03-29', 23],
    ['Europe/Berlin', '2026-03-29T01:00', '2026-03-28T23:00', '2026-03-29T22:00', '2026-03-29', 23],
    ['Europe/Berlin', '2026-10-25T00:30', '2026-10-24T22:00', '2026-10-25T23:00', '2026-10-25', 25],
    ['Europe/Berlin', '2026-10-25T22:59', '2026-10-24T22:00', '2026-10-25T23:00', '2026-10-25', 25],
    ['America/New_York', '2026-03-08T07:00', '2026-03-08T05:00', '2026-03-09T04:00', '2026-03-08', 23],
    ['America/New_York', '2026-11-01T06:00', '2026-11-01T04:00', '2026-11-02T05:00', '2026-11-01', 25],
    ['Australia/Lord_Howe', '2026-10-03T20:00', '2026-10-03T13:30', '2026-10-04T13:00', '2026-10-04', 23.5],
    ['Australia/Lord_Howe', '2026-04-04T20:00', '2026-04-04T13:00', '2026-04-05T13:30', '2026-04-05', 24.5],
    // no midnight: the day starts at 01:00
    ['America/Sao_Paulo', '2018-11-04T03:00', '2018-11-04T03:00', '2018-11-05T02:00', '2018-11-04', 23],
    ['America/Sao_Paulo', '2018-11-04T02:59', '2018-11-03T03:00', '2018-11-04T03:00', '2018-11-03', 24],
    ['Africa/Cairo', '2026-04-24T12:00', '2026-04-23T22:00', '2026-04-24T21:00', '2026-04-24', 23],
    ['Asia/Beirut', '2026-03-29T12:00', '2026-03-28T22:00', '2026-03-29T21:00', '2026-03-29', 23],
    // midnight twice: the clocks go back to 23:00
    ['America/Sao_Paulo', '2018-02-18T02:30', '2018-02-17T02:00', '2018-02-18T03:00', '2018-02-17', 25],
    ['Africa/Cairo', '2026-10-29T20:30', '2026-10-28T21:00', '2026-10-29T22:00', '2026-10-29', 25],
    // clocks went back at 00:01: the second evening belongs to the day that had begun
    ['America/St_Johns', '2010-11-07T03:00', '2010-11-07T02:30', '2010-11-08T03:30', '2010-11-07', 25],
    // a date that was left out
    ['Pacific/Apia', '2011-12-30T09:59', '2011-12-29T10:00', '2011-12-30T10:00', '2011-12-29', 24],
    ['Pacific/Apia', '2011-12-30T10:00', '2011-12-30T10:00', '2011-12-31T10:00', '2011-12-31', 24],
    // odd offsets
    ['Asia/Kathmandu', '2026-11-20T18:15', '2026-11-20T18:15', '2026-11-21T18:15', '2026-11-21', 24],
    ['Asia/Kathmandu', '2026-11-20T18:14', '2026-11-19T18:15', '2026-11-20T18:15', '2026-11-20', 24],
    ['Asia/Kolkata', '2028-02-28T18:30', '2028-02-28T18:30', '2028-02-29T18:30', '2028-02-29', 24],
  ])('%s at %s', (zone, at, startsAt, resetsAt, label, hours) => {
    const window = calendarWindow('day', utc(at), zone);
    expect([text(window.startsAt), text(window.resetsAt), window.label]).toEqual([startsAt, resetsAt, label]);
    expect((window.resetsAt - window.startsAt) / HOUR).toBe(hours);
  });
});

describe('weeks and months', () => {
  it.each([
    ['week', 'UTC', '2026-11-21T12:00', '2026-11-16T00:00', '2026-11-23T00:00', '2026-W47'],
    ['week', 'UTC', '2026-11-15T23:59', '2026-11-09T00:00', '2026-11-16T00:00', '2026-W46'],
    ['week', 'UTC', '2027-01-03T12:00', '2026-12-28T00:00', '2027-01-04T00:00', '2026-W53'],
    ['week', 'UTC', '2024-12-30T00:00', '2024-12-30T00:00', '2025-01-06T00:00', '2025-W01'],
    ['week', 'UTC', '2023-01-01T00:00', '2022-12-26T00:00', '2023-01-02T00:00', '2022-W52'],
    ['week', 'UTC', '1969-12-31T00:00', '1969-12-29T00:00', '1970-01-05T00:00', '1970-W01'],
    ['week', 'Europe/Berlin', '2026-03-29T21:59', '2026-03-22T23:00', '2026-03-29T22:00', '2026-W13'],
    ['week', 'Pacific/Apia', '2011-12-30T10:00', '2011-12-26T10:00', '2012-01-01T10:00', '2011-W52'],
    ['month', 'UTC', '2026-12-31T23:59', '2026-12-01T00:00', '2027-01-01T00:00', '2026-12'],
    ['month', 'UTC', '2028-02-29T12:00', '2028-02-01T00:00', '2028-03-01T00:00', '2028-02'],
    ['month', 'UTC', '2100-02-28T12:00', '2100-02-01T00:00', '2100-03-01T00:00', '2100-02'],
    ['month', 'Europe/Berlin', '2026-10-31T22:59', '2026-09-30T22:00', '2026-10-31T23:00', '2026-10'],
    ['month', 'America/New_York', '2026-03-01T04:59', '2026-02-01T05:00', '2026-03-01T05:00', '2026-02'],
    ['month', 'Pacific/Kiritimati', '2026-01-31T10:00', '2026-01-31T10:00', '2026-02-28T10:00', '2026-02'],
  ] as const)('the %s, in %s, of %s', (period, zone, at, startsAt, resetsAt, label) => {
    const window = calendarWindow(period, utc(at), zone);
    expect([text(window.startsAt), text(window.resetsAt), window.label]).toEqual([startsAt, resetsAt, label]);
  });
});

const anyTime = fc.integer({ min: Date.UTC(1972, 0, 1), max: Date.UTC(2037, 0, 1) });
const anyZone = fc.constantFrom('UTC', ...ZONES);
/** A zone and a time in it, most often within a day of a change of its clocks. */
const anyMoment = fc
  .tuple(anyZone, anyTime, fc.option(fc.integer({ min: -30 * HOUR, max: 30 * HOUR }), { freq: 4 }))
  .map(([zone, at, fromChange]) => ({ zone, at: fromChange === null ? at : nextChange(at, zone) + fromChange }));

describe('in any zone, at any time', () => {
  it('windows contain their time, join without a gap, and change their label at the edges only', () => {
    const property = fc.property(fc.constantFrom(...PERIODS), anyMoment, (period, { at, zone }) => {
      const window = calendarWindow(period, at, zone);
      expect(window.startsAt <= at && at < window.resetsAt).toBe(true);
      const next = calendarWindow(period, window.resetsAt, zone);
      const previous = calendarWindow(period, window.startsAt - 1, zone);
      expect([next.startsAt, previous.resetsAt]).toEqual([window.resetsAt, window.startsAt]);
      expect(previous.label < window.label && window.label < next.label).toBe(true);
      for (const inside of [window.startsAt, window.resetsAt - 1]) expect(calendarWindow(period, inside, zone)).toEqual(window);
    });
    fc.assert(property, { numRuns: 1000 });
  }, 60_000);

  it('a day begins when the zone’s calendars first show its date', () => {
    const property = fc.property(anyMoment, ({ at, zone }) => {
      const { startsAt, label } = calendarWindow('day', at, zone);
      expect(localDate(startsAt, zone)).toBe(label);
      expect(localDate(startsAt - 1, zone) < label).toBe(true);
      expect(localDate(at, zone) <= label).toBe(true);
    });
    fc.assert(property, { numRuns: 1000 });
  }, 60_000);

  it('weeks begin on a Monday and months on the 1st, where their days begin', () => {
    const property = fc.property(anyMoment, ({ at, zone }) => {
      const week = calendarWindow('week', at, zone);
      const month = calendarWindow('month', at, zone);
      for (const { startsAt } of [week, month]) expect(calendarWindow('day', startsAt, zone).startsAt).toBe(startsAt);
      // A zone may have left out the first day itself; the date before is always of the period before.
      const sunday = utc(`${localDate(week.startsAt - 1, zone)}T00:00`);
      expect(new Date(sunday).getUTCDay()).toBe(0);
      expect(localDate(month.startsAt - 1, zone).slice(0, 7) < month.label).toBe(true);
      expect(localDate(month.startsAt, zone).slice(0, 7)).toBe(month.label);
    });
    fc.assert(property, { numRuns: 500 });
  }, 60_000);

  it('the answer does not depend on what was asked before', () => {
    const times = [utc('2026-03-29T00:59'), utc('2026-03-30T12:00'), utc('2026-03-28T12:00'), utc('2026-03-29T00:59')];
    const labels = times.map((at) => calendarWindow('day', at, 'Europe/Berlin').label);
    expect(labels).toEqual(['2026-03-29', '2026-03-30', '2026-03-28', '2026-03-29']);
  });
});

describe('what is not a time or a zone', () => {
  it.each([NaN, Infinity, -Infinity, Date.UTC(1899, 11, 31), Date.UTC(9999, 0, 1)])('refuses the time %s', (at) => {
    expect(() => calendarWindow('day', at, 'Europe/Berlin')).toThrow(
      new RangeError(`Expected a time from the year 1900 to 9998 in epoch milliseconds, got ${at}`),
    );
  });

  it('refuses a zone that does not exist', () => {
    expect(() => calendarWindow('day', 0, 'Europe/Atlantis')).toThrow(RangeError);
  });

  it('counts fractions of a millisecond, also before 1970', () => {
    expect(calendarWindow('day', -0.5, 'Europe/London').label).toBe('1970-01-01');
    expect(calendarWindow('day', -0.5, 'Etc/UTC').label).toBe('1969-12-31');
  });

  it.each([
    ['UTC', true],
    ['Europe/Berlin', true],
    ['America/Argentina/Buenos_Aires', true],
    ['Europe/Atlantis', false],
    ['', false],
    [undefined, false],
    [5, false],
  ])('isTimeZone(%j) is %j', (name, expected) => {
    expect(isTimeZone(name)).toBe(expected);
  });
});
