import type { ClientOptions } from 'groq-sdk';
import { GovernedGroq } from '../../src/client';
import type { Governance } from '../../src/governance';
import type { Governor } from '../../src/governor';
import { type ManualClock, manualClock } from '../../src/testing/manual-clock';
import { type MockGroq, type MockGroqOptions, mockGroq } from '../../src/testing/mock-groq';
import type { UsageRecord } from '../../src/usage/usage-log';
import { memoryUsageLog } from '../../src/usage/memory';

/** $0.075 in, $0.0375 cached, $0.30 out per million: 75, 37.5 and 300 nano-dollars a token. */
export const MODEL = 'openai/gpt-oss-20b';
export const CHAT = '/openai/v1/chat/completions';
export const MESSAGES = [{ role: 'user' as const, content: 'hi' }];

/** 32 bytes of messages and the template. */
export const PROMPT_BOUND = 112;
/** A quarter of the bytes and the template. */
export const PROMPT_ESTIMATE = 88;

export const costOf = (prompt: number, output: number, cached = 0): number =>
  Math.ceil((prompt - cached) * 75 + cached * 37.5 + output * 300);

/** What a call with so many output tokens is held for. */
export const holdOf = (output: number): number => costOf(PROMPT_BOUND, output);

export interface LogLine {
  readonly level: string;
  readonly text: string;
}

export interface Scene {
  readonly mock: MockGroq;
  readonly clock: ManualClock;
  readonly governor: Governor;
  readonly client: GovernedGroq;
  /** One per ended call, denied ones too. */
  readonly records: readonly UsageRecord[];
  readonly lines: readonly LogLine[];
}

export interface SceneOptions {
  readonly mock?: MockGroqOptions;
  readonly client?: ClientOptions;
  readonly team?: string;
  readonly start?: number;
}

/** A governed client in front of a mock, on one manual clock. It never retries unless told to. */
export function scene(
  governance: Governance,
  { mock: mockOptions = {}, client: options = {}, team, start }: SceneOptions = {},
): Scene {
  const clock = manualClock(start);
  const mock = mockGroq({ clock, ...mockOptions });
  const records: UsageRecord[] = [];
  const lines: LogLine[] = [];
  const log = governance.usageLog ?? memoryUsageLog();
  const usageLog = {
    record(usage: UsageRecord) {
      records.push(usage);
      return log.record(usage);
    },
    summarize: log.summarize.bind(log),
  };
  const write =
    (level: string) =>
    (...parts: unknown[]): void =>
      void lines.push({ level, text: parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' ') });
  const logger = { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
  const client = new GovernedGroq({
    apiKey: 'gsk_client',
    fetch: mock.fetch,
    maxRetries: 0,
    logger,
    ...options,
    // A log that its own store writes to cannot be stood in for.
    governance: { clock, ...governance, usageLog: governance.budgetStore?.recordsInto ?? usageLog },
    team,
  });
  return { mock, clock, governor: client.governor, client, records, lines };
}

/** What a promise rejects with; fails if it does not. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Error> {
  const error: unknown = await Promise.resolve(promise).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error(`expected a rejection with an Error, got ${String(error)}`);
  return error;
}

/** Reads a stream to its end, or to the error that ends it. */
export async function drain(stream: AsyncIterable<unknown>): Promise<{ readonly chunks: unknown[]; readonly error: unknown }> {
  const chunks: unknown[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
    return { chunks, error: undefined };
  } catch (error) {
    return { chunks, error };
  }
}

/** Lets everything that is ready run, until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 10_000) throw new Error('the condition never came true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
};

export const sum = (numbers: Iterable<number>): number => {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
};

/** Usage as the provider would report it. */
export const usage = (prompt: number, completion: number): { prompt_tokens: number; completion_tokens: number } => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
});

/** Spent of all accounts of a budget store, read through the governor's own report. */
export const spentNanos = async (governor: Governor): Promise<number> =>
  (await governor.report({ from: 0, by: [] })).total.costNanos;
