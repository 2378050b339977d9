import type { ConfigIssue } from '../errors';
import { kindOf } from './field-check';
import { instantOf } from '../instant';

/** In 1973, as milliseconds; a number below is meant as seconds. */
const EARLIEST = 100_000_000_000;
const LATEST = Date.UTC(9999, 0, 1);
const EXPECTED = "epoch milliseconds, a Date, or a text like '2026-04-01' or '2026-04-01T09:00:00Z'";

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
