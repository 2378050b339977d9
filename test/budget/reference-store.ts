import type { BudgetState, BudgetStore, Hold, Reserved, Settlement } from '../../src/budget/budget-store';

interface Entry {
  readonly hold: Hold;
  chargedAt?: number;
  settlement?: Settlement;
}

/** A budget store that keeps everything and works all sums out from scratch. Knows fixed and rolling windows. */
export class ReferenceStore implements BudgetStore {
  readonly entries: Entry[] = [];

  async reserve(hold: Hold): Promise<Reserved> {
    this.#charge(hold.at);
    const accounts = [...new Set(hold.lines.map((line) => line.account))];
    const known = this.entries.some((entry) => entry.hold.id === hold.id);
    const exceeded = accounts.filter((account) => {
      const lines = hold.lines.filter((line) => line.account === account);
      const asked = lines.reduce((sum, line) => sum + line.nanos, 0);
      return (
        this.spent(account, hold.at, hold) + this.held(account) + asked > Math.min(...lines.map((line) => line.limitNanos))
      );
    });
    if (!known && exceeded.length === 0) this.entries.push({ hold });
    const states = accounts.map((account) => this.#state(account, hold.at, hold));
    return known || exceeded.length === 0 ? { ok: true, states } : { ok: false, exceeded, states };
  }

  async settle(settlement: Settlement): Promise<{ readonly states: readonly BudgetState[] }> {
    this.#charge(settlement.at);
    const entry = this.entries.find(({ hold }) => hold.id === settlement.id);
    if (entry === undefined || entry.settlement !== undefined) return { states: [] };
    entry.settlement = settlement;
    const accounts = [...new Set(entry.hold.lines.map((line) => line.account))];
    return { states: accounts.map((account) => this.#state(account, settlement.at)) };
  }

  async read(accounts: readonly string[], at: number): Promise<readonly BudgetState[]> {
    this.#charge(at);
    return accounts.map((account) => this.#state(account, at));
  }

  /** `asking` is a hold that has not been granted, whose window counts all the same. */
  spent(account: string, at: number, asking?: Hold): number {
    const rollingMs = this.#rollingMs(account, asking);
    return this.#of(account).reduce((sum, entry) => {
      const time = entry.chargedAt ?? entry.settlement?.at;
      if (time === undefined || time <= at - rollingMs) return sum;
      return sum + (entry.settlement?.spentNanos ?? nanosOf(entry.hold, account));
    }, 0);
  }

  held(account: string): number {
    const live = this.#of(account).filter((entry) => entry.settlement === undefined && entry.chargedAt === undefined);
    return live.reduce((sum, entry) => sum + nanosOf(entry.hold, account), 0);
  }

  #of(account: string): Entry[] {
    return this.entries.filter(({ hold }) => hold.lines.some((line) => line.account === account));
  }

  #lastLines(account: string, asking?: Hold): Hold['lines'] {
    const hold = asking ?? this.#of(account).at(-1)?.hold;
    return hold?.lines.filter((line) => line.account === account) ?? [];
  }

  #rollingMs(account: string, asking?: Hold): number {
    const window = this.#lastLines(account, asking)[0]?.window;
    return typeof window === 'object' && 'rollingMs' in window ? window.rollingMs : Infinity;
  }

  #charge(at: number): void {
    for (const entry of this.entries) {
      if (entry.settlement === undefined && entry.hold.expiresAt <= at) entry.chargedAt ??= entry.hold.expiresAt;
    }
  }

  /** Without `resetsAt`, which has tests of its own. */
  #state(account: string, at: number, asking?: Hold): BudgetState {
    const limits = this.#lastLines(account, asking).map((line) => line.limitNanos);
    const limitNanos = limits.length === 0 ? 0 : Math.min(...limits);
    return { account, limitNanos, spentNanos: this.spent(account, at, asking), heldNanos: this.held(account), resetsAt: 0 };
  }
}

function nanosOf(hold: Hold, account: string): number {
  return hold.lines.reduce((sum, line) => sum + (line.account === account ? line.nanos : 0), 0);
}
