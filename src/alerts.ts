import { type Account, ruleOf } from './budget/accounts';
import type { BudgetState } from './budget/budget-store';
import { formatInstant } from './errors';
import type { BudgetThreshold, Events } from './events';
import type { BudgetRule } from './settings';
import { MAX_NANOS, formatUsd } from './money';

/** Where alerts go besides the event: the client's logger. */
export interface AlertLogger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

// Windows end, and with them what was told about them; a thousand accounts with alerts out at once is plenty.
const MAX_ACCOUNTS = 10_000;

/**
 * Gives each alert once per budget, window and level: across processes if the store says what it has told before, else as far
 * as this process has seen.
 */
export class Alerts {
  readonly #events: Events;
  readonly #logger: () => AlertLogger | undefined;
  /** The amount that was seen last, per account. */
  readonly #seen: Map<string, number> = new Map();

  constructor(events: Events, logger: () => AlertLogger | undefined) {
    this.#events = events;
    this.#logger = logger;
  }

  /**
   * Looks at the states after something was booked, or when a hold was taken: expired holds are charged in between. `booked` is
   * what this call has just added; what an account had before it was first seen gives no alert.
   */
  look(team: string, accounts: readonly Account[], states: readonly BudgetState[], at: number, booked: number): void {
    for (const state of states) {
      if (state.toldNanos !== undefined && state.toldNanos >= state.spentNanos) continue;
      const rule = ruleOf(accounts, state.account);
      if (!rule || rule.alerts.length === 0) continue;
      const before = state.toldNanos ?? this.#seenBefore(state, rule, booked);
      if (before >= state.spentNanos) continue;
      for (const alert of rule.alerts) {
        if (alert.nanos <= before || alert.nanos > state.spentNanos) continue;
        this.#give({
          id: `${state.account}/${alert.nanos}${typeof rule.period === 'string' ? '' : `/${at}`}`,
          at,
          budget: rule.name,
          account: state.account,
          team,
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

  #seenBefore({ account, spentNanos }: BudgetState, rule: BudgetRule, booked: number): number {
    const seen = this.#seen.get(account);
    // Only in a rolling window does spending go down; there, what comes back up is told again.
    if (seen === undefined || spentNanos > seen || typeof rule.period !== 'string') this.#remember(account, spentNanos);
    return seen ?? spentNanos - booked;
  }

  #remember(account: string, spentNanos: number): void {
    this.#seen.set(account, spentNanos);
    if (this.#seen.size <= MAX_ACCOUNTS) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
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
