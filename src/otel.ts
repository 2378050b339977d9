// Spans and metrics through OpenTelemetry: `governed-groq/otel`.
export { instrument, type EventSource, type InstrumentOptions } from './otel/instrument';
