// What a test can tell the mock to answer, and the queue of what it was told.
import type { MockErrorName } from './mock-errors';
import type { MockCall, MockOperation } from './mock-request';

/** Usage in Groq's names. What is left out is computed from the request and the answer. */
export interface MockUsage {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly total_tokens?: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
  readonly completion_tokens_details?: { readonly reasoning_tokens: number };
}

/** A call of a function, as the model would make it. */
export interface MockToolCall {
  readonly name: string;
  /** Made JSON of, unless it is a string. */
  readonly arguments?: string | Readonly<Record<string, unknown>>;
  readonly id?: string;
}

/** A named body that Groq is known to send, or fields that replace those of the body for the status. */
export type MockErrorBody = MockErrorName | Readonly<Record<string, unknown>>;

/** How a body goes wrong. Chunks are counted from the first, which in a chat stream carries only the role. */
export interface MockFault {
  /** The body ends after this many chunks, without `[DONE]`; a body of one piece ends in its middle. */
  readonly cutAfter?: number;
  /** `end` (default): a clean end; `reset`: the body fails with `TypeError('terminated')`. */
  readonly how?: 'end' | 'reset';
  /** The body goes on no further after this many chunks, and stays open. */
  readonly stallAfter?: number;
  /** An error follows this many chunks, inside HTTP 200. A request that does not stream gets it as the whole answer. */
  readonly errorAfter?: number;
  /** The error for `errorAfter`; default `tool_use_failed`. */
  readonly error?: MockErrorBody;
  /** `event` (default): an `event: error` message, which ends the body; `chunk`: a chunk with `x_groq.error`, then `[DONE]`. */
  readonly as?: 'event' | 'chunk';
}

/** A whole answer, sent as JSON or as a stream, whichever the request asks for. Also the text of a transcription. */
export interface MockAnswer extends MockFault {
  readonly content?: string;
  readonly toolCalls?: readonly MockToolCall[];
  readonly reasoning?: string;
  readonly finishReason?: string;
  /** `null`: the answer reports none. */
  readonly usage?: MockUsage | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A stream with one content chunk for each text, opened by the role and closed by the finish reason and the usage. As soon as
 * one chunk is given as an object, exactly what is given is sent, and `[DONE]`.
 */
export interface MockStream extends MockFault {
  readonly stream: readonly (string | Readonly<Record<string, unknown>>)[];
  readonly usage?: MockUsage | null;
  readonly finishReason?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Any JSON. */
export interface MockJson {
  readonly json: unknown;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body that Groq sends with the status, or the named one. */
export interface MockFailure {
  /** Default: that of the named error. */
  readonly status?: number;
  readonly error?: MockErrorBody;
  /** Seconds, for the text and, rounded up, the header of a 429; default 2, as Groq always names a time. `null`: no header. */
  readonly retryAfter?: number | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bytes as they are; each element of a list is one chunk. */
export interface MockRaw extends Pick<MockFault, 'cutAfter' | 'how' | 'stallAfter'> {
  readonly raw: string | Uint8Array | readonly (string | Uint8Array)[];
  readonly contentType?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** No answer, ever. */
export interface MockHang {
  readonly hang: true;
}

/** No connection: `fetch` rejects with `TypeError('fetch failed')`, and this is `cause.code`. */
export interface MockNetworkError {
  readonly networkError: string;
}

/** What an answer is to be. */
export type MockReply = MockAnswer | MockStream | MockJson | MockFailure | MockRaw | MockHang | MockNetworkError;

/** A reply, or a function of the request that returns one; `undefined` is the default answer. */
export type MockScript = MockReply | ((request: MockCall) => MockReply | undefined | Promise<MockReply | undefined>);

/** What `mock.reply` returns. */
export interface MockReplyHandle {
  /** Answers `count` requests with it; with a list, goes through the list that many times. */
  times(count: number): this;
  /** Answers all further requests with it. */
  persist(): this;
}

interface Entry {
  readonly operation: MockOperation | '*';
  readonly scripts: readonly MockScript[];
  rounds: number;
  used: number;
}

const left = (entry: Entry): number => entry.rounds * entry.scripts.length - entry.used;

/** Replies in the order in which they were given. */
export class ReplyQueue {
  #entries: Entry[] = [];

  add(operation: MockOperation | '*', script: MockScript | readonly MockScript[]): MockReplyHandle {
    const scripts = isList(script) ? [...script] : [script];
    if (scripts.length === 0) throw new TypeError('mock.reply: the list of replies is empty');
    const entry: Entry = { operation, scripts, rounds: 1, used: 0 };
    this.#entries.push(entry);
    const handle: MockReplyHandle = {
      times(count) {
        if (!Number.isInteger(count) || count < 1) throw new RangeError(`times: expected a whole number from 1, got ${count}`);
        entry.rounds = count;
        return handle;
      },
      persist() {
        entry.rounds = Infinity;
        return handle;
      },
    };
    return handle;
  }

  has(operation: MockCall['operation']): boolean {
    return this.#next(operation) !== undefined;
  }

  /** Uses up the next script for the operation. */
  take(operation: MockCall['operation']): MockScript | undefined {
    const entry = this.#next(operation);
    return entry?.scripts[entry.used++ % entry.scripts.length];
  }

  clear(): void {
    this.#entries = [];
  }

  /** Throws if a reply was not used as often as it should; a persistent one should be used once. */
  assertDone(): void {
    const unused = this.#entries.filter((entry) => (entry.rounds === Infinity ? entry.used === 0 : left(entry) > 0));
    if (unused.length > 0) throw new Error(`${unused.length} mock ${plural(unused.length)} not used up:\n${table(unused)}`);
  }

  #next(operation: MockCall['operation']): Entry | undefined {
    return this.#entries.find((entry) => (entry.operation === operation || entry.operation === '*') && left(entry) > 0);
  }
}

const isList = (script: MockScript | readonly MockScript[]): script is readonly MockScript[] => Array.isArray(script);

const plural = (count: number): string => (count === 1 ? 'reply was' : 'replies were');

function table(entries: readonly Entry[]): string {
  const rows = entries.map((entry) => [
    entry.operation,
    String(entry.used),
    entry.rounds === Infinity ? 'persistent' : String(left(entry)),
    describe(entry.scripts[entry.used % entry.scripts.length]),
  ]);
  const all = [['operation', 'used', 'left', 'next'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()).join('\n');
}

function describe(script: MockScript | undefined): string {
  if (typeof script === 'function') return script.name ? `function ${script.name}` : 'function';
  const text = JSON.stringify(script) ?? '';
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
