import type { ConfigIssue } from '../errors';
import { kindOf } from './field-check';
import type { Instant } from './key-entry';

// Without a zone it would mean another time on another machine.
const ISO = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/;
/** In 1973, as milliseconds; a number below is meant as seconds. */
const EARLIEST = 100_000_000_000;
const LATEST = Date.UTC(9999, 0, 1);
const EXPECTED = "epoch milliseconds, a Date, or a text like '2026-04-01' or '2026-04-01T09:00:00Z'";

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

/** What is wrong with an instant. */
export function instantIssues(path: string, value: unknown): ConfigIssue[] {
  const isKind = typeof value === 'number' || typeof value === 'string' || value instanceof Date;
  const at = isKind ? instantOf(value) : NaN;
  if (at >= EARLIEST && at < LATEST) return [];
  if (typeof value === 'number' && value > 0 && value < EARLIEST)
    return [{ path, message: `Expected ${EXPECTED}, got ${value}, which is in seconds. Multiply it by 1000` }];
  if (typeof value === 'string') return [{ path, message: `Expected ${EXPECTED}, got ${JSON.stringify(value.slice(0, 40))}` }];
  return [{ path, message: `Expected ${EXPECTED}, got ${typeof value === 'number' ? value : kindOf(value)}` }];
}
