import type { UsageLog, UsageRecord } from '../usage/usage-log';
import type { BudgetWindow } from './window';

/** One account that a hold counts against. */
export interface HoldLine {
  /** Built by the governor from scope and window, e.g. `team:chatbot/month@2026-11`; opaque to the store. */
  readonly account: string;
  /** The hold is refused if spent + held + `nanos` of the account would be above this. A whole number of nano-dollars. */
  readonly limitNanos: number;
  /** What to hold, in nano-dollars, 0 or more. */
  readonly nanos: number;
  readonly window: BudgetWindow;
}

/** An upper bound of one call's cost, set aside before the call is sent. */
export interface Hold {
  /**
   * Chosen by the caller and unique: reserving an id again that was granted changes nothing and is granted again. A refused id
   * holds nothing, and may be tried afresh with other amounts.
   */
  readonly id: string;
  /** The caller's clock, epoch milliseconds. */
  readonly at: number;
  /** From here on an unsettled hold is charged at its held amount. */
  readonly expiresAt: number;
  readonly lines: readonly HoldLine[];
}

/** Replaces a hold by what the call cost. */
export interface Settlement {
  /** The hold's id. Settling it again changes nothing. */
  readonly id: string;
  /** Booked in full, also above the hold and above the limit. 0 frees the hold. */
  readonly spentNanos: number;
  readonly at: number;
  /** The record of the call, for stores that are the usage log as well and write both in one transaction. */
  readonly usage?: UsageRecord;
}

/** An account at one instant. */
export interface BudgetState {
  readonly account: string;
  /** The limit of the line that asked last; 0 if none has. */
  readonly limitNanos: number;
  readonly spentNanos: number;
  /** The sum of live holds. */
  readonly heldNanos: number;
  /** When the window ends, or for a rolling window when its oldest spending leaves it. Epoch milliseconds. */
  readonly resetsAt: number;
  /**
   * In answers of `reserve` and `settle`: the highest `spentNanos` of the account that such an answer has told before this one,
   * 0 at first; in a rolling window the `spentNanos` told last, or what was left of it before this step if that is less. As one
   * answer is told after the other, exactly one of all processes sees the sum pass an alert's level. A store that leaves it out
   * has its alerts given once per process.
   */
  readonly toldNanos?: number;
}

/** Whether the hold was taken, and the accounts as they are then. */
export type Reserved =
  | { readonly ok: true; readonly states: readonly BudgetState[] }
  | {
      readonly ok: false;
      /** The accounts that had no room, at least one. */
      readonly exceeded: readonly string[];
      /** All accounts of the hold, as they are. */
      readonly states: readonly BudgetState[];
    };

/** A hold that has not been settled, for `governor.reconcile()`. */
export interface OpenHold {
  readonly id: string;
  readonly at: number;
  readonly expiresAt: number;
  /** The largest of the lines. */
  readonly nanos: number;
  readonly accounts: readonly string[];
  /** True once it was charged because nobody settled it in time. */
  readonly expired: boolean;
}

/**
 * Counts money against limits. A store never reads a clock: the time is in what it is given. Every method may be called at
 * any time, by several callers at once; each is one atomic step.
 */
export interface BudgetStore {
  /**
   * The only admission. Holds **every** line or none, in one atomic step; a refusal writes nothing. Holds that have expired
   * by `hold.at` are charged first.
   */
  reserve(hold: Hold): Promise<Reserved>;
  /**
   * Always books the full amount, in every account of the hold. A hold that has expired is corrected from what was charged
   * to what was spent; in a rolling window the money keeps the time of its expiry. An id that the store has never held, or
   * has settled, changes nothing and answers with no states. Else the states are those after booking.
   */
  settle(settlement: Settlement): Promise<{ readonly states: readonly BudgetState[] }>;
  /** Never used for admission. Charges what has expired by `at`. An account not seen reads as 0 spent, 0 held, reset at `at`. */
  read(accounts: readonly string[], at: number): Promise<readonly BudgetState[]>;
  /**
   * The log that `settle` writes its `usage` to, in the same transaction; also if the id is unknown or settled, since a record
   * counts once by its own id. Set only by stores that do so: nobody else records such a call.
   */
  readonly recordsInto?: UsageLog;
  /** Holds that are live or have expired unsettled; those settled are not listed. */
  openHolds?(at: number): Promise<readonly OpenHold[]>;
  close?(): Promise<void>;
}
