// What a caller gets who awaits, in each of the forms that the SDK's promise has.
import { APIPromise, toFile } from 'groq-sdk';
import { ASK, COMPLETION, type Scenario, type World, json, sse, DONE, CHUNKS, turns } from './transparency-world';

const chat = (w: World): APIPromise<unknown> => w.groq.chat.completions.create(ASK);

/** A rejection as a value. */
export const caught = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

export const values: readonly Scenario[] = [
  {
    name: 'create() resolves to the parsed answer, through an APIPromise',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      w.note(promise instanceof APIPromise, promise instanceof Promise, Object.prototype.toString.call(promise));
      return promise;
    },
  },
  {
    name: 'awaiting twice gives the same object',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      const first = await promise;
      const [second, third] = await Promise.all([promise, promise.then((value) => value)]);
      const { data } = await promise.withResponse();
      return [
        first === second,
        first === third,
        first === data,
        (await promise.finally(() => {})) === first,
        (await promise.catch(() => {})) === first,
      ];
    },
  },
  {
    name: 'then, catch and finally pass on what their callbacks do',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      return [
        await promise.then(() => 'mapped'),
        (await promise.then(null, () => 'unused')) === (await promise),
        await caught(promise.then(() => Promise.reject(new Error('mine')))),
        await caught(promise.finally(() => Promise.reject(new Error('mine too')))),
        (await promise.catch(() => 'unused')) === (await promise),
        promise.then() instanceof APIPromise,
      ];
    },
  },
  {
    name: 'Promise.all, race and allSettled over calls, in order of arrival',
    async run(w) {
      w.reply((sent) => json({ ...COMPLETION, id: JSON.parse(String(sent.body)).user as string }));
      const call = (user: string): APIPromise<unknown> => w.groq.chat.completions.create({ ...ASK, user });
      const all = ['a', 'b', 'c', 'd'].map((name) => {
        const promise = call(name);
        void promise.then(() => w.note('settled', name));
        return promise;
      });
      return [
        await Promise.all(all),
        await Promise.allSettled([call('e')]),
        await Promise.race([call('f'), new Promise<never>(() => {})]),
      ];
    },
  },
  {
    name: 'withResponse() gives value and response',
    async run(w) {
      w.reply(json(COMPLETION, { headers: { 'x-request-id': 'req_7' } }));
      const promise = chat(w);
      const { data, response } = await promise.withResponse();
      const again = await promise.withResponse();
      return {
        data,
        response,
        same: [response === again.response, data === again.data, response === (await promise.asResponse())],
      };
    },
  },
  {
    name: 'asResponse() hands out the response: json()',
    async run(w) {
      w.reply(
        json(COMPLETION, { statusText: 'Fine', headers: { 'x-request-id': 'req_7', 'x-ratelimit-limit-requests': '1000' } }),
      );
      const response = await chat(w).asResponse();
      w.note(response, response instanceof Response);
      return [await response.json(), response.bodyUsed, await caught(response.text())];
    },
  },
  {
    name: 'asResponse(): text(), arrayBuffer(), blob(), clone()',
    async run(w) {
      w.reply(json(COMPLETION));
      const text = await (await chat(w).asResponse()).text();
      const buffer = await (await chat(w).asResponse()).arrayBuffer();
      const blob = await (await chat(w).asResponse()).blob();
      const response = await chat(w).asResponse();
      const copy = response.clone();
      return [
        text,
        buffer.byteLength,
        blob,
        await copy.json(),
        response.bodyUsed,
        copy.bodyUsed,
        copy.url,
        copy.status,
        await response.text(),
      ];
    },
  },
  {
    name: 'asResponse(): the body is read as the caller reads it, chunk by chunk',
    async run(w) {
      w.reply(json({}), { headers: { 'content-type': 'application/json' }, body: ['{"a":', '1', '}'] });
      await chat(w);
      w.note('next');
      const response = await chat(w).asResponse();
      await turns();
      w.note('nothing has been pulled');
      const chunks: string[] = [];
      for await (const bytes of response.body ?? []) {
        w.note('chunk', bytes.length);
        chunks.push(new TextDecoder().decode(bytes));
        await turns(3);
      }
      return [chunks, response.bodyUsed];
    },
  },
  {
    name: 'asResponse(): the body is a byte stream',
    async run(w) {
      w.reply(json(COMPLETION));
      const response = await chat(w).asResponse();
      const reader = response.body?.getReader({ mode: 'byob' });
      const first = await reader?.read(new Uint8Array(10));
      const second = await reader?.read(new Uint8Array(10_000));
      return [first?.value?.length, (second?.value?.length ?? 0) > 10, (await reader?.read(new Uint8Array(10)))?.done];
    },
  },
  {
    name: 'asResponse(): cancelling the body reaches the source',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json' }, body: ['{', '}'], ending: 'stall' });
      const unread = await chat(w).asResponse();
      await unread.body?.cancel('enough');
      const reader = (await chat(w).asResponse()).body?.getReader();
      await reader?.read();
      await reader?.cancel('enough');
      return [await reader?.read(), unread.bodyUsed];
    },
  },
  {
    name: 'asResponse() twice gives the same response',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      const [first, second] = await Promise.all([promise.asResponse(), promise.asResponse()]);
      return [first === second, promise.asResponse() === promise.asResponse(), await first.json(), second.bodyUsed];
    },
  },
  {
    name: 'asResponse() and dropped: nothing is read, nothing is cancelled',
    async run(w) {
      w.reply(json(COMPLETION));
      await chat(w).asResponse();
      await turns();
    },
  },
  {
    name: 'asResponse() first, the value afterwards',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      const response = await promise.asResponse();
      const data = await promise;
      return [data, response.bodyUsed, await caught(response.text())];
    },
  },
  {
    name: 'a body that the caller has read cannot be parsed any more',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      await (await promise.asResponse()).text();
      return caught(promise);
    },
  },
  {
    name: 'the value first, asResponse() afterwards',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      await promise;
      const response = await promise.asResponse();
      return [response.bodyUsed, await caught(response.text())];
    },
  },
  {
    name: 'asResponse() after finally() or catch() alone',
    async run(w) {
      w.reply(json(COMPLETION));
      const first = chat(w);
      await first.finally(() => {});
      const second = chat(w);
      await second.catch(() => {});
      return [(await first.asResponse()).bodyUsed, (await second.asResponse()).bodyUsed];
    },
  },
  {
    name: '_thenUnwrap() maps lazily, and keeps the promise an APIPromise',
    async run(w) {
      w.reply(json(COMPLETION));
      const mapped = (chat(w) as APIPromise<{ id: string }>)._thenUnwrap((data, { response }) => [data.id, response.status]);
      await turns();
      w.note('nothing has been pulled');
      w.note(mapped instanceof APIPromise, await mapped, await mapped.withResponse());
      return (await mapped.asResponse()).bodyUsed;
    },
  },
  {
    name: '_thenUnwrap() shows its callback all that the SDK knows of the response',
    async run(w) {
      w.reply(json(COMPLETION));
      return chat(w)._thenUnwrap((_data, props) => Object.keys(props).sort());
    },
  },
  {
    name: 'create() sends at once and parses only when asked',
    async run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      await turns();
      w.note('sent, and not read');
      return promise;
    },
  },
  {
    name: 'Promise.prototype.then on it throws',
    run(w) {
      w.reply(json(COMPLETION));
      const promise = chat(w);
      try {
        void Promise.prototype.then.call(promise, undefined);
        return 'no error';
      } catch (error) {
        return error instanceof TypeError;
      }
    },
  },
  {
    name: 'every JSON endpoint resolves to its answer',
    async run(w) {
      w.reply((sent) => json({ object: 'echo', method: sent.method, url: sent.url }));
      const { groq } = w;
      return [
        await groq.embeddings.create({ model: 'nomic-embed-text-v1_5', input: 'x' }),
        await groq.models.list(),
        await groq.models.retrieve('openai/gpt-oss-20b'),
        await groq.models.delete('mine'),
        await groq.batches.retrieve('batch_1'),
        await groq.batches.list(),
        await groq.batches.cancel('batch_1'),
        await groq.files.create({ file: await toFile(Buffer.from('{}'), 'in.jsonl'), purpose: 'batch' }),
        await groq.files.list(),
        await groq.files.info('file_1'),
        await groq.files.delete('file_1'),
        await groq.audio.transcriptions.create({ model: 'whisper-large-v3', file: await toFile(Buffer.from('riff'), 'a.wav') }),
        await groq.audio.translations.create({ model: 'whisper-large-v3', file: await toFile(Buffer.from('riff'), 'a.wav') }),
      ];
    },
  },
  {
    name: 'a batch',
    except: { variants: ['generous'], why: 'its lines are read before it is created, and it is marked with who pays' },
    async run(w) {
      w.reply((sent) => json({ object: 'echo', method: sent.method, url: sent.url }));
      return w.groq.batches.create({ completion_window: '24h', endpoint: '/v1/chat/completions', input_file_id: 'file_1' });
    },
  },
  {
    name: 'speech is a binary response, in each form',
    async run(w) {
      w.reply({ headers: { 'content-type': 'audio/wav' }, body: [new Uint8Array([1, 2]), new Uint8Array([3])] });
      const speak = (): APIPromise<Response> =>
        w.groq.audio.speech.create({ model: 'canopylabs/orpheus-v1-english', input: 'Hello.', voice: 'x' });
      const promise = speak();
      const response = await promise;
      w.note(response, response === (await promise), response === (await promise.asResponse()));
      const { data, response: raw } = await speak().withResponse();
      return [
        await response.arrayBuffer(),
        data === raw,
        await data.bytes?.(),
        await (await speak().asResponse()).arrayBuffer(),
      ];
    },
  },
  {
    name: 'the content of a file is a response, read as the caller reads it',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/octet-stream' }, body: ['{"a":1}\n', '{"a":2}\n'] });
      const response = await w.groq.files.content('file_1');
      for await (const bytes of response.body ?? []) w.note('chunk', bytes.length);
      return [response, await (await w.groq.files.content('file_1').asResponse()).text()];
    },
  },
  {
    name: '204 is null',
    async run(w) {
      w.reply({ status: 204 });
      const promise = w.groq.files.delete('file_1');
      return [
        await promise,
        await promise.asResponse(),
        await chat(w),
        await chat(w).asResponse(),
        await chat(w).withResponse(),
      ];
    },
  },
  {
    name: 'an empty JSON body is undefined',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json', 'content-length': '0' }, body: null });
      return [await chat(w), await w.groq.models.list(), await (await chat(w).asResponse()).text()];
    },
  },
  {
    name: 'no body at all',
    async run(w) {
      w.reply({ body: null });
      return [await chat(w), await chat(w).withResponse(), await (await chat(w).asResponse()).text()];
    },
  },
  {
    name: 'text is text, whatever it is; a JSON type is told by its end',
    async run(w) {
      w.reply(
        { headers: { 'content-type': 'text/plain' }, body: 'hello' },
        { body: '{"no":"type"}' },
        { headers: { 'content-type': 'application/problem+json; charset=utf-8' }, body: '{"json":true}' },
        { headers: { 'content-type': 'text/html' }, body: '<html>' },
      );
      return [await chat(w), await chat(w), await chat(w), await w.groq.models.list()];
    },
  },
  {
    name: 'malformed JSON rejects with the parser’s error',
    async run(w) {
      w.reply({ headers: { 'content-type': 'application/json' }, body: '{"a":' });
      const promise = chat(w);
      return [
        await caught(promise),
        await caught(promise),
        await caught(chat(w).withResponse()),
        (await promise.asResponse()).bodyUsed,
        await caught((await chat(w).asResponse()).json()),
      ];
    },
  },
  {
    name: 'JSON that is no object',
    async run(w) {
      w.reply(
        json(null),
        json([1, 2]),
        json('text'),
        json(0),
        json({ usage: 'none', choices: 7 }),
        json({ usage: { prompt_tokens: -1 }, choices: [null, { message: null }] }),
      );
      return [await chat(w), await chat(w), await chat(w), await chat(w), await chat(w), await chat(w)];
    },
  },
  {
    name: 'a stream answered to a raw post without the stream option is text',
    async run(w) {
      w.reply(sse([...CHUNKS, DONE]));
      return w.groq.post('/openai/v1/chat/completions', { body: { ...ASK, stream: true } });
    },
  },
  {
    name: 'raw get, post, delete and request, with options and with promises of options',
    async run(w) {
      w.reply((sent) => json({ method: sent.method, url: sent.url }));
      const { groq } = w;
      const body = ASK;
      return [
        await groq.get('/openai/v1/models'),
        await groq.get('/openai/v1/models', Promise.resolve({ query: { a: 1 } })),
        await groq.get('/openai/v1/anything/else'),
        await groq.post('/openai/v1/chat/completions', { body }),
        await groq.post('/openai/v1/chat/completions', Promise.resolve({ body })),
        await groq.delete('/openai/v1/files/file_1'),
        await groq.request({ method: 'post', path: '/openai/v1/chat/completions', body }),
        await groq.request(Promise.resolve({ method: 'post' as const, path: '/openai/v1/chat/completions', body }), 0),
        await caught(groq.post('/openai/v1/chat/completions', Promise.reject(new Error('no options')))),
      ];
    },
  },
  {
    name: 'raw put, patch, delete and post to any endpoint, and to any origin',
    except: { variants: ['generous'], why: 'what an unknown endpoint costs is unknown, and a key must not go to a stranger' },
    async run(w) {
      w.reply((sent) => json({ method: sent.method, url: sent.url }));
      const { groq } = w;
      return [
        await groq.put('/openai/v1/custom', { body: { a: 1 } }),
        await groq.patch('/openai/v1/custom', { body: { a: 1 } }),
        await groq.delete('/openai/v1/custom'),
        await groq.post('/openai/v1/custom', { body: { a: 1 } }),
        await groq.post('/openai/v1/custom'),
        await groq.get('https://other.example/x'),
        await groq.post('/custom', { body: { a: 1 }, defaultBaseURL: 'https://other.example' }),
      ];
    },
  },
  {
    name: 'one options object for two calls',
    async run(w) {
      w.reply(json(COMPLETION));
      const options = { method: 'post' as const, path: '/openai/v1/chat/completions', body: ASK };
      return Promise.allSettled([w.groq.request(options), w.groq.request(options)]);
    },
  },
];
