// The client itself: construction, copies, statics, and what people do to clients.
import * as sdk from 'groq-sdk';
import { Groq } from 'groq-sdk';
import type { ClientOptions } from 'groq-sdk';
import { ASK, COMPLETION, type Scenario, type World, json } from './transparency-world';
import { caught } from './transparency-values';

const ok = json(COMPLETION);

const attempt = (make: () => unknown): unknown => {
  try {
    make();
    return 'made';
  } catch (error) {
    return error;
  }
};

/** Runs with these environment variables, and puts the old ones back. */
async function withEnv<T>(env: Readonly<Record<string, string | undefined>>, act: () => Promise<T>): Promise<T> {
  const before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]));
  const set = (values: Readonly<Record<string, string | undefined>>): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(env);
  try {
    return await act();
  } finally {
    set(before);
  }
}

/** What a client shows of its configuration. */
const shown = ({ apiKey, baseURL, maxRetries, timeout, logLevel, fetchOptions }: Groq): unknown => ({
  apiKey,
  baseURL,
  maxRetries,
  timeout,
  logLevel,
  fetchOptions,
});

export const clients: readonly Scenario[] = [
  {
    name: 'it is a Groq, with a Groq’s resources as its own, writable members',
    run(w) {
      const { groq } = w;
      const plain = new Groq({ apiKey: 'x' });
      return [
        groq instanceof Groq,
        groq instanceof w.Client,
        ...Object.keys(plain).map((key) => [
          key,
          key === '_options' ? '' : Object.getOwnPropertyDescriptor(groq, key)?.writable,
          Object.getOwnPropertyDescriptor(groq, key)?.enumerable,
        ]),
        Reflect.get(groq.chat.completions, '_client') === groq,
        groq.chat.completions.constructor === plain.chat.completions.constructor,
      ];
    },
  },
  {
    name: 'statics and errors are the SDK’s own',
    run: (w) => [
      ...Object.keys(Groq).map((name) => [name, Reflect.get(w.Client, name) === Reflect.get(Groq, name)]),
      w.Client.APIError === sdk.APIError,
      w.Client.toFile === sdk.toFile,
      new w.Client.RateLimitError(429, {}, 'x', new Headers()),
    ],
  },
  {
    name: 'no apiKey: the constructor’s own error',
    run: (w) =>
      withEnv({ GROQ_API_KEY: undefined }, async () => [
        attempt(() => w.bare({})),
        attempt(() => w.bare({ apiKey: undefined })),
        attempt(() => w.bare({ apiKey: '' })),
        attempt(() => shown(w.bare({ apiKey: 'x', fetch: undefined }))),
      ]),
  },
  {
    name: 'apiKey: null is what the SDK makes of it',
    run: (w) => withEnv({ GROQ_API_KEY: undefined }, async () => attempt(() => w.bare({ apiKey: null as unknown as string }))),
  },
  {
    name: 'the environment: key, base URL, headers, log level',
    run: (w) =>
      withEnv(
        {
          GROQ_API_KEY: 'gsk_env',
          GROQ_BASE_URL: 'https://env.example/base',
          GROQ_CUSTOM_HEADERS: 'x-env: 1\nx-other:2',
          GROQ_LOG: 'error',
        },
        async () => {
          w.reply(ok);
          const groq = w.bare({ fetch: w.fetch });
          return [
            shown(groq),
            await groq.chat.completions.create(ASK),
            await groq.withOptions({ defaultHeaders: { 'x-env': '3' } }).models.list(),
            shown(w.bare({ apiKey: 'mine', baseURL: null })),
          ];
        },
      ),
  },
  {
    name: 'a log level that is none is warned about',
    run: (w) => shown(w.make({ logLevel: 'loud' as ClientOptions['logLevel'] })),
  },
  {
    name: 'at level warn nothing is logged of a call that succeeds, or of one that fails',
    async run(w) {
      w.reply(ok);
      const groq = w.make({ logLevel: 'warn', maxRetries: 0 });
      await groq.chat.completions.create(ASK);
      w.reply(json({}, { status: 500 }));
      return caught(groq.chat.completions.create(ASK));
    },
  },
  {
    name: 'withOptions() twice keeps and overrides',
    async run(w) {
      w.reply(ok);
      const first = w.groq.withOptions({ maxRetries: 7, timeout: 1234, defaultHeaders: { 'x-mine': '1' } });
      const second = first.withOptions({ timeout: 4321, apiKey: 'gsk_other', baseURL: 'https://other.example' });
      const third = second.withOptions({ defaultHeaders: { 'x-mine': '3' }, defaultQuery: { q: '1' } }).withOptions({});
      const calls: unknown[] = [];
      for (const groq of [first, second, third]) calls.push(await groq.chat.completions.create(ASK), await groq.models.list());
      return [
        [w.groq, first, second, third].map(shown),
        first instanceof w.Client,
        Reflect.get(third, 'fetch') === w.fetch,
        third.constructor === w.groq.constructor,
        calls,
      ];
    },
  },
  {
    name: 'withOptions() follows what was changed on the client',
    async run(w) {
      w.reply(ok);
      const { groq } = w;
      groq.apiKey = 'gsk_changed';
      groq.baseURL = 'https://changed.example/x';
      groq.maxRetries = 9;
      groq.timeout = 77_000;
      await groq.chat.completions.create(ASK);
      await groq.models.retrieve('m');
      const copy = groq.withOptions({ fetchOptions: { keepalive: true } });
      await copy.chat.completions.create(ASK);
      return [shown(groq), shown(copy)];
    },
  },
  {
    name: 'a copy by spreading still calls',
    async run(w) {
      w.reply(ok);
      const copy = Object.assign({} as typeof w.groq, w.groq);
      return [
        await copy.chat.completions.create(ASK),
        await copy.models.list(),
        Object.keys(new Groq({ apiKey: 'x' })).every((key) => key in copy),
      ];
    },
  },
  {
    name: 'instrumentation that replaces create() on the resource',
    async run(w) {
      w.reply(ok);
      const { completions } = w.groq.chat;
      const original = completions.create.bind(completions) as (...args: unknown[]) => unknown;
      completions.create = ((...args: unknown[]) => (
        w.note('seen', args.length),
        original(...args)
      )) as typeof completions.create;
      return [await w.groq.chat.completions.create(ASK), await w.groq.withOptions({}).chat.completions.create(ASK)];
    },
  },
  {
    name: 'instrumentation that wraps the client and its promises in proxies',
    async run(w) {
      w.reply(ok);
      const wrap = <T extends object>(target: T): T =>
        new Proxy(target, {
          get(inner, key) {
            const value: unknown = Reflect.get(inner, key);
            if (typeof value === 'function') return (value as (...args: unknown[]) => unknown).bind(inner);
            return typeof value === 'object' && value !== null ? wrap(value) : value;
          },
        });
      const groq = wrap(w.groq);
      return [
        await groq.chat.completions.create(ASK),
        await groq.models.list(),
        await groq.withOptions({ maxRetries: 0 }).models.list(),
      ];
    },
  },
  {
    name: 'a subclass may override the protected hooks',
    async run(w) {
      w.reply(ok);
      const seen: string[] = [];
      class Mine extends w.Client {
        protected override async prepareOptions(options: Parameters<Groq['buildRequest']>[0]): Promise<void> {
          seen.push(`options ${options.method}`);
        }
        protected override async prepareRequest(request: RequestInit, { url }: { url: string }): Promise<void> {
          seen.push(`request ${request.method} ${url}`);
          (request.headers as Headers).set('x-signed', 'yes');
        }
        protected override async authHeaders(): Promise<undefined> {
          seen.push('auth');
          return undefined;
        }
      }
      const groq = new Mine({ apiKey: 'gsk_test', fetch: w.fetch, logLevel: 'off' });
      return [
        await groq.models.list(),
        await groq.chat.completions.create(ASK),
        seen.filter((line) => line !== 'auth'),
        seen.includes('auth'),
        groq.withOptions({}) instanceof Mine,
      ];
    },
  },
  {
    name: 'buildURL() and buildRequest() of the caller’s own',
    async run(w) {
      const { groq } = w;
      const { req, url, timeout } = await groq.buildRequest({
        method: 'post',
        path: '/openai/v1/chat/completions',
        body: ASK,
        headers: { 'x-mine': '1' },
      });
      return [
        groq.buildURL('/a', { b: 1 }),
        groq.buildURL('https://x.example/a?c=2', null),
        url,
        timeout,
        req.method,
        req.body,
        new Headers(req.headers),
      ];
    },
  },
  {
    name: 'a fetch that fails at once, and one that answers at once',
    async run(w: World) {
      const fails = w.make({
        maxRetries: 0,
        fetch: () => {
          throw new Error('mine');
        },
      });
      const answers = w.make({ fetch: () => Response.json(COMPLETION) as unknown as Promise<Response> });
      return [
        await caught(fails.models.list()),
        await caught(fails.chat.completions.create(ASK)),
        await answers.chat.completions.create(ASK),
        await answers.models.list(),
      ];
    },
  },
  {
    name: 'a response of the caller’s own class stays one',
    async run(w) {
      class Timed extends Response {
        readonly timing = 7;
      }
      const groq = w.make({
        fetch: async () => new Timed(JSON.stringify(COMPLETION), { headers: { 'content-type': 'application/json' } }),
      });
      const response = await groq.chat.completions.create(ASK).asResponse();
      const { response: beside } = await groq.chat.completions.create(ASK).withResponse();
      return [response instanceof Timed, Reflect.get(response, 'timing'), beside instanceof Timed];
    },
  },
];
