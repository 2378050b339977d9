// Streams, and every way in which they end.
import { describe, expect, it, vi } from 'vitest';
import type { ChatCompletionChunk } from 'groq-sdk/resources/chat/completions';
import type { Stream } from 'groq-sdk/core/streaming';
import type { MockScript } from '../../src/testing/mock-script';
import { type Booked, HELD, PARAMS, collectUntil, expectBooked, oneAtATime } from './endings-support';
import { CHAT, PROMPT_ESTIMATE, type Scene, costOf, drain, settle, usage } from './support';

// Garbage is collected when the engine sees fit.
vi.setConfig({ testTimeout: 30_000 });

type ChunkStream = Stream<ChatCompletionChunk>;

/** Role, four texts of one token each, the finish with usage, the extra usage chunk. */
const WORDS = { stream: ['aaaa', 'bbbb', 'cccc', 'dddd'], usage: usage(70, 10) };
const exact: Booked = { costNanos: costOf(70, 10), accuracy: 'exact', outcome: 'success', attempts: 1 };
const read = (tokens: number, outcome: Booked['outcome']): Booked => ({
  costNanos: costOf(PROMPT_ESTIMATE, tokens),
  accuracy: 'estimated',
  outcome,
  attempts: 1,
});
const unread: Booked = { costNanos: HELD, accuracy: 'held', outcome: 'unknown', attempts: 1 };

async function opened(script: MockScript = WORDS, signal?: AbortSignal): Promise<{ here: Scene; stream: ChunkStream }> {
  const here = oneAtATime();
  here.mock.reply('chat.completions', script);
  const stream = await here.client.chat.completions.create({ ...PARAMS, stream: true }, signal ? { signal } : {});
  return { here, stream };
}

async function readSome(stream: AsyncIterable<unknown>, count: number): Promise<AsyncIterator<unknown>> {
  const iterator = stream[Symbol.asyncIterator]();
  for (let chunks = 0; chunks < count; chunks++) await iterator.next();
  return iterator;
}

describe('read to the end', () => {
  it.each<[string, (stream: ChunkStream) => Promise<unknown>]>([
    ['for await', drain],
    ['tee(), both', async (stream) => Promise.all(stream.tee().map(drain))],
    ['tee(), one', async (stream) => drain(stream.tee()[0])],
    ['toReadableStream()', async (stream) => new Response(stream.toReadableStream()).text()],
    [
      'next() all at once',
      async (stream) => {
        const iterator = stream[Symbol.asyncIterator]();
        await Promise.all(Array.from({ length: 12 }, () => iterator.next()));
      },
    ],
  ])('%s: at its usage, once', async (_, consume) => {
    const { here, stream } = await opened();
    await consume(stream);
    await expectBooked(here, exact);
  });

  it('as a raw response: at its usage', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    const response = await here.client.chat.completions.create({ ...PARAMS, stream: true }).asResponse();
    const text = await response.text();
    expect(text).toContain('dddd');
    await expectBooked(here, exact);
  });

  it('as text that the SDK was not told to parse: at its usage', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    await here.client.post(CHAT, { body: { ...PARAMS, stream: true } });
    await expectBooked(here, exact);
  });

  it('as bytes that the SDK was not told to parse: at its usage', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    const response = await here.client.post<Response>(CHAT, { body: { ...PARAMS, stream: true }, __binaryResponse: true });
    await response.text();
    await expectBooked(here, exact);
  });

  it('usage three times is booked once', async () => {
    const finish = {
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
      x_groq: { id: 'r', usage: usage(70, 10) },
      usage: usage(70, 10),
    };
    const { here, stream } = await opened({
      stream: [{ choices: [{ index: 0, delta: { content: 'aaaa' } }] }, finish, { choices: [], usage: usage(70, 10) }],
    });
    const { chunks } = await drain(stream);
    expect(chunks).toHaveLength(2);
    await expectBooked(here, exact);
  });

  it('usage only in the extra chunk is booked, and the chunk is hidden', async () => {
    const { here, stream } = await opened({
      stream: [
        { choices: [{ index: 0, delta: { content: 'aaaa' }, finish_reason: 'stop' }] },
        { choices: [], usage: usage(70, 10) },
      ],
    });
    const { chunks } = await drain(stream);
    expect(chunks).toHaveLength(1);
    await expectBooked(here, exact);
  });

  it('usage that grows is booked as it was last', async () => {
    const chunk = (completion: number): Record<string, unknown> => ({
      choices: [{ index: 0, delta: { content: 'a' } }],
      usage: usage(70, completion),
    });
    const { here, stream } = await opened({
      stream: [chunk(1), chunk(5), chunk(10), { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }],
    });
    await drain(stream);
    await expectBooked(here, exact);
  });

  it('without usage: what was sent and read', async () => {
    const { here, stream } = await opened({ ...WORDS, usage: null });
    await drain(stream);
    await expectBooked(here, read(4, 'success'));
  });

  it.each<[string, object]>([
    ['negative', usage(-1, 10)],
    ['negative output', usage(70, -10)],
    ['null', { prompt_tokens: null, completion_tokens: null }],
    ['text', { prompt_tokens: 'NaN', completion_tokens: 'NaN' }],
  ])('usage that is %s: what was sent and read', async (_, reported) => {
    const finish = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: reported };
    const { here, stream } = await opened({ stream: ['aaaa', finish] });
    await drain(stream);
    await expectBooked(here, read(1, 'success'));
  });

  it('the extra usage chunk reaches a caller who asked for it', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    const params = { ...PARAMS, stream: true as const, stream_options: { include_usage: true } };
    const { chunks } = await drain(await here.client.chat.completions.create(params));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: usage(70, 10) });
    await expectBooked(here, exact);
  });
});

describe('left by the caller', () => {
  it.each([0, 1, 2, 3, 4])('break after %i texts', async (texts) => {
    const { here, stream } = await opened();
    let chunks = 0;
    for await (const _ of stream) if (++chunks > texts) break;
    await expectBooked(here, read(texts, 'aborted'));
    expect(here.mock.calls[0]?.ended).not.toBe('complete');
  });

  it('break after the usage: at its usage', async () => {
    const { here, stream } = await opened();
    for await (const chunk of stream) if (chunk.choices[0]?.finish_reason) break;
    await here.governor.close();
    expect(here.records).toMatchObject([{ costNanos: exact.costNanos, accuracy: 'exact' }]);
  });

  it.each<[string, (iterator: AsyncIterator<unknown>, stream: ChunkStream) => Promise<unknown>]>([
    ['return()', async (iterator) => iterator.return?.()],
    ['return() twice', async (iterator) => Promise.all([iterator.return?.(), iterator.return?.()])],
    ['throw()', async (iterator) => iterator.throw?.(new Error('x')).catch(() => {})],
    ['controller.abort() between reads', async (_, stream) => stream.controller.abort()],
    [
      'controller.abort() and a read',
      async (iterator, stream) => {
        stream.controller.abort();
        await iterator.next().catch(() => {});
      },
    ],
  ])('%s', async (_, leave) => {
    const { here, stream } = await opened();
    await leave(await readSome(stream, 3), stream);
    await expectBooked(here, read(2, 'aborted'));
  });

  it('an error in the caller’s loop', async () => {
    const { here, stream } = await opened();
    const failing = async (): Promise<void> => {
      let chunks = 0;
      for await (const _ of stream) if (++chunks === 3) throw new Error('x');
    };
    await expect(failing()).rejects.toThrow('x');
    await expectBooked(here, read(2, 'aborted'));
  });

  it.each(['controller', 'signal'])('the %s aborts a read under way', async (how) => {
    const abort = new AbortController();
    const { here, stream } = await opened({ ...WORDS, stallAfter: 3 }, abort.signal);
    const iterator = await readSome(stream, 3);
    const pending = iterator.next().catch(() => undefined);
    await settle();
    if (how === 'signal') abort.abort();
    else stream.controller.abort();
    await pending;
    await expectBooked(here, read(2, 'aborted'));
  });

  it('the signal aborts between reads', async () => {
    const abort = new AbortController();
    const { here, stream } = await opened(WORDS, abort.signal);
    await readSome(stream, 3);
    abort.abort();
    await expectBooked(here, read(2, 'aborted'));
  });

  it('the controller aborts before the first read', async () => {
    const { here, stream } = await opened();
    stream.controller.abort();
    await here.governor.close();
    expect(here.records).toHaveLength(1);
    expect(here.records[0]?.costNanos).toBeGreaterThanOrEqual(costOf(PROMPT_ESTIMATE, 0));
    expect(here.records[0]).toMatchObject({ outcome: 'aborted' });
  });

  it('a raw response is cancelled', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    const response = await here.client.chat.completions.create({ ...PARAMS, stream: true }).asResponse();
    const reader = response.body?.getReader();
    for (let chunks = 0; chunks < 3; chunks++) await reader?.read();
    await reader?.cancel();
    await expectBooked(here, read(2, 'aborted'));
  });
});

describe('broken by the provider', () => {
  it.each<[string, MockScript]>([
    ['an error event', { ...WORDS, errorAfter: 3, error: 'over_capacity' }],
    ['a chunk with x_groq.error', { ...WORDS, errorAfter: 3, as: 'chunk' }],
    ['a cut', { ...WORDS, cutAfter: 3 }],
    ['a reset', { ...WORDS, cutAfter: 3, how: 'reset' }],
  ])('%s', async (_, script) => {
    const { here, stream } = await opened(script);
    await drain(stream);
    await expectBooked(here, read(2, 'error'));
  });

  it('before the first chunk', async () => {
    const { here, stream } = await opened({ ...WORDS, cutAfter: 0 });
    await drain(stream);
    await here.governor.close();
    expect(here.records[0]?.costNanos).toBeGreaterThanOrEqual(costOf(PROMPT_ESTIMATE, 0));
    expect(here.records[0]?.accuracy).not.toBe('exact');
  });

  it('a chunk that is no JSON', async () => {
    const { here, stream } = await opened({
      raw: ['data: {"choices":[{"index":0,"delta":{"content":"aaaa"}}]}\n\n', 'data: {{{\n\n'],
    });
    const { error } = await drain(stream);
    expect(error).toBeInstanceOf(Error);
    await expectBooked(here, read(1, 'error'));
  });

  it('an answer in JSON where a stream was asked for: never below its usage', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', {
      json: { choices: [{ index: 0, message: { content: 'x'.repeat(40) } }], usage: usage(70, 10) },
    });
    await drain(await here.client.chat.completions.create({ ...PARAMS, stream: true }));
    await here.governor.close();
    expect(here.records).toHaveLength(1);
    expect(here.records[0]?.costNanos).toBeGreaterThanOrEqual(exact.costNanos);
  });
});

describe('dropped', () => {
  it('before it was iterated: at its hold, when it is collected', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    await (async () => void (await here.client.chat.completions.create({ ...PARAMS, stream: true })))();
    await collectUntil(() => here.records.length > 0);
    await expectBooked(here, unread);
  });

  it('in the middle: what was read', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    await (async () => void (await readSome(await here.client.chat.completions.create({ ...PARAMS, stream: true }), 3)))();
    await collectUntil(() => here.records.length > 0);
    await expectBooked(here, read(2, 'unknown'));
  });

  it('not while somebody still reads', async () => {
    const { here, stream } = await opened();
    const iterator = await readSome(stream, 2);
    await expect(collectUntil(() => here.records.length > 0, 10)).rejects.toThrow('nothing was collected');
    for (let result = await iterator.next(); result.done !== true; result = await iterator.next());
    await expectBooked(here, exact);
  });

  it('never, in a process that does not collect: the hold expires and is charged', async () => {
    const { here, stream } = await opened();
    await here.clock.advance(15 * 60_000 + 1);
    const { live, expired } = await here.governor.reconcile();
    expect({ live, expired: expired.map(({ nanos }) => nanos) }).toEqual({ live: [], expired: [HELD] });
    // And corrected if it ends after all.
    await drain(stream);
    expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
    expect(here.records).toMatchObject([exact]);
  });
});

describe('estimates stay within the output bound, which is known', () => {
  it.each<[string, MockScript]>([
    ['tool calls', { toolCalls: [{ name: 'look_up_something', arguments: 'x'.repeat(2000) }], cutAfter: 2 }],
    ['long deltas', { stream: ['x'.repeat(5000)], cutAfter: 2 }],
    ['long reasoning', { content: 'a', reasoning: 'x'.repeat(5000), cutAfter: 1000 }],
    ['no usage', { stream: ['x'.repeat(5000)], usage: null }],
  ])('%s', async (_, script) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', script);
    await drain(await here.client.chat.completions.create({ ...PARAMS, max_completion_tokens: 10, stream: true }));
    await here.governor.close();
    expect(here.records[0]?.costNanos).toBeLessThanOrEqual(costOf(112, 10));
    expect(here.records[0]).not.toHaveProperty('overrunNanos');
  });

  it('so a hard cap holds through broken streams', async () => {
    const here = oneAtATime();
    const cap = costOf(112, 10) / 1e9;
    const client = here.client;
    here.mock.reply('chat.completions', { toolCalls: [{ name: 'f', arguments: 'x'.repeat(2000) }], cutAfter: 2 }).persist();
    await drain(await client.chat.completions.create({ ...PARAMS, max_completion_tokens: 10, stream: true }));
    expect((await here.governor.report()).total.costUsd).toBeLessThanOrEqual(cap);
  });
});
