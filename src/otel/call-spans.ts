import {
  type Attributes,
  type Context,
  type HrTime,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  context as contexts,
  trace,
} from '@opentelemetry/api';
import type { CallAdmitted, CallDenied, KeyChanged, RateLimited, StoreUnavailable } from '../events';
import type { UsageRecord } from '../usage/usage-log';
import {
  type Disclosure,
  ERROR_TYPE,
  MAX_TOKENS,
  OUTCOME,
  STREAM,
  TEAM,
  USER,
  errorAttributes,
  outcomeAttributes,
  refusalAttributes,
  requestAttributes,
  spanName,
} from './attributes';

interface OpenCall {
  readonly span: Span;
  /** The caller's, with the span in it. */
  readonly context: Context;
  readonly at: number;
}

// A call that never ends must not be kept for ever. As many may wait in queues at once.
const MAX_OPEN = 100_000;
const MAX_OPEN_MS = 6 * 3_600_000;

/** One span per call, below what was active where the call was made. */
export class CallSpans {
  readonly #tracer: Tracer;
  readonly #common: Attributes;
  readonly #disclosure: Disclosure;
  /** By the call's id, the oldest first. */
  readonly #open: Map<string, OpenCall> = new Map();
  /** A refusal in observe mode, which is told just before the call goes on. */
  #observed: CallDenied | undefined;
  /** Calls from up to then may have been given up. */
  #givenUpAt = -Infinity;

  constructor(tracer: Tracer, common: Attributes, disclosure: Disclosure) {
    this.#tracer = tracer;
    this.#common = common;
    this.#disclosure = disclosure;
  }

  admitted(event: CallAdmitted): void {
    const { callId, at, maxCompletionTokens, streaming } = event;
    const open = this.#start(event, at, {
      ...(maxCompletionTokens !== undefined && { [MAX_TOKENS]: maxCompletionTokens }),
      ...(streaming && { [STREAM]: true }),
    });
    if (this.#observed?.callId === callId) addRefusal(open.span, this.#observed);
    this.#observed = undefined;
    this.#open.set(callId, open);
    for (const [oldest, { at: since }] of this.#open) {
      if (this.#open.size <= MAX_OPEN && at - since <= MAX_OPEN_MS) break;
      this.#giveUp(oldest, at);
    }
  }

  /** The context of the call, for metrics. */
  denied(event: CallDenied): Context {
    const { callId, at, startedAt, code, error, observed } = event;
    const open = this.#open.get(callId);
    if (observed) {
      if (open) addRefusal(open.span, event);
      else this.#observed = event;
      return open?.context ?? contexts.active();
    }
    this.#open.delete(callId);
    const { span, context } = open ?? this.#start(event, startedAt, {});
    span.setAttributes({ ...refusalAttributes(error), [OUTCOME]: 'denied', [ERROR_TYPE]: code });
    span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    span.end(timeOf(at));
    return context;
  }

  /** The context of the call, for metrics. */
  settled(record: UsageRecord): Context {
    const { id, at, operation, waitMs, latencyMs } = record;
    // Who gives up before anything is decided is admitted nowhere. Batches have no call of their own.
    const isLate = operation === 'batches' || at <= this.#givenUpAt;
    const open = this.#open.get(id) ?? (isLate ? undefined : this.#start(record, at, {}));
    if (open === undefined) return ROOT_CONTEXT;
    this.#open.delete(id);
    const { span, context } = open;
    if (span.isRecording()) span.setAttributes(outcomeAttributes(record, this.#disclosure));
    const error = errorAttributes(record)[ERROR_TYPE];
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    // Records have whole milliseconds.
    span.end(timeOf(Math.max(open.at, at + waitMs + latencyMs)));
    return context;
  }

  rateLimited({ callId, at, by, retryAfterMs }: RateLimited): void {
    const retry = retryAfterMs !== undefined && { 'governed_groq.retry_after_ms': retryAfterMs };
    this.#note(callId, 'rate-limited', at, { 'governed_groq.by': by, ...retry });
  }

  keyChanged({ callId, at, from, to }: KeyChanged): void {
    this.#note(callId, 'key-changed', at, { 'governed_groq.from_key_id': from, 'governed_groq.to_key_id': to });
  }

  storeUnavailable({ callId, at, store, during }: StoreUnavailable): void {
    if (callId === undefined) return;
    this.#note(callId, 'store-unavailable', at, { 'governed_groq.store': store, 'governed_groq.during': during });
  }

  /** Ends what is open: nobody will tell how it goes on. */
  close(at: number): void {
    for (const id of this.#open.keys()) this.#giveUp(id, at);
  }

  #start(call: Started, at: number, attributes: Attributes): OpenCall {
    const { operation, model, team, user } = call;
    const parent = contexts.active();
    const options = {
      kind: SpanKind.CLIENT,
      startTime: timeOf(at),
      attributes: {
        ...requestAttributes(operation, model),
        'governed_groq.operation': operation,
        [TEAM]: team,
        ...(this.#disclosure.users && user !== undefined && { [USER]: user }),
        ...attributes,
        ...this.#common,
      },
    };
    const span = this.#tracer.startSpan(spanName(operation, model), options, parent);
    return { span, context: trace.setSpan(parent, span), at };
  }

  #giveUp(id: string, at: number): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    this.#givenUpAt = Math.max(this.#givenUpAt, open.at);
    open.span.setAttribute(OUTCOME, 'unknown');
    open.span.end(timeOf(Math.max(open.at, at)));
  }

  #note(callId: string, name: string, at: number, attributes: Attributes): void {
    this.#open.get(callId)?.span.addEvent(name, attributes, timeOf(at));
  }
}

interface Started {
  readonly operation: string;
  readonly model: string;
  readonly team: string;
  readonly user?: string | undefined;
}

function addRefusal(span: Span, { at, error }: CallDenied): void {
  span.addEvent('call-denied', { ...refusalAttributes(error), 'governed_groq.observed': true }, timeOf(at));
}

// A plain number that is small is taken for the time since the process began.
function timeOf(at: number): HrTime {
  const seconds = Math.floor(at / 1000);
  return [seconds, Math.floor((at - seconds * 1000) * 1e6)];
}
