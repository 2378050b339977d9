// Spans and metrics of every call through OpenTelemetry, and the metrics as Prometheus scrapes them.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
// Users write 'governed-groq', 'governed-groq/otel' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { instrument } from '../src/otel';
import { mockGroq } from '../src/testing';

// What an application sets up once; with NodeSDK it is one call. PrometheusExporter can also open a port of its own.
const exporter = new PrometheusExporter({ preventServerStart: true });
const spans = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));

const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mockGroq().fetch,
  governance: { teams: { chatbot: { monthlyBudgetUsd: 200, maxTokensPerRequest: 500 } } },
});
const stop = instrument(groq); // after the SDK is set up

const chatbot = groq.withTeam('chatbot');
const request = { model: 'openai/gpt-oss-20b', messages: [{ role: 'user' as const, content: 'Hi' }] };
await trace.getTracer('example').startActiveSpan('handle request', async (span) => {
  for (let call = 0; call < 3; call++) await chatbot.chat.completions.create(request);
  await chatbot.chat.completions.create({ ...request, max_completion_tokens: 5_000 }).then(null, () => {});
  span.end();
});
const { total } = await groq.governor.report();

const server = createServer((scrape, response) => exporter.getMetricsRequestHandler(scrape, response));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
assert.ok(address !== null && typeof address === 'object');
const lines = (await (await fetch(`http://127.0.0.1:${address.port}/metrics`)).text()).split('\n');
server.close();
server.closeAllConnections();
for (const line of lines) if (/^\w+(_total|_sum|_count|_used|_limit)\{/.test(line)) console.log(line);

const cost = lines.find((line) => line.startsWith('governed_groq_cost_total')) ?? '';
assert.equal(Math.round(Number(cost.split(' ').at(-1)) * 1e9), total.costNanos);
const [parent, ...children] = spans.getFinishedSpans().toReversed();
for (const { name, attributes } of children)
  console.log(name, attributes['governed_groq.outcome'], attributes['error.type'] ?? '');
assert.ok(children.length === 4 && children.every((child) => child.parentSpanContext?.spanId === parent?.spanContext().spanId));

stop();
await groq.governor.close();
