// Errors, retries, timeouts, cancellation, and rejections that nobody handles.
import { APIPromise } from 'groq-sdk';
import { ASK, ASK_STREAM, COMPLETION, type Scenario, type World, failed, json, turns } from './transparency-world';
import { caught } from './transparency-values';

const chat = (w: World, options: Parameters<World['groq']['chat']['completions']['create']>[1] = {}): APIPromise<unknown> =>
  w.groq.chat.completions.create(ASK, { maxRetries: 0, ...options });

const SOON = { headers: { 'retry-after-ms': '1' } };

export const failures: readonly Scenario[] = [
  ...[400, 401, 403, 404, 408, 409, 413, 418, 422, 424, 429, 498, 499, 500, 502, 503, 529].map((status): Scenario => ({
    name: `status ${status} is the SDK’s error for it`,
    async run(w) {
      w.reply(failed(status, { headers: { 'x-request-id': 'req_7', 'retry-after': '0.001' } }));
      const promise = chat(w);
      const first = await caught(promise);
      const again = await caught(promise);
      return [
        first,
        again,
        await caught(chat(w).asResponse()),
        await caught(chat(w).withResponse()),
        await caught(w.groq.models.list({ maxRetries: 0 })),
      ];
    },
  })),
  {
    name: 'the same error object for everybody who awaits',
    async run(w) {
      w.reply(failed(400));
      const promise = chat(w);
      const errors = await Promise.all(
        [promise, promise.asResponse(), promise.withResponse(), promise.then()].map((each) =>
          Promise.resolve(each).catch((error: unknown) => error),
        ),
      );
      return errors.map((error) => error === errors[0]);
    },
  },
  {
    name: 'errors without JSON, without a body, with other bodies',
    async run(w) {
      const bodies = [
        '<html>Bad gateway</html>',
        '',
        'null',
        '[]',
        '"text"',
        '{"message":"flat"}',
        '{"error":{"message":{"nested":true}}}',
        '{"error":"text"}',
      ];
      w.reply(...bodies.map((body) => ({ status: 502, headers: { 'content-type': 'text/html' }, body })), {
        status: 500,
        body: null,
      });
      const outcomes: unknown[] = [];
      for (let count = 0; count <= bodies.length; count++) outcomes.push(await caught(chat(w)));
      return outcomes;
    },
  },
  {
    name: 'an error whose body breaks',
    async run(w) {
      w.reply(
        { status: 500, headers: { 'content-type': 'application/json' }, body: ['{"error":'], ending: 'reset' },
        { status: 429, headers: { 'content-type': 'application/json' }, body: ['{"error":'], ending: 'reset' },
      );
      return [await caught(chat(w)), await caught(chat(w))];
    },
  },
  {
    name: 'json_validate_failed and tool_use_failed keep their details',
    async run(w) {
      w.reply(
        json(
          {
            error: {
              message: 'Failed',
              type: 'invalid_request_error',
              code: 'json_validate_failed',
              failed_generation: '{"a"',
            },
          },
          { status: 400 },
        ),
      );
      return caught(chat(w));
    },
  },
  {
    name: '500, 500, 200: two retries, then the answer',
    async run(w) {
      w.reply(failed(500, SOON), failed(500, SOON), json(COMPLETION));
      return w.groq.chat.completions.create(ASK);
    },
  },
  {
    name: '429 with retry-after-ms, 408, 409 and 503 are retried',
    firstRefusalRead: true,
    async run(w) {
      w.reply(failed(429, SOON), failed(408, SOON), failed(409, SOON), failed(503, SOON), json(COMPLETION));
      return w.groq.chat.completions.create(ASK, { maxRetries: 5 });
    },
  },
  {
    name: 'retry-after in seconds, and as a date in the past',
    firstRefusalRead: true,
    async run(w) {
      w.reply(
        failed(429, { headers: { 'retry-after': '0.002' } }),
        failed(503, { headers: { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' } }),
        json(COMPLETION),
      );
      return w.groq.chat.completions.create(ASK);
    },
  },
  {
    name: 'x-should-retry is obeyed both ways',
    async run(w) {
      w.reply(
        failed(500, { headers: { 'x-should-retry': 'false' } }),
        failed(400, { headers: { 'x-should-retry': 'true', 'retry-after-ms': '1' } }),
        json(COMPLETION),
      );
      return [await caught(w.groq.chat.completions.create(ASK)), await w.groq.chat.completions.create(ASK)];
    },
  },
  {
    name: 'retries run out: the last error, with its own headers',
    async run(w) {
      w.reply(failed(500, SOON), failed(503, SOON), failed(429, { headers: { 'retry-after-ms': '1', 'retry-after': '7' } }));
      return [await caught(w.groq.chat.completions.create(ASK)), await caught(w.groq.models.list({ maxRetries: 1 }))];
    },
  },
  {
    name: 'maxRetries per request, per client, and as the second argument of request()',
    async run(w) {
      w.reply(failed(500, SOON));
      const options = { method: 'get' as const, path: '/openai/v1/models' };
      return [
        await caught(w.groq.models.list({ maxRetries: 1 })),
        await caught(w.make({ maxRetries: 1 }).chat.completions.create(ASK)),
        await caught(w.make({ maxRetries: 3 }).chat.completions.create(ASK, { maxRetries: 0 })),
        await caught(w.groq.request(options, 1)),
        await caught(w.groq.request({ ...options, maxRetries: 4 }, 0)),
        w.sent.map(({ headers }) => headers['x-stainless-retry-count']),
      ];
    },
  },
  {
    name: 'a retried upload sends its form again',
    async run(w) {
      w.reply(failed(500, SOON), json({ text: 'hello' }));
      return w.groq.audio.transcriptions.create({ model: 'whisper-large-v3', file: new File(['riff'], 'a.wav') });
    },
  },
  {
    name: 'a stream is retried like any other call',
    async run(w) {
      w.reply(failed(500, SOON), failed(400));
      return caught(w.groq.chat.completions.create(ASK_STREAM));
    },
  },
  {
    name: 'a connection that fails is APIConnectionError with its cause',
    async run(w) {
      const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      w.reply(
        { fails: new TypeError('fetch failed', { cause }) },
        { fails: new TypeError('fetch failed', { cause: new Error('socket hang up') }) },
        { fails: 'not an error' },
        { fails: undefined },
        { fails: new Error('Timed out') },
      );
      const outcomes: unknown[] = [];
      for (let count = 0; count < 5; count++) outcomes.push(await caught(chat(w)));
      return outcomes;
    },
  },
  {
    name: 'a connection that fails once is tried again',
    async run(w) {
      w.reply({ fails: new TypeError('fetch failed') }, json(COMPLETION));
      return chat(w, { maxRetries: 1 });
    },
  },
  {
    name: 'no answer in time is APIConnectionTimeoutError',
    async run(w) {
      w.reply({ hang: true });
      return [
        await caught(chat(w, { timeout: 1 })),
        await caught(w.make({ timeout: 1, maxRetries: 0 }).models.list()),
        await caught(chat(w, { timeout: 0 })),
      ];
    },
  },
  {
    name: 'a timeout that is none is refused, unwrapped',
    async run(w) {
      return [
        await caught(chat(w, { timeout: -1 })),
        await caught(chat(w, { timeout: 1.5 })),
        await caught(w.groq.models.list({ timeout: NaN })),
      ];
    },
  },
  {
    name: 'a body that cannot be JSON rejects, unwrapped',
    async run(w) {
      const circular: Record<string, unknown> = { ...ASK };
      circular['self'] = circular;
      return [
        await caught(w.groq.post('/openai/v1/chat/completions', { body: { ...ASK, seed: 1n } })),
        await caught(w.groq.post('/openai/v1/chat/completions', { body: circular })),
      ];
    },
  },
  {
    name: 'a form that cannot be built rejects, unwrapped',
    async run(w) {
      const file = null as unknown as File;
      return caught(w.groq.audio.transcriptions.create({ model: 'whisper-large-v3', file }));
    },
  },
  {
    name: 'aborted before it is sent',
    async run(w) {
      const signal = AbortSignal.abort(new Error('mine'));
      return [
        await caught(chat(w, { signal })),
        await caught(chat(w, { signal }).asResponse()),
        await caught(w.groq.models.list({ signal })),
      ];
    },
  },
  {
    name: 'aborted in the tick of the call',
    async run(w) {
      w.reply(json(COMPLETION));
      const controller = new AbortController();
      const promise = chat(w, { signal: controller.signal });
      controller.abort();
      return caught(promise);
    },
  },
  {
    name: 'aborted while waiting for headers',
    async run(w) {
      w.reply({ hang: true });
      const controller = new AbortController();
      const arrived = w.arrival();
      const promise = chat(w, { signal: controller.signal, maxRetries: 2 });
      await arrived;
      controller.abort(new Error('mine'));
      return caught(promise);
    },
  },
  {
    name: 'aborted while the JSON body is read',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json' }, body: ['{"a":'], ending: 'stall' });
      const controller = new AbortController();
      const promise = chat(w, { signal: controller.signal });
      void promise.catch(() => {});
      await promise.asResponse();
      await turns();
      controller.abort();
      return [await caught(promise), await caught(promise.withResponse())];
    },
  },
  {
    name: 'aborted while the raw body is read',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json' }, body: ['{"a":', '1'], ending: 'stall' });
      const controller = new AbortController();
      const response = await chat(w, { signal: controller.signal }).asResponse();
      const reader = response.body?.getReader();
      await reader?.read();
      const pending = caught(reader?.read() ?? Promise.resolve());
      w.note('second', await pending);
      const third = caught(reader?.read() ?? Promise.resolve());
      await turns();
      controller.abort();
      return [
        await third,
        await caught(reader?.read() ?? Promise.resolve()),
        await caught(reader?.closed ?? Promise.resolve()),
      ];
    },
  },
  {
    name: 'aborted between two reads of the raw body: whoever waits for its end is told at once',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json' }, body: ['{"a":', '1'], ending: 'stall' });
      const controller = new AbortController();
      const reader = (await chat(w, { signal: controller.signal }).asResponse()).body?.getReader();
      await reader?.read();
      void reader?.closed.catch(() => w.note('closed'));
      controller.abort();
      await turns();
      w.note('looking');
      return caught(reader?.read() ?? Promise.resolve());
    },
  },
  {
    name: 'aborted after it has ended: nothing happens',
    async run(w) {
      w.reply(json(COMPLETION));
      const controller = new AbortController();
      const promise = chat(w, { signal: controller.signal });
      await promise;
      controller.abort();
      await turns();
      return promise;
    },
  },
  {
    name: 'a JSON body that breaks is the transport’s own error',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json' }, body: ['{"a":'], ending: 'reset' });
      return [
        await caught(chat(w)),
        await caught((await chat(w).asResponse()).json()),
        await caught((await chat(w).asResponse()).text()),
      ];
    },
  },
  {
    name: 'a call that nobody awaits and that fails: one unhandled rejection',
    async run(w) {
      w.reply(failed(400));
      void chat(w);
      await turns();
      w.note('end');
    },
  },
  {
    name: 'handled once in whichever way: none unhandled',
    async run(w) {
      w.reply(failed(400));
      await chat(w).catch(() => {});
      await chat(w).then(undefined, () => {});
      await chat(w)
        .asResponse()
        .catch(() => {});
      await chat(w)
        .withResponse()
        .catch(() => {});
      await turns();
    },
  },
  {
    name: 'derived promises that nobody handles: as many unhandled rejections as with the SDK',
    async run(w) {
      w.reply(failed(400));
      void chat(w).then(() => {});
      await turns();
      w.note('asResponse');
      void chat(w).asResponse();
      await turns();
      w.note('withResponse');
      void chat(w).withResponse();
      await turns();
      w.note('finally');
      void chat(w).finally(() => {});
      await turns();
      w.note('three of one');
      const promise = chat(w);
      void promise.then(() => {});
      void promise.asResponse();
      void promise.catch(() => {});
      await turns();
    },
  },
  {
    name: 'asResponse() twice, neither handled',
    async run(w) {
      w.reply(failed(400));
      const promise = chat(w);
      void promise.asResponse();
      void promise.asResponse();
      await turns();
    },
  },
  {
    name: 'a value that cannot be parsed and that nobody awaits',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json' }, body: '{' });
      void chat(w);
      await turns();
      w.note('never parsed, so never failed');
      void chat(w).then(() => {});
      await turns();
    },
  },
  {
    name: 'an error that is handled late',
    async run(w) {
      w.reply(failed(400));
      const promise = chat(w);
      await turns();
      return caught(promise);
    },
  },
];
