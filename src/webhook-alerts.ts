import { alertText } from './alerts';
import { type Clock, systemClock } from './clock';
import { type ConfigIssue, GovernanceConfigError, formatInstant } from './errors';
import type { BudgetThreshold } from './events';
import type { AlertSink } from './governance';
import { random } from './id';
import { NANOS_PER_USD } from './money';
import { retryAfterMsOfHeaders } from './sdk/limit-headers';
import { onRejection } from './thenable';

/** Where alerts are posted, and how. */
export interface WebhookAlertsOptions {
  /** `https:` or `http:`. Slack's incoming webhooks work as they are. It appears in no error, as it may be a secret. */
  readonly url: string | URL;
  /** Sent with each request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Only alerts of this share of the limit and above, e.g. 0.8. Default: all. */
  readonly minLevel?: number | undefined;
  /** Makes the body, an object that is sent as JSON. Default: `text` for Slack, and the alert's own fields in `alert`. */
  readonly format?: ((alert: BudgetThreshold) => object | Promise<object>) | undefined;
  /** How often an alert is tried at most. Default 5. */
  readonly maxAttempts?: number | undefined;
  /** How long one attempt may take, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** How long `flush()` waits before it gives up what is not delivered, in milliseconds. Default 30,000. */
  readonly flushTimeoutMs?: number | undefined;
  /** Called with an alert that could not be delivered. Default: the promise that the sink returned rejects, which a governor ignores. */
  readonly onFailure?: ((alert: BudgetThreshold, error: Error) => void) | undefined;
  /** Default: the platform's. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined;
}

/** Takes alerts, and resolves when one is delivered. */
export interface WebhookAlerts extends AlertSink {
  (alert: BudgetThreshold): Promise<void>;
  /** Resolves when everything given to it so far is delivered or given up, after `flushTimeoutMs` at the latest. */
  flush(): Promise<void>;
}

const FIRST_WAIT_MS = 1_000;
const WAITS_GROW_BY = 4;
// Who is told to wait for longer has a receiver that is not there for now.
const LONGEST_WAIT_MS = 5 * 60_000;
// With a receiver that is away, alerts must not pile up for ever.
const MAX_UNDER_WAY = 1_000;

/**
 * Posts alerts to a URL, for `governance.alerts: [webhookAlerts({ url })]` or
 * `governor.on('budget-threshold', webhookAlerts({ url }))`. Network errors, timeouts, 408, 429 and 5xx are tried again after 1, 4,
 * 16 and 64 seconds, or later if the answer's `Retry-After` says so, but no later than after 5 minutes; redirects and other answers
 * are final. With 1,000 alerts under way the next is given up at once. Every attempt of an alert has the same
 * `Idempotency-Key`, the alert's id, so that a receiver can tell what it has already. Waiting between attempts does not keep the
 * process from ending, unless `flush()` is waited for, as `governor.close()` does. Throws a `GovernanceConfigError` if an option
 * is not valid.
 */
export function webhookAlerts(options: WebhookAlertsOptions): WebhookAlerts {
  const sender = new Sender(options, checked(options));
  return Object.assign((alert: BudgetThreshold) => sender.take(alert), { flush: () => sender.flush() });
}

/** What came of an attempt: why it failed, and when it is worth another. */
interface Failure {
  readonly reason: string;
  /** `Infinity` for never, undefined for after the usual time. */
  readonly retryAfterMs: number | undefined;
}

class Sender {
  readonly #options: WebhookAlertsOptions;
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #underWay: Set<Promise<void>> = new Set();
  #flushes = 0;
  /** Aborted when a flush has waited for long enough. */
  #deadline = new AbortController();
  /** Aborted to have those who sleep in the background sleep in the foreground. */
  readonly #background: Set<AbortController> = new Set();

  constructor(options: WebhookAlertsOptions, url: URL) {
    this.#options = { ...options, headers: { ...options.headers } };
    this.#url = url;
    this.#clock = options.clock ?? systemClock;
  }

  take(alert: BudgetThreshold): Promise<void> {
    const { minLevel = 0 } = this.#options;
    if (alert.level < minLevel) return Promise.resolve();
    const delivery = this.#deliver(alert);
    const settled = delivery.then(
      () => void this.#underWay.delete(settled),
      () => void this.#underWay.delete(settled),
    );
    this.#underWay.add(settled);
    return delivery;
  }

  async flush(): Promise<void> {
    if (this.#underWay.size === 0) return;
    const { flushTimeoutMs = 30_000 } = this.#options;
    const done = new AbortController();
    this.#flushes++;
    for (const sleeper of this.#background) sleeper.abort();
    const deadline = this.#clock.sleep(flushTimeoutMs, done.signal, true).then(
      () => {
        this.#deadline.abort();
        this.#deadline = new AbortController();
      },
      () => {},
    );
    await Promise.all(this.#underWay);
    done.abort();
    await deadline;
    this.#flushes--;
  }

  async #deliver(alert: BudgetThreshold): Promise<void> {
    const error = await this.#failure(alert);
    if (error === undefined) return;
    const { onFailure } = this.#options;
    if (onFailure === undefined) throw error;
    try {
      const returned: unknown = onFailure(alert, error);
      onRejection(returned, () => {});
    } catch {
      // There is nobody left to tell.
    }
  }

  async #failure(alert: BudgetThreshold): Promise<Error | undefined> {
    const { format = bodyOf, maxAttempts = 5 } = this.#options;
    if (this.#underWay.size >= MAX_UNDER_WAY) return this.#givenUp(alert, `${MAX_UNDER_WAY} others are under way`);
    const { signal } = this.#deadline;
    let body: string;
    try {
      const made: unknown = await format(alert);
      if (typeof made !== 'object' || made === null) return this.#givenUp(alert, 'format() returned no object');
      body = JSON.stringify(made);
    } catch (cause) {
      return this.#givenUp(alert, 'format() failed', { cause });
    }
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#attempt(alert, body, signal);
      if (failure === undefined) return undefined;
      const { reason, retryAfterMs = 0 } = failure;
      const tries = `after ${attempt} ${attempt === 1 ? 'attempt' : 'attempts'}`;
      if (attempt >= maxAttempts || retryAfterMs === Infinity) return this.#givenUp(alert, `${reason}, ${tries}`);
      if (!signal.aborted) await this.#pause(Math.min(Math.max(retryAfterMs, backOffMs(attempt)), LONGEST_WAIT_MS), signal);
      if (signal.aborted) return this.#givenUp(alert, `${reason}, ${tries}, and flush() waits no longer`);
    }
  }

  #givenUp({ id }: BudgetThreshold, reason: string, options?: ErrorOptions): Error {
    return new Error(`Alert ${JSON.stringify(id)} was not delivered to ${this.#url.origin}: ${reason}.`, options);
  }

  async #attempt({ id }: BudgetThreshold, body: string, deadline: AbortSignal): Promise<Failure | undefined> {
    const { fetch = globalThis.fetch, headers, timeoutMs = 10_000 } = this.#options;
    const attempt = new AbortController();
    const done = new AbortController();
    const stop = (): void => done.abort();
    deadline.addEventListener('abort', stop, { once: true });
    const timeout = this.#clock.sleep(timeoutMs, done.signal).then(
      () => attempt.abort(),
      () => deadline.aborted && attempt.abort(),
    );
    try {
      const all = new Headers(headers);
      if (!all.has('content-type')) all.set('content-type', 'application/json');
      all.set('idempotency-key', idempotencyKey(id));
      const asked = fetch(this.#url.href, { method: 'POST', headers: all, body, redirect: 'manual', signal: attempt.signal });
      const response = await Promise.race([asked, timeout]);
      if (!response)
        return { reason: deadline.aborted ? 'no answer' : `no answer within ${timeoutMs} ms`, retryAfterMs: undefined };
      // Nobody reads it, and it would keep its connection.
      response.body?.cancel().catch(() => {});
      return failureOf(response, this.#clock.now());
    } catch (error) {
      return { reason: `no answer${codeOf(error)}`, retryAfterMs: undefined };
    } finally {
      deadline.removeEventListener('abort', stop);
      done.abort();
    }
  }

  async #pause(ms: number, deadline: AbortSignal): Promise<void> {
    const until = this.#clock.now() + ms;
    // A clock that was set back must not make the wait longer.
    for (let rest = ms; rest > 0; rest = Math.min(rest, until - this.#clock.now())) {
      if (this.#flushes > 0) return this.#clock.sleep(rest, deadline).catch(() => {});
      const sleeper = new AbortController();
      this.#background.add(sleeper);
      try {
        await this.#clock.sleep(rest, sleeper.signal, true);
        return;
      } catch {
        // Somebody waits for it now.
      } finally {
        this.#background.delete(sleeper);
      }
    }
  }
}

function backOffMs(attempt: number): number {
  return Math.min(FIRST_WAIT_MS * WAITS_GROW_BY ** (attempt - 1), LONGEST_WAIT_MS) * (1 - random() * 0.25);
}

function failureOf({ ok, status, type, headers }: Response, now: number): Failure | undefined {
  if (ok) return undefined;
  if (type === 'opaqueredirect' || (status >= 300 && status < 400))
    return { reason: 'it answered with a redirect, which is not followed', retryAfterMs: Infinity };
  const isPassing = status === 408 || status === 429 || status >= 500;
  return {
    reason: `it answered with status ${status}`,
    retryAfterMs: isPassing ? retryAfterMsOfHeaders(headers, now) : Infinity,
  };
}

// What a fetch says of its failure may hold the URL, so only the code is passed on, e.g. ECONNREFUSED.
function codeOf(error: unknown): string {
  const { cause } = typeof error === 'object' && error !== null ? (error as { cause?: unknown }) : {};
  const { code } = typeof cause === 'object' && cause !== null ? (cause as { code?: unknown }) : {};
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? ` (${code})` : '';
}

/** Slack shows `text`, in which three signs are markup, and takes no notice of fields that it does not know. */
function bodyOf(alert: BudgetThreshold): object {
  const { id, at, budget, account, team, level, thresholdNanos, spentNanos, limitNanos, soft, resetsAt, runsOutAt } = alert;
  const text = `governed-groq: ${alertText(alert)}`;
  return {
    text: text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    alert: {
      id,
      at: instant(at),
      budget,
      account,
      team,
      level,
      thresholdUsd: thresholdNanos / NANOS_PER_USD,
      spentUsd: spentNanos / NANOS_PER_USD,
      limitUsd: limitNanos / NANOS_PER_USD,
      soft,
      resetsAt: instant(resetsAt),
      runsOutAt: runsOutAt === undefined ? null : instant(runsOutAt),
    },
  };
}

function instant(at: number): string | null {
  const text = formatInstant(at);
  return text === 'never' ? null : text;
}

const LONGEST_KEY = 250;

// Names of teams and users may be in any script and of any length, and a header may not. What is cut off is summed up, so that
// two alerts do not become one.
function idempotencyKey(id: string): string {
  const key = encodeURI(id.replaceAll(/\p{Cs}/gu, '?'));
  return key.length <= LONGEST_KEY ? key : `${key.slice(0, LONGEST_KEY)}~${key.length}~${checksum(key)}`;
}

// FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/
function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193);
  return (sum >>> 0).toString(16);
}

const OPTIONS: readonly string[] = [
  'url',
  'headers',
  'minLevel',
  'format',
  'maxAttempts',
  'timeoutMs',
  'flushTimeoutMs',
  'onFailure',
  'fetch',
  'clock',
] satisfies (keyof WebhookAlertsOptions)[];

function checked(options: WebhookAlertsOptions): URL {
  const { url, headers, minLevel, maxAttempts } = options;
  const issues: ConfigIssue[] = Object.keys(options)
    .filter((name) => !OPTIONS.includes(name))
    .map((path) => ({ path, message: `Unknown option. Known options: ${OPTIONS.join(', ')}` }));
  const expect = (path: string, isGood: boolean, message: string): void => {
    if (!isGood) issues.push({ path, message });
  };
  const target = parsed(url);
  expect(
    'url',
    target !== undefined && /^https?:$/.test(target.protocol),
    'Expected an absolute URL with http or https, e.g. https://hooks.slack.com/services/…',
  );
  expect('url', !target?.username && !target?.password, 'Expected no user name or password in it; set headers.authorization');
  expect('headers', areHeaders(headers), "Expected names and values of headers, e.g. { authorization: 'Bearer …' }");
  expect(
    'minLevel',
    minLevel === undefined || (minLevel >= 0 && minLevel <= 10),
    'Expected a share of the limit from 0 to 10, e.g. 0.8 for 80 %',
  );
  expect(
    'maxAttempts',
    maxAttempts === undefined || (Number.isSafeInteger(maxAttempts) && maxAttempts >= 1),
    'Expected a whole number of 1 or more',
  );
  for (const name of ['timeoutMs', 'flushTimeoutMs'] as const) {
    const ms = options[name];
    expect(name, ms === undefined || (ms > 0 && ms < Infinity), 'Expected milliseconds above 0');
  }
  for (const name of ['format', 'onFailure', 'fetch'] as const) {
    expect(name, options[name] === undefined || typeof options[name] === 'function', 'Expected a function');
  }
  if (issues.length > 0 || target === undefined) throw new GovernanceConfigError(issues);
  return target;
}

function parsed(url: unknown): URL | undefined {
  const text = url instanceof URL ? url.href : url;
  return typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
}

function areHeaders(headers: Readonly<Record<string, string>> | undefined): boolean {
  try {
    return new Headers(headers) instanceof Headers;
  } catch {
    // What the platform says of it may hold the value.
    return false;
  }
}
