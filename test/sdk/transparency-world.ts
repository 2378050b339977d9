// Where a scenario runs: a client of one variant, a transport that does as it is told, and everything that can be observed.
import { Groq, type ClientOptions } from 'groq-sdk';
import { GovernedGroq, type Governance, allow, deny } from '../../src/index';
import { described, unlogged } from './transparency-described';

/** What reached the transport. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  /** Text as it is, the entries of a form, bytes as text. */
  readonly body: unknown;
  /** Further members of fetch's second argument. */
  readonly init: Record<string, unknown>;
}

type Piece = string | Uint8Array;

export interface Reply {
  readonly status?: number;
  readonly statusText?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** One chunk per pull. `null`: no body. */
  readonly body?: Piece | readonly Piece[] | null;
  /** After the last chunk; default `close`. */
  readonly ending?: 'close' | 'stall' | 'reset';
  /** Never answers, but obeys the signal. */
  readonly hang?: true;
  /** What fetch rejects with. */
  readonly fails?: unknown;
  /** Answers once this has resolved. */
  readonly after?: Promise<unknown>;
}

export type Script = Reply | ((sent: Sent, index: number) => Reply);

export type VariantName = 'plain' | 'ungoverned' | 'generous' | 'observing';
export type GovernedName = Exclude<VariantName, 'plain'>;

const ANY_PRICE = { inputPerMillionUsd: 1, outputPerMillionUsd: 1, audioPerHourUsd: 1, charactersPerMillionUsd: 1 };

const GENEROUS: Governance = {
  teams: { everyone: { monthlyBudgetUsd: 1_000_000, concurrency: 1000, rateLimitRPM: 100_000, rateLimitTPM: 1_000_000_000 } },
  organization: { monthlyBudgetUsd: 5_000_000 },
  unpricedModels: ANY_PRICE,
  policies: [{ name: 'nothing against it', check: () => allow() }],
};

const TIGHT: Governance = {
  mode: 'observe',
  teams: {
    nobody: {
      allowedModels: ['llama-3.1-8b-instant'],
      allowedTools: [],
      maxTokensPerRequest: 1,
      monthlyBudgetUsd: 0,
      rateLimitRPM: 0,
      rateLimitTPM: 1,
      concurrency: 1,
    },
  },
  organization: { budgets: [{ limitUsd: 0, window: 'day' }], rateLimitRPD: 0 },
  policies: [{ name: 'everything against it', check: () => deny('no') }],
  maxQueueSize: 0,
  queueTimeoutMs: 0,
  maxRetryAfterMs: 0,
};

const builders: Readonly<Record<VariantName, (options: ClientOptions) => Groq>> = {
  plain: (options) => new Groq(options),
  ungoverned: (options) => new GovernedGroq(options),
  generous: (options) => new GovernedGroq({ ...options, governance: GENEROUS, team: 'everyone' }),
  observing: (options) => new GovernedGroq({ ...options, governance: TIGHT, team: 'nobody' }),
};

/** What a scenario can use. */
export interface World {
  /** A client of the variant. */
  readonly groq: Groq;
  /** The class of the variant. */
  readonly Client: typeof Groq;
  /** Another client, with the same fetch and logger unless the options say otherwise. */
  make(options?: ClientOptions): Groq;
  /** The variant's client with these options and nothing else. */
  bare(options: ClientOptions): Groq;
  readonly fetch: typeof globalThis.fetch;
  readonly sent: readonly Sent[];
  /** How the next requests are answered; the last answer stays. */
  reply(...scripts: readonly Script[]): void;
  /** Notes something, in order with what the transport sees. */
  note(...what: readonly unknown[]): void;
  /** Resolves at the next request, once it has arrived. */
  arrival(): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  run(world: World): unknown;
  /** Where the outcome differs on purpose, and why. */
  readonly except?: { readonly variants: readonly GovernedName[]; readonly why: string };
  /** The key that is sent differs on purpose: no request replaces the governed one. */
  readonly keyDiffers?: true;
  /** Notes of the transport say more than a scenario means: leaves out pulls. */
  readonly anyPulls?: true;
  /** The first answer is a 429, whose text a governed client reads to learn the limit; plain Groq throws it away unread. */
  readonly firstRefusalRead?: true;
}

/** All that can be observed of one run. */
export interface Outcome {
  readonly returned?: unknown;
  readonly thrown?: unknown;
  readonly journal: readonly unknown[];
  readonly sent: readonly Sent[];
  readonly logged: readonly unknown[];
  readonly unhandled: readonly unknown[];
}

/** Lets everything run that is ready to. */
export async function turns(count: number = 12): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Runs a scenario on a client of the variant. */
export async function observe(scenario: Scenario, variant: VariantName): Promise<Outcome> {
  const journal: unknown[] = [];
  const sent: Sent[] = [];
  const logged: unknown[] = [];
  const unhandled: unknown[] = [];
  let scripts: Script[] = [];
  let arrived: (() => void)[] = [];
  const note = (...what: readonly unknown[]): void => void journal.push(what.map((each) => described(each)));

  const transport = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const request = await read(input, init);
    const index = sent.push(request) - 1;
    note('fetch', index);
    const script = scripts.length > 1 ? scripts.shift() : scripts[0];
    if (script === undefined) throw new Error('The scenario expects no request');
    const reply = typeof script === 'function' ? script(request, index) : script;
    for (const resolve of arrived.splice(0)) resolve();
    const signal = init.signal ?? undefined;
    signal?.addEventListener('abort', () => note('signal aborted', index), { once: true });
    signal?.throwIfAborted();
    if (reply.after !== undefined) await untilAborted(reply.after, signal);
    if ('fails' in reply) throw reply.fails;
    if (reply.hang) return untilAborted(new Promise<never>(() => {}), signal);
    return responseOf(reply, request.url, signal, (what) => note(what, index));
  };
  const fetch = Object.assign(transport, { Response }) as typeof globalThis.fetch;

  const logger = Object.fromEntries(
    (['error', 'warn', 'info', 'debug'] as const).map((level) => [
      level,
      (...args: unknown[]) => void logged.push([level, ...args.map((each) => described(each))]),
    ]),
  ) as unknown as NonNullable<ClientOptions['logger']>;
  const build = builders[variant];
  const make = (options: ClientOptions = {}): Groq =>
    build({ apiKey: 'gsk_test', baseURL: 'https://api.groq.com', fetch, logger, logLevel: 'debug', ...options });
  const world: World = {
    groq: make(),
    Client: variant === 'plain' ? Groq : GovernedGroq,
    make,
    bare: build,
    fetch,
    sent,
    reply: (...next) => void (scripts = [...next]),
    note,
    arrival: () => new Promise((resolve) => arrived.push(resolve)),
  };

  // The runner's own listeners would take a rejection that nobody handles for a failure of the test.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => void unhandled.push(described(reason)));
  try {
    const result = await Promise.resolve()
      .then(() => scenario.run(world))
      .then(
        (value: unknown) => ({ returned: described(value) }),
        (error: unknown) => ({ thrown: described(error) }),
      );
    await turns();
    return { ...result, journal, sent, logged: unlogged(logged), unhandled };
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  }
}

async function read(
  input: string | URL | Request,
  { method, headers, body, signal: _signal, ...init }: RequestInit,
): Promise<Sent> {
  const names = new Headers(headers);
  return {
    method: method ?? 'GET',
    url: input instanceof Request ? input.url : String(input),
    headers: Object.fromEntries(names),
    body: await readBody(body),
    init: described(init) as Record<string, unknown>,
  };
}

async function readBody(body: BodyInit | null | undefined): Promise<unknown> {
  if (body === null || body === undefined || typeof body === 'string') return body;
  if (!(body instanceof FormData))
    return { [body.constructor.name]: await new Response(body, { duplex: 'half' } as ResponseInit).text() };
  const entries: unknown[] = [];
  for (const [name, value] of body) {
    entries.push([
      name,
      typeof value === 'string'
        ? value
        : {
            file: value.name,
            type: value.type,
            lastModified: value.name === 'dated' ? value.lastModified : 0,
            text: await value.text(),
          },
    ]);
  }
  return { FormData: entries };
}

const encoder = new TextEncoder();
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 304]);

function responseOf(reply: Reply, url: string, signal: AbortSignal | undefined, note: (what: string) => void): Response {
  const { status = 200, statusText = '', headers = {}, body = '', ending = 'close' } = reply;
  const pieces =
    body === null || WITHOUT_BODY.has(status)
      ? undefined
      : typeof body === 'string' || body instanceof Uint8Array
        ? [body]
        : [...body];
  const stream = pieces && bytes(pieces, ending, signal, note);
  return at(url, new Response(stream ?? null, { status, statusText, headers }));
}

// A response of fetch, and every clone of it, knows where it came from.
function at(url: string, response: Response): Response {
  Object.defineProperty(response, 'url', { value: url, configurable: true });
  Object.defineProperty(response, 'clone', {
    value: () => at(url, Response.prototype.clone.call(response)),
    configurable: true,
    writable: true,
  });
  return response;
}

// A body as fetch makes them: a byte stream that nobody reads ahead of the caller.
function bytes(
  pieces: Piece[],
  ending: NonNullable<Reply['ending']>,
  signal: AbortSignal | undefined,
  note: (what: string) => void,
): ReadableStream {
  let over = false;
  return new ReadableStream({
    type: 'bytes',
    start(controller) {
      const onAbort = (): void => {
        if (over) return;
        over = true;
        controller.error(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    },
    pull(controller) {
      note('pull');
      const piece = pieces.shift();
      if (piece !== undefined) {
        controller.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece.slice());
        return undefined;
      }
      if (ending === 'stall') return new Promise<void>(() => {});
      over = true;
      if (ending === 'reset')
        controller.error(
          new TypeError('terminated', { cause: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }) }),
        );
      else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
      return undefined;
    },
    cancel() {
      over = true;
      note('body cancelled');
    },
  });
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    promise.then(resolve, reject);
  });
}

/** Answers that scenarios share. */
export const json = (value: unknown, rest: Omit<Reply, 'body'> = {}): Reply => ({
  ...rest,
  headers: { 'content-type': 'application/json', ...rest.headers },
  body: JSON.stringify(value),
});

export const sse = (events: readonly unknown[], rest: Omit<Reply, 'body'> = {}): Reply => ({
  ...rest,
  headers: { 'content-type': 'text/event-stream', ...rest.headers },
  body: events.map((event) => (typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`)),
});

export const DONE = 'data: [DONE]\n\n';

export const failed = (status: number, rest: Omit<Reply, 'body'> = {}): Reply =>
  json({ error: { message: `It is ${status}`, type: 'test', code: 'a_code' } }, { status, ...rest });

export const COMPLETION: Readonly<Record<string, unknown>> & { readonly id: string; readonly usage: object } = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_767_225_600,
  model: 'openai/gpt-oss-20b',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop', logprobs: null }],
  usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
  x_groq: { id: 'req_1' },
};

export const chunk = (delta: object, rest: object = {}): Record<string, unknown> => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_767_225_600,
  model: 'openai/gpt-oss-20b',
  choices: [{ index: 0, delta, finish_reason: null }],
  ...rest,
});

export const CHUNKS: readonly Record<string, unknown>[] = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Hel' }),
  chunk({ content: 'lo.' }),
  { ...chunk({}), choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], x_groq: { id: 'req_1', usage: COMPLETION.usage } },
];

/** The stream of a provider that sends the extra usage chunk to whoever asks for it. */
export const answering = (sent: Sent): Reply => {
  const usage = { ...chunk({}), choices: [], usage: COMPLETION.usage };
  const asked = String(sent.body).includes('"include_usage":true');
  return sse([...CHUNKS, ...(asked ? [usage] : []), DONE]);
};

/** What every scenario asks. */
export const ASK: { model: string; messages: { role: 'user'; content: string }[] } = {
  model: 'openai/gpt-oss-20b',
  messages: [{ role: 'user', content: 'Say hello.' }],
};
export const ASK_STREAM: typeof ASK & { stream: true } = { ...ASK, stream: true };
