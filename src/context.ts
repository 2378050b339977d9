// What the calls of one governor share: what stays, and what an edit of the rules changes.

import { readBudgets } from './admission';
import type { Assessment } from './assessment';
import type { Batches } from './batch/batches';
import type { Account, Accounts } from './budget/accounts';
import type { Charge } from './bookkeeper';
import type { BudgetState, BudgetStore } from './budget/budget-store';
import type { Clock } from './clock';
import type { Events } from './events';
import type { Governance } from './governance';
import type { ApiKey, KeyProvider } from './keys/key-provider';
import type { RateLimiter } from './limit/rate-limiter';
import type { CallBudget, Policy } from './policy/policy';
import { groqPrices } from './price/groq-prices';
import type { PriceBook, PriceRow } from './price/price-book';
import type { Rulebook } from './rulebook';
import type { AudioDuration } from './sdk/audio';
import type { Calibration } from './sdk/estimate';
import { type Allowance, USUAL_ALLOWANCE } from './sdk/tools';
import type { BudgetRule, TeamRules } from './settings';
import type { UsageLog, UsageRecord } from './usage/usage-log';

/** Whom a client speaks for. */
export interface Binding {
  readonly team?: string | undefined;
  readonly user?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly priority?: number | undefined;
}

/** What a governor is made with and keeps. */
export interface Parts {
  readonly clock: Clock;
  readonly events: Events;
  readonly budgetStore: BudgetStore;
  readonly rateLimiter: RateLimiter;
  readonly usageLog: UsageLog;
  readonly calibration: Calibration;
  readonly audioDuration: AudioDuration | undefined;
  readonly batches: Batches;
  /** Calls under way by the name of their key, in this process. */
  readonly keysInUse: Map<string, number>;
  newId(): string;
  /** Looks at budgets as a hold has found them, for alerts. */
  noticed(team: string, accounts: readonly Account[], states: readonly BudgetState[], at: number): void;
  /** Frees a hold that came too late for its call. */
  release(holdId: string): void;
  /** Settles the hold, writes the record and looks for alerts. Never throws; what fails is tried again. */
  book(charge: Charge, record: UsageRecord): void;
}

/** What a call needs of its governor. */
export interface Context extends Parts {
  readonly prices: PriceBook;
  readonly unpriced: PriceRow | undefined;
  readonly keys: KeyProvider | undefined;
  readonly policies: readonly Policy[];
  readonly allowedOperations: ReadonlySet<string>;
  readonly toolAllowance: Allowance;
  /** Nothing is configured: nothing is refused, changed or delayed, cost is recorded. */
  readonly passive: boolean;
  readonly observe: boolean;
  readonly onStoreFailure: 'deny' | 'allow';
  readonly knownTeams: number;
  readonly holdTimeoutMs: number;
  readonly queueTimeoutMs: number;
  readonly maxQueueSize: number;
  readonly maxRetryAfterMs: number;
  /** The rules for a team's name; undefined if it is unknown, or missing where one is needed. */
  rulesFor(team: string | undefined): TeamRules | undefined;
  /** A team's rules with those of the key that a call goes out with. */
  withKey(rules: TeamRules, key: ApiKey): TeamRules;
  accountsOf(rule: BudgetRule): Accounts;
  /** What a model costs; a price book that fails knows no price. */
  priceOf(model: string, at: number): PriceRow | undefined;
  /** The budgets that a call counts in as they stand, before its key is chosen. */
  budgetsOf(assessment: Assessment): Promise<readonly CallBudget[]>;
}

const DEFAULT_HOLD_TIMEOUT_MS = 15 * 60_000;
const DEFAULT_MAX_RETRY_AFTER_MS = 60_000;
// Without any of these there is nothing to govern by.
const RESTRICTING = [
  'teams',
  'organization',
  'policies',
  'keys',
  'unpricedModels',
  'allowOperations',
  'defaultTeam',
  'rateLimiter',
  'queueTimeoutMs',
  'maxQueueSize',
  'maxRetryAfterMs',
] as const;

/** What calls need that are opened while these rules are in force. The governance has been checked. */
export function contextOf(parts: Parts, governance: Governance, rulebook: Rulebook, keys: KeyProvider | undefined): Context {
  const { teams, unpricedModels } = governance;
  const context: Context = {
    ...parts,
    prices: governance.prices ?? groqPrices,
    unpriced: typeof unpricedModels === 'object' ? unpricedModels : undefined,
    keys,
    policies: governance.policies ?? [],
    allowedOperations: new Set(governance.allowOperations),
    toolAllowance: { ...USUAL_ALLOWANCE, ...governance.toolAllowance },
    passive: RESTRICTING.every((option) => governance[option] === undefined),
    observe: governance.mode === 'observe',
    onStoreFailure: governance.onStoreFailure ?? 'deny',
    knownTeams: teams ? Object.keys(teams).length : 0,
    holdTimeoutMs: governance.holdTimeoutMs ?? DEFAULT_HOLD_TIMEOUT_MS,
    queueTimeoutMs: governance.queueTimeoutMs ?? Infinity,
    maxQueueSize: governance.maxQueueSize ?? Infinity,
    maxRetryAfterMs: governance.maxRetryAfterMs ?? DEFAULT_MAX_RETRY_AFTER_MS,
    rulesFor: (team) => rulebook.rulesFor(team),
    withKey: (rules, key) => rulebook.withKey(rules, key),
    accountsOf: (rule) => rulebook.accountsOf(rule),
    priceOf(model, at) {
      try {
        return context.prices.price(model, at);
      } catch {
        return undefined;
      }
    },
    budgetsOf: (assessment) => readBudgets(assessment, context),
  };
  return context;
}
