import type { Attributes, Context, Counter, Histogram, Meter } from '@opentelemetry/api';
import type { CallDenied, RateLimited, StoreUnavailable } from '../events';
import { NANOS_PER_USD } from '../money';
import type { UsageRecord } from '../usage/usage-log';
import {
  ACCURACY,
  DENIED_CODE,
  OBSERVED,
  TEAM,
  TOKEN_TYPE,
  errorAttributes,
  requestAttributes,
  tagAttributes,
} from './attributes';

const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
// Most calls need not wait; who waits may do so for minutes.
const WAITS = [0, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600];

/** Counts calls as they end. */
export class CallMetrics {
  readonly #common: Attributes;
  readonly #tags: readonly string[];
  readonly #tokens: Histogram;
  readonly #duration: Histogram;
  readonly #wait: Histogram;
  readonly #cost: Counter;
  readonly #denied: Counter;
  readonly #rateLimited: Counter;
  readonly #unavailable: Counter;

  constructor(meter: Meter, common: Attributes, tags: readonly string[]) {
    this.#common = common;
    this.#tags = tags;
    this.#tokens = meter.createHistogram('gen_ai.client.token.usage', {
      description: 'Number of input and output tokens used.',
      unit: '{token}',
      advice: { explicitBucketBoundaries: TOKENS },
    });
    this.#duration = meter.createHistogram('gen_ai.client.operation.duration', {
      description: 'GenAI operation duration, waiting for rate limits included.',
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS },
    });
    this.#wait = meter.createHistogram('governed_groq.wait.duration', {
      description: 'Time that calls spent waiting for rate limits.',
      unit: 's',
      advice: { explicitBucketBoundaries: WAITS },
    });
    this.#cost = meter.createCounter('governed_groq.cost', { description: 'What calls have cost, in USD.', unit: '{USD}' });
    this.#denied = meter.createCounter('governed_groq.calls.denied', {
      description: 'Calls that were refused.',
      unit: '{call}',
    });
    this.#rateLimited = meter.createCounter('governed_groq.calls.rate_limited', {
      description: 'How often a call waited for a limit here, or got a 429 from the provider.',
      unit: '{occurrence}',
    });
    this.#unavailable = meter.createCounter('governed_groq.store.unavailable', {
      description: 'How often a store could not be asked.',
      unit: '{error}',
    });
  }

  settled(record: UsageRecord, context: Context): void {
    const { operation, model, team, promptTokens, completionTokens, costNanos, accuracy, waitMs, latencyMs } = record;
    const attributes = { ...requestAttributes(operation, model), [TEAM]: team, ...this.#common };
    // Estimates are labelled, so that sums agree with reports and can be had without them.
    const tagged = { ...attributes, ...tagAttributes(record, this.#tags), [ACCURACY]: accuracy };
    if (promptTokens > 0) this.#tokens.record(promptTokens, { ...tagged, [TOKEN_TYPE]: 'input' }, context);
    if (completionTokens > 0) this.#tokens.record(completionTokens, { ...tagged, [TOKEN_TYPE]: 'output' }, context);
    if (costNanos > 0) this.#cost.add(costNanos / NANOS_PER_USD, tagged, context);
    // A batch takes hours, and nobody waits for it.
    if (operation === 'batches') return;
    this.#duration.record((waitMs + latencyMs) / 1000, { ...attributes, ...errorAttributes(record) }, context);
    this.#wait.record(waitMs / 1000, attributes, context);
  }

  denied({ code, team, observed }: CallDenied, context: Context): void {
    // What a refused call names need not exist, and anything may be named.
    const named = code !== 'unknown-team' && { [TEAM]: team };
    this.#denied.add(1, { [DENIED_CODE]: code, [OBSERVED]: observed, ...named, ...this.#common }, context);
  }

  rateLimited({ team, by }: RateLimited): void {
    this.#rateLimited.add(1, { 'governed_groq.by': by, [TEAM]: team, ...this.#common });
  }

  storeUnavailable({ store, during }: StoreUnavailable): void {
    this.#unavailable.add(1, { 'governed_groq.store': store, 'governed_groq.during': during, ...this.#common });
  }
}
