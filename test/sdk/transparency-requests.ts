// What goes over the wire for each way in which a request can be described.
import { type ClientOptions, toFile } from 'groq-sdk';
import { ASK, COMPLETION, type Scenario, type World, json } from './transparency-world';
import { caught } from './transparency-values';

const CHAT = '/openai/v1/chat/completions';
const ok = json(COMPLETION);

/** Sends chat requests with these options, one after the other; what matters is what the transport saw. */
const sending = (name: string, ...options: readonly object[]): Scenario => ({
  name,
  async run(w) {
    w.reply(ok);
    for (const each of options) w.note(await caught(w.groq.chat.completions.create(ASK, each)));
  },
});

const withClient = (
  name: string,
  options: ClientOptions,
  act: (groq: World['groq']) => unknown = (groq) => groq.chat.completions.create(ASK),
): Scenario => ({
  name,
  async run(w) {
    w.reply(ok);
    const groq = w.make(options);
    return [await act(groq), await groq.models.list(), await groq.models.retrieve('a/b')];
  },
});

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode('ri');
  yield new TextEncoder().encode('ff');
}

export const requests: readonly Scenario[] = [
  sending(
    'headers in each form, and removed with null',
    { headers: { 'x-mine': 'a', 'X-List': ['1', '2'], 'x-none': undefined } },
    { headers: new Headers({ 'x-mine': 'b' }) },
    {
      headers: [
        ['x-mine', 'c'],
        ['x-mine', 'd'],
      ],
    },
    { headers: { 'x-stainless-lang': null, accept: null, 'content-type': 'application/json; charset=utf-8' } },
    { headers: { 'content-type': null } },
    { headers: { 'user-agent': 'mine' } },
  ),
  {
    ...sending(
      'an Authorization header of the request',
      { headers: { Authorization: 'Bearer other' } },
      { headers: [['authorization', 'Bearer other']] },
      { headers: { authorization: null, 'x-mine': '1' } },
    ),
    keyDiffers: true,
  },
  withClient('default headers', { defaultHeaders: { 'x-mine': 'a', 'x-stainless-os': null } }),
  withClient('a default Authorization header', { defaultHeaders: { Authorization: 'Bearer gateway' } }),
  withClient('default query', { defaultQuery: { a: '1', b: undefined } }),
  withClient('a base URL with a path', { baseURL: 'https://gateway.example/groq/v2' }),
  withClient('a base URL with a path and a slash', { baseURL: 'https://gateway.example/groq/' }),
  withClient('a base URL on a port', { baseURL: 'http://localhost:8080' }),
  {
    name: 'query, path with query, path with nothing after the question mark',
    async run(w) {
      w.reply(ok);
      const { groq } = w;
      await groq.get('/openai/v1/models', { query: { limit: 2, flag: true, none: undefined, empty: null } });
      await groq.get('/openai/v1/models?after=x', { query: { limit: 2 } });
      await groq.get('/openai/v1/models?after=x');
      w.note(await caught(groq.get('/openai/v1/models?')));
      w.note(await caught(groq.get('/openai/v1/models/a b/ü#hash')));
      w.note(await caught(groq.get('/openai/v1/models', { query: null })));
      await groq.post(`${CHAT}?trace=1`, { body: ASK });
      w.note(await caught(groq.post(`${CHAT}?`, { body: ASK })));
      await groq.chat.completions.create(ASK, { query: { trace: 1 } });
      await groq.get('https://api.groq.com/openai/v1/models');
      await groq.post(`https://api.groq.com${CHAT}`, { body: ASK });
    },
  },
  sending(
    'path, method and body overridden by the options',
    { body: { ...ASK, seed: 7 } },
    { path: `${CHAT}?v=2` },
    { method: 'get', path: '/openai/v1/models', body: undefined },
  ),
  sending('an idempotency key', { idempotencyKey: 'once' }),
  sending('a timeout', { timeout: 5000 }, { timeout: 900_000 }),
  sending(
    'fetchOptions of the request',
    { fetchOptions: { keepalive: true, cache: 'no-store', dispatcher: { mine: true } } },
    { fetchOptions: { body: JSON.stringify({ ...ASK, seed: 8 }) } },
    { fetchOptions: { method: 'POST' } },
  ),
  withClient('fetchOptions of the client', { fetchOptions: { credentials: 'omit', redirect: 'error' } }),
  {
    ...withClient('fetchOptions with headers', {
      fetchOptions: { headers: { 'x-only': '1', authorization: 'Bearer gsk_test' } } as never,
    }),
    keyDiffers: true,
  },
  {
    name: 'the body is written as JSON.stringify writes it',
    async run(w) {
      w.reply(ok);
      const odd = {
        ...ASK,
        seed: NaN,
        temperature: -0,
        top_p: 1e-7,
        user: 'é€😀\u2028\ud800"\\',
        stop: undefined,
        metadata: { at: new Date(0), skipped: undefined, list: [undefined, () => {}, 1e21], map: new Map([[1, 2]]) },
        2: 'numeric',
        fn: () => {},
        boxed: new Number(5),
      };
      await w.groq.post(CHAT, { body: odd });
      await w.groq.post(CHAT, { body: { toJSON: () => ({ ...ASK, seed: 1 }) } });
      await w.groq.post(CHAT, { body: Object.assign(Object.create({ inherited: 1 }) as object, ASK) });
      await w.groq.post(CHAT, { body: JSON.parse('{"model":"openai/gpt-oss-20b","__proto__":{"a":1},"messages":[]}') });
      await w.groq.post(CHAT, { body: new Proxy({ ...ASK }, {}) });
      class Params {
        readonly model = ASK.model;
        readonly messages = ASK.messages;
        get hidden(): string {
          return 'on the prototype';
        }
      }
      await w.groq.post(CHAT, { body: new Params() });
    },
  },
  {
    name: 'a body that is changed in the tick of the call is sent changed',
    async run(w) {
      w.reply(ok);
      const params = { ...ASK, seed: 1 };
      const promise = w.groq.chat.completions.create(params);
      params.seed = 2;
      return promise;
    },
  },
  {
    name: 'a body that is text, for which the type is given',
    async run(w) {
      w.reply(ok);
      return w.groq.post(CHAT, { body: JSON.stringify(ASK), headers: { 'content-type': 'application/json' } });
    },
  },
  {
    name: 'empty bodies',
    async run(w) {
      w.reply(ok);
      const path = '/openai/v1/batches/b_1/cancel';
      await w.groq.post(path);
      await w.groq.post(path, { body: undefined });
      await w.groq.post(path, { body: {} });
      w.note(await caught(w.groq.post(path, { body: null })));
      w.note(await caught(w.groq.post(path, { body: '' })));
      w.note(await caught(w.groq.post(path, { body: 0 })));
    },
  },
  {
    name: 'bodies that no rule can read, to endpoints that cost nothing',
    async run(w) {
      w.reply(ok);
      const path = '/openai/v1/files';
      for (const body of [
        [1, 2],
        new URLSearchParams('a=1'),
        new Blob(['{}']),
        new TextEncoder().encode('{}'),
        new TextEncoder().encode('{}').buffer,
        pieces(),
        new ReadableStream({ start: (c) => (c.enqueue(new TextEncoder().encode('{}')), c.close()) }),
      ]) {
        w.note(await caught(w.groq.post(path, { body })));
      }
      w.note(await caught(w.groq.post(path, { body: 'text' })));
      w.note(await caught(w.groq.post(path, { body: 7 })));
      w.note(await caught(w.groq.post(path, { body: 'a=1', headers: { 'content-type': 'text/plain' } })));
    },
  },
  {
    name: 'bodies that no rule can read, to endpoints that cost',
    except: { variants: ['generous'], why: 'what cannot be read cannot be priced' },
    async run(w) {
      w.reply(ok);
      for (const body of [[1, 2], 'text', 7, new Blob([JSON.stringify(ASK)])])
        w.note(await caught(w.groq.post(CHAT, { body })));
      w.note(await caught(w.groq.post(CHAT, { body: 'text', headers: { 'content-type': 'text/plain' } })));
      w.note(await caught(w.groq.post(CHAT)));
      w.note(await caught(w.groq.post(CHAT, { body: { messages: [] } })));
      w.note(
        await caught(
          w.groq.post(CHAT, { body: { ...ASK, n: 3, max_tokens: -1, max_completion_tokens: 'many', tools: 'all' } }),
        ),
      );
    },
  },
  {
    name: 'a body that is a form by its content type',
    async run(w) {
      w.reply(ok);
      return w.groq.post('/openai/v1/files', {
        body: { a: 1, b: 'x y' },
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    },
  },
  {
    name: 'multipart: toFile, File, Response, a stream, lists and numbers',
    async run(w) {
      w.reply(json({ text: 'hello' }));
      const transcribe = (file: File | Response, rest: object = {}): PromiseLike<unknown> =>
        w.groq.audio.transcriptions.create({ model: 'whisper-large-v3', file, ...rest });
      await transcribe(await toFile(Buffer.from('riff'), 'a.wav', { type: 'audio/wav' }), {
        temperature: 0.5,
        timestamp_granularities: ['word', 'segment'],
        language: 'de',
      });
      await transcribe(new File(['riff'], 'dated', { lastModified: 12_345 }));
      await transcribe(new Response('riff', { headers: { 'content-type': 'audio/mp3' } }));
      await transcribe(await toFile(pieces(), 'streamed.wav'));
      await w.groq.audio.translations.create({ model: 'whisper-large-v3', url: 'https://x.example/a.mp3' });
      return w.groq.files.create({ file: await toFile(new TextEncoder().encode('{}\n'), 'in.jsonl'), purpose: 'batch' });
    },
  },
  {
    name: 'multipart: a stream as the file',
    async run(w) {
      w.reply(json({ text: 'hello' }));
      const file = Object.assign(pieces(), { path: '/tmp/read.wav' });
      return w.groq.audio.transcriptions.create({ model: 'whisper-large-v3', file } as never);
    },
  },
  {
    name: 'multipart with a fetch that must be probed: one probe for all clients of that fetch',
    async run(w) {
      const { fetch } = w;
      w.reply((sent) => (sent.url.startsWith('data:') ? { body: null } : json({ text: 'hello' })));
      const wrapped = (input: string | URL | Request, init?: RequestInit): Promise<Response> => fetch(input, init);
      const groq = w.make({ fetch: wrapped as typeof fetch });
      const upload = (client: typeof groq): PromiseLike<unknown> =>
        client.audio.transcriptions.create({ model: 'whisper-large-v3', file: new File(['riff'], 'a.wav') });
      await upload(groq);
      await upload(groq);
      return upload(groq.withOptions({ maxRetries: 0 }));
    },
  },
  {
    name: 'a form of the caller’s own',
    async run(w) {
      w.reply(json({ text: 'hello' }));
      const form = new FormData();
      form.append('model', 'whisper-large-v3');
      form.append('file', new Blob(['riff'], { type: 'audio/wav' }), 'a.wav');
      form.append('x', '1');
      form.append('x', '2');
      return w.groq.post('/openai/v1/audio/transcriptions', { body: form });
    },
  },
  {
    name: 'options with getters are read as the SDK reads them',
    async run(w) {
      w.reply(ok);
      const options = {
        get maxRetries(): number {
          return 0;
        },
        get headers(): Record<string, string> {
          return { 'x-mine': 'got' };
        },
      };
      return w.groq.chat.completions.create(ASK, options);
    },
  },
];
