// What the calls of one governor share.

import type { Batches } from './batch/batches';
import type { Account, Accounts } from './budget/accounts';
import type { Charge } from './bookkeeper';
import type { BudgetState, BudgetStore } from './budget/budget-store';
import type { Clock } from './clock';
import type { Events } from './events';
import type { KeyProvider } from './keys/key-provider';
import type { RateLimiter } from './limit/rate-limiter';
import type { Policy } from './policy/policy';
import type { PriceBook, PriceRow } from './price/price-book';
import type { AudioDuration } from './sdk/audio';
import type { Calibration } from './sdk/estimate';
import type { Allowance } from './sdk/tools';
import type { BudgetRule, TeamRules } from './settings';
import type { UsageLog, UsageRecord } from './usage/usage-log';

/** Whom a client speaks for. */
export interface Binding {
  readonly team?: string | undefined;
  readonly user?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly priority?: number | undefined;
}

/** What a call needs of its governor. */
export interface Context {
  readonly clock: Clock;
  readonly events: Events;
  readonly budgetStore: BudgetStore;
  readonly rateLimiter: RateLimiter;
  readonly usageLog: UsageLog;
  readonly prices: PriceBook;
  readonly unpriced: PriceRow | undefined;
  readonly keys: KeyProvider | undefined;
  readonly policies: readonly Policy[];
  readonly allowedOperations: ReadonlySet<string>;
  readonly calibration: Calibration;
  readonly audioDuration: AudioDuration | undefined;
  readonly toolAllowance: Allowance;
  readonly batches: Batches;
  /** Nothing is configured: nothing is refused, changed or delayed, cost is recorded. */
  readonly passive: boolean;
  readonly observe: boolean;
  readonly onStoreFailure: 'deny' | 'allow';
  readonly knownTeams: number;
  readonly holdTimeoutMs: number;
  readonly queueTimeoutMs: number;
  readonly maxQueueSize: number;
  readonly maxRetryAfterMs: number;
  newId(): string;
  /** The rules for a team's name; undefined if it is unknown, or missing where one is needed. */
  rulesFor(team: string | undefined): TeamRules | undefined;
  accountsOf(rule: BudgetRule): Accounts;
  /** Looks at budgets as a hold has found them, for alerts. */
  noticed(team: string, accounts: readonly Account[], states: readonly BudgetState[], at: number): void;
  /** Frees a hold that came too late for its call. */
  release(holdId: string): void;
  /** Settles the hold, writes the record and looks for alerts. Never throws; what fails is tried again. */
  book(charge: Charge, record: UsageRecord): void;
}
