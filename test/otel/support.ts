import { type Context, type HrTime, type Span, context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { type Histogram, MeterProvider, MetricReader, type ViewOptions } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll } from 'vitest';

/** Has every test of the file know what called what, as an application does. */
export function useContexts(): void {
  const manager = new AsyncLocalStorageContextManager();
  beforeAll(() => void context.setGlobalContextManager(manager.enable()));
  afterAll(() => context.disable());
}

/** Collects when it is asked to, as a scrape does. */
class TestReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number | Histogram;
}

/** The real SDKs, in memory. */
export interface Telemetry {
  readonly providers: { readonly tracerProvider: BasicTracerProvider; readonly meterProvider: MeterProvider };
  /** Spans that have ended, but for those made by `within`. */
  readonly spans: () => ReadableSpan[];
  /** How many spans have begun and not ended. */
  readonly open: () => number;
  /** Runs a function below a span of the application's own. */
  within<T>(name: string, run: (span: Span) => T): T;
  /** The points of a metric now, in the order of their making. */
  points(metric: string): Promise<readonly Point[]>;
  /** The sum of a counter, or of a histogram. */
  sum(metric: string, attributes?: Readonly<Record<string, unknown>>): Promise<number>;
}

export function telemetry(views: ViewOptions[] = []): Telemetry {
  const exporter = new InMemorySpanExporter();
  let open = 0;
  const counting: SpanProcessor = {
    onStart: () => void open++,
    onEnd: () => void open--,
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter), counting] });
  const reader = new TestReader();
  const meterProvider = new MeterProvider({ readers: [reader], views });
  const application = tracerProvider.getTracer('application');

  const points = async (metric: string): Promise<readonly Point[]> => {
    const { resourceMetrics, errors } = await reader.collect();
    if (errors.length > 0) throw errors[0];
    return resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .filter(({ descriptor }) => descriptor.name === metric)
      .flatMap(({ dataPoints }) => dataPoints.map(({ attributes, value }) => ({ attributes, value: value as Point['value'] })));
  };
  return {
    providers: { tracerProvider, meterProvider },
    open: () => open,
    spans: () =>
      exporter.getFinishedSpans().filter(({ instrumentationScope }) => instrumentationScope.name === 'governed-groq'),
    within(name, run) {
      const span = application.startSpan(name);
      const inside: Context = trace.setSpan(context.active(), span);
      return context.with(inside, () => run(span));
    },
    points,
    async sum(metric, attributes = {}) {
      const wanted = Object.entries(attributes);
      let sum = 0;
      for (const point of await points(metric)) {
        if (wanted.some(([name, value]) => point.attributes[name] !== value)) continue;
        sum += typeof point.value === 'number' ? point.value : (point.value.sum ?? 0);
      }
      return sum;
    },
  };
}

/** Epoch milliseconds. */
export const msOf = ([seconds, nanos]: HrTime): number => seconds * 1000 + nanos / 1e6;
