// What this library assumes of groq-sdk beyond its documentation. If an upgrade breaks one of these, the adapter in src/client.ts
// and src/sdk must be looked at, whatever the other tests say.
import { APIConnectionError, APIError, APIPromise, Groq, GroqError } from 'groq-sdk';
import { Stream } from 'groq-sdk/core/streaming';
import { describe, expect, it } from 'vitest';

type Options = Parameters<Groq['buildRequest']>[0];
type Built = Awaited<ReturnType<Groq['buildRequest']>>;

/** A client that notes what runs, in order, and with which objects. */
class Probe extends Groq {
  readonly order: string[] = [];
  readonly requested: unknown[] = [];
  readonly built: { options: Options; retryCount: number | undefined; result: Built }[] = [];
  readonly fetched: Parameters<Groq['fetchWithTimeout']>[] = [];

  override request<Rsp>(...args: Parameters<Groq['request']>): APIPromise<Rsp> {
    this.order.push('request');
    this.requested.push(args[0]);
    return super.request<Rsp>(...args);
  }
  override async buildRequest(...args: Parameters<Groq['buildRequest']>): Promise<Built> {
    this.order.push('buildRequest');
    const result = await super.buildRequest(...args);
    this.built.push({ options: args[0], retryCount: args[1]?.retryCount, result });
    return result;
  }
  override fetchWithTimeout(...args: Parameters<Groq['fetchWithTimeout']>): Promise<Response> {
    this.order.push('fetchWithTimeout');
    this.fetched.push(args);
    return super.fetchWithTimeout(...args);
  }
}

type Answer = () => Response | Promise<Response>;

/** A fetch that gives these answers, the last one for ever. */
function transport(...answers: readonly Answer[]): { fetch: typeof globalThis.fetch; urls: string[] } {
  const urls: string[] = [];
  const fetch = async (url: string): Promise<Response> => {
    urls.push(String(url));
    return (answers[Math.min(urls.length, answers.length) - 1] ?? (() => Response.json({})))();
  };
  return { fetch: fetch as unknown as typeof globalThis.fetch, urls };
}

const status =
  (code: number, headers: Record<string, string> = {}, body: unknown = { error: { message: 'no' } }): Answer =>
  () =>
    Response.json(body, { status: code, headers });
const ok = status(200, {}, { fine: true });
const soon = { 'retry-after-ms': '1' };
const ASK = { model: 'm', messages: [] };

const probe = (...answers: readonly Answer[]): Probe =>
  new Probe({ apiKey: 'k', fetch: transport(...answers).fetch, logLevel: 'off' });

describe('hooks', () => {
  it('run once per call, then once per attempt', async () => {
    const groq = probe(status(500, soon), status(500, soon), ok);
    await groq.chat.completions.create(ASK);
    expect(groq.order).toEqual([
      'request',
      'buildRequest',
      'fetchWithTimeout',
      'buildRequest',
      'fetchWithTimeout',
      'buildRequest',
      'fetchWithTimeout',
    ]);
  });

  it('get the options object that request() was given, on every attempt', async () => {
    const groq = probe(status(500, soon), ok);
    const options = { method: 'post' as const, path: '/p', body: ASK };
    await groq.request(options);
    await groq.request(Promise.resolve(options));
    expect(groq.built).toHaveLength(3);
    for (const { options: given } of groq.built) expect(given).toBe(options);
    expect(groq.built.map(({ retryCount }) => retryCount)).toEqual([0, 1, 0]);
  });

  it('pass on the request that buildRequest returned', async () => {
    const groq = probe(ok);
    await groq.models.list();
    const [url, req, timeout, controller] = groq.fetched[0] ?? [];
    const { result } = groq.built[0] ?? {};
    expect(req).toBe(result?.req);
    expect(url).toBe(result?.url);
    expect(timeout).toBe(result?.timeout);
    expect(controller).toBeInstanceOf(AbortController);
  });

  it.each([
    ['a resource', (groq: Groq) => groq.chat.completions.create(ASK)],
    ['an upload', (groq: Groq) => groq.files.create({ file: new File(['x'], 'x'), purpose: 'batch' })],
    ['a raw verb', (groq: Groq) => groq.patch('/p', { body: {} })],
  ])('see %s as a promise of options, or as options', async (_name, call) => {
    const groq = probe(ok);
    await call(groq);
    const options = (await groq.requested[0]) as Options;
    expect(options).toMatchObject({ method: expect.any(String), path: expect.stringMatching(/^\//) });
    expect(groq.built[0]?.options).toBe(options);
  });

  it('see an upload as FormData, made before request() has its options', async () => {
    const groq = probe(ok);
    await groq.audio.transcriptions.create({ model: 'm', file: new File(['x'], 'x') });
    expect(groq.requested[0]).toBeInstanceOf(Promise);
    expect(groq.built[0]?.options.body).toBeInstanceOf(FormData);
    expect(groq.built[0]?.result.req.body).toBe(groq.built[0]?.options.body);
  });

  it('write JSON bodies as text, with the type in the headers', async () => {
    const groq = probe(ok);
    await groq.chat.completions.create(ASK);
    const { req } = groq.built[0]?.result ?? {};
    expect(req?.body).toBe(JSON.stringify(ASK));
    expect(new Headers(req?.headers).get('content-type')).toBe('application/json');
    expect(new Headers(req?.headers).get('authorization')).toBe('Bearer k');
  });

  it('may change the built request: headers, body and method are what is sent', async () => {
    const sent: RequestInit[] = [];
    class Changing extends Groq {
      override async buildRequest(...args: Parameters<Groq['buildRequest']>): Promise<Built> {
        const built = await super.buildRequest(...args);
        Object.assign(built.req, {
          body: '{"changed":true}',
          method: 'put',
          headers: new Headers({ authorization: 'Bearer changed' }),
        });
        return built;
      }
    }
    const fetch = async (_url: string, init: RequestInit): Promise<Response> => (sent.push(init), Response.json({}));
    await new Changing({
      apiKey: 'k',
      fetch: fetch as unknown as typeof globalThis.fetch,
      logLevel: 'off',
    }).chat.completions.create(ASK);
    expect(sent[0]).toMatchObject({ method: 'PUT', body: '{"changed":true}' });
    expect(new Headers(sent[0]?.headers).get('authorization')).toBe('Bearer changed');
  });

  it('classes are found by the constructor of the client: withOptions makes a copy of the same class with all options', () => {
    const groq = new Probe({ apiKey: 'k', logLevel: 'off', unknown: 'kept' } as ConstructorParameters<typeof Groq>[0]);
    const copy = groq.withOptions({ maxRetries: 9 }).withOptions({ timeout: 7 });
    expect(copy).toBeInstanceOf(Probe);
    expect(copy).toMatchObject({ maxRetries: 9, timeout: 7 });
    expect(Reflect.get(copy, '_options')).toMatchObject({ unknown: 'kept' });
  });
});

describe('what a hook throws', () => {
  const thrown = new GroqError('refused');
  const failing = (hook: 'request' | 'buildRequest' | 'fetchWithTimeout'): { groq: Groq; runs: () => number } => {
    let runs = 0;
    const fail = (): never => {
      runs++;
      throw thrown;
    };
    class Failing extends Groq {
      override request<Rsp>(...[options, retries]: Parameters<Groq['request']>): APIPromise<Rsp> {
        return super.request<Rsp>(hook === 'request' ? Promise.resolve().then(fail) : options, retries);
      }
      override async buildRequest(...args: Parameters<Groq['buildRequest']>): Promise<Built> {
        return hook === 'buildRequest' ? fail() : super.buildRequest(...args);
      }
      override async fetchWithTimeout(...args: Parameters<Groq['fetchWithTimeout']>): Promise<Response> {
        return hook === 'fetchWithTimeout' ? fail() : super.fetchWithTimeout(...args);
      }
    }
    return { groq: new Failing({ apiKey: 'k', fetch: transport(ok).fetch, logLevel: 'off' }), runs: () => runs };
  };

  it.each(['request', 'buildRequest'] as const)('surfaces as it is, after one run, from %s', async (hook) => {
    const { groq, runs } = failing(hook);
    await expect(groq.chat.completions.create(ASK)).rejects.toBe(thrown);
    expect(runs()).toBe(1);
  });

  it('becomes a connection error from fetchWithTimeout: nothing may refuse there', async () => {
    const { groq, runs } = failing('fetchWithTimeout');
    const error: unknown = await groq.chat.completions.create(ASK, { maxRetries: 0 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(APIConnectionError);
    expect(error).toMatchObject({ cause: thrown });
    expect(runs()).toBe(1);
  });
});

describe('retries', () => {
  it.each([
    ['x-should-retry: false stops', [status(500, { 'x-should-retry': 'false' }), ok], 1],
    ['x-should-retry: true retries any status', [status(418, { 'x-should-retry': 'true', ...soon }), ok], 2],
    ['408', [status(408, soon), ok], 2],
    ['409', [status(409, soon), ok], 2],
    ['429', [status(429, soon), ok], 2],
    ['500', [status(500, soon), ok], 2],
    ['400 is final', [status(400, soon), ok], 1],
    ['413 is final', [status(413, soon), ok], 1],
    ['498 is final', [status(498, soon), ok], 1],
  ] as const)('%s', async (_name, answers, requests) => {
    const groq = probe(...answers);
    await groq.models.list().catch(() => {});
    expect(groq.fetched).toHaveLength(requests);
  });

  it('a copy of the response with x-should-retry: false is obeyed like the original', async () => {
    class Stopping extends Probe {
      override async fetchWithTimeout(...args: Parameters<Groq['fetchWithTimeout']>): Promise<Response> {
        const response = await super.fetchWithTimeout(...args);
        return new Response(response.body, {
          status: response.status,
          headers: { ...Object.fromEntries(response.headers), 'x-should-retry': 'false' },
        });
      }
    }
    const groq = new Stopping({ apiKey: 'k', fetch: transport(status(429, { 'retry-after': '578' })).fetch, logLevel: 'off' });
    const error: unknown = await groq.models.list().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Groq.RateLimitError);
    expect(error).toMatchObject({ status: 429, error: { error: { message: 'no' } } });
    expect(groq.fetched).toHaveLength(1);
  });

  it('retry-after-ms: 0 means at once, if retry-after is absent', async () => {
    const waits = await waitsFor(() => probe(status(500, { 'retry-after-ms': '0' }), ok).models.list());
    expect(waits).toContain(0);
    expect(waits.filter((ms) => ms >= 300 && ms < 10_000)).toEqual([]);
  });

  it('retry-after wins over retry-after-ms: 0, so it has to be taken away', async () => {
    const waits = await waitsFor(() => probe(status(500, { 'retry-after-ms': '0', 'retry-after': '0.004' }), ok).models.list());
    expect(waits).toContain(4);
  });

  it('the second argument of request() is what is left of them', async () => {
    const groq = probe(status(500, soon));
    await groq.request({ method: 'get', path: '/p' }, 1).catch(() => {});
    expect(groq.fetched).toHaveLength(2);
    await groq.request({ method: 'get', path: '/p', maxRetries: 5 }, 0).catch(() => {});
    expect(groq.fetched).toHaveLength(3);
  });
});

/** The delays of all timers that are set meanwhile. */
async function waitsFor(act: () => PromiseLike<unknown>): Promise<readonly number[]> {
  const waits: number[] = [];
  const { setTimeout: original } = globalThis;
  globalThis.setTimeout = ((callback: () => void, ms: number, ...rest: unknown[]) => (
    waits.push(ms),
    original(callback, ms, ...rest)
  )) as typeof setTimeout;
  try {
    await act();
  } finally {
    globalThis.setTimeout = original;
  }
  return waits;
}

describe('APIPromise', () => {
  it('takes the client, a promise of what it knows of the response, and a parser that may answer with a promise', async () => {
    const groq = probe(ok);
    const response = Response.json({ a: 1 });
    type Props = Awaited<ConstructorParameters<typeof APIPromise>[1]>;
    const parsed: unknown[] = [];
    const promise = new APIPromise<string>(groq, Promise.resolve({ response } as Props), (client, props) => {
      parsed.push(client, props.response);
      return Promise.resolve('parsed');
    });
    expect(await promise.asResponse()).toBe(response);
    expect(parsed).toEqual([]);
    expect(await promise).toBe('parsed');
    expect(await promise).toBe('parsed');
    expect(await promise.withResponse()).toEqual({ data: 'parsed', response });
    expect(parsed).toEqual([groq, response]);
    expect(await promise._thenUnwrap((value) => [value])).toEqual(['parsed']);
  });

  it('rejects with what the promise of the response rejects with', async () => {
    const error = new GroqError('mine');
    const promise = new APIPromise(probe(ok), Promise.reject(error));
    await expect(promise).rejects.toBe(error);
    await expect(promise.asResponse()).rejects.toBe(error);
  });

  it('knows these of a response, and the body is not read before it is parsed', async () => {
    const groq = probe(ok);
    const promise = groq.models.list();
    expect((await promise.asResponse()).bodyUsed).toBe(false);
    const props = await promise._thenUnwrap((_data, known) => known);
    expect(props).toMatchObject({
      response: expect.any(Response),
      options: { method: 'get' },
      controller: expect.any(AbortController),
      requestLogID: expect.any(String),
    });
  });

  it('gives every call one response object', async () => {
    const promise = probe(ok).models.list();
    const response = await promise.asResponse();
    expect(await promise.asResponse()).toBe(response);
    expect((await promise.withResponse()).response).toBe(response);
  });
});

describe('Stream', () => {
  it('takes a function that makes an iterator, a controller, and the client', async () => {
    const controller = new AbortController();
    const made: string[] = [];
    const stream = new Stream<number>(
      async function* () {
        made.push('made');
        yield 1;
        yield 2;
      },
      controller,
      probe(ok),
    );
    expect(stream.controller).toBe(controller);
    expect(made).toEqual([]);
    const values: number[] = [];
    for await (const value of stream) values.push(value);
    expect(values).toEqual([1, 2]);
    expect(made).toEqual(['made']);
    const [left] = stream.tee();
    const lines = await new Response(left.toReadableStream() as ReadableStream).text();
    expect(lines).toBe('1\n2\n');
  });

  it('is what a call with stream: true resolves to, one for all who await it', async () => {
    const events: Answer = () =>
      new Response('data: {"a":1}\n\ndata: [DONE]\n\n', { headers: { 'content-type': 'text/event-stream' } });
    const promise = probe(events).chat.completions.create({ ...ASK, stream: true });
    const stream = await promise;
    expect(stream).toBeInstanceOf(Stream);
    expect(await promise).toBe(stream);
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks).toEqual([{ a: 1 }]);
  });

  it('turns an error in the stream into an APIError without status', async () => {
    const events: Answer = () =>
      new Response('data: {"error":{"message":"broken"}}\n\n', { headers: { 'content-type': 'text/event-stream' } });
    const stream = await probe(events).chat.completions.create({ ...ASK, stream: true });
    const error: unknown = await stream[Symbol.asyncIterator]()
      .next()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: undefined, error: { message: 'broken' } });
  });
});

describe('uploads', () => {
  it('probe a fetch once with data:, unless it shows its Response', async () => {
    const upload = (groq: Groq): PromiseLike<unknown> => groq.files.create({ file: new File(['x'], 'x'), purpose: 'batch' });
    const probed = transport(ok);
    await upload(new Groq({ apiKey: 'k', fetch: probed.fetch, logLevel: 'off' }));
    await upload(new Groq({ apiKey: 'k', fetch: probed.fetch, logLevel: 'off' }));
    expect(probed.urls.map((url) => url.startsWith('data:'))).toEqual([true, false, false]);
    const open = transport(ok);
    await upload(new Groq({ apiKey: 'k', fetch: Object.assign(open.fetch, { Response }), logLevel: 'off' }));
    expect(open.urls.map((url) => url.startsWith('data:'))).toEqual([false]);
  });

  it('do not probe through fetchWithTimeout', async () => {
    const groq = probe(ok);
    await groq.files.create({ file: new File(['x'], 'x'), purpose: 'batch' });
    expect(groq.fetched).toHaveLength(1);
  });
});
