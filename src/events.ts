import { onRejection } from './thenable';
import type { ConfigIssue, GovernanceError } from './errors';
import type { UsageRecord } from './usage/usage-log';

/** A call has passed every check and its cost is held. */
export interface CallAdmitted {
  readonly callId: string;
  readonly at: number;
  readonly team: string;
  readonly user: string | undefined;
  readonly operation: string;
  readonly model: string;
  /** The upper bound of its cost. */
  readonly heldNanos: number;
  /** The output bound that was sent, if one was. */
  readonly maxCompletionTokens: number | undefined;
  /** True if the answer is to be a stream. */
  readonly streaming: boolean;
}

/** A call was refused, or would have been in observe mode. */
export interface CallDenied {
  readonly callId: string;
  readonly at: number;
  /** When the call was made. */
  readonly startedAt: number;
  readonly team: string;
  readonly user: string | undefined;
  readonly operation: string;
  readonly model: string;
  readonly code: GovernanceError['code'];
  readonly error: GovernanceError;
  /** True in observe mode: the call went on. */
  readonly observed: boolean;
}

/** A budget has reached one of its alert levels; once per budget, window and level. */
export interface BudgetThreshold {
  /** Stable for this budget, window and level. */
  readonly id: string;
  readonly at: number;
  readonly budget: string;
  readonly account: string;
  readonly team: string;
  /** What the budget counts apart, if it does: `team`, `user`, `key`, `model`, or e.g. `tag feature`. */
  readonly per: string | undefined;
  /** Which of these this one is; `''` for calls without one. */
  readonly of: string | undefined;
  /** Share of the limit, e.g. 0.8. */
  readonly level: number;
  readonly thresholdNanos: number;
  readonly spentNanos: number;
  readonly limitNanos: number;
  readonly resetsAt: number;
  readonly soft: boolean;
  /** When the budget runs out at the pace of this window so far, epoch milliseconds; undefined if that is after its end, or not known. */
  readonly runsOutAt: number | undefined;
}

/** What was spent of a budget, as its store told it when a call was held or booked. */
export interface BudgetChanged {
  readonly at: number;
  readonly budget: string;
  /** Whose budget it is: `organization`, `team:chatbot` or `key:chatbot-prod-web`. */
  readonly scope: string;
  readonly account: string;
  /** True if the budget counts each user, key, model, team or value of a tag apart, each in an account of its own. */
  readonly split: boolean;
  readonly spentNanos: number;
  /** Set aside for calls in flight. */
  readonly heldNanos: number;
  readonly limitNanos: number;
  readonly resetsAt: number;
  /** If it counts a time up to now, how long that is; then `resetsAt` is when the oldest spending leaves it. */
  readonly rollingMs: number | undefined;
  readonly soft: boolean;
}

/** A call had to wait, told when its wait is over, or the provider refused it for now. */
export interface RateLimited {
  readonly callId: string;
  readonly at: number;
  readonly team: string;
  readonly model: string;
  /** `local`: a limit of this library; `provider`: a 429. */
  readonly by: 'local' | 'provider';
  /** How long the provider asked for, if it did. */
  readonly retryAfterMs: number | undefined;
}

/** A call went on with another key after a 401. */
export interface KeyChanged {
  readonly callId: string;
  readonly at: number;
  readonly team: string;
  readonly from: string;
  readonly to: string;
}

/** A store could not be asked. What it could not be told is told again later, or charged when the hold expires. */
export interface StoreUnavailable {
  readonly at: number;
  readonly store: 'budgetStore' | 'rateLimiter' | 'usageLog' | 'keys';
  readonly during: 'reserve' | 'settle' | 'record' | 'read' | 'acquire' | 'key';
  readonly callId: string | undefined;
  readonly error: unknown;
}

/** The rules were edited where they come from, and are in force, or were edited so that they cannot be. */
export interface GovernanceChanged {
  readonly at: number;
  /** E.g. the path of the file. */
  readonly source: string;
  /** False if the edit is not used and the rules before it stay in force. */
  readonly accepted: boolean;
  /** What is wrong with the edit; empty if it is accepted. */
  readonly issues: readonly ConfigIssue[];
}

/** A budget is raised for a time by `governor.increaseBudget()`. */
export interface BudgetIncreased {
  readonly at: number;
  readonly budget: string;
  readonly byNanos: number;
  /** When it begins and ends, epoch milliseconds. */
  readonly from: number;
  readonly until: number;
  readonly reason: string | undefined;
}

/** What `governor.on()` can listen to, and what a listener gets. */
export interface GovernorEvents {
  'call-admitted': CallAdmitted;
  'call-denied': CallDenied;
  'call-settled': UsageRecord;
  'budget-threshold': BudgetThreshold;
  'budget-changed': BudgetChanged;
  'rate-limited': RateLimited;
  'key-changed': KeyChanged;
  'store-unavailable': StoreUnavailable;
  'governance-changed': GovernanceChanged;
  'budget-increased': BudgetIncreased;
}

/** The name of an event. */
export type GovernorEvent = keyof GovernorEvents;
/** Called with each event, in the middle of a call: quick, and synchronous. */
export type Listener<E extends GovernorEvent> = (event: GovernorEvents[E]) => void;

/** Listeners by event. A listener that throws hurts nobody, and neither does one that returns a promise that rejects. */
export class Events {
  readonly #listeners: { [E in GovernorEvent]?: Set<Listener<E>> } = {};

  /** Returns what takes the listener off again. */
  on<E extends GovernorEvent>(event: E, listener: Listener<E>): () => void {
    const listeners: Set<Listener<E>> = (this.#listeners[event] ??= new Set<Listener<E>>() as never);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Whether an event is worth making. */
  has(event: GovernorEvent): boolean {
    return (this.#listeners[event]?.size ?? 0) > 0;
  }

  emit<E extends GovernorEvent>(event: E, value: GovernorEvents[E]): void {
    const listeners: Set<Listener<E>> | undefined = this.#listeners[event];
    if (listeners === undefined || listeners.size === 0) return;
    // A set may change while it is walked: a listener that is added meanwhile hears of this event too.
    for (const listener of listeners) {
      try {
        const returned: unknown = listener(value);
        onRejection(returned, () => {});
      } catch {
        // The call that this is about must end as it would have without the listener.
      }
    }
  }
}
