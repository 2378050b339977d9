// No way round: every method of every resource, in every way of consuming its answer, is one call, checked once and booked once.
import { APIPromise, toFile } from 'groq-sdk';
import { APIResource } from 'groq-sdk/core/resource';
import { Stream } from 'groq-sdk/core/streaming';
import { describe, expect, it } from 'vitest';
import { GovernedGroq, type Governance, UngovernedRequestError, type UsageRecord, allow } from '../../src/index';
import { type MockGroq, mockGroq } from '../../src/testing';

const ASK = { model: 'openai/gpt-oss-20b', messages: [{ role: 'user' as const, content: 'Say hello.' }] };
const ASK_STREAM = { ...ASK, stream: true as const };

interface Counts {
  /** Calls of the user's policy, `call-admitted`, `call-denied`. */
  checked: number;
  admitted: number;
  denied: number;
  readonly settled: UsageRecord[];
}

interface House {
  readonly groq: GovernedGroq;
  readonly mock: MockGroq;
  readonly counts: Counts;
  /** Lets everything end that has been consumed. */
  readonly done: () => Promise<void>;
}

function house(governance: Governance = {}): House {
  const mock = mockGroq();
  const counts: Counts = { checked: 0, admitted: 0, denied: 0, settled: [] };
  const groq = new GovernedGroq({
    apiKey: 'gsk_test',
    fetch: mock.fetch,
    logLevel: 'off',
    governance: {
      teams: { t: { monthlyBudgetUsd: 100, concurrency: 100 } },
      defaultTeam: 't',
      unpricedModels: { inputPerMillionUsd: 1, outputPerMillionUsd: 1, audioPerHourUsd: 1, charactersPerMillionUsd: 1 },
      policies: [{ name: 'counting', check: () => (counts.checked++, allow()) }],
      ...governance,
    },
  });
  groq.governor.on('call-admitted', () => void counts.admitted++);
  groq.governor.on('call-denied', () => void counts.denied++);
  groq.governor.on('call-settled', (record) => void counts.settled.push(record));
  const done = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    await groq.governor.report();
  };
  return { groq, mock, counts, done };
}

/** How each method is called. A method that is missing here fails the first test below. */
const METHODS: Readonly<Record<string, (groq: GovernedGroq) => APIPromise<unknown>>> = {
  'chat.completions.create': (groq) => groq.chat.completions.create(ASK),
  'embeddings.create': (groq) => groq.embeddings.create({ model: 'nomic-embed-text-v1_5', input: 'x' }),
  'audio.speech.create': (groq) =>
    groq.audio.speech.create({ model: 'canopylabs/orpheus-v1-english', input: 'Hello.', voice: 'hannah' }),
  'audio.transcriptions.create': (groq) =>
    groq.audio.transcriptions.create({ model: 'whisper-large-v3', file: new File([WAV], 'a.wav') }),
  'audio.translations.create': (groq) =>
    groq.audio.translations.create({ model: 'whisper-large-v3', file: new File([WAV], 'a.wav') }),
  'models.retrieve': (groq) => groq.models.retrieve('openai/gpt-oss-20b'),
  'models.list': (groq) => groq.models.list(),
  'models.delete': (groq) => groq.models.delete('mine'),
  'batches.create': (groq) =>
    groq.batches.create({ completion_window: '24h', endpoint: '/v1/chat/completions', input_file_id: 'file_1' }),
  'batches.retrieve': (groq) => groq.batches.retrieve('batch_1'),
  'batches.list': (groq) => groq.batches.list(),
  'batches.cancel': (groq) => groq.batches.cancel('batch_1'),
  'files.create': (groq) => groq.files.create({ file: new File(['{}'], 'in.jsonl'), purpose: 'batch' }),
  'files.list': (groq) => groq.files.list(),
  'files.delete': (groq) => groq.files.delete('file_1'),
  'files.content': (groq) => groq.files.content('file_1'),
  'files.info': (groq) => groq.files.info('file_1'),
};

const WAV = new Uint8Array(64_000);

// The lines of a batch are read before it is created, so its file is uploaded here first: then that is all there is to do.
const LINE = JSON.stringify({ custom_id: '1', method: 'POST', url: '/v1/chat/completions', body: ASK });

async function prepare({ mock, counts, done }: House, groq: GovernedGroq, name: string): Promise<void> {
  if (name !== 'batches.create') return;
  mock.reply('files.create', { json: { id: 'file_1' } });
  await groq.files.create({ file: new File([LINE], 'in.jsonl'), purpose: 'batch' });
  await done();
  mock.reset();
  Object.assign(counts, { checked: 0, admitted: 0 });
  counts.settled.length = 0;
}

/** Requests of one's own, which the resources are made of. */
const RAW: typeof METHODS = {
  'get, with options': (groq) => groq.get('/openai/v1/models', {}),
  'get, with a promise of options': (groq) => groq.get('/openai/v1/models', Promise.resolve({})),
  'post, with options': (groq) => groq.post('/openai/v1/chat/completions', { body: ASK }),
  'post, with a promise of options': (groq) => groq.post('/openai/v1/chat/completions', Promise.resolve({ body: ASK })),
  'post of a Responses request': (groq) => groq.post('/openai/v1/responses', { body: { model: ASK.model, input: 'x' } }),
  'put, where it is allowed': (groq) => groq.put('/openai/v1/custom', { body: { a: 1 } }),
  'patch, where it is allowed': (groq) => groq.patch('/openai/v1/custom', { body: { a: 1 } }),
  'delete, where it is allowed': (groq) => groq.delete('/openai/v1/custom'),
  'delete, with a promise of options': (groq) => groq.delete('/openai/v1/files/file_1', Promise.resolve({})),
  'request, with options': (groq) => groq.request({ method: 'post', path: '/openai/v1/chat/completions', body: ASK }),
  'request, with a promise of options': (groq) =>
    groq.request(Promise.resolve({ method: 'post' as const, path: '/openai/v1/chat/completions', body: ASK })),
  'request, with options that were made for another call': (groq) => {
    const options = { method: 'post' as const, path: '/openai/v1/chat/completions', body: ASK };
    return groq.request(options);
  },
  'post, with text as body': (groq) =>
    groq.post('/openai/v1/chat/completions', { body: JSON.stringify(ASK), headers: { 'content-type': 'application/json' } }),
  'a view for a team': (groq) => groq.withTeam('t').chat.completions.create(ASK),
  'a copy with options': (groq) =>
    groq.withOptions({ maxRetries: 0 }).withOptions({ timeout: 1000 }).chat.completions.create(ASK),
  'a copy by spreading': (groq) => Object.assign({} as GovernedGroq, groq).chat.completions.create(ASK),
};

const ALLOWED = ['PUT /openai/v1/custom', 'PATCH /openai/v1/custom', 'DELETE /openai/v1/custom'];

// Files and batches that nobody has made.
const UNKNOWN_TO_THE_MOCK = /custom$|batches|files\//;

/** Ways of consuming an answer; `settles: false` where nobody reads it to its end. */
const WAYS: readonly {
  readonly name: string;
  readonly settles: boolean;
  readonly use: (promise: APIPromise<unknown>) => unknown;
}[] = [
  { name: 'await', settles: true, use: read },
  { name: 'then()', settles: true, use: (promise) => promise.then((value) => read(value)) },
  { name: 'catch()', settles: true, use: (promise) => promise.catch(() => {}).then((value) => read(value)) },
  { name: 'finally()', settles: true, use: (promise) => promise.finally(() => {}).then((value) => read(value)) },
  { name: 'awaiting twice', settles: true, use: async (promise) => [await promise, await read(promise)] },
  { name: 'withResponse()', settles: true, use: async (promise) => read((await promise.withResponse()).data) },
  { name: '_thenUnwrap()', settles: true, use: async (promise) => read(await promise._thenUnwrap((value) => value)) },
  { name: 'asResponse(), read', settles: true, use: async (promise) => (await promise.asResponse()).text() },
  {
    name: 'asResponse(), read as JSON or bytes',
    settles: true,
    use: async (promise) => (await promise.asResponse()).arrayBuffer(),
  },
  {
    name: 'asResponse(), read by the platform',
    settles: true,
    use: async (promise) => Response.prototype.text.call(await promise.asResponse()),
  },
  { name: 'asResponse(), cancelled', settles: true, use: async (promise) => (await promise.asResponse()).body?.cancel() },
  { name: 'asResponse(), dropped', settles: false, use: async (promise) => void (await promise.asResponse()) },
  { name: 'not at all', settles: false, use: () => undefined },
];

// Binary answers are responses that are still to be read.
async function read(value: unknown): Promise<unknown> {
  const awaited = await value;
  return awaited instanceof Response ? awaited.arrayBuffer() : awaited;
}

function expectOneCall({ counts, mock }: House, settles: boolean, requests: number = 1): void {
  expect(counts).toMatchObject({ checked: 1, admitted: 1, denied: 0 });
  expect(mock.calls).toHaveLength(requests);
  if (settles) expect(counts.settled).toHaveLength(1);
  else expect(counts.settled.length).toBeLessThanOrEqual(1);
  for (const record of counts.settled) expect(record).toMatchObject({ team: 't', attempts: requests });
}

/** Paths of all endpoint methods, found on the instance. */
function methodsOf(resource: object, path: string): string[] {
  const found: string[] = [];
  for (const [name, value] of Object.entries(resource))
    if (value instanceof APIResource) found.push(...methodsOf(value, `${path}${name}.`));
  if (!(resource instanceof APIResource)) return found;
  for (
    let prototype: unknown = Object.getPrototypeOf(resource);
    prototype !== APIResource.prototype && prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    found.push(
      ...Object.getOwnPropertyNames(prototype)
        .filter((name) => name !== 'constructor')
        .map((name) => `${path}${name}`),
    );
  }
  return found;
}

it('every method of every resource is tried here', () => {
  const found = methodsOf(house().groq, '');
  expect(found.toSorted()).toEqual(Object.keys(METHODS).toSorted());
  expect(found.length).toBeGreaterThanOrEqual(17);
});

describe.each(Object.entries({ ...METHODS, ...RAW }))('%s', (name, call) => {
  it.each(WAYS)('$name: one admission', async ({ settles, use }) => {
    const here = house({ allowOperations: ALLOWED });
    await prepare(here, here.groq, name);
    here.mock.reply('*', (request) => (UNKNOWN_TO_THE_MOCK.test(request.path) ? { json: { id: 'x' } } : undefined)).persist();
    await use(call(here.groq));
    await here.done();
    expectOneCall(here, settles);
  });

  it('a view is one call too, and the promise is the SDK’s', async () => {
    const here = house({ allowOperations: ALLOWED });
    const view = here.groq.withTeam('t', { user: 'u' });
    await prepare(here, view, name);
    here.mock.reply('*', (request) => (UNKNOWN_TO_THE_MOCK.test(request.path) ? { json: { id: 'x' } } : undefined)).persist();
    const promise = call(view);
    expect(promise).toBeInstanceOf(APIPromise);
    await promise;
    await here.done();
    expect(here.counts).toMatchObject({ checked: 1, admitted: 1 });
  });
});

describe('a stream', () => {
  const STREAMS: Readonly<Record<string, (groq: GovernedGroq) => APIPromise<Stream<unknown>>>> = {
    'chat.completions.create': (groq) => groq.chat.completions.create(ASK_STREAM) as APIPromise<Stream<unknown>>,
    'post of a chat request': (groq) =>
      groq.post<Stream<unknown>>('/openai/v1/chat/completions', { body: ASK_STREAM, stream: true }),
    'post of a Responses request': (groq) =>
      groq.post<Stream<unknown>>('/openai/v1/responses', {
        body: { model: ASK.model, input: 'x', stream: true },
        stream: true,
      }),
  };
  const drain = async (source: AsyncIterable<unknown> | ReadableStream | null): Promise<void> => {
    for await (const _ of (source ?? []) as AsyncIterable<unknown>);
  };
  const ways: Readonly<Record<string, readonly [settles: boolean, use: (promise: APIPromise<Stream<unknown>>) => unknown]>> = {
    iterated: [true, async (promise) => drain(await promise)],
    'left by break': [
      true,
      async (promise) => {
        for await (const _ of await promise) break;
      },
    ],
    'left by return()': [
      true,
      async (promise) => {
        const iterator = (await promise)[Symbol.asyncIterator]();
        await iterator.next();
        await iterator.return?.();
      },
    ],
    'left by throw()': [
      true,
      async (promise) => {
        const iterator = (await promise)[Symbol.asyncIterator]();
        await iterator.next();
        await iterator.throw?.(new Error('mine')).catch(() => {});
      },
    ],
    'left by return() before the first chunk': [true, async (promise) => (await promise)[Symbol.asyncIterator]().return?.()],
    'aborted unread': [true, async (promise) => (await promise).controller.abort()],
    'aborted between chunks': [
      true,
      async (promise) => {
        const stream = await promise;
        await stream[Symbol.asyncIterator]().next();
        stream.controller.abort();
      },
    ],
    'tee(), both read': [true, async (promise) => Promise.all((await promise).tee().map(drain))],
    'tee(), one read': [true, async (promise) => drain((await promise).tee()[0])],
    'toReadableStream()': [true, async (promise) => drain((await promise).toReadableStream() as ReadableStream)],
    'toReadableStream(), cancelled': [true, async (promise) => (await promise).toReadableStream().cancel()],
    'asResponse(), as text': [true, async (promise) => (await promise.asResponse()).text()],
    // As servers do that are handed a response: they need no method of it.
    'asResponse(), read by the platform': [true, async (promise) => Response.prototype.text.call(await promise.asResponse())],
    'asResponse(), by chunk': [true, async (promise) => drain((await promise.asResponse()).body)],
    'asResponse(), cancelled': [true, async (promise) => (await promise.asResponse()).body?.cancel()],
    'asResponse(), cloned and both read': [
      true,
      async (promise) => {
        const response = await promise.asResponse();
        await Promise.all([response.clone().text(), response.text()]);
      },
    ],
    'withResponse()': [true, async (promise) => drain((await promise.withResponse()).data)],
    '_thenUnwrap()': [true, async (promise) => drain(await promise._thenUnwrap((stream) => stream))],
    'never read': [false, async (promise) => void (await promise)],
    'never awaited': [false, () => undefined],
    'asResponse(), dropped': [false, async (promise) => void (await promise.asResponse())],
  };

  describe.each(Object.entries(STREAMS))('%s', (_name, call) => {
    it.each(Object.entries(ways))('%s: one admission', async (_way, [settles, use]) => {
      const here = house();
      await use(call(here.groq));
      await here.done();
      expectOneCall(here, settles);
    });
  });

  it.each([
    'iterated',
    'tee(), both read',
    'tee(), one read',
    'toReadableStream()',
    'asResponse(), as text',
    'asResponse(), by chunk',
    'withResponse()',
    '_thenUnwrap()',
  ])('%s: booked with the provider’s own count, once', async (way) => {
    const here = house();
    here.mock.reply('chat.completions', { content: 'Hello there.', usage: { prompt_tokens: 11, completion_tokens: 7 } });
    await ways[way]?.[1](here.groq.chat.completions.create(ASK_STREAM) as APIPromise<Stream<unknown>>);
    await here.done();
    expect(here.counts.settled).toMatchObject([
      { promptTokens: 11, completionTokens: 7, accuracy: 'exact', outcome: 'success' },
    ]);
  });
});

describe('booked with the provider’s own count, once', () => {
  it.each(WAYS.filter(({ name, settles }) => settles && !name.includes('cancelled')))('$name', async ({ use }) => {
    const here = house();
    here.mock.reply('chat.completions', { content: 'Hello there.', usage: { prompt_tokens: 11, completion_tokens: 7 } });
    await use(here.groq.chat.completions.create(ASK));
    await here.done();
    expect(here.counts.settled).toMatchObject([
      { promptTokens: 11, completionTokens: 7, accuracy: 'exact', outcome: 'success' },
    ]);
  });
});

describe('retries', () => {
  const soon = { headers: { 'retry-after-ms': '1' } };

  it('do not admit again', async () => {
    const here = house();
    here.mock.reply('chat.completions', [{ status: 500, ...soon }, { status: 500, ...soon }, { content: 'at last' }]);
    await here.groq.chat.completions.create(ASK);
    await here.done();
    expectOneCall(here, true, 3);
  });

  it('of an upload do not admit again', async () => {
    const here = house();
    here.mock.reply('audio.transcriptions', [{ status: 503, ...soon }, { content: 'at last' }]);
    await here.groq.audio.transcriptions.create({ model: 'whisper-large-v3', file: await toFile(WAV, 'a.wav') });
    await here.done();
    expectOneCall(here, true, 2);
  });

  it('that run out are one failed call', async () => {
    const here = house();
    here.mock.reply('chat.completions', { status: 500, ...soon }).persist();
    await expect(here.groq.chat.completions.create(ASK)).rejects.toThrow('500');
    await here.done();
    expectOneCall(here, true, 3);
    expect(here.counts.settled).toMatchObject([{ outcome: 'error', costNanos: 0 }]);
  });
});

describe('calls that share their options object', () => {
  it.each([{ governed: true }, { governed: false }])(
    'are two calls, each with its own attempt (governed: $governed)',
    async ({ governed }) => {
      const { groq, mock, counts, done } = house();
      const client = governed ? groq : new GovernedGroq({ apiKey: 'k', fetch: mock.fetch });
      const settled: UsageRecord[] = counts.settled;
      if (!governed) client.governor.on('call-settled', (record) => void settled.push(record));
      const options = { method: 'post' as const, path: '/openai/v1/chat/completions', body: ASK };
      await Promise.all([client.request(options), client.request(options)]);
      await done();
      expect(settled.map(({ attempts }) => attempts)).toEqual([1, 1]);
      expect(new Set(settled.map(({ id }) => id)).size).toBe(2);
    },
  );
});

describe('a refused call', () => {
  const refused: Readonly<Record<string, (groq: GovernedGroq) => APIPromise<unknown>>> = {
    'an unknown endpoint': (groq) => groq.post('/openai/v1/unknown', { body: {} }),
    'another origin': (groq) => groq.get('https://other.example/openai/v1/models'),
    'a body that is text and not JSON': (groq) => groq.post('/openai/v1/chat/completions', { body: 'text' }),
    'a body that is a list': (groq) => groq.post('/openai/v1/chat/completions', { body: [1] }),
    'a body that is bytes': (groq) => groq.post('/openai/v1/chat/completions', { body: new Blob([JSON.stringify(ASK)]) }),
    'no body': (groq) => groq.post('/openai/v1/chat/completions'),
    'no model': (groq) => groq.post('/openai/v1/chat/completions', { body: { messages: [] } }),
    'an unknown team': (groq) => groq.withTeam('constructor').chat.completions.create(ASK),
  };

  it.each(Object.entries(refused))('%s: one denial, nothing sent, nothing admitted', async (_name, call) => {
    const here = house();
    const error = await call(here.groq).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await here.done();
    expect(error).toMatchObject({ code: expect.any(String), callId: expect.any(String) });
    expect(here.counts).toMatchObject({ admitted: 0, denied: 1, settled: [] });
    expect(here.mock.calls).toEqual([]);
  });

  it('behind the client’s back is not sent', async () => {
    const { groq, mock } = house();
    await expect(
      groq.fetchWithTimeout('https://api.groq.com/openai/v1/models', {}, 1000, new AbortController()),
    ).rejects.toThrow(UngovernedRequestError);
    expect(mock.calls).toEqual([]);
  });
});
