/** A point in time: epoch milliseconds, a `Date`, or ISO 8601 as `2026-04-01` (in UTC) or `2026-04-01T09:00:00Z`. */
export type Instant = number | string | Date;

// Without a zone it would mean another time on another machine.
const ISO = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/;

/** Epoch milliseconds; NaN if it is no instant. */
export function instantOf(instant: Instant): number {
  if (typeof instant === 'number') return instant;
  if (instant instanceof Date) return instant.getTime();
  const [, day] = ISO.exec(instant) ?? [];
  if (day === undefined) return NaN;
  const midnight = Date.parse(day);
  // 30 February would otherwise become 2 March.
  const exists = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
  return exists ? Date.parse(instant) : NaN;
}
