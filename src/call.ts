// One logical call, from the request to the end of its body, over all its attempts.

import { type GovernedRequest, Assessment, assess } from './assessment';
import { type Held, hold, needsHold, unheld } from './admission';
import { type PendingBatch, type ReadPath, bringsLines, tellsOfBatches } from './batch/batches';
import type { Binding, Context } from './context';
import { Attempts } from './attempts';
import { countKey, moveToKey, reportKey } from './call-key';
import { type GovernanceError, isGovernanceError } from './errors';
import type { ApiKey } from './keys/key-provider';
import { measure } from './measure';
import { outputFields } from './policy/rules';
import { policyCall } from './policy/apply';
import { JsonBody } from './sdk/body';
import type { OperationKind } from './sdk/operation';
import { generatedTokens } from './sdk/usage';
import { onRejection } from './thenable';
import { usageRecord } from './record';
import { type Booking, type Evidence, booking } from './settlement';
import type { CallOutcome } from './usage/usage-log';

/** Opened by the governor, driven by the client's hooks; see the diagram in the README. */
export class Call {
  readonly id: string;
  readonly #context: Context;
  readonly #binding: Binding;
  readonly #read: ReadPath | undefined;
  #assessment: Assessment | undefined;
  #sent: GovernedRequest | undefined;
  #held: Held | undefined;
  #attempts: Attempts | undefined;
  #hidesUsage = false;
  #streaming = false;
  #batch: PendingBatch | undefined;
  /** True once the provider may have created the batch. */
  #batchMade = false;
  #watch: ((response: Response) => Response) | undefined;
  #keyInUse: string | undefined;
  #ended = false;

  constructor(context: Context, binding: Binding, read?: ReadPath) {
    this.#context = context;
    this.#binding = binding;
    this.#read = read;
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
    return this.#sent?.body?.encode();
  }

  /** True if the built request must be looked at: for what was decided on, or for a key. */
  get isSealed(): boolean {
    return this.#sent !== undefined || this.secret !== undefined;
  }

  /** True if the request must go out as it was decided on. */
  get enforced(): boolean {
    return this.#sent !== undefined;
  }

  /** True if the request goes to another origin than the client's. */
  get isForeign(): boolean {
    return this.#assessment?.request.foreign ?? false;
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

  /** True if the SDK will parse the answer as a stream. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /** True if an answer costs the same whatever is in it. */
  get pricedByRequest(): boolean {
    return this.kind === 'speech' || this.kind === 'free' || this.kind === undefined;
  }

  /**
   * Decides on the request and holds its cost. Throws the refusal. What the request's body holds afterwards is what must be
   * sent. `streaming` says that the SDK will parse the answer as a stream.
   */
  admit(request: GovernedRequest, retries: number, streaming: boolean): undefined | Promise<void> {
    const context = this.#context;
    const assessment = new Assessment(this.id, context.clock.now(), this.#binding, request);
    this.#assessment = assessment;
    this.#attempts = new Attempts(context, assessment, retries);
    this.#streaming = streaming;
    if (!context.passive && !context.observe) this.#sent = request;
    const pending = assess(assessment, context);
    if (!pending && !needsHold(assessment) && (context.passive || !bringsLines(assessment))) {
      this.#refuse(assessment);
      return this.#admitted(assessment, unheld(assessment), streaming);
    }
    return this.#hold(assessment, streaming, pending);
  }

  async #hold(assessment: Assessment, streaming: boolean, pending: undefined | Promise<void>): Promise<void> {
    if (pending) await pending;
    this.#refuse(assessment);
    try {
      const held = await this.#holdUpperCost(assessment);
      if (!this.#ended) this.#admitted(assessment, held, streaming);
      else if (held.stored) this.#context.release(held.id);
    } catch (error) {
      if (this.#ended) return;
      throw isGovernanceError(error) ? this.#denied(error) : error;
    }
  }

  async #holdUpperCost(assessment: Assessment): Promise<Held> {
    const context = this.#context;
    if (context.passive || !bringsLines(assessment)) return hold(assessment, context, context.budgetStore);
    this.#batch = await context.batches.admit(assessment, context, this.#read);
    return this.#batch.held;
  }

  #refuse({ refusals: [refusal] }: Assessment): void {
    if (refusal && !this.#context.observe) throw this.#denied(refusal);
  }

  #admitted(assessment: Assessment, held: Held, streaming: boolean): undefined {
    const context = this.#context;
    this.#held = held;
    this.#use(assessment.key);
    const [observed] = assessment.refusals;
    if (observed) this.#emitDenied(observed, true);
    if (!context.passive && !context.observe) this.#amend(assessment, held, streaming);
    if (!context.events.has('call-admitted')) return;
    context.events.emit('call-admitted', {
      callId: this.id,
      at: assessment.at,
      team: assessment.team,
      user: this.#binding.user,
      operation: assessment.operation?.name ?? '',
      model: assessment.model,
      heldNanos: held.stored ? held.nanos : 0,
      maxCompletionTokens: held.outputTokens,
      streaming,
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

  /** The answer is wanted as a raw response: what the SDK gets of it goes through here first. */
  watchAnswer(watch: (response: Response) => Response): void {
    this.#watch = watch;
  }

  /** What the SDK gets of an answer. */
  handOver(response: Response): Response | Promise<Response> {
    const assessment = this.#assessment;
    if (this.kind === 'free' && !this.#context.passive && assessment && tellsOfBatches(assessment)) {
      this.#batchMade = true;
      const moved = (): void => this.#batchMoved();
      return this.#context.batches.answered(assessment, this.#context, this.#batch, this.#read, response, moved);
    }
    return this.#watch !== undefined && !this.pricedByRequest ? this.#watch(response) : response;
  }

  /** The HTTP attempts; none before the call is admitted. */
  get attempts(): Attempts | undefined {
    return this.#attempts;
  }

  /** Goes on with another key after a 401, if there is one whose budgets can pay; true if the call may be tried again. */
  async moveKey(): Promise<boolean> {
    return (await this.#attempts?.moveKey((key) => this.#takeKey(key))) ?? false;
  }

  async #takeKey(key: ApiKey): Promise<boolean> {
    const [context, assessment, before] = [this.#context, this.#assessment, this.#held];
    // What a batch holds stays where it is held.
    if (assessment === undefined || before === undefined || this.#batch !== undefined) return false;
    const held = await moveToKey(assessment, context, key, before, this.#attempts?.unanswered === 0);
    if (this.#ended) {
      // It was booked on the first hold; the other one came too late.
      if (held?.stored && held.id !== before.id) context.release(held.id);
      return false;
    }
    if (held === undefined) return false;
    this.#held = held;
    this.#use(key);
    // The key's own budget may need a bound where none was needed before.
    if (!context.observe) this.#amend(assessment, held, this.#streaming);
    return true;
  }

  #use(key: ApiKey | undefined): void {
    if (this.#keyInUse !== undefined) countKey(this.#context, this.#keyInUse, -1);
    this.#keyInUse = key?.id;
    if (key !== undefined) countKey(this.#context, key.id, 1);
  }

  /** The call failed; `outcome` says how, `billed` that the provider may charge for the error's own text. */
  failed(error: unknown, outcome: CallOutcome, billedText?: string): void {
    if (this.#ended) return;
    if (isGovernanceError(error) && !this.#attempts?.count) {
      if (this.#held !== undefined) this.#settle({ kind: 'free' }, 'denied', error);
      return;
    }
    if (billedText !== undefined)
      this.end({ kind: 'read', outputTokens: generatedTokens(billedText), executedTools: [] }, outcome);
    else this.end({ kind: this.#attempts?.unanswered ? 'nothing' : 'free' }, outcome);
  }

  /** The call has ended. Books it, once. */
  end(evidence: Evidence, outcome: CallOutcome): void {
    if (!this.#ended) this.#settle(evidence, outcome);
  }

  #settle(evidence: Evidence, outcome: CallOutcome, refusal?: GovernanceError): void {
    const assessment = this.#assessment;
    if (assessment === undefined) return;
    this.#ended = true;
    this.#use(undefined);
    const context = this.#context;
    // Whoever keeps one call for trying a key must know that this one did not.
    if (this.#attempts?.count === 0) reportKey(assessment, context, undefined);
    const held = this.#held;
    const booked = this.#price(assessment, evidence);
    const { usage, costNanos } = booked;
    this.#attempts?.end(evidence.kind === 'nothing' ? undefined : usage, booked.audioSeconds);
    if (evidence.kind === 'usage' && assessment.tools.length === 0 && assessment.input) {
      context.calibration.learn(assessment.model, assessment.input, usage.promptTokens);
    }
    const record = usageRecord(context, assessment, { booked, held, attempts: this.#attempts, outcome, refusal });
    if (refusal) this.#emitDenied(refusal, false);
    const stored = (held?.stored ?? false) && !this.#staysHeld(evidence);
    context.book({ id: held?.id ?? this.id, costNanos, stored, accounts: held?.accounts }, record);
    for (const policy of context.policies) {
      try {
        const returned: unknown = policy.ended?.(policyCall(assessment, context), record);
        onRejection(returned, () => {});
      } catch {
        // A policy that fails afterwards must not change how the call ended.
      }
    }
  }

  // The batch has a hold of its own. An attempt that was never answered may have created another one, which has none.
  #batchMoved(): void {
    if (this.#held?.stored && this.#attempts?.unanswered === 0) this.#context.release(this.#held.id);
  }

  // What may have been created stays held until it is found, or until its hold is charged.
  #staysHeld({ kind }: Evidence): boolean {
    return this.#batch !== undefined && (this.#batchMade || kind !== 'free' || (this.#attempts?.unanswered ?? 0) > 0);
  }

  #price(assessment: Assessment, evidence: Evidence): Booking {
    let nanos = this.#held?.nanos ?? 0;
    if (this.#context.passive && evidence.kind !== 'usage') {
      // Calls that nothing is decided about are measured only when they have to be.
      try {
        measure(assessment, this.#context);
        nanos = assessment.upperNanos(assessment.outputBound ?? 0);
      } catch {
        // Without a price that fits there is nothing to estimate with.
      }
    }
    const unanswered = evidence.kind === 'nothing' ? 0 : (this.#attempts?.unanswered ?? 0);
    try {
      return booking(assessment, evidence, nanos, unanswered);
    } catch {
      // A usage that cannot be priced is as good as none, and must not hurt the caller.
      return booking(assessment, { kind: 'nothing' }, nanos, 0);
    }
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
    events.emit('call-denied', {
      callId: this.id,
      at: clock.now(),
      startedAt: assessment.at,
      team,
      user: this.#binding.user,
      operation: operation?.name ?? 'unknown',
      model,
      code: error.code,
      error,
      observed,
    });
  }
}
