import Groq from 'groq-sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { mockGroq } from '../../src/testing/mock-groq';
import type { MockGroq } from '../../src/testing/mock-groq';
import { manualClock } from '../../src/testing/manual-clock';
import type { ManualClock } from '../../src/testing/manual-clock';
import type { MockFault } from '../../src/testing/mock-script';
import { ask, clientOf, drain, failure, MODEL, post } from './support';

let clock: ManualClock;
let mock: MockGroq;
let groq: Groq;
beforeEach(() => {
  clock = manualClock();
  mock = mockGroq({ clock });
  groq = clientOf(mock);
});

const streaming = { ...ask(), stream: true as const };
const withUsage = { ...streaming, stream_options: { include_usage: true } };
const stream = (body = streaming, options = {}) => groq.chat.completions.create(body, options);

/** The data of each message, as it went over the wire. */
async function wire(body: unknown): Promise<string[]> {
  const text = await (await post(mock, body)).text();
  expect(text.endsWith('\n\n')).toBe(true);
  return text.trimEnd().split('\n\n');
}

describe('a chat stream', () => {
  it('has the shape of a recorded one', async () => {
    mock.reply('chat.completions', { content: 'ab', reasoning: 'The', usage: { prompt_tokens: 75, completion_tokens: 1 } });
    const messages = await wire({ ...withUsage, seed: 91_721_220 });
    const usage = { prompt_tokens: 75, completion_tokens: 1, total_tokens: 76 };
    const head = { object: 'chat.completion.chunk', created: 1_767_225_600, model: MODEL };
    const choice = { index: 0, logprobs: null, finish_reason: null };
    const groqId = /^req_/;
    const parsed = messages.slice(0, -1).map((message) => JSON.parse(message.replace(/^data: /, '')) as object);
    expect(parsed).toMatchObject([
      {
        ...head,
        choices: [{ ...choice, delta: { role: 'assistant', content: '' } }],
        x_groq: { id: expect.stringMatching(groqId) as string, seed: 91_721_220 },
      },
      { ...head, choices: [{ ...choice, delta: { reasoning: 'The', channel: 'analysis' } }] },
      { ...head, choices: [{ ...choice, delta: { content: 'ab' } }] },
      { ...head, choices: [{ ...choice, delta: {}, finish_reason: 'stop' }], x_groq: { usage }, usage },
      { ...head, choices: [], usage, service_tier: 'on_demand' },
    ]);
    expect(parsed[1]).not.toHaveProperty('x_groq');
    expect(new Set(parsed.map((chunk) => (chunk as { id: string }).id)).size).toBe(1);
    expect(messages.at(-1)).toBe('data: [DONE]');
  });

  it('carries usage only in x_groq if nobody asked for it', async () => {
    const { chunks } = await drain(await stream());
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
    expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false);
    expect(chunks.at(-1)?.x_groq?.usage?.prompt_tokens).toBe(68);
    mock.reply('chat.completions', { usage: null });
    expect(JSON.stringify((await drain(await stream(withUsage))).chunks)).not.toContain('"usage"');
  });

  it('says the same as the whole answer, in about one token a chunk', async () => {
    const whole = await groq.chat.completions.create({ ...ask(), max_tokens: 5 });
    const { chunks, text } = await drain(await stream({ ...streaming, max_tokens: 5 } as typeof streaming));
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('length');
    expect(chunks).toHaveLength((whole.usage?.completion_tokens ?? 0) + 2);
  });

  it('can have larger chunks, and never cuts a character', async () => {
    groq = clientOf(mockGroq({ chunkChars: 9 }));
    expect((await drain(await stream())).chunks).toHaveLength(2 + Math.ceil("This is the mock's answer to: hi".length / 9));
    mock.reply('chat.completions', { content: '🎈a🎈b🎈c🎈d' });
    const { chunks, text } = await drain(await clientOf(mock).chat.completions.create(streaming));
    expect(text).toBe('🎈a🎈b🎈c🎈d');
    // Throws on half a character.
    for (const chunk of chunks) encodeURIComponent(chunk.choices[0]?.delta.content ?? '');
  });

  it('is scripted text by text, or chunk by chunk', async () => {
    mock.reply('chat.completions', { stream: ['a', 'b'] }).times(2);
    expect((await drain(await stream())).chunks.map((chunk) => chunk.choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '' },
      { content: 'a' },
      { content: 'b' },
      {},
    ]);
    expect((await groq.chat.completions.create(ask())).choices[0]?.message.content).toBe('ab');
    mock.reply('chat.completions', { stream: [{ choices: [] }, 'a'] });
    const messages = await wire(streaming);
    expect(messages).toHaveLength(3);
    expect(messages[0]).toBe('data: {"choices":[]}');
  });

  it('of the Responses API ends with the response', async () => {
    const events = await groq.post<AsyncIterable<{ type: string; response?: object }>>('/openai/v1/responses', {
      body: { model: MODEL, input: 'hi', stream: true },
      stream: true,
    });
    const seen: { type: string; response?: object }[] = [];
    for await (const event of events) seen.push(event);
    expect(seen.map(({ type }) => type)).toEqual([
      'response.created',
      ...Array<string>(8).fill('response.output_text.delta'),
      'response.completed',
    ]);
    expect(seen.at(-1)?.response).toMatchObject({ status: 'completed', usage: { input_tokens: 1, output_tokens: 8 } });
  });
});

describe('a stream that goes wrong', () => {
  const script = (fault: MockFault) => mock.reply('chat.completions', { stream: ['a', 'b', 'c'], ...fault });

  it('ends early, without an error, when it is cut', async () => {
    script({ cutAfter: 3 });
    const { chunks, error } = await drain(await stream());
    expect([chunks.length, error, mock.calls[0]?.ended]).toEqual([3, undefined, 'cut']);
  });

  it('fails as a broken connection does when it is reset', async () => {
    script({ cutAfter: 2, how: 'reset' });
    const { text, error } = await drain(await stream());
    expect(text).toBe('a');
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: 'terminated', cause: { code: 'UND_ERR_SOCKET' } });
    expect(mock.calls[0]?.ended).toBe('cut');
  });

  it('carries an error inside HTTP 200', async () => {
    script({ errorAfter: 2, error: 'over_capacity' });
    const { text, error } = await drain(await stream());
    expect([text, mock.calls[0]?.status]).toEqual(['a', 200]);
    expect(error).toBeInstanceOf(Groq.APIError);
    expect(error).toMatchObject({ status: undefined, error: { type: 'internal_server_error', status_code: 503 } });
    script({ errorAfter: 1 });
    expect((await wire(streaming))[1]).toMatch(/^event: error\ndata: {"error":{"message":"Failed to call a function/);
  });

  it('carries an error in x_groq', async () => {
    script({ errorAfter: 2, error: { message: 'no capacity' }, as: 'chunk' });
    const { chunks, error } = await drain(await stream());
    expect([chunks.at(-1)?.x_groq?.error, error]).toEqual(['no capacity', undefined]);
  });

  it('cuts and fails whole answers, too', async () => {
    script({ cutAfter: 1 });
    expect(await failure(groq.chat.completions.create(ask()))).toBeInstanceOf(SyntaxError);
    script({ cutAfter: 1, how: 'reset' });
    expect(await failure(groq.chat.completions.create(ask()))).toMatchObject({ message: 'terminated' });
    script({ errorAfter: 2, error: 'json_validate_failed' });
    expect(await failure(groq.chat.completions.create(ask()))).toBeInstanceOf(Groq.BadRequestError);
  });
});

describe('the end of the caller’s patience', () => {
  it('before the headers rejects with the reason of the signal', async () => {
    mock.reply('chat.completions', { hang: true }).times(3);
    const reasons = [undefined, new Error('enough')];
    for (const reason of reasons) {
      const controller = new AbortController();
      const error = failure(post(mock, ask(), { signal: controller.signal }));
      await clock.advance(0);
      controller.abort(reason);
      expect(await error).toBe(controller.signal.reason);
    }
    expect(await failure(post(mock, ask(), { signal: AbortSignal.abort() }))).toMatchObject({ name: 'AbortError' });
    expect(mock.calls.map(({ ended, status }) => [ended, status])).toEqual(Array(2).fill(['aborted', undefined]));
    const controller = new AbortController();
    const error = failure(groq.chat.completions.create(ask(), { signal: controller.signal }));
    await clock.advance(0);
    controller.abort();
    expect(await error).toBeInstanceOf(Groq.APIUserAbortError);
  });

  it('at the same moment as the request leaves no answer behind', async () => {
    const controller = new AbortController();
    const error = failure(post(mock, ask(), { signal: controller.signal }));
    controller.abort();
    expect(await error).toMatchObject({ name: 'AbortError' });
    await clock.advance(0);
    expect(mock.calls).toMatchObject([{ ended: 'aborted', status: undefined }]);
  });

  it('fails the body with the reason of the signal', async () => {
    mock.reply('chat.completions', { stream: ['a', 'b'], stallAfter: 2 });
    const controller = new AbortController();
    const response = await post(mock, streaming, { signal: controller.signal });
    const reader = (response.body ?? new ReadableStream()).getReader();
    await reader.read();
    await reader.read();
    const stalled = failure(reader.read());
    await clock.advance(3_600_000);
    expect(mock.calls[0]?.ended).toBeUndefined();
    controller.abort();
    expect(await stalled).toBe(controller.signal.reason);
    expect(mock.calls[0]?.ended).toBe('aborted');
  });

  it('fails a body that nobody has read yet, and leaves alone one that is read', async () => {
    const early = new AbortController();
    const unread = await post(mock, ask(), { signal: early.signal });
    early.abort();
    expect(await failure(unread.json())).toMatchObject({ name: 'AbortError' });
    const late = new AbortController();
    const response = await post(mock, ask(), { signal: late.signal });
    await response.json();
    late.abort();
    expect(mock.calls.map(({ ended }) => ended)).toEqual(['aborted', 'complete']);
  });

  it('by break cancels the body', async () => {
    for await (const chunk of await stream()) if (chunk.choices[0]?.delta.content) break;
    expect(mock.calls[0]?.ended).toBe('cancelled');
    const response = await post(mock, streaming);
    await response.body?.cancel();
    expect(mock.calls[1]?.ended).toBe('cancelled');
  });
});

describe('time', () => {
  it('passes before the headers and between chunks, by the clock', async () => {
    mock = mockGroq({ clock, latencyMs: 200, chunkDelayMs: 10 });
    mock.reply('chat.completions', { stream: ['a'] });
    const start = clock.now();
    const response = await clock.runUntil(post(mock, streaming));
    expect(clock.now() - start).toBe(200);
    await clock.runUntil(response.text());
    // Role, text, finish, [DONE].
    expect(clock.now() - start).toBe(230);
    expect(mock.calls[0]?.at).toBe(start);
  });

  it('is not waited for after an abort or a cancel', async () => {
    mock = mockGroq({ clock, latencyMs: 200, chunkDelayMs: 10 });
    const early = new AbortController();
    const error = failure(post(mock, ask(), { signal: early.signal }));
    await clock.advance(100);
    early.abort();
    expect(await error).toBe(early.signal.reason);
    expect(clock.sleeping).toBe(0);
    const response = await clock.runUntil(post(mock, streaming));
    const reader = (response.body ?? new ReadableStream()).getReader();
    await reader.read();
    const pending = reader.read();
    await clock.advance(5);
    expect(clock.sleeping).toBe(1);
    await reader.cancel();
    await pending;
    expect(clock.sleeping).toBe(0);
    const late = new AbortController();
    const body = (await clock.runUntil(post(mock, streaming, { signal: late.signal }))).text();
    await clock.advance(5);
    expect(clock.sleeping).toBe(1);
    late.abort();
    expect(await failure(body)).toBe(late.signal.reason);
    expect(clock.sleeping).toBe(0);
  });

  it('makes nothing before it is asked for', async () => {
    mock = mockGroq({ clock, chunkDelayMs: 10 });
    const response = await post(mock, streaming);
    const reader = (response.body ?? new ReadableStream()).getReader();
    await reader.read();
    await clock.advance(0);
    // Had the body read ahead, it would be waiting for the delay before the second chunk.
    expect(clock.sleeping).toBe(0);
    void reader.read();
    await clock.advance(0);
    expect(clock.sleeping).toBe(1);
  });
});
