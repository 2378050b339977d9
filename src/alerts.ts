import { type Account, ruleOf } from './budget/accounts';
import type { BudgetState } from './budget/budget-store';
import { runsOutAt } from './budget/forecast';
import { formatInstant } from './errors';
import type { BudgetThreshold, Events } from './events';
import type { AlertLevel, BudgetRule } from './settings';
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
  /** The levels that held when an account was seen last. */
  readonly #levels: Map<string, readonly AlertLevel[]> = new Map();
  /** The ids of what was told of calendar windows. */
  readonly #given: Map<string, true> = new Map();

  constructor(events: Events, logger: () => AlertLogger | undefined) {
    this.#events = events;
    this.#logger = logger;
  }

  /**
   * Looks at the states after something was booked, or when a hold was taken: expired holds are charged in between. `booked` is
   * what this call has just added; what an account had before it was first seen gives no alert. `isRepeated` says that the
   * booking was told to the store before and its answer lost, and with it what that answer may have told.
   */
  look(
    team: string,
    accounts: readonly Account[],
    states: readonly BudgetState[],
    at: number,
    booked: number,
    isRepeated = false,
  ): void {
    if (this.#events.has('budget-changed')) this.#tell(accounts, states, at);
    for (const state of states) {
      const account = accounts.find(({ name }) => name === state.account);
      if (!account || account.rule.alerts.length === 0) continue;
      const { rule } = account;
      const passed = this.#passedByEdit(state, rule);
      if (passed) this.#give(alertOf(passed, state, account, team, at), rule);
      if (!isRepeated && state.toldNanos !== undefined && state.toldNanos >= state.spentNanos) continue;
      const before = isRepeated
        ? Math.min(state.spentNanos - booked, state.toldNanos ?? Infinity)
        : (state.toldNanos ?? this.#seenBefore(state, rule, booked));
      for (const level of rule.alerts) {
        if (level.nanos > before && level.nanos <= state.spentNanos) this.#give(alertOf(level, state, account, team, at), rule);
      }
    }
  }

  // Where a limit was lowered, more of it is used than was ever told.
  #passedByEdit({ account, spentNanos }: BudgetState, { alerts, period }: BudgetRule): AlertLevel | undefined {
    if (typeof period !== 'string') return undefined;
    const before = this.#levels.get(account);
    if (before === alerts) return undefined;
    remember(this.#levels, account, alerts);
    if (before === undefined) return undefined;
    const highest = (levels: readonly AlertLevel[]): AlertLevel | undefined =>
      levels.findLast(({ nanos }) => nanos <= spentNanos);
    const now = highest(alerts);
    return now !== undefined && now.level > (highest(before)?.level ?? 0) ? now : undefined;
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
        rollingMs: typeof period === 'string' ? undefined : period.rollingMs,
        soft,
      });
    }
  }

  #seenBefore({ account, spentNanos }: BudgetState, rule: BudgetRule, booked: number): number {
    const seen = this.#seen.get(account);
    // Only in a rolling window does spending go down; there, what comes back up is told again.
    if (seen === undefined || spentNanos > seen || typeof rule.period !== 'string') remember(this.#seen, account, spentNanos);
    return seen ?? spentNanos - booked;
  }

  #give(alert: BudgetThreshold, { period }: BudgetRule): void {
    if (this.#given.has(alert.id)) return;
    if (typeof period === 'string') remember(this.#given, alert.id, true);
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

function remember<V>(map: Map<string, V>, account: string, value: V): void {
  map.set(account, value);
  if (map.size <= MAX_ACCOUNTS) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

function alertOf(
  { level, nanos }: AlertLevel,
  { account: name, spentNanos, resetsAt }: BudgetState,
  { rule, window, split }: Account,
  team: string,
  at: number,
): BudgetThreshold {
  const { name: budget, limitNanos, period, per, soft } = rule;
  return {
    id: `${name}/${nanos}${typeof period === 'string' ? '' : `/${at}`}`,
    at,
    budget,
    account: name,
    team,
    per: typeof per === 'object' ? `tag ${per.tag}` : per,
    of: per === undefined ? undefined : split,
    level,
    thresholdNanos: nanos,
    spentNanos,
    limitNanos,
    resetsAt,
    soft,
    runsOutAt: runsOutAt({ spentNanos, limitNanos, window }, at),
  };
}

/** An alert in words. */
export function alertText({
  at,
  budget,
  per,
  of,
  spentNanos,
  limitNanos,
  resetsAt,
  runsOutAt: emptyAt,
}: BudgetThreshold): string {
  const whose = per === undefined ? '' : ` of ${per} ${JSON.stringify(of ?? '')}`;
  const share = limitNanos >= MAX_NANOS ? '' : ` (${Math.floor((spentNanos / limitNanos) * 100)} %)`;
  const forecast = emptyAt === undefined || emptyAt <= at ? '' : ` At this pace it runs out ${formatInstant(emptyAt)}.`;
  return `budget "${budget}"${whose} has reached ${formatUsd(spentNanos)} of ${formatUsd(limitNanos)}${share}.${forecast} Resets ${formatInstant(resetsAt)}.`;
}
