import type { BudgetStore } from './budget/budget-store';
import type { BudgetPeriod } from './budget/window';
import type { Clock } from './clock';
import type { BudgetThreshold } from './events';
import type { KeysOption } from './keys/keys-option';
import type { LimitKind, RateLimiter } from './limit/rate-limiter';
import type { Policy } from './policy/policy';
import type { ModelsByTeam } from './policy/usable-models';
import type { PriceBook, PriceRow } from './price/price-book';
import type { AudioDuration } from './sdk/audio';
import type { UsageLog } from './usage/usage-log';

/** Whose spending or use a rule counts apart. `{ tag }` counts each value of one tag apart; a call without it shares one count. */
export type Per = 'team' | 'user' | 'key' | 'model';

/** A budget in full form. */
export interface BudgetOptions {
  /** USD, 0 or more; 0 refuses every call that costs. */
  readonly limitUsd: number;
  readonly window: BudgetPeriod;
  /** Default: the team (or the organisation) as a whole. */
  readonly per?: Per | { readonly tag: string };
  /** A soft budget warns and refuses nothing. Default false. */
  readonly soft?: boolean;
  /** Shown in errors, alerts and reports. Default e.g. `chatbot/day`. */
  readonly name?: string;
}

/** A rate limit in full form: never more than `max` in any window of `windowMs`. */
export interface LimitOptions {
  readonly kind: LimitKind;
  readonly max: number;
  readonly windowMs: number;
  /** Default: the team (or the organisation) as a whole. */
  readonly per?: Per;
}

/** Rules that hold for one team, or in `organization` for all teams together. Every field is optional. */
export interface RuleOptions {
  /** Models that may be used; `*` stands for anything. Default: every model that has a price. */
  readonly allowedModels?: readonly string[];
  /** Models that may not be used, also if allowed; `*` stands for anything. */
  readonly deniedModels?: readonly string[];
  /** The most output tokens that a request may ask for; a request that names no number gets at most this. */
  readonly maxTokensPerRequest?: number;
  /** Output tokens for a request that names no number. Default: `maxTokensPerRequest`, the model's maximum, or what budgets can pay. */
  readonly defaultMaxTokens?: number;
  /** Lowers an explicit number of output tokens to what the budgets can still pay, instead of refusing. Default false. */
  readonly clampToBudget?: boolean;
  /** Built-in tool types (`browser_search`, `code_interpreter`), `function` for all functions, or names of functions; `*` stands for anything. Default: all. */
  readonly allowedTools?: readonly string[];
  /** Values of `service_tier`; a request without one counts as `on_demand`. Default: all. */
  readonly allowedServiceTiers?: readonly string[];
  /** USD per calendar month. */
  readonly monthlyBudgetUsd?: number;
  readonly budgets?: readonly BudgetOptions[];
  /** Shares of each budget at which an alert is given, above 0 and up to 10. Default `[0.5, 0.8, 0.95]`. */
  readonly alertsAt?: readonly number[];
  /** Amounts of the monthly budget, in USD, at which an alert is given, beside or instead of `alertsAt`. */
  readonly alertsAtUsd?: readonly number[];
  /** Requests per minute. All rate limits hold in any window of their length. */
  readonly rateLimitRPM?: number;
  /** Requests per day. */
  readonly rateLimitRPD?: number;
  /** Input and output tokens per minute. */
  readonly rateLimitTPM?: number;
  /** Input and output tokens per day. */
  readonly rateLimitTPD?: number;
  /** Input tokens per minute. */
  readonly rateLimitITPM?: number;
  /** Output tokens per minute. */
  readonly rateLimitOTPM?: number;
  /** Seconds of audio per hour. */
  readonly rateLimitASH?: number;
  /** Seconds of audio per day. */
  readonly rateLimitASD?: number;
  readonly limits?: readonly LimitOptions[];
  /** Calls in flight at once. Default 5 for a team, unbounded for the organisation. */
  readonly concurrency?: number;
}

/** Rules over all teams together. */
export type OrganizationOptions = RuleOptions;

/** More money for one budget, for a time. */
export interface BudgetIncrease {
  /** The budget's name, e.g. `chatbot/month`. */
  readonly budget: string;
  /** USD above the budget's own limit, above 0. Increases that overlap add up. */
  readonly byUsd: number;
  /** When it ends: epoch milliseconds, or ISO 8601 with a time zone. */
  readonly until: number | string;
  /** When it begins. Default: at once. */
  readonly from?: number | string;
  /** Why, for whoever reads the report. */
  readonly reason?: string;
}

/** Where alerts go besides the event and the logger; `webhookAlerts()` makes one. */
export interface AlertSink {
  /** Called once per alert; what it throws, or rejects with, is ignored. */
  (alert: BudgetThreshold): void | Promise<void>;
  /** Resolves when everything given to it so far is delivered or given up. `governor.close()` waits for it. */
  flush?(): Promise<void>;
}

/** One team's rules; the four fields that most teams need are `allowedModels`, `maxTokensPerRequest`, `monthlyBudgetUsd`, `rateLimitRPM`. */
export interface TeamOptions extends RuleOptions {
  /** Higher goes first when calls of this team wait. Default 0; `withTeam(name, { priority })` overrides it. */
  readonly priority?: number;
  /** The team's share when teams wait for the same limit, above 0. Default 1. */
  readonly weight?: number;
  /** The names of the only keys that the team's calls may use. Default: those that the key provider chooses for it. */
  readonly keys?: readonly string[];
}

/** What one call is held for when it offers built-in tools. The provider bounds neither, so what is used beyond it is overrun. */
export interface ToolAllowance {
  /** Uses of each tool per call. Default 10. */
  readonly uses?: number;
  /** How long one use of a tool runs that is charged by the hour; responses do not tell, so it is booked at this. Default 60. */
  readonly secondsPerUse?: number;
}

/**
 * Everything that is governed. All fields are optional; with none, nothing is refused or changed and cost is recorded. The types
 * of a governance that went through `defineGovernance()` know its teams, and the models of each.
 */
export interface Governance<Team extends string = string, Models extends ModelsByTeam<Team> = ModelsByTeam<Team>> {
  /** Rules per team, by name. Names are own keys: `constructor` is an unknown team unless it is written here. */
  readonly teams?: { readonly [name in Team]: TeamOptions };
  /** Rules over all teams together. */
  readonly organization?: OrganizationOptions;
  /** The team of a client that is bound to none. Default: such a client refuses to send, if there are teams. */
  readonly defaultTeam?: NoInfer<Team>;
  /** Run after the built-in rules, in order. */
  readonly policies?: readonly Policy[];
  /** Default `memoryBudgetStore()`. */
  readonly budgetStore?: BudgetStore;
  /** Default `memoryRateLimiter()`. */
  readonly rateLimiter?: RateLimiter;
  /** Default `memoryUsageLog()`. */
  readonly usageLog?: UsageLog;
  /** Default `groqPrices`. */
  readonly prices?: PriceBook;
  /** Default: 10 uses of 60 seconds. */
  readonly toolAllowance?: ToolAllowance;
  /**
   * How long audio is, asked before it is sent, within `storeTimeoutMs`. Default, and where it does not know: what the header of
   * a WAV or FLAC file says, else the longest that a file of its size can be.
   */
  readonly audioDuration?: AudioDuration;
  /** What to do with a model that has no price: refuse (default), or charge it like this. */
  readonly unpricedModels?: 'deny' | PriceRow;
  /** A provider, or keys for `keyRegistry()` to make one of. Default: the client's `apiKey`. */
  readonly keys?: KeysOption;
  /** Budgets that are raised for a time; see also `governor.increaseBudget()`. */
  readonly increases?: readonly BudgetIncrease[];
  /** Called with each alert, beside the `budget-threshold` event and the client's logger. */
  readonly alerts?: readonly AlertSink[];
  /** `'observe'` decides and records everything and refuses and delays nothing. Default `'enforce'`. */
  readonly mode?: 'enforce' | 'observe';
  /** What to do with a call when a store cannot be asked. An allowed call is recorded as ungoverned. Default `'deny'`. */
  readonly onStoreFailure?: 'deny' | 'allow';
  /**
   * How long a budget store that was handed in may take for one step, and a usage log for one record, in milliseconds of real
   * time; what takes longer counts as failed. Default 10 seconds. Rate limiters bound their own steps, since waiting is what they
   * are for, and a log may take as long as it needs to sum up.
   */
  readonly storeTimeoutMs?: number;
  /** Requests beside the known endpoints that may be sent, as `POST /path` without the base URL's path. They cost nothing and are recorded. */
  readonly allowOperations?: readonly string[];
  /** IANA name for calendar windows. Default `'UTC'`. */
  readonly timeZone?: string;
  /**
   * How long a hold may stay unsettled before it is charged, and a slot be kept, in milliseconds; a hold for as long as
   * `queueTimeoutMs` more, if that is set. Default 15 minutes.
   */
  readonly holdTimeoutMs?: number;
  /** How long a call may wait for its turn. Default: no bound. */
  readonly queueTimeoutMs?: number;
  /** How many calls of a team may wait at once. Default: no bound. */
  readonly maxQueueSize?: number;
  /** The longest `retry-after` of the provider that is waited for; beyond it the error surfaces at once. Default 60 seconds. */
  readonly maxRetryAfterMs?: number;
  /** For tests. Default `systemClock`. */
  readonly clock?: Clock;
  /** Never there. It carries the models of each team from `defineGovernance()` to the types of a client. */
  readonly [usable]?: Models;
}

/** Has no value: a name that only the compiler reads. */
export declare const usable: unique symbol;
