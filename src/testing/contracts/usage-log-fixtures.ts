// What the contract of usage logs records and asks for.
import type { UsageLog, UsageQuery, UsageRecord, UsageSummary } from '../../usage/usage-log';
import type { TestRunner } from './runner';

export type Expect = (value: unknown) => ReturnType<TestRunner['expect']>;
export type Test = (name: string, body: (log: UsageLog) => Promise<void>) => void;

// A quarter of an hour begins here, for logs that round the ends of a range.
export const NOON: number = Date.UTC(2026, 9, 20, 12);
export const MINUTE = 60_000;

/** Query bounds that take in everything that the suite records, unless a test says otherwise. */
const ALWAYS = { from: Date.UTC(2026, 0, 1), to: Date.UTC(2027, 0, 1) };

let count = 0;

/** A call of 10 + 5 tokens for 1,000 nano-dollars, with a new id. */
export function record(fields: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id: `call-${++count}`,
    at: NOON,
    team: 'chatbot',
    operation: 'chat.completions',
    model: 'openai/gpt-oss-20b',
    promptTokens: 10,
    cachedTokens: 4,
    completionTokens: 5,
    reasoningTokens: 2,
    costNanos: 1_000,
    accuracy: 'exact',
    priceVersion: '2026-11-13',
    attempts: 1,
    waitMs: 0,
    latencyMs: 250,
    outcome: 'success',
    ...fields,
  };
}

export async function recordAll(log: UsageLog, records: readonly UsageRecord[]): Promise<void> {
  for (const one of records) await log.record(one);
}

/** What the log has of all that the suite records, unless the query says otherwise. */
export function summaries(log: UsageLog, query: Partial<UsageQuery> = {}): Promise<readonly UsageSummary[]> {
  return log.summarize({ ...ALWAYS, groupBy: [], ...query });
}
