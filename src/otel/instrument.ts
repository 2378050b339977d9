import { type Attributes, type MeterProvider, type TracerProvider, metrics, trace } from '@opentelemetry/api';
import { type Clock, systemClock } from '../clock';
import { GovernanceConfigError } from '../errors';
import type { GovernorEvent, Listener } from '../events';
import { BudgetGauges } from './budget-gauges';
import { CallMetrics } from './call-metrics';
import { CallSpans } from './call-spans';

/** What tells of calls: a `Governor`. */
export interface EventSource {
  on<E extends GovernorEvent>(event: E, listener: Listener<E>): () => void;
}

/** Where to, and what besides the usual. */
export interface InstrumentOptions {
  /** Default: the global one, also if it is set later. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Default: the global one, as it is when `instrument()` is called. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Attributes of every span and every metric, e.g. `{ 'server.address': 'api.groq.com' }`, or to tell governors apart. */
  readonly attributes?: Attributes | undefined;
  /** Whether spans name the user. Metrics never do. Default false. */
  readonly users?: boolean | undefined;
  /**
   * The tags whose values spans, tokens and cost have as `governed_groq.tag.{name}`. Default none. Each value makes new time
   * series, so name none that has many.
   */
  readonly tags?: readonly string[] | undefined;
  /** The clock of the governance, if it has one of its own. */
  readonly clock?: Clock | undefined;
}

const SCOPE = 'governed-groq';
const OPTIONS: readonly string[] = ['tracerProvider', 'meterProvider', 'attributes', 'users', 'tags', 'clock'];

/**
 * Makes a span of each call and counts calls, tokens, cost, waiting and budgets, by OpenTelemetry's conventions for generative
 * AI, until the returned function is called; spans of calls that are under way then are ended, with the outcome `unknown`. Takes
 * a governor, or a client for its governor: instrument each governor once, whatever its clients. Listens to events only, so
 * nothing here can fail, delay or change a call. No prompt and no secret is told. Throws a `GovernanceConfigError` if an option
 * is not valid.
 */
export function instrument(
  source: EventSource | { readonly governor: EventSource },
  options: InstrumentOptions = {},
): () => void {
  const governor = 'governor' in source ? source.governor : source;
  checkOptions(options);
  const { tracerProvider = trace, meterProvider = metrics, attributes = {}, clock = systemClock } = options;
  const disclosure = { users: options.users ?? false, tags: [...(options.tags ?? [])] };
  const common = { ...attributes };
  const meter = meterProvider.getMeter(SCOPE);
  const spans = new CallSpans(tracerProvider.getTracer(SCOPE), common, disclosure);
  const counts = new CallMetrics(meter, common, disclosure.tags);
  const gauges = new BudgetGauges(meter, common, clock);
  const listeners = [
    governor.on('call-admitted', (event) => spans.admitted(event)),
    governor.on('call-denied', (event) => counts.denied(event, spans.denied(event))),
    governor.on('call-settled', (record) => counts.settled(record, spans.settled(record))),
    governor.on('budget-changed', (event) => gauges.changed(event)),
    governor.on('key-changed', (event) => spans.keyChanged(event)),
    governor.on('rate-limited', (event) => {
      spans.rateLimited(event);
      counts.rateLimited(event);
    }),
    governor.on('store-unavailable', (event) => {
      spans.storeUnavailable(event);
      counts.storeUnavailable(event);
    }),
  ];
  return () => {
    for (const stop of listeners.splice(0)) stop();
    gauges.close();
    spans.close(clock.now());
  };
}

function checkOptions(options: InstrumentOptions): void {
  const issues = Object.keys(options)
    .filter((name) => !OPTIONS.includes(name))
    .map((path) => ({ path, message: `Unknown option. Known options: ${OPTIONS.join(', ')}` }));
  const { tags, users }: { readonly tags?: unknown; readonly users?: unknown } = options;
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')))
    issues.push({ path: 'tags', message: "Expected the names of tags, e.g. ['feature']" });
  if (users !== undefined && typeof users !== 'boolean') issues.push({ path: 'users', message: 'Expected true or false' });
  if (issues.length > 0) throw new GovernanceConfigError(issues);
}
