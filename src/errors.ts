import { GroqError } from 'groq-sdk/core/error';
import { formatUsd } from './money';

/** Why a call was refused. Closed: new codes are a major version. */
export type GovernanceErrorCode =
  | 'model-not-allowed'
  | 'max-tokens-exceeded'
  | 'invalid-request'
  | 'tool-not-allowed'
  | 'policy-denied'
  | 'unknown-team'
  | 'budget-exceeded'
  | 'rate-limit-wait'
  | 'unpriced-model'
  | 'no-key'
  | 'store-unavailable'
  | 'ungoverned-request'
  | 'invalid-config';

/** The call that an error is about, as far as it is known. */
export interface ErrorSubject {
  readonly callId?: string | undefined;
  readonly team?: string | undefined;
  readonly model?: string | undefined;
  /** The line of a batch file that it is about. */
  readonly line?: ErrorLine | undefined;
}

/** A line of a batch file, counted from 1. */
interface ErrorLine {
  readonly number: number;
  readonly customId: string | undefined;
}

// A process may hold an ESM and a CommonJS copy of this package, so `instanceof` alone cannot tell.
const BRAND = Symbol.for('governed-groq.error');

// LangChain retries every error that it does not know, for minutes, unless the error says this.
const RETRYABLE = Symbol.for('langchain.errors.retryable');

/**
 * A refusal by this library: nothing was sent. Extends `GroqError`, because it comes from the client, and not `APIError`,
 * because code that retries a 429 must not retry a refusal. Never holds a secret or prompt text.
 */
export abstract class GovernanceError extends GroqError {
  abstract override readonly name: string;
  readonly code: GovernanceErrorCode;
  /** The refused call, as it appears in events and records. */
  readonly callId: string | undefined;
  readonly team: string | undefined;
  readonly model: string | undefined;
  /** The line of a batch file that was refused, counted from 1; undefined if the refusal is not about one. */
  readonly line: number | undefined;
  /** That line's `custom_id`, if it could be read. */
  readonly customId: string | undefined;

  constructor(code: GovernanceErrorCode, message: string, subject: ErrorSubject = {}, options?: ErrorOptions) {
    super(subject.line ? `${lineName(subject.line)}: ${message}` : message, options);
    Object.defineProperty(this, BRAND, { value: true });
    Object.defineProperty(this, RETRYABLE, { value: false });
    this.code = code;
    this.callId = subject.callId;
    this.team = subject.team;
    this.model = subject.model;
    this.line = subject.line?.number;
    this.customId = subject.line?.customId;
  }
}

const lineName = ({ number, customId }: ErrorLine): string =>
  `Line ${number}${customId === undefined ? '' : ` (custom_id ${JSON.stringify(customId.slice(0, 100))})`}`;

/** Whether an error is a refusal by this library, whichever copy of the package made it. */
export function isGovernanceError(error: unknown): error is GovernanceError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

export type PolicyCode = 'model-not-allowed' | 'max-tokens-exceeded' | 'invalid-request' | 'tool-not-allowed' | 'policy-denied';

/** A rule said no. */
export class PolicyDeniedError extends GovernanceError {
  override readonly name = 'PolicyDeniedError';
  declare readonly code: PolicyCode;
  /** The rule or policy that refused, e.g. `maxTokensPerRequest` or the policy's `name`. */
  readonly rule: string;
  /** What the rule allows, where it is one value. */
  readonly limit: number | string | undefined;
  /** What the request asked for, where that is one value. */
  readonly requested: number | string | undefined;

  constructor(
    refusal: ErrorSubject & {
      readonly code: PolicyCode;
      readonly rule: string;
      readonly reason: string;
      readonly limit?: number | string | undefined;
      readonly requested?: number | string | undefined;
    },
  ) {
    super(refusal.code, refusal.reason, refusal);
    this.rule = refusal.rule;
    this.limit = refusal.limit;
    this.requested = refusal.requested;
  }
}

/** The client is bound to no team, or to one that the governance does not know. */
export class UnknownTeamError extends GovernanceError {
  override readonly name = 'UnknownTeamError';
  declare readonly code: 'unknown-team';
  /** How many teams there are. Their names are not told. */
  readonly knownTeams: number;

  constructor(refusal: ErrorSubject & { readonly knownTeams: number }) {
    super(
      'unknown-team',
      refusal.team === undefined
        ? `This client is bound to no team. Call it through client.withTeam(name), or set governance.defaultTeam (${refusal.knownTeams} teams are configured).`
        : `Unknown team ${JSON.stringify(refusal.team.slice(0, 100))}: ${refusal.knownTeams} teams are configured, and this is none of them. Add it to governance.teams.`,
      refusal,
    );
    this.knownTeams = refusal.knownTeams;
  }
}

/** A budget has no room for the most that the call may cost. */
export class BudgetExceededError extends GovernanceError {
  override readonly name = 'BudgetExceededError';
  declare readonly code: 'budget-exceeded';
  /** E.g. `chatbot/month`. */
  readonly budget: string;
  readonly limitNanos: number;
  readonly spentNanos: number;
  /** Set aside for calls in flight. */
  readonly heldNanos: number;
  /** The upper bound of this call's cost. */
  readonly requestedNanos: number;
  /** Epoch milliseconds. */
  readonly resetsAt: number;

  constructor(
    refusal: ErrorSubject & {
      readonly budget: string;
      readonly limitNanos: number;
      readonly spentNanos: number;
      readonly heldNanos: number;
      readonly requestedNanos: number;
      readonly resetsAt: number;
      /** What would make the call fit, if anything would. */
      readonly advice?: string | undefined;
    },
  ) {
    const { budget, limitNanos, spentNanos, heldNanos, requestedNanos, resetsAt, advice } = refusal;
    super(
      'budget-exceeded',
      `Budget "${budget}" exceeded: ${formatUsd(spentNanos)} spent + ${formatUsd(heldNanos)} held of ${formatUsd(limitNanos)}; ` +
        `this call needs up to ${formatUsd(requestedNanos)}. Resets ${formatInstant(resetsAt)}.${advice ? ` ${advice}` : ''}`,
      refusal,
    );
    this.budget = budget;
    this.limitNanos = limitNanos;
    this.spentNanos = spentNanos;
    this.heldNanos = heldNanos;
    this.requestedNanos = requestedNanos;
    this.resetsAt = resetsAt;
  }
}

/** The local rate limiter did not let the call start: it never fits, would wait too long, or the queue is full. */
export class RateLimitWaitError extends GovernanceError {
  override readonly name = 'RateLimitWaitError';
  declare readonly code: 'rate-limit-wait';
  /** E.g. `chatbot/requests per minute`. */
  readonly limit: string;
  /** When it is worth trying again; `Infinity` if never. */
  readonly retryAfterMs: number;

  constructor(refusal: ErrorSubject & { readonly limit: string; readonly retryAfterMs: number; readonly message: string }) {
    super('rate-limit-wait', refusal.message, refusal);
    this.limit = refusal.limit;
    this.retryAfterMs = refusal.retryAfterMs;
  }
}

/** Nobody knows what the model costs, which never counts as free. */
export class UnpricedModelError extends GovernanceError {
  override readonly name = 'UnpricedModelError';
  declare readonly code: 'unpriced-model';

  constructor(refusal: ErrorSubject & { readonly model: string; readonly priceVersion: string }) {
    super(
      'unpriced-model',
      `Model ${JSON.stringify(refusal.model.slice(0, 200))} has no price in price book ${refusal.priceVersion}, so its cost cannot be held against a budget. ` +
        `Add it with prices: priceBook({ base: groqPrices, overrides: { … } }), or set governance.unpricedModels to a price.`,
      refusal,
    );
  }
}

/** The key provider has no key for the call. */
export class NoKeyError extends GovernanceError {
  override readonly name = 'NoKeyError';
  declare readonly code: 'no-key';

  constructor(subject: ErrorSubject = {}) {
    super(
      'no-key',
      `No API key is available for ${subject.team === undefined ? 'this call' : `team "${subject.team}"`}. Check governance.keys.`,
      subject,
    );
  }
}

/** A store could not be asked, and `onStoreFailure` is `'deny'`. */
export class StoreError extends GovernanceError {
  override readonly name = 'StoreError';
  declare readonly code: 'store-unavailable';
  /** `budgetStore`, `rateLimiter`, `usageLog` or `keys`. */
  readonly store: string;

  constructor(refusal: ErrorSubject & { readonly store: string; readonly cause: unknown }) {
    super(
      'store-unavailable',
      `The ${refusal.store} could not be asked, and governance.onStoreFailure is 'deny', so the call was not sent. The cause is in error.cause.`,
      refusal,
      { cause: refusal.cause },
    );
    this.store = refusal.store;
  }
}

/** A request that cannot be governed: an unknown endpoint, another origin, or one made behind the client's back. */
export class UngovernedRequestError extends GovernanceError {
  override readonly name = 'UngovernedRequestError';
  declare readonly code: 'ungoverned-request';
  readonly method: string;
  /** Path without query. */
  readonly path: string;

  constructor(refusal: ErrorSubject & { readonly method: string; readonly path: string; readonly reason: string }) {
    super('ungoverned-request', `${refusal.method} ${refusal.path.slice(0, 200)} was not sent: ${refusal.reason}`, refusal);
    this.method = refusal.method;
    this.path = refusal.path;
  }
}

/** One mistake in a configuration. */
export interface ConfigIssue {
  /** E.g. `teams.chatbot.rateLimitRPM`. */
  readonly path: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** The governance is not valid. Thrown when it is given, before anything is sent. */
export class GovernanceConfigError extends GovernanceError {
  override readonly name = 'GovernanceConfigError';
  declare readonly code: 'invalid-config';
  /** All mistakes, not only the first. */
  readonly issues: readonly ConfigIssue[];

  constructor(given: readonly ConfigIssue[]) {
    // A secret in the wrong place is a common mistake, and what is quoted of it must not be the secret.
    const issues = given.map(({ path, message }) => ({ path: masked(path), message: masked(message) }));
    super('invalid-config', `Invalid governance:\n${issueLines(issues)}`);
    this.issues = issues;
  }
}

const masked = (text: string): string => text.replaceAll(/gsk_[\w-]+/g, 'gsk_…');

/** One line per mistake, indented. */
export function issueLines(issues: readonly ConfigIssue[]): string {
  return issues.map(({ path, message }) => `  ${path || 'governance'}: ${message}`).join('\n');
}

/** ISO 8601 to the second, or `never`. */
export function formatInstant(at: number): string {
  return Number.isFinite(at) && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z') : 'never';
}
