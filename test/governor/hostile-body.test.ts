// What a policy saw is what the transport gets, whatever the caller's body is made of.
import { describe, expect, it } from 'vitest';
import { type Policy, allow } from '../../src/policy/policy';
import { CHAT, MESSAGES, MODEL, type Scene, rejection, scene } from './support';

const good = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const FORBIDDEN = 'openai/gpt-oss-120b';
const REST = '"messages":[{"role":"user","content":"hi"}],"max_completion_tokens":10';

/** The SDK's types leave these out of `fetchOptions`; it obeys them all the same. */
const hidden = (options: object): never => options as never;

interface Watched extends Scene {
  readonly seen: unknown[];
}

function watched(options: Parameters<typeof scene>[1] = {}): Watched {
  const seen: unknown[] = [];
  const watch: Policy = {
    name: 'watch',
    check(call) {
      seen.push({ ...call.body });
      return allow();
    },
  };
  const made = scene(
    { teams: { a: { allowedModels: [MODEL], maxTokensPerRequest: 10 } }, policies: [watch] },
    { team: 'a', ...options },
  );
  return { ...made, seen };
}

/** Either refused with nothing sent and nothing booked, or sent exactly as checked. */
async function holds({ mock, seen, records, governor }: Watched, call: PromiseLike<unknown>): Promise<'sent' | 'refused'> {
  const outcome = await Promise.resolve(call).then(
    () => 'sent' as const,
    () => 'refused' as const,
  );
  await governor.close();
  if (mock.calls.length > 0) {
    expect(mock.calls.map((each) => each.body)).toEqual(seen);
    expect(seen.every((body) => (body as { model?: unknown }).model === MODEL)).toBe(true);
    return outcome;
  }
  expect(outcome).toBe('refused');
  expect(records.every(({ costNanos }) => costNanos === 0)).toBe(true);
  return outcome;
}

/** Answers with one value on the first read and with another ever after. */
function flipping(field: string, first: unknown, then: unknown): object {
  let reads = 0;
  return Object.defineProperty({ ...good }, field, { enumerable: true, get: () => (reads++ === 0 ? first : then) });
}

describe('bodies that change between reads', () => {
  it.each([
    ['model', flipping('model', MODEL, FORBIDDEN)],
    ['model, the other way', flipping('model', FORBIDDEN, MODEL)],
    ['max_completion_tokens', flipping('max_completion_tokens', 10, 5000)],
    ['n', flipping('n', 1, 50)],
    ['messages', flipping('messages', MESSAGES, [{ role: 'user', content: 'x'.repeat(10_000) }])],
  ])('%s', async (_, body) => {
    const here = watched();
    await holds(here, here.client.post(CHAT, { body }));
  });

  it('a proxy that answers each read anew', async () => {
    const here = watched();
    let reads = 0;
    const body = new Proxy(
      { ...good },
      {
        get: (target, field) =>
          field === 'model' ? (reads++ % 2 === 0 ? MODEL : FORBIDDEN) : (Reflect.get(target, field) as unknown),
      },
    );
    expect(await holds(here, here.client.post(CHAT, { body }))).toBe('sent');
  });

  it('a proxy that lists other fields each time', async () => {
    const here = watched();
    let lists = 0;
    const body = new Proxy(
      { ...good, n: 50 },
      { ownKeys: (target) => Reflect.ownKeys(target).filter((key) => key !== 'n' || lists++ > 0) },
    );
    await holds(here, here.client.post(CHAT, { body }));
  });

  it('toJSON of the body, which answers each call anew', async () => {
    const here = watched();
    let calls = 0;
    const body = { toJSON: () => ({ ...good, model: calls++ === 0 ? MODEL : FORBIDDEN }) };
    expect(await holds(here, here.client.post(CHAT, { body }))).toBe('sent');
  });

  it('toJSON of a field', async () => {
    const here = watched();
    let calls = 0;
    const model = { toJSON: () => (calls++ === 0 ? MODEL : FORBIDDEN) };
    expect(await holds(here, here.client.post(CHAT, { body: { ...good, model } }))).toBe('sent');
  });

  it('toJSON deep inside', async () => {
    const here = watched();
    let calls = 0;
    const content = { toJSON: () => 'x'.repeat(calls++ === 0 ? 1 : 100_000) };
    expect(await holds(here, here.client.post(CHAT, { body: { ...good, messages: [{ role: 'user', content }] } }))).toBe(
      'sent',
    );
  });

  it('a body changed right after the call', async () => {
    const here = watched();
    const body = { ...good, messages: [{ role: 'user' as const, content: 'hi' }] };
    const call = here.client.chat.completions.create(body);
    body.model = FORBIDDEN;
    body.max_completion_tokens = 5000;
    body.messages[0] = { role: 'user', content: 'x'.repeat(10_000) };
    await holds(here, call);
  });

  it('a body changed while a policy thinks, and between retries', async () => {
    const here = watched({ client: { maxRetries: 2 } });
    const body = { ...good };
    here.mock.reply('chat.completions', [
      () => {
        body.model = FORBIDDEN;
        return { status: 500 };
      },
      () => {
        body.max_completion_tokens = 5000;
        return { status: 500 };
      },
      {},
    ]);
    await here.clock.runUntil(here.client.chat.completions.create(body));
    expect(here.mock.calls.map((call) => call.body)).toEqual([good, good, good]);
  });
});

describe('bodies of other kinds', () => {
  class Params {
    model = MODEL;
    max_completion_tokens = 10;
    messages = MESSAGES;
    get n(): number {
      return 50;
    }
  }

  it.each<[string, unknown]>([
    ['an instance of a class', new Params()],
    ['an object without prototype', Object.assign(Object.create(null) as object, good)],
    ['boxed values', { ...good, model: new String(MODEL), max_completion_tokens: new Number(10) }],
    ['undefined, functions and symbols', { ...good, temperature: undefined, seed: () => 1, [Symbol('n')]: 50 }],
    [
      'an own __proto__',
      JSON.parse(
        `{"__proto__":{"n":50},"model":"${MODEL}","messages":[{"role":"user","content":"hi"}],"max_completion_tokens":10}`,
      ),
    ],
    ['an inherited field', Object.assign(Object.create({ n: 50 }) as object, good)],
  ])('%s is sent as checked', async (_, body) => {
    const here = watched();
    expect(await holds(here, here.client.post(CHAT, { body } as never))).toBe('sent');
  });

  it.each<[string, unknown]>([
    ['a list', [good]],
    ['a Map', new Map(Object.entries(good))],
    ['null', null],
    ['nothing', undefined],
    ['a number', 5],
    ['true', true],
    ['a function', () => good],
    ['a Blob', new Blob([JSON.stringify(good)])],
    ['bytes', new TextEncoder().encode(JSON.stringify(good))],
    ['a buffer', new TextEncoder().encode(JSON.stringify(good)).buffer],
    ['a stream', new Blob([JSON.stringify(good)]).stream()],
    ['URL parameters', new URLSearchParams({ model: MODEL })],
    ['text that is not JSON', 'model=x'],
    ['text that is a JSON list', '[]'],
    ['text that is JSON null', 'null'],
    ['empty text', ''],
    [
      'an async iterable',
      (async function* () {
        yield new TextEncoder().encode(JSON.stringify(good));
      })(),
    ],
    [
      'an iterator',
      (function* () {
        yield new TextEncoder().encode(JSON.stringify(good));
      })(),
    ],
  ])('%s is refused', async (_, body) => {
    const here = watched();
    expect(await holds(here, here.client.post(CHAT, { body } as never))).toBe('refused');
    expect(await holds(here, here.client.post(CHAT, { body, headers: { 'content-type': 'application/json' } } as never))).toBe(
      'refused',
    );
    expect(here.mock.calls).toHaveLength(0);
  });

  it.each<[string, object]>([
    [
      'a cycle',
      Object.assign(
        { ...good },
        {
          get self() {
            return this;
          },
        },
      ),
    ],
    ['a BigInt', { ...good, seed: 1n }],
    [
      'a getter that throws',
      Object.defineProperty({ ...good }, 'seed', {
        enumerable: true,
        get: () => {
          throw new Error('no');
        },
      }),
    ],
  ])('%s fails as it would without governance: nothing is sent', async (_, body) => {
    const here = watched();
    expect(await holds(here, here.client.post(CHAT, { body }))).toBe('refused');
  });

  it('JSON as text without a content type is refused: the SDK would send it as a JSON string', async () => {
    const here = watched();
    expect(await rejection(here.client.post(CHAT, { body: JSON.stringify(good) } as never))).toMatchObject({
      code: 'invalid-request',
    });
    expect(here.mock.calls).toHaveLength(0);
  });

  it.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded'])(
    'JSON as text, content type %s, is read and checked',
    async (type) => {
      const here = watched();
      const headers = { 'content-type': type };
      expect(await holds(here, here.client.post(CHAT, { body: JSON.stringify(good), headers } as never))).toBe('sent');
      const forbidden = JSON.stringify({ ...good, model: FORBIDDEN });
      expect(await rejection(here.client.post(CHAT, { body: forbidden, headers } as never))).toMatchObject({
        code: 'model-not-allowed',
      });
    },
  );

  it.each([
    ['a repeated model', `{"model":"${MODEL}","model":"${FORBIDDEN}",${REST}}`, 'refused'],
    ['a repeated model, the allowed one last', `{"model":"${FORBIDDEN}","model":"${MODEL}",${REST}}`, 'sent'],
    [
      'a repeated bound',
      `{"model":"${MODEL}","messages":[],"max_completion_tokens":5,"max_completion_tokens":5000}`,
      'refused',
    ],
    ['an escaped name', `{"\\u006dodel":"${FORBIDDEN}",${REST}}`, 'refused'],
    ['white space', ` \n{"model" : "${MODEL}", ${REST} } `, 'sent'],
    ['a byte order mark', `\uFEFF{"model":"${FORBIDDEN}",${REST}}`, 'refused'],
  ])('JSON text with %s: %s', async (_, body, outcome) => {
    const here = watched();
    expect(await holds(here, here.client.post(CHAT, { body, headers: { 'content-type': 'application/json' } } as never))).toBe(
      outcome,
    );
  });
});

describe('options that override what create() was given', () => {
  it.each<[string, object]>([
    ['body', { body: { ...good, model: FORBIDDEN } }],
    ['path and body', { path: '/openai/v1/embeddings', body: { model: FORBIDDEN, input: 'x' } }],
    ['fetchOptions.body', { fetchOptions: { body: JSON.stringify({ ...good, model: FORBIDDEN }) } }],
  ])('%s is what is checked', async (_, options) => {
    const here = watched();
    expect(await rejection(here.client.chat.completions.create(good, options as never))).toMatchObject({
      code: 'model-not-allowed',
    });
    expect(here.mock.calls).toHaveLength(0);
  });

  it('fetchOptions.body of the client is what is checked', async () => {
    const here = watched({ client: { fetchOptions: hidden({ body: JSON.stringify({ ...good, model: FORBIDDEN }) }) } });
    expect(await rejection(here.client.chat.completions.create(good))).toMatchObject({ code: 'model-not-allowed' });
  });

  it('fetchOptions.body that is allowed is sent as checked', async () => {
    const here = watched();
    const body = JSON.stringify({ ...good, max_completion_tokens: 7 });
    expect(
      await holds(here, here.client.chat.completions.create({ ...good, model: FORBIDDEN }, { fetchOptions: hidden({ body }) })),
    ).toBe('sent');
    expect(here.mock.calls[0]?.body).toMatchObject({ max_completion_tokens: 7, model: MODEL });
  });

  it('fetchOptions.method is what is checked', async () => {
    const here = watched();
    expect(
      await rejection(
        here.client.get(CHAT, {
          fetchOptions: hidden({ method: 'POST', body: JSON.stringify({ ...good, model: FORBIDDEN }) }),
        }),
      ),
    ).toMatchObject({
      code: 'model-not-allowed',
    });
    const client = here.client.withOptions({ fetchOptions: hidden({ method: 'DELETE' }) });
    expect(await rejection(client.chat.completions.create(good))).toMatchObject({ code: 'ungoverned-request' });
    expect(here.mock.calls).toHaveLength(0);
  });

  it('fetchOptions whose body changes between reads', async () => {
    const here = watched();
    let reads = 0;
    const fetchOptions = {
      get body() {
        return JSON.stringify({ ...good, model: reads++ === 0 ? MODEL : FORBIDDEN });
      },
    };
    await holds(here, here.client.post(CHAT, { body: good, fetchOptions: hidden(fetchOptions) }));
    const other = watched({ client: { fetchOptions: hidden(fetchOptions) } });
    reads = 0;
    await holds(other, other.client.post(CHAT, { body: good }));
  });

  it('fetchOptions that appear between check and attempt', async () => {
    const here = watched({ client: { fetchOptions: {} } });
    here.governor.on('call-admitted', () => {
      here.client.fetchOptions = hidden({ body: JSON.stringify({ ...good, model: FORBIDDEN }), method: 'PUT' });
    });
    expect(await holds(here, here.client.chat.completions.create(good))).toBe('sent');
    expect(here.mock.calls[0]).toMatchObject({ method: 'POST' });
  });

  it('options with getters', async () => {
    const here = watched();
    const reads = new Map<string, number>();
    const flip = <T>(name: string, first: T, then: T): T => {
      const count = reads.get(name) ?? 0;
      reads.set(name, count + 1);
      return count === 0 ? first : then;
    };
    const options = {
      method: 'post' as const,
      get path() {
        return flip('path', CHAT, '/openai/v1/responses');
      },
      get body() {
        return flip('body', good, { ...good, model: FORBIDDEN });
      },
      get fetchOptions() {
        return flip<object>('fetchOptions', {}, { body: '{}' });
      },
    };
    await holds(here, here.client.request(options as never));
  });

  it('a promise of options that is awaited twice', async () => {
    const here = watched();
    let reads = 0;
    const thenable = Object.fromEntries([
      [
        // oxlint-disable-next-line unicorn/no-thenable -- a hostile caller's body
        'then',
        (resolve: (value: unknown) => void) =>
          resolve({ method: 'post', path: CHAT, body: reads++ === 0 ? good : { ...good, model: FORBIDDEN } }),
      ],
    ]);
    expect(await holds(here, here.client.request(thenable as never))).toBe('sent');
  });
});

describe('a raw binary upload to an endpoint that is free', () => {
  it('arrives whole', async () => {
    const { client } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
    let got = '';
    const fetch = async (_: unknown, init?: { body?: unknown }): Promise<Response> => {
      got = await new Response(init?.body as ReadableStream).text();
      return Response.json({});
    };
    async function* parts(): AsyncGenerator<Uint8Array> {
      for (const part of ['a', 'b', 'c', 'd']) yield new TextEncoder().encode(part);
    }
    await client.withOptions({ fetch: fetch as never }).post('/openai/v1/files', { body: parts() } as never);
    expect(got).toBe('abcd');
  });
});
