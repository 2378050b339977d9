// What an answer is made of, and the answers that need no more than a status and a message.
import { formatGoDuration } from './mock-duration';
import { groqError } from './mock-errors';
import type { Amounts, LimitRefusal } from './mock-limits';
import type { MockFailure } from './mock-script';
import type { BodyPlan } from './mock-stream';

/** One answer, ready to be sent. */
export interface Rendered extends BodyPlan {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What it really took; undefined leaves what was charged. */
  readonly took?: Partial<Amounts> | undefined;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const NOTHING: Amounts = { requests: 0, input: 0, output: 0, audioSeconds: 0 };

export function jsonReply(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Rendered {
  return { status, headers: { ...JSON_TYPE, ...headers }, chunks: [JSON.stringify(value)], ending: 'complete' };
}

/** Groq's body for an error. A refusal took nothing; a failure in Groq's house gives the tokens back. */
export function errorReply(failure: MockFailure, model: string): Rendered {
  const wait = formatGoDuration((failure.retryAfter ?? 2) * 1000);
  const { status, error } = groqError(failure, { model, wait });
  if (status < 400) return { status, headers: { ...failure.headers }, chunks: [], ending: 'complete' };
  const names = status === 429 && failure.retryAfter !== null && failure.error !== 'output_too_large';
  const retryAfter = names || typeof failure.retryAfter === 'number' ? Math.ceil(failure.retryAfter ?? 2) : undefined;
  return {
    ...jsonReply({ error }, status, {
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      ...failure.headers,
    }),
    took: status >= 500 || status === 498 ? { input: 0, output: 0 } : status === 400 ? { output: 0 } : NOTHING,
  };
}

/** What the limiter says. */
export function limitReply({ status, error, retryAfter }: LimitRefusal): Rendered {
  return jsonReply({ error }, status, retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) });
}

/** A request that the mock does not know. Never a throw: the SDK would retry it and lose its message. */
export function unexpectedReply(method: string, path: string): Rendered {
  return notImplemented(
    `mockGroq does not know ${method} ${path}. To answer it: mock.reply('*', { json: … }), or a function of the request.`,
  );
}

/** A script that failed. */
export function failedScript(operation: string, error: unknown): Rendered {
  return notImplemented(`The reply scripted for ${operation} failed: ${String(error)}`);
}

function notImplemented(message: string): Rendered {
  return jsonReply({ message, error: { message, type: 'mock_error' } }, 501, { 'x-should-retry': 'false' });
}
