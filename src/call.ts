// One logical call, from the request to the end of its body, over all its attempts.

import { type GovernedRequest, Assessment, assess, measure } from './assessment';
import { type Held, hold } from './admission';
import type { Binding, Context } from './context';
import { type GovernanceError, RateLimitWaitError, StoreError, isGovernanceError } from './errors';
import { random } from './id';
import { demandOf } from './demand';
import type { Slot } from './limit/rate-limiter';
import { outputFields } from './policy/rules';
import { policyCall } from './policy/apply';
import { JsonBody } from './sdk/body';
import type { OperationKind } from './sdk/operation';
import { limitOfError } from './sdk/limit-error';
import { limitsOfHeaders, retryAfterMsOfHeaders } from './sdk/limit-headers';
import { type Booking, type Evidence, booking } from './settlement';
import type { CallOutcome, UsageRecord } from './usage/usage-log';

/** How a retry that the SDK is about to make is to go on: not at all, or without the SDK's own wait. */
export type RetryAdvice = 'surface' | 'retry-now' | undefined;

/** What a call needs to see of an HTTP response. */
export interface AttemptResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null };
}

const NO_TOKENS = { tokens: 0, inputTokens: 0, outputTokens: 0, audioSeconds: 0 };

/** Opened by the governor, driven by the client's hooks; see the diagram in the README. */
export class Call {
  readonly id: string;
  readonly #context: Context;
  readonly #binding: Binding;
  #assessment: Assessment | undefined;
  #sent: GovernedRequest | undefined;
  #encoded: string | FormData | undefined;
  #held: Held | undefined;
  #slot: Slot | undefined;
  #retriesLeft = 0;
  #attempts = 0;
  /** Attempts that left and were never answered. */
  #unanswered = 0;
  #notBefore = 0;
  #waitMs = 0;
  #movedKey = false;
  #hidesUsage = false;
  #ended = false;

  constructor(context: Context, binding: Binding) {
    this.#context = context;
    this.#binding = binding;
    this.id = context.newId();
  }

  /** True once it is booked; nothing that follows counts. */
  get ended(): boolean {
    return this.#ended;
  }

  /** True if the stream's extra usage chunk was asked for by this library and must not reach the caller. */
  get hidesUsage(): boolean {
    return this.#hidesUsage;
  }

  /** The secret that the request must carry, if it is not the client's own. */
  get secret(): string | undefined {
    return this.#assessment?.key?.secret;
  }

  /** The body that was decided on and must be sent; undefined if there is none to be read, or nothing is governed. */
  get body(): string | FormData | undefined {
    const sent = this.#sent;
    if (sent?.body === undefined) return undefined;
    return (this.#encoded ??= sent.body.encode());
  }

  /** The method that was decided on. */
  get method(): string | undefined {
    return this.#sent?.method;
  }

  /** The URL that was decided on, where it is not certain from the path. */
  get url(): string | undefined {
    return this.#sent?.url;
  }

  /** What kind of operation it is, once that is known. */
  get kind(): OperationKind | undefined {
    return this.#assessment?.operation?.kind;
  }

  /** True if an answer costs the same whatever is in it. */
  get pricedByRequest(): boolean {
    return this.kind === 'speech' || this.kind === 'free' || this.kind === undefined;
  }

  /**
   * Decides on the request and holds its cost. Throws the refusal. What the request's body holds afterwards is what must be
   * sent. `streaming` says that the SDK will parse the answer as a stream.
   */
  async admit(request: GovernedRequest, retries: number, streaming: boolean): Promise<void> {
    const context = this.#context;
    const assessment = new Assessment(this.id, context.clock.now(), this.#binding, request);
    this.#assessment = assessment;
    if (!context.passive) this.#sent = request;
    this.#retriesLeft = retries;
    const pending = assess(assessment, context);
    if (pending) await pending;
    const [refusal] = assessment.refusals;
    if (refusal && !context.observe) throw this.#denied(refusal);
    try {
      this.#held = await hold(assessment, context, context.budgetStore);
    } catch (error) {
      throw isGovernanceError(error) ? this.#denied(error) : error;
    }
    const [observed] = assessment.refusals;
    if (observed) this.#emitDenied(observed, true);
    if (!context.passive && !context.observe) this.#amend(assessment, this.#held, streaming);
    if (!context.events.has('call-admitted')) return;
    context.events.emit('call-admitted', {
      callId: this.id,
      at: assessment.at,
      team: assessment.team,
      user: this.#binding.user,
      operation: assessment.operation?.name ?? '',
      model: assessment.model,
      heldNanos: this.#held.stored ? this.#held.nanos : 0,
      maxCompletionTokens: this.#held.outputTokens,
    });
  }

  // Writes the output bound into the request where a limit needs one, and asks for the stream's usage.
  #amend({ request, rules, explicitOutput, operation }: Assessment, { outputTokens }: Held, streaming: boolean): void {
    const { body } = request;
    const [field] = outputFields(operation?.kind);
    if (!(body instanceof JsonBody) || field === undefined) return;
    if (outputTokens !== undefined && rules?.needsBound && outputTokens !== explicitOutput) {
      for (const name of outputFields(operation?.kind)) if (typeof body.get(name) === 'number') body.set(name, outputTokens);
      body.set(field, outputTokens);
    }
    if (!streaming || operation?.kind !== 'chat' || body.get('stream') !== true) return;
    const options = body.get('stream_options');
    if (options !== undefined && options !== null && typeof options !== 'object') return;
    if ((options as { include_usage?: unknown } | null | undefined)?.include_usage === true) return;
    body.set('stream_options', { ...(options as object | null | undefined), include_usage: true });
    this.#hidesUsage = true;
  }

  /** Waits for the attempt's turn. Rejects with the refusal, or with the signal's reason. */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    const context = this.#context;
    const assessment = this.#assessment;
    if (context.passive || assessment === undefined || !assessment.spends) return;
    const early = this.#notBefore - context.clock.now();
    if (this.#notBefore > 0 && early > 0) {
      await context.clock.sleep(early, signal);
      this.#waitMs += early;
    }
    this.#slot?.release();
    this.#slot = undefined;
    try {
      const taken = context.rateLimiter.acquire(demandOf(assessment, context), signal);
      if (!(taken instanceof Promise)) {
        this.#slot = taken;
        return;
      }
      this.#emitRateLimited('local', undefined);
      if (context.observe) {
        taken.then((slot) => slot.release()).catch(() => {});
        return;
      }
      this.#slot = await taken;
      this.#waitMs += this.#slot.waitedMs;
    } catch (error) {
      if (signal?.aborted || context.observe) throw error;
      if (error instanceof RateLimitWaitError) throw new RateLimitWaitError({ ...assessment.subject, limit: error.limit, retryAfterMs: error.retryAfterMs, message: error.message });
      context.events.emit('store-unavailable', { at: context.clock.now(), store: 'rateLimiter', during: 'acquire', callId: this.id, error });
      if (context.onStoreFailure === 'deny') throw new StoreError({ ...assessment.subject, store: 'rateLimiter', cause: error });
    }
  }

  /** The attempt has left. Called after the transport was, so that no delay between can bunch departures. */
  departed(): void {
    if (this.#attempts > 0) this.#retriesLeft--;
    this.#attempts++;
    this.#unanswered++;
    this.#slot?.begin();
  }

  /** The attempt ended without an answer. `sent` is false if it certainly never reached the provider. */
  lost(sent: boolean): void {
    if (!sent) this.#unanswered--;
    this.#slot?.release(sent ? undefined : NO_TOKENS);
    this.#slot = undefined;
  }

  /** The attempt was answered. Learns from the headers and says how the SDK's retry, if there is one, should go on. */
  answered(response: AttemptResponse, errorText: () => Promise<string>): RetryAdvice {
    this.#unanswered--;
    const context = this.#context;
    const assessment = this.#assessment;
    if (context.passive || assessment === undefined) return undefined;
    const { headers, status, ok } = response;
    if (assessment.spends) this.#learn(assessment, response, errorText);
    if (assessment.key) this.#context.keys?.report?.(assessment.key.id, status === 401 ? 'unauthorized' : status === 429 ? 'rate-limited' : 'ok');
    if (ok) return undefined;
    this.#slot?.release(NO_TOKENS);
    this.#slot = undefined;
    if (context.observe || this.#retriesLeft <= 0 || !isRetried(status, headers)) return undefined;
    const now = context.clock.now();
    const waitMs = retryAfterMsOfHeaders(headers, now) ?? this.#backoffMs();
    if (waitMs > context.maxRetryAfterMs) return 'surface';
    this.#notBefore = now + waitMs;
    return 'retry-now';
  }

  // The SDK's own: 0.5 s doubling up to 8 s, less up to a quarter.
  #backoffMs(): number {
    return Math.min(500 * 2 ** (this.#attempts - 1), 8000) * (1 - random() * 0.25);
  }

  #learn(assessment: Assessment, { headers, status }: AttemptResponse, errorText: () => Promise<string>): void {
    const { rateLimiter, clock, maxRetryAfterMs } = this.#context;
    const provider = assessment.model;
    const at = clock.now();
    const limits = limitsOfHeaders(headers);
    const refused = status === 429 || status === 413;
    const retryAfterMs = status === 429 ? retryAfterMsOfHeaders(headers, at) : undefined;
    if (status === 429) this.#emitRateLimited('provider', retryAfterMs);
    if (!rateLimiter.observe) return;
    const pauseMs = retryAfterMs !== undefined && retryAfterMs <= maxRetryAfterMs ? retryAfterMs : undefined;
    if (limits.length > 0 || pauseMs !== undefined) rateLimiter.observe({ provider, at, limits, pauseMs });
    if (!refused) return;
    errorText().then(
      (text) => {
        const told = limitOfError(text);
        if (told?.limit) rateLimiter.observe?.({ provider, at, limits: [told.limit] });
      },
      () => {},
    );
  }

  /**
   * Asks for another key after a 401. True if the call may be tried again with it: once per call, and only if the SDK has a
   * retry left.
   */
  async moveKey(): Promise<boolean> {
    const assessment = this.#assessment;
    const { keys, clock, events } = this.#context;
    const rejected = assessment?.key;
    if (!keys || !assessment || !rejected || this.#movedKey || this.#retriesLeft <= 0) return false;
    this.#movedKey = true;
    const { team, model, operation } = assessment;
    const next = await Promise.resolve(keys.key({ callId: this.id, team, model, operation: operation?.name ?? '', rejectedKeyId: rejected.id })).catch(() => undefined);
    if (next === undefined || next.id === rejected.id) return false;
    assessment.key = next;
    this.#notBefore = 0;
    events.emit('key-changed', { callId: this.id, at: clock.now(), team, from: rejected.id, to: next.id });
    return true;
  }

  /** The call failed; `outcome` says how, `billed` that the provider may charge for the error's own text. */
  failed(error: unknown, outcome: CallOutcome, billedText?: string): void {
    if (this.#ended) return;
    if (isGovernanceError(error) && this.#attempts === 0) {
      if (this.#held !== undefined) this.#settle({ kind: 'free' }, 'denied', error);
      return;
    }
    if (billedText !== undefined) this.end({ kind: 'read', outputTokens: Math.ceil(billedText.length / 4), executedTools: [] }, outcome);
    else this.end({ kind: this.#unanswered > 0 ? 'nothing' : 'free' }, outcome);
  }

  /** The call has ended. Books it, once. */
  end(evidence: Evidence, outcome: CallOutcome): void {
    if (!this.#ended) this.#settle(evidence, outcome);
  }

  #settle(evidence: Evidence, outcome: CallOutcome, refusal?: GovernanceError): void {
    const assessment = this.#assessment;
    if (assessment === undefined) return;
    this.#ended = true;
    const context = this.#context;
    const held = this.#held;
    const booked = this.#price(assessment, evidence);
    const { usage, costNanos } = booked;
    this.#slot?.release(
      evidence.kind === 'nothing'
        ? undefined
        : { tokens: usage.promptTokens + usage.completionTokens, inputTokens: usage.promptTokens, outputTokens: usage.completionTokens },
    );
    this.#slot = undefined;
    if (evidence.kind === 'usage' && assessment.tools.length === 0 && assessment.input) {
      context.calibration.learn(assessment.model, assessment.input, usage.promptTokens);
    }
    const record = this.#record(assessment, booked, outcome, refusal);
    if (refusal) this.#emitDenied(refusal, false);
    context.book({ id: this.id, costNanos, stored: held?.stored ?? false, rulesByAccount: held?.rulesByAccount, rules: assessment.rules }, record);
    for (const policy of context.policies) {
      try {
        policy.ended?.(policyCall(assessment), record);
      } catch {
        // A policy that fails afterwards must not change how the call ended.
      }
    }
  }

  #price(assessment: Assessment, evidence: Evidence): Booking {
    let nanos = this.#held?.nanos ?? 0;
    if (this.#context.passive && evidence.kind !== 'usage') {
      // Calls that nothing is decided about are measured only when they have to be.
      measure(assessment, this.#context);
      nanos = assessment.upperNanos(assessment.outputBound ?? 0);
    }
    const unanswered = evidence.kind === 'nothing' ? 0 : this.#unanswered;
    try {
      return booking(assessment, evidence, nanos, unanswered);
    } catch {
      // A usage that cannot be priced is as good as none, and must not hurt the caller.
      return booking(assessment, { kind: 'nothing' }, nanos, 0);
    }
  }

  #record(assessment: Assessment, booked: Booking, outcome: CallOutcome, refusal: GovernanceError | undefined): UsageRecord {
    const { user, tags } = this.#binding;
    const held = this.#held;
    const over = booked.costNanos - (held?.nanos ?? Infinity);
    const elapsed = this.#context.clock.now() - assessment.at;
    return {
      id: this.id,
      at: Math.floor(assessment.at),
      team: assessment.team,
      ...(user !== undefined && { user }),
      ...(tags !== undefined && { tags }),
      ...(assessment.key && { keyId: assessment.key.id }),
      operation: assessment.operation?.name ?? 'unknown',
      model: assessment.model,
      ...booked.usage,
      costNanos: booked.costNanos,
      accuracy: booked.accuracy,
      priceVersion: this.#context.prices.version,
      attempts: this.#attempts,
      waitMs: Math.round(this.#waitMs),
      latencyMs: Math.max(0, Math.round(elapsed - this.#waitMs)),
      outcome,
      ...(refusal && { code: refusal.code }),
      ...(over > 0 && held?.stored && { overrunNanos: over }),
      ...(held?.ungoverned && { ungoverned: true as const }),
    };
  }

  #denied(refusal: GovernanceError): GovernanceError {
    this.#settle({ kind: 'free' }, 'denied', refusal);
    return refusal;
  }

  #emitDenied(error: GovernanceError, observed: boolean): void {
    const { events, clock } = this.#context;
    const assessment = this.#assessment;
    if (!assessment || !events.has('call-denied')) return;
    const { team, operation, model } = assessment;
    events.emit('call-denied', { callId: this.id, at: clock.now(), team, operation: operation?.name ?? 'unknown', model, code: error.code, error, observed });
  }

  #emitRateLimited(by: 'local' | 'provider', retryAfterMs: number | undefined): void {
    const { events, clock } = this.#context;
    const assessment = this.#assessment;
    if (!assessment || !events.has('rate-limited')) return;
    events.emit('rate-limited', { callId: this.id, at: clock.now(), team: assessment.team, model: assessment.model, by, retryAfterMs });
  }
}

// As the SDK decides it.
function isRetried(status: number, headers: { get(name: string): string | null }): boolean {
  const told = headers.get('x-should-retry');
  if (told === 'true') return true;
  if (told === 'false') return false;
  return status === 408 || status === 409 || status === 429 || status >= 500;
}
