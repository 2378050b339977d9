/** The length of a budget: a calendar period in the governance's time zone, or the last so many milliseconds. */
export type BudgetPeriod = 'day' | 'week' | 'month' | { readonly rollingMs: number };

/**
 * The window that a line of a hold counts in. A fixed window is `[startsAt, resetsAt)` in epoch milliseconds; a rolling one
 * counts what was spent in the last `rollingMs`. A calendar name is the current UTC day, week (from Monday) or month.
 */
export type BudgetWindow = BudgetPeriod | { readonly startsAt: number; readonly resetsAt: number };

/** One day, week or month of a time zone: `[startsAt, resetsAt)` in epoch milliseconds. */
export interface CalendarWindow {
  readonly startsAt: number;
  /** Exclusive; the `startsAt` of the next window. */
  readonly resetsAt: number;
  /** `2026-11-21`, `2026-W47` (ISO 8601) or `2026-11`. */
  readonly label: string;
}

type CalendarPeriod = Extract<BudgetPeriod, string>;

/** What a zone's clocks show at an instant, to the second, as the epoch milliseconds at which UTC clocks show the same. */
type LocalMs = (at: number) => number;

interface Zone {
  readonly localMs: LocalMs;
  /** The window found last, of each period: almost every call falls in it. */
  readonly last: Partial<Record<CalendarPeriod, CalendarWindow>>;
}

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
// Further than any zone is from UTC, so that a local date's first instant is always within reach of the same date in UTC.
const REACH_MS = 57_600_000;
const EARLIEST = Date.UTC(1900, 0, 1);
const LATEST = Date.UTC(9999, 0, 1);

const zones: Map<string, Zone> = new Map();

/**
 * The day, week (from Monday) or month that `at` falls in, by the clocks of `timeZone` (IANA name). It begins at the first
 * instant whose local date is in the period, which need not be midnight: where clocks spring forward at 00:00 the day starts
 * at 01:00, and a date that a zone left out has no window. Where clocks fall back over midnight, the evening that is shown
 * a second time belongs to the new day, so that windows never overlap. Pure.
 *
 * Throws a RangeError if the zone is unknown or `at` is not a time from the year 1900 to 9998.
 */
export function calendarWindow(period: CalendarPeriod, at: number, timeZone: string): CalendarWindow {
  const zone = zoneOf(timeZone);
  const last = zone.last[period];
  if (last !== undefined && at >= last.startsAt && at < last.resetsAt) return last;
  if (!(at >= EARLIEST && at < LATEST)) {
    throw new RangeError(`Expected a time from the year 1900 to 9998 in epoch milliseconds, got ${String(at)}`);
  }
  const found = findWindow(period, at, zone.localMs);
  zone.last[period] = found;
  return found;
}

/** Whether `calendarWindow` knows the zone. Which names exist is up to the runtime's own time zone data. */
export function isTimeZone(name: unknown): boolean {
  if (typeof name !== 'string') return false;
  try {
    zoneOf(name);
    return true;
  } catch {
    return false;
  }
}

function zoneOf(timeZone: string): Zone {
  let zone = zones.get(timeZone);
  if (zone === undefined) {
    zone = { localMs: timeZone === 'UTC' ? (at) => at : localMsIn(timeZone), last: {} };
    zones.set(timeZone, zone);
  }
  return zone;
}

function localMsIn(timeZone: string): LocalMs {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (at) => {
    // Whole seconds, because that is how exact the formatter is; it would also round towards 0 instead of down.
    const second = Math.floor(at / SECOND_MS) * SECOND_MS;
    const shown: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const part of format.formatToParts(second)) shown[part.type] = Number(part.value);
    const { year = NaN, month = NaN, day = NaN, hour = NaN, minute = NaN, second: seconds = NaN } = shown;
    return Date.UTC(year, month - 1, day, hour, minute, seconds);
  };
}

function findWindow(period: CalendarPeriod, at: number, localMs: LocalMs): CalendarWindow {
  let start = periodStart(period, localMs(at));
  let startsAt = firstInstantOf(start, localMs);
  for (;;) {
    const next = nextPeriodStart(period, start);
    const resetsAt = firstInstantOf(next, localMs);
    if (at < resetsAt) return { startsAt, resetsAt, label: labelOf(period, start) };
    // The clocks show the old date again after the new one has begun, or the period was left out.
    start = next;
    startsAt = resetsAt;
  }
}

/** The first instant at which the zone's clocks show `local` or later. */
function firstInstantOf(local: number, localMs: LocalMs): number {
  let low = local - REACH_MS;
  let high = local + REACH_MS;
  const offsetBefore = localMs(low) - low;
  const offsetAfter = localMs(high) - high;
  if (offsetBefore === offsetAfter) return local - offsetBefore;
  while (high - low > SECOND_MS) {
    const middle = low + Math.floor((high - low) / 2 / SECOND_MS) * SECOND_MS;
    if (localMs(middle) - middle === offsetBefore) low = middle;
    else high = middle;
  }
  const change = high;
  // Reached before the change; or by the change itself, if it skips over `local`; or afterwards.
  return local - offsetBefore < change ? local - offsetBefore : Math.max(change, local - offsetAfter);
}

/** Where the period that contains a local time begins, as local time. */
function periodStart(period: CalendarPeriod, local: number): number {
  if (period === 'month') {
    const date = new Date(local);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  }
  const day = Math.floor(local / DAY_MS) * DAY_MS;
  return period === 'day' ? day : day - daysSinceMonday(day) * DAY_MS;
}

function nextPeriodStart(period: CalendarPeriod, start: number): number {
  if (period === 'day') return start + DAY_MS;
  if (period === 'week') return start + 7 * DAY_MS;
  const date = new Date(start);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

function daysSinceMonday(local: number): number {
  return (new Date(local).getUTCDay() + 6) % 7;
}

function labelOf(period: CalendarPeriod, start: number): string {
  if (period === 'day') return new Date(start).toISOString().slice(0, 10);
  if (period === 'month') return new Date(start).toISOString().slice(0, 7);
  // An ISO week belongs to the year that has its Thursday.
  const thursday = start + 3 * DAY_MS;
  const year = new Date(thursday).getUTCFullYear();
  const week = 1 + Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${String(week).padStart(2, '0')}`;
}
