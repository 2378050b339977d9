import type { Hold, HoldLine, Settlement } from './budget-store';
import type { BudgetWindow } from './window';

/**
 * Throws unless the hold can be counted exactly: a RangeError for a number that is out of range, a TypeError for anything
 * else. For stores to call before they touch anything.
 */
export function checkHold(hold: Hold): void {
  checkId(hold.id);
  if (!Number.isFinite(hold.at)) refuse(hold, 'at', 'a finite time in epoch milliseconds', hold.at);
  if (!Number.isFinite(hold.expiresAt)) refuse(hold, 'expiresAt', 'a finite time in epoch milliseconds', hold.expiresAt);
  if (!Array.isArray(hold.lines)) throw new TypeError(`Hold "${hold.id}": expected lines to be an array`);
  for (const line of hold.lines) checkLine(hold, line);
}

/** Throws unless the settlement can be booked exactly; the errors are those of `checkHold`. */
export function checkSettlement(settlement: Settlement): void {
  checkId(settlement.id);
  if (!isAmount(settlement.spentNanos)) refuse(settlement, 'spentNanos', AMOUNT, settlement.spentNanos);
  if (!Number.isFinite(settlement.at)) refuse(settlement, 'at', 'a finite time in epoch milliseconds', settlement.at);
}

const AMOUNT = `a whole number of nano-dollars from 0 to ${Number.MAX_SAFE_INTEGER}`;

function checkLine(hold: Hold, line: HoldLine): void {
  if (typeof line.account !== 'string') throw new TypeError(`Hold "${hold.id}": expected account to be a string`);
  if (!isAmount(line.nanos)) refuse(hold, `nanos of account "${line.account}"`, AMOUNT, line.nanos);
  if (typeof line.limitNanos !== 'number' || !(line.limitNanos >= 0)) {
    refuse(hold, `limitNanos of account "${line.account}"`, 'a number of 0 or more', line.limitNanos);
  }
  if (!isWindow(line.window)) {
    throw new RangeError(
      `Hold "${hold.id}": expected window of account "${line.account}" to be 'day', 'week', 'month', { rollingMs } above 0, ` +
        `or { startsAt, resetsAt } in this order, got ${JSON.stringify(line.window)}`,
    );
  }
}

function checkId(id: string): void {
  if (typeof id !== 'string' || id === '') throw new TypeError(`Expected id to be a non-empty string, got ${String(id)}`);
}

function isAmount(nanos: number): boolean {
  return Number.isSafeInteger(nanos) && nanos >= 0;
}

function isWindow(window: BudgetWindow): boolean {
  if (typeof window !== 'object' || window === null) return window === 'day' || window === 'week' || window === 'month';
  if ('rollingMs' in window) return Number.isFinite(window.rollingMs) && window.rollingMs > 0;
  return Number.isFinite(window.startsAt) && window.resetsAt > window.startsAt;
}

function refuse(what: Hold | Settlement, field: string, expected: string, got: unknown): never {
  const kind = 'lines' in what ? 'Hold' : 'Settlement';
  const Refusal = typeof got === 'number' ? RangeError : TypeError;
  throw new Refusal(`${kind} "${what.id}": expected ${field} to be ${expected}, got ${String(got)}`);
}
