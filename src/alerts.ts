import { type Account, ruleOf } from './budget/accounts';
import type { BudgetState } from './budget/budget-store';
import { runsOutAt } from './budget/forecast';
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
    if (this.#events.has('budget-changed')) this.#tell(accounts, states, at);
    for (const state of states) {
      if (state.toldNanos !== undefined && state.toldNanos >= state.spentNanos) continue;
      const account = accounts.find(({ name }) => name === state.account);
      if (!account || account.rule.alerts.length === 0) continue;
      const { rule, window } = account;
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
          runsOutAt: runsOutAt({ spentNanos: state.spentNanos, limitNanos: rule.limitNanos, window }, at),
        });
      }
    }
  }

  #tell(accounts: readonly Account[], states: readonly BudgetState[], at: number): void {
    for (const { account, spentNanos, heldNanos, resetsAt } of states) {
      const rule = ruleOf(accounts, account);
      if (rule === undefined) continue;
      const { name, scope, per, limitNanos, period, soft } = rule;
      this.#events.emit('budget-changed', {
        at,
        budget: name,
        scope,
        account,
        split: per !== undefined,
        spentNanos,
        heldNanos,
        limitNanos,
        resetsAt,
        rolling: typeof period !== 'string',
        soft,
      });
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
    const { level } = alert;
    const message = `governed-groq: ${alertText(alert)}`;
    try {
      if (level >= 0.95) logger.error(message);
      else if (level >= 0.8) logger.warn(message);
      else logger.info(message);
    } catch {
      // A logger that fails must not stop the books.
    }
  }
}

/** An alert in words. */
export function alertText({ at, budget, spentNanos, limitNanos, resetsAt, runsOutAt: emptyAt }: BudgetThreshold): string {
  const share = limitNanos >= MAX_NANOS ? '' : ` (${Math.floor((spentNanos / limitNanos) * 100)} %)`;
  const forecast = emptyAt === undefined || emptyAt <= at ? '' : ` At this pace it runs out ${formatInstant(emptyAt)}.`;
  return `budget "${budget}" has reached ${formatUsd(spentNanos)} of ${formatUsd(limitNanos)}${share}.${forecast} Resets ${formatInstant(resetsAt)}.`;
}
