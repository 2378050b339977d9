// The HTTP attempts of one call: each waits for its slot, leaves, and is answered or lost.

import type { Assessment } from './assessment';
import { anotherKey, reportKey } from './call-key';
import type { Context } from './context';
import { demandOf } from './demand';
import { RateLimitWaitError, StoreError, isGovernanceError } from './errors';
import type { ApiKey } from './keys/key-provider';
import { LEAST_OUTPUT, outputFields } from './policy/rules';
import { LateSlot } from './limit/late-slot';
import type { LimitSnapshot, Slot } from './limit/rate-limiter';
import { limitOfError } from './sdk/limit-error';
import { limitsOfHeaders, retryAfterMsOfHeaders } from './sdk/limit-headers';
import { backOffMs, isRetried } from './sdk/retry';
import type { TokenUsage } from './sdk/usage';
import { isThenable, onRejection } from './thenable';

/** How a retry that the SDK is about to make is to go on: not at all, or without the SDK's own wait. */
export type RetryAdvice = 'surface' | 'retry-now' | undefined;

/** What an attempt needs to see of an HTTP response. */
export interface AttemptResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null };
}

const NO_TOKENS = { tokens: 0, inputTokens: 0, outputTokens: 0, audioSeconds: 0 };

/** One call's attempts, one after the other. */
export class Attempts {
  readonly #context: Context;
  readonly #assessment: Assessment;
  #slot: Slot | undefined;
  #retriesLeft: number;
  #count = 0;
  #unanswered = 0;
  #notBefore = 0;
  #backOffMs = 0;
  #waitMs = 0;
  #movedKey = false;
  #hasLowered = false;
  #ungoverned = false;

  constructor(context: Context, assessment: Assessment, retries: number) {
    this.#context = context;
    this.#assessment = assessment;
    this.#retriesLeft = retries;
  }

  /** How many have left. */
  get count(): number {
    return this.#count;
  }

  /** How many have left and were never answered: nobody knows whether they were charged. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** True if the rate limiter could not be asked and the call went out all the same. */
  get ungoverned(): boolean {
    return this.#ungoverned;
  }

  /** Time spent waiting for a turn, over all attempts. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** Waits for the attempt's turn, if it has to. Rejects with the refusal, or with the signal's reason. */
  begin(signal: AbortSignal | undefined): undefined | Promise<void> {
    const context = this.#context;
    const assessment = this.#assessment;
    // Who has given up already is told so by the SDK, before anything is sent.
    if (context.passive || !assessment.spends || signal?.aborted) return undefined;
    this.#release();
    return this.#notBefore > 0 ? this.#beginLater(signal) : this.#acquire(signal);
  }

  #acquire(signal: AbortSignal | undefined): undefined | Promise<void> {
    const context = this.#context;
    let taken: Slot | Promise<Slot>;
    try {
      taken = context.rateLimiter.acquire(demandOf(this.#assessment, context, this.#count), signal);
    } catch (error) {
      taken = Promise.reject(error as Error);
    }
    if (isThenable(taken)) return this.#wait(Promise.resolve(taken), signal);
    this.#slot = taken;
    return undefined;
  }

  async #beginLater(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#context;
    // A clock that was set back must not make the wait longer.
    const early = Math.min(this.#notBefore - clock.now(), this.#backOffMs);
    if (early > 0) {
      await clock.sleep(early, signal);
      this.#waitMs += early;
    }
    await this.#acquire(signal);
  }

  async #wait(turn: Promise<Slot>, signal: AbortSignal | undefined): Promise<void> {
    const context = this.#context;
    const assessment = this.#assessment;
    if (context.observe) return this.#takeLater(turn, signal);
    try {
      const began = context.clock.now();
      this.#slot = await turn;
      const waitedMs = this.#slot.waitedMs ?? Math.max(0, context.clock.now() - began);
      this.#waitMs += waitedMs;
      if (waitedMs > 0) this.#emitRateLimited('local');
    } catch (error) {
      if (signal?.aborted) throw error;
      if (isWaitRefusal(error)) {
        this.#emitRateLimited('local');
        const { limit, retryAfterMs, message } = error;
        throw new RateLimitWaitError({ ...assessment.subject, limit, retryAfterMs, message });
      }
      this.#emitUnavailable(error);
      if (context.onStoreFailure === 'deny') {
        throw new StoreError({ ...assessment.subject, store: 'rateLimiter', cause: error });
      }
      this.#ungoverned = true;
    }
  }

  // Nothing is delayed: what is granted at once counts from when it is known, what has to wait does not.
  #takeLater(turn: Promise<Slot>, signal: AbortSignal | undefined): void {
    const late = new LateSlot();
    this.#slot = late;
    turn.then(
      (slot) => {
        const hasWaited = (slot.waitedMs ?? 0) > 0;
        if (hasWaited) this.#emitRateLimited('local');
        this.#quietly(() => (hasWaited ? slot.release() : late.grant(slot)));
      },
      (error: unknown) => {
        if (isWaitRefusal(error)) this.#observeRefusal(error);
        else if (!signal?.aborted) {
          this.#emitUnavailable(error);
          this.#ungoverned = true;
        }
      },
    );
  }

  #observeRefusal(error: RateLimitWaitError): void {
    const { id, at, team, model, operation, binding } = this.#assessment;
    const { events, clock } = this.#context;
    this.#emitRateLimited('local');
    events.emit('call-denied', {
      callId: id,
      at: clock.now(),
      startedAt: at,
      team,
      user: binding.user,
      operation: operation?.name ?? 'unknown',
      model,
      code: error.code,
      error,
      observed: true,
    });
  }

  /** The attempt has left. Called after the transport was, so that no delay between can bunch departures. */
  departed(): void {
    if (this.#count > 0) this.#retriesLeft--;
    this.#count++;
    this.#unanswered++;
    const slot = this.#slot;
    if (slot?.begin) this.#quietly(() => slot.begin?.());
  }

  /** The attempt ended without an answer. `sent` is false if it certainly never reached the provider. */
  lost(sent: boolean): void {
    if (sent) reportKey(this.#assessment, this.#context, undefined);
    else this.#unanswered--;
    this.#release(sent ? undefined : NO_TOKENS);
  }

  /** The attempt was answered. Learns from the headers and says how the SDK's retry, if there is one, should go on. */
  answered(response: AttemptResponse, errorText: () => Promise<string>): RetryAdvice {
    this.#unanswered--;
    const context = this.#context;
    const assessment = this.#assessment;
    if (context.passive) return undefined;
    const { headers, status, ok } = response;
    if (assessment.spends) this.#learn(response, errorText);
    reportKey(assessment, context, response);
    if (ok) return undefined;
    this.#release(NO_TOKENS);
    if (context.observe || this.#retriesLeft <= 0 || !isRetried(status, headers)) return undefined;
    const now = context.clock.now();
    const waitMs = retryAfterMsOfHeaders(headers, now) ?? backOffMs(this.#count);
    if (waitMs > context.maxRetryAfterMs) return 'surface';
    this.#notBefore = now + waitMs;
    this.#backOffMs = waitMs;
    return 'retry-now';
  }

  #learn({ headers, status }: AttemptResponse, errorText: () => Promise<string>): void {
    const { rateLimiter, clock, maxRetryAfterMs } = this.#context;
    const provider = this.#assessment.model;
    const limits = limitsOfHeaders(headers);
    const refused = status === 429 || status === 413;
    if (limits.length === 0 && !refused) return;
    const at = clock.now();
    const retryAfterMs = status === 429 ? retryAfterMsOfHeaders(headers, at) : undefined;
    if (status === 429) this.#emitRateLimited('provider', retryAfterMs);
    if (!rateLimiter.observe) return;
    const pauseMs = retryAfterMs !== undefined && retryAfterMs <= maxRetryAfterMs ? retryAfterMs : undefined;
    if (limits.length > 0 || pauseMs !== undefined) this.#observe({ provider, at, limits, pauseMs });
    if (!refused) return;
    errorText().then(
      (text) => {
        const told = limitOfError(text);
        if (told?.limit) this.#observe({ provider, at, limits: [told.limit] });
      },
      () => {},
    );
  }

  #observe(snapshot: LimitSnapshot): void {
    this.#quietly(() => this.#context.rateLimiter.observe?.(snapshot));
  }

  /**
   * After a refusal because the request can never fit the provider's token limit: lowers the output bound to what fits, if it was
   * this library that set it. True if the call may be tried again so: once per call, and only if the SDK has a retry left.
   */
  async lowerOutput(errorText: () => Promise<string>): Promise<boolean> {
    const { passive, observe } = this.#context;
    const { explicitOutput, outputBound, promptEstimate, request, rules, operation } = this.#assessment;
    const [field] = outputFields(operation?.kind);
    const isOurs =
      explicitOutput === undefined && rules?.needsBound === true && field !== undefined && request.body !== undefined;
    if (passive || observe || !isOurs || outputBound === undefined || this.#hasLowered || this.#retriesLeft <= 0) return false;
    this.#hasLowered = true;
    const told = limitOfError(await errorText().catch(() => ''));
    if (!told?.tooLarge || !told.limit) return false;
    const { kind, max, requested } = told.limit;
    // The local limiter goes by its own estimate, so that has to fit too.
    const prompt = kind === 'outputTokens' ? 0 : Math.max(promptEstimate, (requested ?? 0) - outputBound);
    const fitting = Math.floor(max - prompt);
    if ((kind !== 'tokens' && kind !== 'outputTokens') || fitting < LEAST_OUTPUT || fitting >= outputBound) return false;
    this.#assessment.outputBound = fitting;
    request.body.set(field, fitting);
    return true;
  }

  /**
   * Goes on with another key after a 401, or with the new secret of the same one. `take` makes it the call's, and says no if its
   * budgets cannot pay. True if the call may be tried again with it: once per call, and only if the SDK has a retry left.
   */
  async moveKey(take: (key: ApiKey) => Promise<boolean>): Promise<boolean> {
    const { clock, events } = this.#context;
    const from = this.#assessment.key?.id;
    if (from === undefined || this.#movedKey || this.#retriesLeft <= 0) return false;
    this.#movedKey = true;
    const next = await anotherKey(this.#assessment, this.#context);
    if (next === undefined || !(await take(next))) return false;
    this.#notBefore = 0;
    const { id: callId, team } = this.#assessment;
    events.emit('key-changed', { callId, at: clock.now(), team, from, to: next.id });
    return true;
  }

  /** The last attempt's answer has ended. `used` corrects what it took; undefined leaves the bound standing. */
  end(used: TokenUsage | undefined, audioSeconds?: number): void {
    if (this.#slot === undefined) return;
    if (used === undefined) return this.#release();
    const { promptTokens, completionTokens } = used;
    this.#release({
      tokens: promptTokens + completionTokens,
      inputTokens: promptTokens,
      outputTokens: completionTokens,
      ...(audioSeconds !== undefined && { audioSeconds: Math.ceil(audioSeconds) }),
    });
  }

  // Nothing that a limiter or a key provider of the user's does may change how a call that has left ends.
  #release(actual?: Parameters<Slot['release']>[0]): void {
    const slot = this.#slot;
    this.#slot = undefined;
    if (slot) this.#quietly(() => slot.release(actual));
  }

  #quietly(run: () => unknown): void {
    const report = (error: unknown): void => this.#emitUnavailable(error);
    try {
      const returned = run();
      onRejection(returned, report);
    } catch (error) {
      report(error);
    }
  }

  #emitUnavailable(error: unknown): void {
    this.#context.events.emit('store-unavailable', {
      at: this.#context.clock.now(),
      store: 'rateLimiter',
      during: 'acquire',
      callId: this.#assessment.id,
      error,
    });
  }

  #emitRateLimited(by: 'local' | 'provider', retryAfterMs?: number): void {
    const { events, clock } = this.#context;
    const assessment = this.#assessment;
    if (!events.has('rate-limited')) return;
    events.emit('rate-limited', {
      callId: assessment.id,
      at: clock.now(),
      team: assessment.team,
      model: assessment.model,
      by,
      retryAfterMs,
    });
  }
}

// Of this copy of the package or another.
function isWaitRefusal(error: unknown): error is RateLimitWaitError {
  return isGovernanceError(error) && error.code === 'rate-limit-wait';
}
