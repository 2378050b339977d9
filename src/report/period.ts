// A Date holds no time further away than this.
const FURTHEST_MS = 8.64e15;

const isTime = (at: number): boolean => Math.abs(at) <= FURTHEST_MS;

/** `2026-11-21T19:12:00.000Z`; undefined for what no calendar holds, e.g. an open end. */
export const isoTime = (at: number): string | undefined => (isTime(at) ? new Date(at).toISOString() : undefined);

const formats: Map<string, Intl.DateTimeFormat> = new Map();

/** What the clocks of the zone show: `2026-11-21 19:12`. */
export function localTime(at: number, timeZone: string): string {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  return `${parts.get('year')}-${parts.get('month')}-${parts.get('day')} ${parts.get('hour')}:${parts.get('minute')}`;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** The day that the clocks of the zone show: `2026-11-21`. */
export const localDay = (at: number, timeZone: string): string => localTime(at, timeZone).slice(0, 10);

/**
 * The time from `from` up to `to`, which is not part of it, for people: whole days as days with the last one included, all else
 * to the minute. `2026-11-01 to 2026-11-30 (UTC)`.
 */
export function periodText({ from, to, timeZone }: { from: number; to: number; timeZone: string }): string {
  // A log has no records from before 1970, so that is how people ask for everything.
  const begins = isTime(from) && from > 0 ? localTime(from, timeZone) : undefined;
  const ends = isTime(to) ? localTime(to, timeZone) : undefined;
  if (begins === undefined) return ends === undefined ? 'all time' : `up to ${ends} (${timeZone})`;
  if (ends === undefined) return `from ${begins} on (${timeZone})`;
  if (!isMidnight(begins, from) || !isMidnight(ends, to)) return `${begins} to ${ends} (${timeZone})`;
  const first = begins.slice(0, 10);
  const last = localDay(to - 1, timeZone);
  return first === last ? `${first} (${timeZone})` : `${first} to ${last} (${timeZone})`;
}

const isMidnight = (shown: string, at: number): boolean => shown.endsWith('00:00') && at % 60_000 === 0;
