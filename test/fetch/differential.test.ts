// Whoever calls the governed fetch for something that is permitted cannot tell it from the fetch below it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GovernedFetchOptions, governedFetch } from '../../src/fetch';
import { allow } from '../../src/index';
import { type MockGroq, type MockScript, type MockServer, manualClock, mockGroq } from '../../src/testing';
import { MESSAGES, MODEL, until, usage } from '../governor/support';

const HEADERS = { authorization: 'Bearer gsk_caller', 'content-type': 'application/json' };
const BODY = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const ASK: RequestInit = { method: 'POST', headers: HEADERS, body: JSON.stringify(BODY) };
const STREAM: RequestInit = {
  ...ASK,
  body: JSON.stringify({ ...BODY, stream: true, stream_options: { include_usage: true } }),
};
const ANSWER = { content: 'Hello €😀', usage: usage(70, 10) };
const WORDS = { stream: ['Hello', ' €', '😀'], usage: usage(70, 10) };

interface Place {
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  readonly url: string;
  readonly mock: MockGroq;
}
type Scenario = readonly [name: string, script: MockScript | undefined, run: (place: Place) => unknown];

const CHAT = '/openai/v1/chat/completions';
const chunks = async ({ body }: Response, most = Infinity): Promise<string[]> => {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  const texts: string[] = [];
  while (reader && texts.length < most) {
    const { done, value } = await reader.read();
    if (done) break;
    texts.push(decoder.decode(value));
  }
  if (most !== Infinity) await reader?.cancel('enough');
  return texts;
};

const scenarios: readonly Scenario[] = [
  ['JSON', ANSWER, async ({ fetch, url }) => (await fetch(url + CHAT, ASK)).json()],
  ['the response as it is', ANSWER, ({ fetch, url }) => fetch(url + CHAT, ASK)],
  ['the bytes', ANSWER, async ({ fetch, url }) => [...new Uint8Array(await (await fetch(url + CHAT, ASK)).arrayBuffer())]],
  ['a URL object', ANSWER, async ({ fetch, url }) => (await fetch(new URL(url + CHAT), ASK)).json()],
  ['a Request object', ANSWER, async ({ fetch, url }) => (await fetch(new Request(url + CHAT, ASK))).text()],
  [
    'a Request object and an init over it',
    ANSWER,
    async ({ fetch, url }) => (await fetch(new Request(url + CHAT, { ...ASK, body: '{}' }), ASK)).text(),
  ],
  [
    'bytes as a body',
    ANSWER,
    async ({ fetch, url }) =>
      (await fetch(url + CHAT, { ...ASK, body: new TextEncoder().encode(JSON.stringify(BODY)) })).text(),
  ],
  ['a stream, chunk by chunk', WORDS, async ({ fetch, url }) => chunks(await fetch(url + CHAT, STREAM))],
  ['a stream as text', WORDS, async ({ fetch, url }) => (await fetch(url + CHAT, STREAM)).text()],
  ['a stream, left after two chunks', WORDS, async ({ fetch, url }) => chunks(await fetch(url + CHAT, STREAM), 2)],
  [
    'both halves of a tee, and of a clone',
    WORDS,
    async ({ fetch, url }) => {
      const response = await fetch(url + CHAT, STREAM);
      const copy = response.clone();
      const [left, right] = response.body?.tee() ?? [];
      return [copy.url, await Promise.all([copy.text(), new Response(left).text(), new Response(right).text()])];
    },
  ],
  [
    'a body read twice',
    ANSWER,
    async ({ fetch, url }) => {
      const response = await fetch(url + CHAT, ASK);
      const before = response.bodyUsed;
      await response.text();
      return [before, response.bodyUsed, await response.text().catch((error: unknown) => error)];
    },
  ],
  [
    'an error event in the stream',
    { ...WORDS, errorAfter: 2 },
    async ({ fetch, url }) => (await fetch(url + CHAT, STREAM)).text(),
  ],
  ['a stream that is cut', { ...WORDS, cutAfter: 2 }, async ({ fetch, url }) => (await fetch(url + CHAT, STREAM)).text()],
  ...[400, 401, 403, 404, 413, 422, 429, 498, 500, 503].map((status): Scenario => [
    `HTTP ${status}`,
    { status, retryAfter: 1 },
    async ({ fetch, url }) => {
      const response = await fetch(url + CHAT, ASK);
      return [response, await response.text()];
    },
  ]),
  [
    'an empty answer',
    { raw: '', status: 200, contentType: 'application/json' },
    async ({ fetch, url }) => (await fetch(url + CHAT, ASK)).text(),
  ],
  ['GET', undefined, async ({ fetch, url }) => (await fetch(`${url}/openai/v1/models`, { headers: HEADERS })).text()],
  ['GET without a key', undefined, async ({ fetch, url }) => (await fetch(`${url}/openai/v1/models?a=1#b`)).text()],
  [
    'an upload',
    undefined,
    async ({ fetch, url }) => {
      const body = new FormData();
      body.set('purpose', 'batch');
      body.set('file', new File(['{}\n'], 'a.jsonl'));
      return (await fetch(`${url}/openai/v1/files`, { method: 'POST', headers: { authorization: 'Bearer k' }, body })).json();
    },
  ],
  [
    'an upload as a stream',
    undefined,
    async ({ fetch, url }) => {
      const form = new FormData();
      form.set('purpose', 'batch');
      form.set('file', new File(['{}\n'], 'a.jsonl'));
      const { body, headers } = new Response(form);
      const type = headers.get('content-type') ?? '';
      const init = { method: 'POST', headers: { authorization: 'Bearer k', 'content-type': type }, body, duplex: 'half' };
      return (await fetch(`${url}/openai/v1/files`, init)).json();
    },
  ],
  ['a refused connection', undefined, ({ fetch }) => fetch(`http://127.0.0.1:9${CHAT}`, ASK)],
  ['a connection that breaks', { networkError: 'ECONNRESET' }, ({ fetch, url }) => fetch(url + CHAT, ASK)],
  ['no URL', undefined, ({ fetch }) => fetch('nowhere', ASK)],
  ['a URL with a password', undefined, ({ fetch, url }) => fetch(url.replace('//', '//a:b@') + CHAT, ASK)],
  ['a header that is none', undefined, ({ fetch, url }) => fetch(url + CHAT, { ...ASK, headers: { 'a b': 'c' } })],
  ['a GET with a body', undefined, ({ fetch, url }) => fetch(`${url}/openai/v1/models`, { ...ASK, method: 'GET' })],
  ['aborted before', ANSWER, ({ fetch, url }) => fetch(url + CHAT, { ...ASK, signal: AbortSignal.abort() })],
  [
    'aborted before, with a reason',
    ANSWER,
    ({ fetch, url }) => fetch(url + CHAT, { ...ASK, signal: AbortSignal.abort('mine') }),
  ],
  [
    'aborted while it hangs',
    { hang: true },
    async ({ fetch, url, mock }) => {
      const abort = new AbortController();
      const call = fetch(url + CHAT, { ...ASK, signal: abort.signal });
      call.catch(() => {});
      await until(() => mock.calls.length > 0);
      abort.abort();
      return call;
    },
  ],
  [
    'a Request that is aborted while it hangs',
    { hang: true },
    async ({ fetch, url, mock }) => {
      const abort = new AbortController();
      const call = fetch(new Request(url + CHAT, { ...ASK, signal: abort.signal }));
      call.catch(() => {});
      await until(() => mock.calls.length > 0);
      abort.abort(new Error('mine'));
      return call;
    },
  ],
  [
    'aborted while the body is read',
    { ...WORDS, stallAfter: 2 },
    async ({ fetch, url }) => {
      const abort = new AbortController();
      const response = await fetch(url + CHAT, { ...STREAM, signal: abort.signal });
      const text = response.text();
      text.catch(() => {});
      await until(() => response.bodyUsed);
      abort.abort();
      return text;
    },
  ],
  [
    'a Request that was read',
    ANSWER,
    async ({ fetch, url }) => {
      const request = new Request(url + CHAT, ASK);
      await request.text();
      return fetch(request);
    },
  ],
  [
    'what is left of a Request',
    ANSWER,
    async ({ fetch, url }) => {
      const request = new Request(url + CHAT, ASK);
      await (await fetch(request)).text();
      return [request.bodyUsed, await fetch(request).catch((error: unknown) => error)];
    },
  ],
];

const generous: GovernedFetchOptions = {
  governance: {
    teams: { a: { monthlyBudgetUsd: 1_000_000, concurrency: 1000, rateLimitRPM: 100_000, maxTokensPerRequest: 100 } },
    policies: [{ name: 'nothing against it', check: () => allow() }],
  },
  team: 'a',
};
const VARIANTS: Readonly<Record<string, GovernedFetchOptions>> = {
  ungoverned: {},
  generous,
  observing: {
    governance: { teams: { a: { monthlyBudgetUsd: 0, allowedModels: [], rateLimitRPM: 0 } }, mode: 'observe' },
    team: 'a',
  },
};

// Bun's fetch words a wrong URL in its own way, and lets a Request be read and sent twice, which its Request class does not.
const OF_BUN_ALONE = 'Bun' in globalThis ? ['no URL', 'a Request that was read', 'what is left of a Request'] : [];
// Deno's fetch sends a request again, once, if the connection ends before an answer, and not every time.
const OF_DENO_ALONE = 'Deno' in globalThis ? ['a connection that breaks'] : [];

describe.each(Object.keys(VARIANTS))('%s', (variant) => {
  const mock = mockGroq({ clock: manualClock() });
  let server: MockServer;
  beforeAll(async () => {
    server = await mock.listen();
  });
  afterAll(() => server.close());

  const here = scenarios.filter(([name]) => !OF_DENO_ALONE.includes(name));

  it.each(here.filter(([name]) => variant === 'ungoverned' || !OF_BUN_ALONE.includes(name)))(
    '%s',
    async (name, script, run) => {
      const outcome = async (fetch: Place['fetch']): Promise<unknown> => {
        mock.reset();
        if (script !== undefined) mock.reply('*', script).persist();
        const result = await Promise.resolve()
          .then(() => run({ fetch, url: server.url, mock }))
          .then(
            (returned) => ({ returned: described(returned) }),
            (thrown: unknown) => ({ thrown: described(thrown) }),
          );
        return { ...result, sent: mock.calls.map(({ at: _at, ended: _ended, ...call }) => call) };
      };
      const base = name === 'a refused connection' ? 'http://127.0.0.1:9' : server.url;
      const expected = await outcome(globalThis.fetch);
      const actual = await outcome(governedFetch({ ...VARIANTS[variant], baseURL: base }));
      expect(comparable(actual)).toEqual(comparable(expected));
    },
  );
});

// The boundary between the parts of a form differs between any two requests.
function comparable(outcome: unknown): unknown {
  const text = JSON.stringify(outcome, (_key, value: unknown) => (value === undefined ? '[undefined]' : value));
  return JSON.parse(text.replaceAll(/boundary=[^"\\]*/g, 'boundary=…')) as unknown;
}

function described(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(described);
  if (value instanceof Response) {
    const { status, statusText, ok, url, redirected, type, headers, bodyUsed, body } = value;
    return {
      class: Object.getPrototypeOf(value) === Response.prototype,
      status,
      statusText,
      ok,
      url,
      redirected,
      type,
      bodyUsed,
      body: body instanceof ReadableStream,
      headers: Object.fromEntries(headers),
    };
  }
  if (value instanceof Error || value instanceof DOMException) {
    const { name, message, cause } = value;
    return { error: Object.getPrototypeOf(value).constructor.name, name, message, cause: described(cause) };
  }
  return value;
}
