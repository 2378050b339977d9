import type { BudgetState, BudgetStore, Hold, OpenHold, Reserved, Settlement } from '../budget/budget-store';
import { checkHold, checkSettlement } from '../budget/hold-check';
import type { UsageLog } from '../usage/usage-log';
import type { Ledger } from './ledger';
import type { Transactions } from './transactions';
import { usageRow, type UsageTable } from './usage-log';

/** Counts in a SQLite file, for all processes that share it. */
export class SqliteBudgetStore implements BudgetStore {
  readonly recordsInto: UsageLog;
  readonly #transactions: Transactions;
  readonly #ledger: Ledger;
  readonly #usage: UsageTable;

  constructor(transactions: Transactions, ledger: Ledger, usage: UsageTable, recordsInto: UsageLog) {
    this.#transactions = transactions;
    this.#ledger = ledger;
    this.#usage = usage;
    this.recordsInto = recordsInto;
  }

  async reserve(hold: Hold): Promise<Reserved> {
    checkHold(hold);
    return this.#transactions.write(() => this.#ledger.reserve(hold), hold.id);
  }

  async settle(settlement: Settlement): Promise<{ readonly states: readonly BudgetState[] }> {
    checkSettlement(settlement);
    const row = settlement.usage && usageRow(settlement.usage);
    const settle = (): { readonly states: readonly BudgetState[] } => {
      if (row !== undefined) this.#usage.insert(row);
      return { states: this.#ledger.settle(settlement) };
    };
    return this.#transactions.write(settle, settlement.id);
  }

  async read(accounts: readonly string[], at: number): Promise<readonly BudgetState[]> {
    return this.#whenCharged(at, () => this.#ledger.read(accounts, at));
  }

  async openHolds(at: number): Promise<readonly OpenHold[]> {
    return this.#whenCharged(at, () => this.#ledger.openHolds());
  }

  /** Reads without writing, unless something has expired. */
  async #whenCharged<T>(at: number, read: () => T): Promise<T> {
    if (!Number.isFinite(at)) throw new RangeError(`Expected at to be a finite time in epoch milliseconds, got ${String(at)}`);
    const found = await this.#transactions.read(() => (this.#ledger.isDue(at) ? undefined : { answer: read() }));
    if (found !== undefined) return found.answer;
    return this.#transactions.write(() => {
      this.#ledger.charge(at);
      return read();
    });
  }
}
