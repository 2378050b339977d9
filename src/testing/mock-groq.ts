// Groq in memory: a fetch that answers as Groq would, or as a test tells it to.
import { systemClock } from '../clock';
import { checkOptionNames } from '../option-names';
import type { Clock } from '../clock';
import { exchange } from './mock-exchange';
import type { ExchangeSettings, MockState } from './mock-exchange';
import { FileStore } from './mock-files';
import type { CompleteBatchOptions } from './mock-files';
import { Judge } from './mock-limits';
import type { MockLimits, MockStats } from './mock-limits';
import { addressOf } from './mock-request';
import type { MockCall, MockOperation } from './mock-request';
import { ReplyQueue } from './mock-script';
import type { MockReplyHandle, MockScript } from './mock-script';
import { listen } from './mock-server';
import type { MockListenOptions, MockServer } from './mock-server';
import { untilAborted } from './mock-stream';

/** How the mock behaves; all of it optional. */
export interface MockGroqOptions {
  /**
   * Enforced as Groq does; default none. A request is charged its prompt and output bound when it arrives, and what it really
   * took when it is answered or its stream ends; one that is aborted before its headers stays charged in full.
   */
  readonly limits?: MockLimits;
  /**
   * The output that the limits charge a request which sets no bound. Default 1024, or what the limits can pay at most if that
   * is less; a number given here is charged as it is, so that such requests can be refused as too large.
   */
  readonly expectedOutputTokens?: number;
  /** Models that get a 404; all others are answered. */
  readonly unknownModels?: readonly string[];
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** From request to response headers; default 0. */
  readonly latencyMs?: number;
  /** Between two chunks of a body; default 0. */
  readonly chunkDelayMs?: number;
  /** Characters per content chunk of a stream; default 4, which is one token. */
  readonly chunkChars?: number;
}

/** Usable as the `fetch` option of a client. */
export interface MockFetch {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Spares groq-sdk its probe of the fetch function. */
  readonly Response: typeof Response;
}

/** A stand-in for Groq, over `fetch` or over loopback HTTP. */
export interface MockGroq {
  readonly fetch: MockFetch;
  /** All requests so far, in order of arrival. */
  readonly calls: readonly MockCall[];
  /** What the limits accepted and refused so far. */
  readonly stats: MockStats;
  /**
   * Answers the next request for the operation, `*` for any, with the reply, or the next requests with the elements of a list.
   * Replies wait in the order in which they were given; when none is left, the default answer is back. A request that the
   * `limits` refuse uses up no reply.
   */
  reply(operation: MockOperation | '*', script: MockScript | readonly MockScript[]): MockReplyHandle;
  /** Throws, with a table, if a reply was not used as often as it was meant to. */
  assertDone(): void;
  /** Ends a batch: writes its output file, and its error file if lines failed. */
  completeBatch(id: string, options?: CompleteBatchOptions): void;
  /** Forgets calls, replies, files, batches and what was used of the limits. */
  reset(): void;
  /** Serves the same over HTTP. */
  listen(options?: MockListenOptions): Promise<MockServer>;
}

const OPTIONS: readonly string[] = [
  'limits',
  'expectedOutputTokens',
  'unknownModels',
  'clock',
  'latencyMs',
  'chunkDelayMs',
  'chunkChars',
] satisfies readonly (keyof MockGroqOptions)[];

/** A Groq that answers every endpoint plausibly without being told, and exactly as told otherwise. */
export function mockGroq(options: MockGroqOptions = {}): MockGroq {
  checkOptionNames('mockGroq', options, OPTIONS);
  const { clock = systemClock, limits = {} } = options;
  const settings: ExchangeSettings = {
    clock,
    latencyMs: options.latencyMs ?? 0,
    chunkDelayMs: options.chunkDelayMs ?? 0,
    chunkChars: options.chunkChars ?? 4,
    expectedOutputTokens: options.expectedOutputTokens,
    unknownModels: new Set(options.unknownModels),
  };
  let state = fresh(limits);
  const answer = (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    // The SDK's probe for FormData, if somebody wrapped this fetch and lost its `Response`.
    if (addressOf(input).startsWith('data:')) return Promise.resolve(new Response());
    return untilAborted(exchange({ state, settings, signal }, input, init), signal);
  };
  const fetch: MockFetch = Object.assign(answer, { Response });
  return {
    fetch,
    get calls() {
      return state.calls;
    },
    get stats() {
      return state.judge.stats(clock.now());
    },
    reply: (operation, script) => state.replies.add(operation, script),
    assertDone: () => state.replies.assertDone(),
    completeBatch: (id, how = {}) => state.store.complete(id, how, Math.floor(clock.now() / 1000)),
    reset: () => void (state = fresh(limits)),
    listen: (how = {}) => listen(fetch, how),
  };
}

const fresh = (limits: MockLimits): MockState => ({
  calls: [],
  replies: new ReplyQueue(),
  judge: new Judge(limits),
  store: new FileStore(),
  count: 0,
});
