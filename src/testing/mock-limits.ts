// Groq's limiter: one bucket per model and limit, charged before the request runs and corrected when it is done.
import { formatGoDuration } from './mock-duration';
import type { GroqErrorBody } from './mock-errors';
import { limitReached, outputTooLarge, tooLarge } from './mock-errors';

/** Limits in Groq's own abbreviations, each for every model. */
export interface MockLimits {
  /** Requests per minute, and per day. */
  readonly rpm?: number;
  readonly rpd?: number;
  /** Tokens, input and output, per minute, and per day. */
  readonly tpm?: number;
  readonly tpd?: number;
  /** Input tokens and output tokens per minute. */
  readonly itpm?: number;
  readonly otpm?: number;
  /** Seconds of audio per hour, and per day. */
  readonly ash?: number;
  readonly asd?: number;
}

type Dimension = keyof MockLimits;

/** What one request takes. */
export interface Amounts {
  readonly requests: number;
  readonly input: number;
  readonly output: number;
  readonly audioSeconds: number;
}

interface Rule {
  readonly text: string;
  readonly type: string;
  readonly windowMs: number;
  of(amounts: Amounts): number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const all = (amounts: Amounts): number => amounts.input + amounts.output;

const rules: Readonly<Record<Dimension, Rule>> = {
  rpm: { text: 'requests per minute (RPM)', type: 'requests', windowMs: MINUTE, of: (amounts) => amounts.requests },
  rpd: { text: 'requests per day (RPD)', type: 'requests', windowMs: DAY, of: (amounts) => amounts.requests },
  tpm: { text: 'tokens per minute (TPM)', type: 'tokens', windowMs: MINUTE, of: all },
  tpd: { text: 'tokens per day (TPD)', type: 'tokens', windowMs: DAY, of: all },
  itpm: { text: 'input tokens per minute (ITPM)', type: 'tokens', windowMs: MINUTE, of: (amounts) => amounts.input },
  otpm: { text: 'output tokens per minute (OTPM)', type: 'tokens', windowMs: MINUTE, of: (amounts) => amounts.output },
  // The type of these two was never captured.
  ash: { text: 'seconds of audio per hour (ASH)', type: 'seconds', windowMs: HOUR, of: (amounts) => amounts.audioSeconds },
  asd: { text: 'seconds of audio per day (ASD)', type: 'seconds', windowMs: DAY, of: (amounts) => amounts.audioSeconds },
};

// Headers exist for these three also where the mock enforces nothing; then they show numbers that no test reaches.
const shown: Readonly<Partial<Record<Dimension, number>>> = { rpd: 500_000_000, tpm: 250_000_000, ash: 400_000_000 };

// A time in an error text is cut to whole nanoseconds, and epoch milliseconds hold no finer fraction than a quarter microsecond.
const TOLERANCE_MS = 0.001;

/** What is used of one limit; refills continuously, in full over one window. */
class Bucket {
  readonly dimension: Dimension;
  readonly rule: Rule;
  readonly limit: number;
  readonly enforced: boolean;
  taken = 0;
  readonly since: number;
  #at: number;
  // In units of 1/windowMs, so that a millisecond refills a whole number of them and nothing is rounded.
  #used = 0;

  constructor(dimension: Dimension, limit: number, enforced: boolean, now: number) {
    this.dimension = dimension;
    this.rule = rules[dimension];
    this.limit = limit;
    this.enforced = enforced;
    this.since = now;
    this.#at = now;
  }

  /** What is used now, in whole units, as Groq reports it. */
  used(now: number): number {
    this.#refill(now);
    const { windowMs } = this.rule;
    return Math.max(0, Math.ceil((this.#used - TOLERANCE_MS * this.limit) / windowMs));
  }

  take(amount: number, now: number): void {
    this.#refill(now);
    this.taken += amount;
    this.#used = Math.max(0, this.#used + amount * this.rule.windowMs);
  }

  /** How long until `amount` fits; 0 if it does. */
  waitMs(amount: number, now: number): number {
    return Math.max(0, ((this.used(now) + amount - this.limit) * this.rule.windowMs) / this.limit);
  }

  #refill(now: number): void {
    this.#used = Math.max(0, this.#used - Math.max(0, now - this.#at) * this.limit);
    this.#at = now;
  }
}

/** A refusal as it goes over the wire. */
export interface LimitRefusal {
  readonly status: number;
  readonly error: GroqErrorBody;
  readonly retryAfter?: number;
}

/** A request that was let in. */
export interface Ticket {
  /** Replaces what was charged by what was really taken. Call it at most once. */
  correct(actual: Amounts, now: number): void;
}

/** What the limiter did so far. */
export interface MockStats {
  /** Requests that reached a model. */
  readonly accepted: number;
  /** Requests that a limit refused. */
  readonly rejected: number;
  /** Arrival times of accepted requests. */
  readonly startsByModel: Readonly<Record<string, readonly number[]>>;
  /** For each limit set: what was taken, and the most that could have been since the model's first request. */
  readonly limits: readonly MockLimitStats[];
}

/** How one limit of one model was used. */
export interface MockLimitStats {
  readonly model: string;
  readonly limit: Dimension;
  readonly max: number;
  readonly taken: number;
  readonly allowed: number;
  readonly rejected: number;
}

interface Model {
  readonly buckets: readonly Bucket[];
  readonly starts: number[];
  readonly rejections: Map<Dimension, number>;
}

/** Judges requests. A refused one takes nothing; an accepted one takes from all limits at once. */
export class Judge {
  readonly #limits: MockLimits;
  readonly #models = new Map<string, Model>();

  constructor(limits: MockLimits) {
    for (const [name, limit] of Object.entries(limits)) {
      if (!(name in rules))
        throw new TypeError(`mockGroq: unknown limit "${name}"; known are ${Object.keys(rules).join(', ')}`);
      if (!(Number.isFinite(limit) && limit > 0)) throw new RangeError(`mockGroq: limit ${name} must be above 0, got ${limit}`);
    }
    this.#limits = limits;
  }

  /** The output that an unbounded request is charged: `expected`, but no more than the limits can ever pay. */
  assumedOutput(expected: number, input: number): number {
    const { tpm = Infinity, tpd = Infinity, otpm = Infinity } = this.#limits;
    return Math.max(1, Math.min(expected, otpm, tpm - input, tpd - input));
  }

  admit(name: string, tier: string, amounts: Amounts, now: number): Ticket | LimitRefusal {
    const model = this.#model(name, now);
    const { refusal, dimension } = refuse(model, name, tier, amounts, now);
    if (refusal && dimension) {
      model.rejections.set(dimension, (model.rejections.get(dimension) ?? 0) + 1);
      return refusal;
    }
    for (const bucket of model.buckets) bucket.take(bucket.rule.of(amounts), now);
    model.starts.push(now);
    return {
      correct(actual, at) {
        for (const bucket of model.buckets) bucket.take(bucket.rule.of(actual) - bucket.rule.of(amounts), at);
      },
    };
  }

  headers(name: string, audio: boolean, now: number): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const bucket of this.#model(name, now).buckets) {
      const { dimension, limit } = bucket;
      const suffix =
        dimension === 'rpd' ? 'requests' : dimension === (audio ? 'ash' : 'tpm') ? (audio ? 'audio-seconds' : 'tokens') : '';
      if (suffix === '') continue;
      const remaining = Math.max(0, limit - bucket.used(now));
      headers[`x-ratelimit-limit-${suffix}`] = String(limit);
      headers[`x-ratelimit-remaining-${suffix}`] = String(remaining);
      headers[`x-ratelimit-reset-${suffix}`] = formatGoDuration(((limit - remaining) * bucket.rule.windowMs) / limit);
    }
    return headers;
  }

  stats(now: number): MockStats {
    const models = [...this.#models];
    const limits = models.flatMap(([model, { buckets, rejections }]) =>
      buckets
        .filter((bucket) => bucket.enforced)
        .map(({ dimension, limit, taken, since, rule }) => ({
          model,
          limit: dimension,
          max: limit,
          taken,
          allowed: limit + ((now - since) * limit) / rule.windowMs,
          rejected: rejections.get(dimension) ?? 0,
        })),
    );
    return {
      accepted: models.reduce((sum, [, { starts }]) => sum + starts.length, 0),
      rejected: limits.reduce((sum, { rejected }) => sum + rejected, 0),
      startsByModel: Object.fromEntries(models.map(([model, { starts }]) => [model, [...starts]])),
      limits,
    };
  }

  #model(name: string, now: number): Model {
    let model = this.#models.get(name);
    if (!model) {
      const buckets = Object.entries({ ...shown, ...this.#limits }).map(
        ([dimension, limit]) => new Bucket(dimension as Dimension, limit, dimension in this.#limits, now),
      );
      model = { buckets, starts: [], rejections: new Map() };
      this.#models.set(name, model);
    }
    return model;
  }
}

/** What can never fit is refused as such; else the limit with the longest wait speaks, so that its time is enough for all. */
function refuse(
  model: Model,
  name: string,
  tier: string,
  amounts: Amounts,
  now: number,
): { refusal?: LimitRefusal; dimension?: Dimension } {
  const enforced = model.buckets.filter((bucket) => bucket.enforced && bucket.rule.of(amounts) > 0);
  const never = enforced.find((bucket) => bucket.rule.of(amounts) > bucket.limit);
  if (never) {
    const { rule, limit, dimension } = never;
    const text = `${rule.text}: Limit ${limit}, Requested ${rule.of(amounts)}`;
    const isOutput = dimension === 'otpm';
    const message = isOutput ? outputTooLarge(name, tier, text) : tooLarge(name, tier, text);
    return {
      dimension,
      refusal: { status: isOutput ? 429 : 413, error: { message, type: rule.type, code: 'rate_limit_exceeded' } },
    };
  }
  const waits = enforced.map((bucket) => ({ bucket, waitMs: bucket.waitMs(bucket.rule.of(amounts), now) }));
  const longest = waits.reduce((worst, wait) => (wait.waitMs > (worst?.waitMs ?? 0) ? wait : worst), waits[0]);
  if (!longest || longest.waitMs === 0) return {};
  const { rule, limit, dimension } = longest.bucket;
  const text = `${rule.text}: Limit ${limit}, Used ${longest.bucket.used(now)}, Requested ${rule.of(amounts)}`;
  const message = limitReached(name, tier, text, formatGoDuration(longest.waitMs));
  return {
    dimension,
    refusal: {
      status: 429,
      error: { message, type: rule.type, code: 'rate_limit_exceeded' },
      retryAfter: Math.ceil(longest.waitMs / 1000),
    },
  };
}
