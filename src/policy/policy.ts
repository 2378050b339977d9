import type { PriceRow } from '../price/price-book';
import type { UsageRecord } from '../usage/usage-log';

/** A budget that a call counts in, as it stands when the policy asks. */
export interface CallBudget {
  /** E.g. `chatbot/month`. */
  readonly name: string;
  readonly limitNanos: number;
  readonly spentNanos: number;
  /** Set aside for calls under way. */
  readonly heldNanos: number;
  /** Share of the limit that is spent or held, 1 for all of it; `Infinity` for a limit of 0 that something was spent of. */
  readonly used: number;
  /** A soft budget warns and refuses nothing. */
  readonly soft: boolean;
  /** When its window ends, epoch milliseconds. */
  readonly resetsAt: number;
}

/** The call that a policy decides on. Read-only: what is seen here is what is sent, unless a policy amends it. */
export interface PolicyCall {
  readonly id: string;
  readonly team: string;
  readonly user: string | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** E.g. `chat.completions`. */
  readonly operation: string;
  /** `''` for operations that have none. */
  readonly model: string;
  /** A frozen copy of the request's fields, made on first use; files of an upload are left out. */
  readonly body: Readonly<Record<string, unknown>>;
  /** When the call was opened, epoch milliseconds. */
  readonly at: number;
  /**
   * The budgets that the call counts in, but those of its key, which is chosen later. Asks the budget store each time. Rejects
   * if that cannot be asked.
   */
  readonly budgets: () => Promise<readonly CallBudget[]>;
  /** What a model costs now; undefined if the price book does not say. */
  readonly priceOf: (model: string) => PriceRow | undefined;
}

/** What a policy says. Plain data, so that decisions can be listed, compared and tested without a transport. */
export type Decision =
  | { readonly action: 'allow' }
  | { readonly action: 'deny'; readonly reason: string }
  | { readonly action: 'amend'; readonly changes: Readonly<Record<string, unknown>>; readonly reason: string };

/** A rule of the user's own. */
export interface Policy {
  /** Shown in errors and in `explain()`, e.g. `quiet-hours`. */
  readonly name: string;
  /** Models that its amendments may ask for. Each must have a price, or the governance is refused. Default: none are known. */
  readonly models?: readonly string[];
  /** Called once per call, in the order given, after the built-in rules; retries do not call it again. A throw denies. */
  check(call: PolicyCall): Decision | Promise<Decision>;
  /** Called once, after the call has ended in any way. A throw is ignored. */
  ended?(call: PolicyCall, outcome: UsageRecord): void;
}

const ALLOW: Decision = Object.freeze({ action: 'allow' });

/** Nothing against it. */
export const allow = (): Decision => ALLOW;

/** Refuses the call with a `PolicyDeniedError` that carries the reason. The reason must not quote the prompt. */
export const deny = (reason: string): Decision => ({ action: 'deny', reason });

/**
 * Changes fields of the request's JSON body; a field set to `undefined` is removed. The built-in rules are applied again to
 * what comes out, so an amendment cannot pass what they refuse.
 */
export const amend = (changes: Readonly<Record<string, unknown>>, reason: string): Decision => ({
  action: 'amend',
  changes,
  reason,
});
