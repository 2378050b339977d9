// Streams: what comes, when it is pulled, and each way in which they end.
import type { APIPromise } from 'groq-sdk';
import { Stream } from 'groq-sdk/core/streaming';
import {
  ASK,
  ASK_STREAM,
  CHUNKS,
  COMPLETION,
  DONE,
  type Scenario,
  type World,
  answering,
  chunk,
  failed,
  json,
  sse,
  turns,
} from './transparency-world';
import { caught } from './transparency-values';

const open = (w: World, options: { signal?: AbortSignal } = {}): APIPromise<Stream<unknown>> =>
  w.groq.chat.completions.create(ASK_STREAM, options) as APIPromise<Stream<unknown>>;

/** Notes every chunk and the end, giving read-ahead the time to show itself. */
async function consume(w: World, source: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const value of source) {
      w.note('got', value);
      await turns(3);
    }
    w.note('ended');
  } catch (error) {
    w.note('failed', error);
  }
}

const WHOLE = sse([...CHUNKS, DONE]);
const OPEN_ENDED = sse(CHUNKS.slice(0, 3), { ending: 'stall' });

const reading = (name: string, ...replies: readonly ReturnType<typeof sse>[]): Scenario => ({
  name,
  async run(w) {
    for (const reply of replies) {
      w.reply(reply);
      const stream = await open(w);
      await consume(w, stream);
      w.note(stream);
    }
  },
});

const leaving = (name: string, leave: (w: World, stream: Stream<unknown>) => unknown): Scenario => ({
  name,
  async run(w) {
    w.reply(OPEN_ENDED);
    const stream = await open(w);
    const result = await leave(w, stream);
    await turns();
    return [result, stream];
  },
});

export const streams: readonly Scenario[] = [
  {
    name: 'a stream is an SDK Stream, pulled chunk by chunk',
    async run(w) {
      w.reply(WHOLE);
      const promise = open(w);
      const stream = await promise;
      w.note(
        stream,
        stream instanceof Stream,
        stream === (await promise),
        stream.controller instanceof AbortController,
        typeof stream.tee,
      );
      await turns();
      w.note('nothing has been pulled');
      await consume(w, stream);
      return stream;
    },
  },
  reading(
    'many events in one chunk, and one event in many',
    { ...WHOLE, body: CHUNKS.map((value) => `data: ${JSON.stringify(value)}\n\n`).join('') + DONE },
    { ...WHOLE, body: Array.from(`data: ${JSON.stringify(chunk({ content: 'é€😀' }))}\n\n${DONE}`) },
  ),
  reading(
    'CRLF, comments, several data lines, no space after the colon',
    sse([': ping\r\n\r\n', 'data:{"a":\r\ndata: 1}\r\n\r\n', 'id: 7\r\nretry: 1\r\ndata: {"b":2}\r\n\r\n', DONE]),
  ),
  reading('data after [DONE] is not shown', sse([CHUNKS[0], DONE, CHUNKS[1]])),
  reading(
    'an error event',
    sse([
      CHUNKS[0],
      'event: error\ndata: {"error":{"message":"Broken","type":"server_error","code":"tool_use_failed","status_code":500}}\n\n',
      CHUNKS[1],
    ]),
  ),
  reading(
    'an error chunk of the provider',
    sse([CHUNKS[0], chunk({}, { x_groq: { id: 'req_1', error: 'over capacity' } }), DONE]),
  ),
  reading(
    'cut before [DONE], between chunks and within one',
    sse(CHUNKS.slice(0, 2)),
    sse([CHUNKS[0], 'data: {"half":']),
    sse([CHUNKS[0], 'data: {"whole":1}']),
  ),
  reading('reset', sse(CHUNKS.slice(0, 2), { ending: 'reset' }), sse([], { ending: 'reset' })),
  reading('a chunk that is not JSON, and is logged', sse([CHUNKS[0], 'data: {oops\n\n', CHUNKS[1]])),
  reading('thread events come with their name', sse(['event: thread.run\ndata: {"a":1}\n\n', DONE])),
  reading('JSON answered to stream: true', json(COMPLETION)),
  reading('an error in JSON answered to stream: true with 200', json({ error: { message: 'no' } })),
  reading('empty streams', sse([]), sse([DONE]), sse(CHUNKS, { headers: { 'content-type': 'text/plain' } })),
  reading(
    'chunks that are odd',
    sse([
      null,
      7,
      'data: "text"\n\n',
      { choices: null },
      { choices: [null, {}] },
      { choices: [], usage: null },
      { usage: COMPLETION.usage },
      [],
      DONE,
    ]),
  ),
  reading('204 and no body', { status: 200, body: null, headers: { 'content-type': 'text/event-stream' } }),
  {
    name: '204 answered to stream: true is null',
    run(w) {
      w.reply({ status: 204 });
      return open(w);
    },
  },
  {
    name: 'an HTTP error answered to stream: true',
    async run(w) {
      w.reply(failed(400));
      return [await caught(open(w)), await caught(open(w).asResponse())];
    },
  },
  {
    name: 'the provider sends the usage chunk to whoever asked for it',
    anyPulls: true,
    async run(w) {
      w.reply(answering);
      await consume(w, await open(w));
      w.note('asked for by the caller');
      const asked = await w.groq.chat.completions.create({ ...ASK_STREAM, stream_options: { include_usage: true } } as never);
      await consume(w, asked as unknown as Stream<unknown>);
      w.note('declined by the caller');
      const declined = await w.groq.chat.completions.create({
        ...ASK_STREAM,
        stream_options: { include_usage: false },
      } as never);
      await consume(w, declined as unknown as Stream<unknown>);
      w.note('raw');
      for await (const bytes of (await open(w).asResponse()).body ?? []) w.note(new TextDecoder().decode(bytes));
    },
  },
  {
    name: 'the platform itself reads a raw response, as a server does that is handed one',
    anyPulls: true,
    async run(w) {
      w.reply(answering);
      const native = Response.prototype;
      const clone = native.clone.call(await open(w).asResponse());
      return [await native.text.call(await open(w).asResponse()), await native.text.call(clone)];
    },
  },
  {
    name: 'raw post with the stream option',
    anyPulls: true,
    async run(w) {
      w.reply(answering);
      const stream = await w.groq.post<Stream<unknown>>('/openai/v1/chat/completions', { body: ASK_STREAM, stream: true });
      await consume(w, stream);
      w.note('body does not ask for it');
      await consume(w, await w.groq.post<Stream<unknown>>('/openai/v1/chat/completions', { body: ASK, stream: true }));
    },
  },
  {
    name: 'a Responses stream',
    async run(w) {
      w.reply(
        sse([
          'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"Hi"}\n\n',
          { type: 'response.completed', response: { usage: { input_tokens: 5, output_tokens: 2 } } },
        ]),
      );
      await consume(
        w,
        await w.groq.post<Stream<unknown>>('/openai/v1/responses', {
          body: { model: ASK.model, input: 'x', stream: true },
          stream: true,
        }),
      );
    },
  },
  {
    name: 'the caller’s chunks are the caller’s: the same objects each time, changed by nobody',
    async run(w) {
      w.reply(WHOLE);
      const iterator = (await open(w))[Symbol.asyncIterator]();
      w.note(
        Object.keys(iterator),
        typeof iterator.next,
        typeof iterator.return,
        typeof iterator.throw,
        Reflect.get(iterator, Symbol.asyncIterator) !== undefined,
      );
      return [
        await iterator.next(),
        await iterator.next(7 as never),
        await iterator.return?.('mine'),
        await iterator.next(),
        await iterator.return?.(),
      ];
    },
  },
  leaving('break', async (w, stream) => {
    for await (const value of stream) {
      w.note('got', value);
      break;
    }
  }),
  leaving('an exception of the caller', (w, stream) =>
    caught(
      (async () => {
        for await (const value of stream) throw new Error(`mine, at ${JSON.stringify(value).length}`);
      })(),
    ),
  ),
  leaving('return() before the first chunk', async (_w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    return [await iterator.return?.('mine'), await iterator.next()];
  }),
  leaving('return() after a chunk', async (_w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    return [await iterator.next(), await iterator.return?.('mine'), await iterator.next()];
  }),
  leaving('throw() before the first chunk', async (_w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    return [await caught(iterator.throw?.(new Error('mine')) ?? Promise.resolve()), await iterator.next()];
  }),
  leaving('throw() after a chunk', async (_w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    return [
      await iterator.next(),
      await caught(iterator.throw?.(new Error('mine')) ?? Promise.resolve()),
      await iterator.next(),
    ];
  }),
  leaving('throw() of an AbortError', async (_w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    return [
      await iterator.next(),
      await caught(iterator.throw?.(new DOMException('mine', 'AbortError')) ?? Promise.resolve()),
      await iterator.next(),
    ];
  }),
  leaving('return() while a chunk is awaited', async (w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count++) await iterator.next();
    const next = iterator.next();
    const returned = Promise.resolve(iterator.return?.('mine')).then((result) => w.note('returned', result));
    await turns();
    stream.controller.abort();
    return [await next, await returned];
  }),
  leaving('controller.abort() between chunks', async (w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    stream.controller.abort();
    w.note('aborted');
    return [await caught(iterator.next()), await caught(iterator.next())];
  }),
  leaving('controller.abort() while a chunk is awaited', async (_w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    for (let count = 0; count < 3; count++) await iterator.next();
    const next = caught(iterator.next());
    await turns();
    stream.controller.abort();
    return [await next, await caught(iterator.next())];
  }),
  leaving('controller.abort() with a reason', async (_w, stream) => {
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    stream.controller.abort(new Error('mine'));
    return caught(iterator.next());
  }),
  leaving('controller.abort() before anything is read', async (_w, stream) => {
    stream.controller.abort();
    return caught(stream[Symbol.asyncIterator]().next());
  }),
  {
    name: 'the caller’s signal in mid-stream',
    async run(w) {
      w.reply(OPEN_ENDED);
      const controller = new AbortController();
      const stream = await open(w, { signal: controller.signal });
      const iterator = stream[Symbol.asyncIterator]();
      for (let count = 0; count < 3; count++) await iterator.next();
      const next = caught(iterator.next());
      await turns();
      controller.abort(new Error('mine'));
      return [await next, await caught(iterator.next()), stream];
    },
  },
  {
    name: 'never read: nothing is pulled, nothing is cancelled',
    async run(w) {
      w.reply(WHOLE);
      await open(w);
      await turns();
      void open(w);
      await turns();
    },
  },
  {
    name: 'consumed twice is refused',
    async run(w) {
      w.reply(WHOLE);
      const stream = await open(w);
      await consume(w, stream);
      await consume(w, stream);
    },
  },
  {
    name: 'two iterators: the first to read gets it',
    async run(w) {
      w.reply(WHOLE);
      const stream = await open(w);
      const [early, late] = [stream[Symbol.asyncIterator](), stream[Symbol.asyncIterator]()];
      return [
        await late.next(),
        await caught(early.next()),
        await late.next(),
        await caught(early.next()),
        await late.return?.(),
      ];
    },
  },
  {
    name: 'several next() at once are answered in order',
    anyPulls: true,
    async run(w) {
      w.reply(WHOLE);
      const iterator = (await open(w))[Symbol.asyncIterator]();
      const all = Array.from({ length: 7 }, (_, index) =>
        iterator.next().then((result) => (w.note('answered', index), result)),
      );
      return Promise.all(all);
    },
  },
  {
    name: 'several next() at once, with a usage chunk on the way',
    anyPulls: true,
    async run(w) {
      w.reply(answering);
      const iterator = (await open(w))[Symbol.asyncIterator]();
      const all = Array.from({ length: 7 }, (_, index) =>
        iterator.next().then((result) => (w.note('answered', index), result)),
      );
      return Promise.all(all);
    },
  },
  {
    name: 'tee(): both branches in step, one after the other, and after a break',
    async run(w) {
      w.reply(WHOLE);
      const [left, right] = (await open(w)).tee();
      w.note(left instanceof Stream, left, right);
      await consume(w, left);
      await consume(w, right);
      const [one, other] = (await open(w)).tee();
      for await (const value of one) {
        w.note('left', value);
        break;
      }
      await turns();
      await consume(w, other);
    },
  },
  {
    name: 'toReadableStream(): lines of JSON, and back',
    async run(w) {
      w.reply(WHOLE);
      const readable = (await open(w)).toReadableStream();
      await turns();
      w.note('made');
      const back = Stream.fromReadableStream(readable as never, new AbortController());
      await consume(w, back);
    },
  },
  {
    name: 'toReadableStream(): cancel and errors reach the source',
    async run(w) {
      w.reply(OPEN_ENDED, sse([CHUNKS[0]], { ending: 'reset' }));
      const reader = (await open(w)).toReadableStream().getReader() as ReadableStreamDefaultReader<Uint8Array>;
      await reader.read();
      await reader.cancel();
      await turns();
      return caught(new Response((await open(w)).toReadableStream() as never).text());
    },
  },
  {
    name: 'asResponse() of a stream: its bytes, as they come',
    async run(w) {
      w.reply(WHOLE);
      const response = await open(w).asResponse();
      w.note(response);
      for await (const bytes of response.body ?? []) {
        w.note(new TextDecoder().decode(bytes));
        await turns(3);
      }
      return [await (await open(w).asResponse()).text(), response.bodyUsed];
    },
  },
  {
    name: 'asResponse() of a stream whose chunks do not end with its events',
    except: { variants: ['generous'], why: 'the usage chunk that nobody asked for is held back, so bytes come event by event' },
    async run(w) {
      const text = CHUNKS.map((value) => `data: ${JSON.stringify(value)}\n\n`).join('') + DONE;
      w.reply({
        headers: { 'content-type': 'text/event-stream' },
        body: [text.slice(0, 50), text.slice(50, 300), text.slice(300)],
      });
      for await (const bytes of (await open(w).asResponse()).body ?? []) {
        w.note(new TextDecoder().decode(bytes));
        await turns(3);
      }
    },
  },
  {
    name: 'asResponse() of a stream, left in the middle, cut, reset, aborted',
    async run(w) {
      w.reply(OPEN_ENDED, sse(['data: {"half":']), sse([CHUNKS[0]], { ending: 'reset' }), OPEN_ENDED);
      for await (const bytes of (await open(w).asResponse()).body ?? []) {
        w.note(bytes.length);
        break;
      }
      const cut = await (await open(w).asResponse()).text();
      const reset = await caught((await open(w).asResponse()).text());
      const controller = new AbortController();
      const text = caught((await open(w, { signal: controller.signal }).asResponse()).text());
      await turns();
      controller.abort();
      return [cut, reset, await text];
    },
  },
  {
    name: 'asResponse() of a stream and dropped',
    async run(w) {
      w.reply(WHOLE);
      await open(w).asResponse();
      await turns();
    },
  },
  {
    name: 'withResponse() of a stream',
    async run(w) {
      w.reply(WHOLE);
      const { data, response } = await open(w).withResponse();
      w.note(response);
      await consume(w, data);
      return response.bodyUsed;
    },
  },
  {
    name: 'asResponse() of a stream first, the stream afterwards',
    async run(w) {
      w.reply(WHOLE);
      const promise = open(w);
      const response = await promise.asResponse();
      await consume(w, await promise);
      return [response.bodyUsed, await caught(response.text())];
    },
  },
  {
    name: '_thenUnwrap() of a stream',
    async run(w) {
      w.reply(WHOLE);
      const mapped = await open(w)._thenUnwrap((stream) => ({ stream }));
      await consume(w, mapped.stream);
      const raw = await open(w)
        ._thenUnwrap((stream) => stream)
        .asResponse();
      return raw.text();
    },
  },
];
