import Groq from 'groq-sdk';
import type { ChatCompletionChunk } from 'groq-sdk/resources/chat/completions';
import type { MockGroq } from '../../src/testing/mock-groq';

export const MODEL = 'openai/gpt-oss-20b';

/** A plain client of the mock. It never retries: the SDK's pauses are real time. */
export const clientOf = (mock: MockGroq, apiKey: string = 'gsk_test'): Groq =>
  new Groq({ apiKey, fetch: mock.fetch, maxRetries: 0 });

export const ask = (content: string = 'hi'): { model: string; messages: { role: 'user'; content: string }[] } => ({
  model: MODEL,
  messages: [{ role: 'user', content }],
});

/** What a promise rejects with; fails if it does not. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error('expected a rejection with an Error');
  return outcome;
}

/** All chunks of a stream, and the error that ended it. */
export async function drain(
  stream: AsyncIterable<ChatCompletionChunk>,
): Promise<{ chunks: ChatCompletionChunk[]; text: string; error: unknown }> {
  const chunks: ChatCompletionChunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (caught) {
    error = caught;
  }
  return { chunks, text: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), error };
}

/** Lets input and output happen until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('the condition never came true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The response to a raw chat request. */
export const post = (
  mock: MockGroq,
  body: unknown,
  init: { signal?: AbortSignal; path?: string; headers?: Record<string, string> } = {},
): Promise<Response> =>
  mock.fetch(`https://api.groq.com/openai/v1/${init.path ?? 'chat/completions'}`, {
    method: 'POST',
    headers: init.headers ?? { authorization: 'Bearer gsk_test', 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(init.signal ? { signal: init.signal } : {}),
  });
