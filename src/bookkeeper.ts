import { Alerts } from './alerts';
import type { Account } from './budget/accounts';
import type { BudgetStore, Settlement } from './budget/budget-store';
import type { Clock } from './clock';
import type { Events } from './events';
import type { TeamRules } from './settings';
import type { UsageLog, UsageRecord } from './usage/usage-log';

/** What an ended call costs, and where that is to be booked. */
export interface Charge {
  /** The hold's id. */
  readonly id: string;
  readonly costNanos: number;
  /** False if the store holds nothing for the call. */
  readonly stored: boolean;
  readonly accounts: readonly Account[] | undefined;
  readonly rules: TeamRules | undefined;
}

// A store that is away for longer than this charges the hold when it expires: late, and never too little.
const RETRY_DELAYS_MS = [50, 200, 1_000, 5_000, 20_000];

/**
 * Books ended calls in the background, so that no caller waits for a store: the hold is settled, the record written, the
 * alerts given. What fails is tried again.
 */
export class Bookkeeper {
  readonly #clock: Clock;
  readonly #budgetStore: BudgetStore;
  readonly #usageLog: UsageLog;
  readonly #events: Events;
  readonly #alerts: Alerts;
  #open = 0;
  #waiting: (() => void)[] = [];

  constructor(parts: { clock: Clock; budgetStore: BudgetStore; usageLog: UsageLog; events: Events; alerts: Alerts }) {
    this.#clock = parts.clock;
    this.#budgetStore = parts.budgetStore;
    this.#usageLog = parts.usageLog;
    this.#events = parts.events;
    this.#alerts = parts.alerts;
  }

  book(charge: Charge, record: UsageRecord): void {
    this.#write(record);
    if (!charge.stored) {
      this.#announce(record);
      return;
    }
    this.#open++;
    const settlement: Settlement = { id: charge.id, spentNanos: charge.costNanos, at: this.#clock.now(), usage: record };
    void this.#settle(settlement, charge, record);
  }

  /** Resolves when everything booked so far is where it belongs, or has been given up. */
  settled(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #settle(settlement: Settlement, charge: Charge, record: UsageRecord): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        const { states } = await this.#budgetStore.settle(settlement);
        if (charge.accounts) this.#alerts.look(record.team, charge.accounts, states, settlement.at, settlement.spentNanos);
        break;
      } catch (error) {
        this.#events.emit('store-unavailable', {
          at: this.#clock.now(),
          store: 'budgetStore',
          during: 'settle',
          callId: charge.id,
          error,
        });
        const delay = RETRY_DELAYS_MS[tries];
        if (delay === undefined) break;
        await this.#clock.sleep(delay);
      }
    }
    this.#announce(record);
    this.#done();
  }

  #write(record: UsageRecord): void {
    try {
      const written = this.#usageLog.record(record);
      if (!(written instanceof Promise)) return;
      this.#open++;
      written.catch((error: unknown) => this.#failedToWrite(record, error)).finally(() => this.#done());
    } catch (error) {
      this.#open++;
      void this.#failedToWrite(record, error).finally(() => this.#done());
    }
  }

  async #failedToWrite(record: UsageRecord, first: unknown): Promise<void> {
    let error = first;
    for (const delay of RETRY_DELAYS_MS) {
      this.#events.emit('store-unavailable', {
        at: this.#clock.now(),
        store: 'usageLog',
        during: 'record',
        callId: record.id,
        error,
      });
      await this.#clock.sleep(delay);
      try {
        return await this.#usageLog.record(record);
      } catch (again) {
        error = again;
      }
    }
  }

  #announce(record: UsageRecord): void {
    if (record.outcome !== 'denied') this.#events.emit('call-settled', record);
  }

  #done(): void {
    if (--this.#open > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
