import Groq, { type ClientOptions } from 'groq-sdk';
import { describe, expect, it } from 'vitest';
import type { GovernedRequest } from '../../src/assessment';
import { FormBody, JsonBody } from '../../src/sdk/body';
import { glance, snapshot } from '../../src/sdk/snapshot';

type Options = Awaited<Parameters<Groq['request']>[0]>;

const CHAT = '/openai/v1/chat/completions';
const BODY = { model: 'm', messages: [] };

interface Taken {
  readonly request: GovernedRequest;
  readonly options: Options;
  /** How often the SDK had to build the request first. */
  readonly builds: number;
}

/** What is seen of a request with these options. */
async function take(given: object, clientOptions: ClientOptions = {}): Promise<Taken> {
  const client = new Groq({ apiKey: 'gsk_test', ...clientOptions });
  const options = { method: 'post', path: CHAT, ...given } as Options;
  let builds = 0;
  const request = await snapshot(client, options, (wanted) => {
    builds++;
    return client.buildRequest(wanted);
  });
  return { request, options, builds };
}

const chat = { name: 'chat.completions', kind: 'chat' };
const PLAIN = { method: 'post', path: CHAT, operation: chat, foreign: false };

describe('where a request goes', () => {
  it('an endpoint by its exact path needs no URL', async () => {
    expect((await take({ body: BODY })).request).toMatchObject({ ...PLAIN, url: undefined });
  });

  it.each<readonly [string, object, ClientOptions, object]>([
    ['another origin', { path: `https://evil.test${CHAT}` }, {}, { foreign: true, operation: undefined, path: CHAT }],
    ['another port', { path: `https://api.groq.com:444${CHAT}` }, {}, { foreign: true, operation: undefined }],
    ['another protocol', { path: `http://api.groq.com${CHAT}` }, {}, { foreign: true, operation: undefined }],
    ['the same origin in full', { path: `https://api.groq.com${CHAT}` }, {}, { ...PLAIN, url: `https://api.groq.com${CHAT}` }],
    ['a query in the path', { path: `${CHAT}?x=1` }, {}, PLAIN],
    ['dots', { path: '/openai/v1/models/../chat/completions' }, {}, PLAIN],
    ['dots in disguise', { path: '/openai/v1/models/%2e%2e/chat/completions' }, {}, PLAIN],
    ['a slash too many', { path: `${CHAT}/` }, {}, { operation: undefined, path: `${CHAT}/`, foreign: false }],
    ['the old endpoint under another case', { path: CHAT.toUpperCase() }, {}, { operation: undefined }],
    ['below a base path', { path: CHAT }, { baseURL: 'https://proxy.test/groq' }, PLAIN],
    [
      'out of the base path',
      { path: '/../other' },
      { baseURL: 'https://proxy.test/groq' },
      { operation: undefined, path: '/other' },
    ],
    ['a method in capitals', { method: 'POST' }, {}, { method: 'post' }],
    [
      'a read',
      { method: 'get', path: '/openai/v1/novel', body: undefined },
      {},
      { operation: { name: 'read', kind: 'free' }, body: undefined },
    ],
  ])('%s', async (_, options, client, seen) => {
    expect((await take({ body: BODY, ...options }, client)).request).toMatchObject(seen);
  });

  it('the base URL that an endpoint asks for stands only for the SDK’s own default', async () => {
    const options = { body: BODY, defaultBaseURL: 'https://other.test' };
    expect((await take(options)).request).toMatchObject({ foreign: true, operation: undefined });
    expect((await take(options, { baseURL: 'https://proxy.test' })).request).toMatchObject({
      ...PLAIN,
      url: `https://proxy.test${CHAT}`,
    });
  });
});

describe('what it carries', () => {
  const stream = (): ReadableStream =>
    new ReadableStream(
      {
        pull: () => {
          throw new Error('read');
        },
      },
      { highWaterMark: 0 },
    );
  it.each<readonly [string, unknown, typeof JsonBody | typeof FormBody, unknown, number]>([
    ['an object', BODY, JsonBody, BODY, 0],
    ['an object without a prototype', Object.assign(Object.create(null) as object, BODY), JsonBody, BODY, 0],
    ['an object with toJSON', { toJSON: () => BODY }, JsonBody, BODY, 1],
    ['a form', formOf({ model: 'm' }), FormBody, { model: 'm' }, 0],
  ])('%s can be read', async (_, body, kind, fields, builds) => {
    const taken = await take({ body });
    expect(taken.request.body).toBeInstanceOf(kind);
    expect(taken.request.body?.toObject()).toEqual(fields);
    expect(taken.builds).toBe(builds);
  });

  it.each<readonly [string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text that is no JSON', 'model=m'],
    ['text of JSON, which the SDK sends as a text in JSON', JSON.stringify(BODY)],
    ['a list', [BODY]],
    ['a list as text', JSON.stringify([BODY])],
    ['bytes', new TextEncoder().encode(JSON.stringify(BODY))],
    ['a buffer', new ArrayBuffer(2)],
    ['a blob', new Blob([JSON.stringify(BODY)])],
    ['a stream, which is not read', stream()],
    ['parameters', new URLSearchParams({ model: 'm' })],
    [
      'a generator',
      (function* () {
        yield new Uint8Array(1);
      })(),
    ],
    [
      'an iterable object',
      {
        ...BODY,
        *[Symbol.iterator]() {
          yield 'x';
        },
      },
    ],
  ])('%s cannot', async (_, body) => {
    expect((await take({ body })).request.body).toBeUndefined();
  });

  it('an object of a class is read as it will be sent', async () => {
    class Params {
      readonly model = 'm';
      get hidden(): string {
        return 'not sent';
      }
    }
    expect((await take({ body: new Params() })).request.body?.toObject()).toEqual({ model: 'm' });
  });
});

describe('what may change it on the way', () => {
  it.each<readonly [string, object, ClientOptions]>([
    ['a content type of the caller’s', { headers: { 'Content-Type': 'application/json' } }, {}],
    ['a content type among rows', { headers: [['content-type', 'application/json']] }, {}],
    ['a content type in Headers', { headers: new Headers([['content-type', 'application/json']]) }, {}],
    ['fetchOptions with a body', { fetchOptions: { body: JSON.stringify({ model: 'other' }) } }, {}],
    ['fetchOptions of the client', {}, { fetchOptions: { body: JSON.stringify({ model: 'other' }) } as object }],
  ])('%s: the SDK builds it first', async (_, options, client) => {
    const taken = await take({ body: BODY, ...options }, client);
    expect(taken.builds).toBe(1);
    expect(taken.request).toMatchObject(PLAIN);
    expect(taken.request.body?.get('model')).toBe(JSON.stringify({ options, client }).includes('other') ? 'other' : 'm');
  });

  it('fetchOptions with a method decide the method', async () => {
    const { request } = await take({ body: BODY, fetchOptions: { method: 'DELETE' } });
    expect(request).toMatchObject({ method: 'delete', operation: undefined });
  });

  it('headers, query and fetchOptions are copies, in the form that they had', async () => {
    const given = {
      rows: [['x-a', '1']],
      record: { 'x-a': '1' },
      headers: new Headers({ 'x-a': '1' }),
    };
    for (const headers of Object.values(given)) {
      const query = { a: '1' };
      const fetchOptions = { keepalive: true };
      const { options } = await take({ body: BODY, headers, query, fetchOptions });
      expect(options.headers).not.toBe(headers);
      expect(options.headers).toEqual(headers);
      expect([options.query, options.fetchOptions]).toEqual([query, fetchOptions]);
      expect(options.query === query || options.fetchOptions === fetchOptions).toBe(false);
    }
    const rows = (await take({ body: BODY, headers: given.rows })).options.headers as string[][];
    expect(rows[0]).not.toBe(given.rows[0]);
  });

  it('changes after it was taken reach nobody', async () => {
    const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
    const data = formOf({ model: 'm' });
    const [json, multipart] = [await take({ body }), await take({ body: data })];
    body.model = 'other';
    body.messages.length = 0;
    data.set('model', 'other');
    expect(json.request.body?.toObject()).toEqual({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
    expect(multipart.request.body?.get('model')).toBe('m');
  });
});

function formOf(fields: Record<string, string>): FormData {
  const data = new FormData();
  for (const [field, value] of Object.entries(fields)) data.append(field, value);
  return data;
}

describe('glance', () => {
  it('runs no getter and writes no JSON', () => {
    const fail = (): never => {
      throw new Error('read');
    };
    const body = Object.defineProperties({ model: 'm', toJSON: fail }, { messages: { enumerable: true, get: fail } });
    const seen = glance({ method: 'post', path: CHAT, body });
    expect(seen).toMatchObject({ ...PLAIN, url: undefined });
    expect([seen.body?.get('model'), seen.body?.get('messages')]).toEqual(['m', undefined]);
  });

  it.each([undefined, null, 'text', new Uint8Array(1), [1]])('sees nothing in %s', (body) => {
    expect(glance({ method: 'post', path: CHAT, body }).body).toBeUndefined();
  });
});
