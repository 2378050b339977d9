import type { BudgetState, Settlement } from './budget/budget-store';
import { formatInstant } from './errors';
import type { BudgetThreshold, Events } from './events';
import { MAX_NANOS, formatUsd } from './money';
import type { BudgetRule } from './settings';
import type { UsageRecord } from './usage/usage-log';

/** Where alerts go besides the event: the client's logger. */
export interface AlertLogger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

// Windows end, and with them what was told about them; a thousand accounts with alerts out at once is plenty.
const MAX_ACCOUNTS = 10_000;

/**
 * Gives each alert once per budget, window and level. Stores book one settlement after the other and answer with the sum
 * after it, so exactly one settlement sees the sum pass a level, in whichever process; what a hold was charged at when it
 * expired shows as a jump, and is told by whoever sees it first in this process.
 */
export class Alerts {
  readonly #events: Events;
  readonly #logger: () => AlertLogger | undefined;
  /** The highest amount at which an alert was given or that was seen, per account. */
  readonly #seen: Map<string, number> = new Map();

  constructor(events: Events, logger: () => AlertLogger | undefined) {
    this.#events = events;
    this.#logger = logger;
  }

  /** Looks at the states after a settlement. */
  look(
    record: UsageRecord,
    rules: ReadonlyMap<string, BudgetRule>,
    states: readonly BudgetState[],
    settlement: Settlement,
  ): void {
    for (const state of states) {
      const rule = rules.get(state.account);
      if (!rule || rule.alerts.length === 0) continue;
      const before = this.#seen.get(state.account) ?? state.spentNanos - settlement.spentNanos;
      if (typeof rule.period === 'string') {
        if (state.spentNanos <= before && this.#seen.has(state.account)) continue;
      }
      this.#remember(state);
      for (const alert of rule.alerts) {
        if (alert.nanos <= before || alert.nanos > state.spentNanos) continue;
        this.#give({
          id: `${state.account}/${alert.nanos}${typeof rule.period === 'string' ? '' : `/${settlement.at}`}`,
          at: settlement.at,
          budget: rule.name,
          account: state.account,
          team: record.team,
          level: alert.level,
          thresholdNanos: alert.nanos,
          spentNanos: state.spentNanos,
          limitNanos: rule.limitNanos,
          resetsAt: state.resetsAt,
          soft: rule.soft,
        });
      }
    }
  }

  #remember({ account, spentNanos }: BudgetState): void {
    this.#seen.delete(account);
    this.#seen.set(account, spentNanos);
    if (this.#seen.size > MAX_ACCOUNTS) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest);
        break;
      }
    }
  }

  #give(alert: BudgetThreshold): void {
    this.#events.emit('budget-threshold', alert);
    const logger = this.#logger();
    if (!logger) return;
    const { budget, level, spentNanos, limitNanos, resetsAt } = alert;
    const share = limitNanos >= MAX_NANOS ? '' : ` (${Math.floor((spentNanos / limitNanos) * 100)} %)`;
    const message = `governed-groq: budget "${budget}" has reached ${formatUsd(spentNanos)} of ${formatUsd(limitNanos)}${share}. Resets ${formatInstant(resetsAt)}.`;
    try {
      if (level >= 0.95) logger.error(message);
      else if (level >= 0.8) logger.warn(message);
      else logger.info(message);
    } catch {
      // A logger that fails must not stop the books.
    }
  }
}
