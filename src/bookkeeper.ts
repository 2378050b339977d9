import { Alerts } from './alerts';
import type { Account } from './budget/accounts';
import type { BudgetState, BudgetStore, Settlement } from './budget/budget-store';
import type { Clock } from './clock';
import type { Events } from './events';
import { isThenable } from './thenable';
import type { UsageLog, UsageRecord } from './usage/usage-log';

/** What an ended call costs, and where that is to be booked. */
export interface Charge {
  /** The hold's id. */
  readonly id: string;
  /** The hold's other id, if the store does not know the first. */
  readonly orId?: string | undefined;
  readonly costNanos: number;
  /** False if the store holds nothing for the call. */
  readonly stored: boolean;
  readonly accounts: readonly Account[] | undefined;
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
  /** Whether the store writes the record with the settlement. */
  readonly #together: boolean;
  readonly #events: Events;
  readonly #alerts: Alerts;
  /** What is on its way to a store for the first time, and what is tried again. */
  readonly #pending: Set<object> = new Set();
  readonly #retrying: Set<object> = new Set();
  #waiting: { readonly left: Set<object>; readonly resolve: () => void }[] = [];

  constructor(parts: {
    clock: Clock;
    budgetStore: BudgetStore;
    usageLog: UsageLog;
    recordsTogether: boolean;
    events: Events;
    alerts: Alerts;
  }) {
    this.#clock = parts.clock;
    this.#budgetStore = parts.budgetStore;
    this.#usageLog = parts.usageLog;
    this.#together = parts.recordsTogether;
    this.#events = parts.events;
    this.#alerts = parts.alerts;
  }

  book(charge: Charge, record: UsageRecord): void {
    if (!charge.stored || !this.#together) this.#write(record);
    if (!charge.stored) {
      this.#announce(record);
      return;
    }
    const settlement: Settlement = { id: charge.id, spentNanos: charge.costNanos, at: this.#clock.now(), usage: record };
    this.#pending.add(settlement);
    void this.#settle(settlement, charge, record);
  }

  release(holdId: string): void {
    const settlement: Settlement = { id: holdId, spentNanos: 0, at: this.#clock.now() };
    this.#pending.add(settlement);
    void this.#tryAgain(
      settlement,
      'budgetStore',
      'settle',
      holdId,
      async () => void (await this.#budgetStore.settle(settlement)),
    );
  }

  /**
   * Resolves when everything booked up to now has been told to its store once. With `'retries'`, when what failed then has been
   * told, or given up, as well.
   */
  settled(including?: 'retries'): Promise<void> {
    const left = new Set([...this.#pending, ...(including ? this.#retrying : [])]);
    if (left.size === 0) return Promise.resolve();
    return new Promise<void>((resolve) => {
      const waiter = { left, resolve: () => resolve() };
      this.#waiting.push(waiter);
    }).then(() => (including && this.#retrying.size > 0 ? this.settled(including) : undefined));
  }

  async #settle(settlement: Settlement, charge: Charge, record: UsageRecord): Promise<void> {
    let isAgain = false;
    const hasFailed = await this.#tryAgain(settlement, 'budgetStore', 'settle', charge.id, async () => {
      const isRepeated = isAgain;
      isAgain = true;
      let { states } = await this.#budgetStore.settle(settlement);
      if (states.length === 0 && charge.orId !== undefined) {
        ({ states } = await this.#budgetStore.settle({ ...settlement, id: charge.orId }));
      }
      if (!charge.accounts) return;
      // The answer that was lost may have been the one to tell of a level.
      if (isRepeated && states.length === 0) states = await this.#readAccounts(charge.accounts, settlement.at);
      this.#alerts.look(record.team, charge.accounts, states, settlement.at, settlement.spentNanos, isRepeated);
    });
    // Given up: the hold is charged in full when it expires. What is known of the call is recorded if that can still be done.
    if (hasFailed && this.#together) this.#write(record);
    this.#announce(record);
  }

  async #readAccounts(accounts: readonly Account[], at: number): Promise<readonly BudgetState[]> {
    const names = accounts.map(({ name }) => name);
    return this.#budgetStore.read(names, at).catch(() => []);
  }

  #write(record: UsageRecord): void {
    let written: unknown;
    try {
      written = this.#usageLog.record(record);
    } catch (error) {
      written = Promise.reject(error as Error);
    }
    if (!isThenable(written)) return;
    let first: PromiseLike<unknown> | undefined = written;
    this.#pending.add(record);
    void this.#tryAgain(record, 'usageLog', 'record', record.id, async () => {
      const attempt = first ?? this.#usageLog.record(record);
      first = undefined;
      await attempt;
    });
  }

  /** Runs until it succeeds or is given up; true in the latter case. */
  async #tryAgain(
    token: object,
    store: 'budgetStore' | 'usageLog',
    during: 'settle' | 'record',
    callId: string,
    run: () => Promise<void>,
  ): Promise<boolean> {
    for (let tries = 0; ; tries++) {
      try {
        await run();
        this.#done(token);
        return false;
      } catch (error) {
        this.#events.emit('store-unavailable', { at: this.#clock.now(), store, during, callId, error });
        const delay = RETRY_DELAYS_MS[tries];
        if (delay !== undefined) this.#retrying.add(token);
        if (this.#pending.delete(token) || delay === undefined) this.#done(token, delay !== undefined);
        if (delay === undefined) return true;
        await this.#clock.sleep(delay);
      }
    }
  }

  #announce(record: UsageRecord): void {
    if (record.outcome !== 'denied') this.#events.emit('call-settled', record);
  }

  #done(token: object, goesOn = false): void {
    this.#pending.delete(token);
    if (!goesOn) this.#retrying.delete(token);
    if (this.#waiting.length === 0) return;
    for (const waiter of this.#waiting) if (waiter.left.delete(token) && waiter.left.size === 0) waiter.resolve();
    this.#waiting = this.#waiting.filter(({ left }) => left.size > 0);
  }
}
