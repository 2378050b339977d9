import Groq from 'groq-sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { keyFingerprint } from '../../src/testing/mock-hash';
import { mockGroq } from '../../src/testing/mock-groq';
import type { MockGroq } from '../../src/testing/mock-groq';
import { manualClock } from '../../src/testing/manual-clock';
import { ask, clientOf, failure, MODEL, post } from './support';

let mock: MockGroq;
let groq: Groq;
beforeEach(() => {
  mock = mockGroq({ clock: manualClock(1_760_000_000_500) });
  groq = clientOf(mock);
});
const lastCall = () => mock.calls.at(-1);

describe('a chat completion without a script', () => {
  it('is complete, and its numbers agree with each other', async () => {
    const { data, response, request_id } = await withId(groq.chat.completions.create(ask()));
    expect(data).toMatchObject({ object: 'chat.completion', created: 1_760_000_000, model: MODEL, service_tier: 'on_demand' });
    expect(data.id).toMatch(/^chatcmpl-/);
    expect(data.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', message: { role: 'assistant' } });
    expect(data.usage).toMatchObject({ prompt_tokens: 68, total_tokens: 68 + (data.usage?.completion_tokens ?? NaN) });
    expect(data.usage).not.toHaveProperty('prompt_tokens_details');
    expect(data.x_groq?.id).toBe(request_id);
    expect(response.url).toBe('https://api.groq.com/openai/v1/chat/completions');
    expect(response.headers.get('x-ratelimit-limit-tokens')).toMatch(/^\d+$/);
  });

  it('depends on the request only', async () => {
    const [first, second, other] = [await text('hi'), await text('hi'), await text('ho')];
    expect(first).toBe(second);
    expect(first).not.toBe(other);
  });

  it.each(['max_tokens', 'max_completion_tokens'])('keeps to %s', async (field) => {
    const answer = await groq.chat.completions.create({ ...ask(), [field]: 3 });
    expect(answer.usage?.completion_tokens).toBe(3);
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'This is the ' } });
  });

  it('counts the template, images and tools', async () => {
    const tokens = async (body: object): Promise<number | undefined> =>
      (await groq.chat.completions.create({ ...ask(), ...body })).usage?.prompt_tokens;
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AA' } };
    expect(await tokens({ model: 'qwen/qwen3.8-27b' })).toBe(8);
    expect(await tokens({ messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }, image] }] })).toBe(68 + 2048);
    expect(await tokens({ messages: [{ role: 'system', content: 'be' }, ...ask().messages] })).toBe(68 + 8);
    expect(await tokens({ tools: [{ type: 'function', function: { name: 'x' } }] })).toBeGreaterThan(68);
  });

  it('calls the tool that the request demands', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } };
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }];
    const answer = await groq.chat.completions.create({ ...ask(), tools, tool_choice: 'required' });
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
    const call = answer.choices[0]?.message.tool_calls?.[0]?.function;
    expect(call).toEqual({ name: 'weather', arguments: '{"city":"mock","days":0}' });
  });

  it('is JSON if the request asks for JSON', async () => {
    const schema = { type: 'object', properties: { ok: { type: 'boolean' }, tags: { type: 'array', items: { enum: ['a'] } } } };
    const format = { type: 'json_schema' as const, json_schema: { name: 'x', schema } };
    const structured = await groq.chat.completions.create({ ...ask(), response_format: format });
    expect(JSON.parse(structured.choices[0]?.message.content ?? '')).toEqual({ ok: true, tags: ['a'] });
    const plain = await groq.chat.completions.create({ ...ask(), response_format: { type: 'json_object' } });
    expect(JSON.parse(plain.choices[0]?.message.content ?? '')).toEqual({ answer: 'hi' });
  });

  const text = async (content: string) => (await groq.chat.completions.create(ask(content))).choices[0]?.message.content;
});

async function withId<T>(promise: { withResponse(): Promise<{ data: T; response: Response }> }) {
  const { data, response } = await promise.withResponse();
  return { data, response, request_id: response.headers.get('x-request-id') };
}

describe('what Groq refuses', () => {
  it.each([
    ['an empty key', () => clientOf(mock, '').chat.completions.create(ask()), 401, 'Invalid API Key'],
    ['n above 1', () => groq.chat.completions.create({ ...ask(), n: 2 }), 400, "'n'"],
    [
      'too many tokens',
      () => groq.chat.completions.create({ ...ask(), max_tokens: 65_537 }),
      400,
      'less than or equal to 65536',
    ],
    ['a negative bound', () => groq.chat.completions.create({ ...ask(), max_tokens: -1 }), 400, "'max_tokens'"],
    ['no messages', () => groq.chat.completions.create({ model: MODEL, messages: [] }), 400, "'messages'"],
    ['no model', () => groq.post('/openai/v1/chat/completions', { body: { messages: [] } }), 400, "'model'"],
    ['no input', () => groq.post('/openai/v1/embeddings', { body: { model: 'm' } }), 400, "'input'"],
    [
      'no JSON',
      () => groq.post('/openai/v1/chat/completions', { body: 'x', headers: { 'content-type': 'text/plain' } }),
      400,
      'JSON',
    ],
  ])('%s', async (_, send, status, message) => {
    const error = await failure(send());
    expect(error).toMatchObject({ status, message: expect.stringContaining(message) as string });
    expect(lastCall()?.status).toBe(status);
  });

  it('a request without any key', async () => {
    expect((await post(mock, ask(), { headers: {} })).status).toBe(401);
  });

  it('a model that is marked as unknown, wherever it is named', async () => {
    mock = mockGroq({ unknownModels: ['llama-3.1-8b-instant'] });
    groq = clientOf(mock);
    const error = await failure(groq.chat.completions.create({ ...ask(), model: 'llama-3.1-8b-instant' }));
    expect(error).toBeInstanceOf(Groq.NotFoundError);
    expect(error.message).toContain('The model `llama-3.1-8b-instant` does not exist');
    expect(await failure(groq.models.retrieve('llama-3.1-8b-instant'))).toBeInstanceOf(Groq.NotFoundError);
    expect((await groq.chat.completions.create({ ...ask(), model: 'anything/else' })).model).toBe('anything/else');
  });

  it('an unknown path, in one attempt and with a message that helps', async () => {
    const error = await failure(groq.post('/openai/v1/fine_tunings', { body: {}, maxRetries: 2 }));
    expect(error.message).toContain("501 mockGroq does not know POST /openai/v1/fine_tunings. To answer it: mock.reply('*'");
    expect(mock.calls).toHaveLength(1);
    expect(lastCall()).toMatchObject({ operation: 'unknown', status: 501 });
  });
});

describe('the other endpoints', () => {
  it('responses', async () => {
    const body = { model: MODEL, input: 'hi', max_output_tokens: 3 };
    const answer = await groq.post('/openai/v1/responses', { body });
    expect(answer).toMatchObject({
      object: 'response',
      status: 'incomplete',
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'This is the ' }] }],
      usage: { input_tokens: 1, output_tokens: 3, total_tokens: 4, input_tokens_details: { cached_tokens: 0 } },
    });
  });

  it('embeddings, the same vector as numbers and as base64', async () => {
    const model = 'nomic-embed-text-v1_5';
    const floats = await groq.embeddings.create({ model, input: ['hello', 'world!'] });
    expect(floats).toMatchObject({ object: 'list', model, usage: { prompt_tokens: 4, total_tokens: 4 } });
    const encoded = await groq.embeddings.create({ model, input: 'hello', encoding_format: 'base64' });
    const bytes = Buffer.from(String(encoded.data[0]?.embedding), 'base64');
    const vector = [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];
    expect(vector).toHaveLength(768);
    expect(vector).toEqual(floats.data[0]?.embedding);
    expect(vector).not.toEqual(floats.data[1]?.embedding);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  });

  it('audio.speech answers WAV, and audio.transcriptions knows how long it is', async () => {
    const speech = await groq.audio.speech.create({
      model: 'canopylabs/orpheus-v1-english',
      voice: 'x',
      input: 'a'.repeat(300),
    });
    expect(speech.headers.get('content-type')).toBe('audio/wav');
    const wav = await speech.arrayBuffer();
    expect(new TextDecoder().decode(wav.slice(0, 4))).toBe('RIFF');
    const file = new File([wav], 'said.wav', { type: 'audio/wav' });
    const request = { model: 'whisper-large-v3', file, response_format: 'verbose_json' as const };
    const heard = await groq.audio.transcriptions.create({ ...request, timestamp_granularities: ['word', 'segment'] });
    expect(heard).toMatchObject({
      task: 'transcribe',
      duration: 2,
      text: ' This is what said.wav says.',
      segments: [{ end: 2 }],
    });
    expect(heard).toHaveProperty('words.4.end', 2);
    expect(lastCall()?.body).toEqual({
      model: 'whisper-large-v3',
      file: { name: 'said.wav', size: file.size, type: 'audio/wav' },
      response_format: 'verbose_json',
      timestamp_granularities: ['word', 'segment'],
    });
  });

  it('audio.transcriptions as json and as text, audio.translations from an address', async () => {
    const file = new File(['x'], 'a.mp3');
    const json = await groq.audio.transcriptions.create({ model: 'whisper-large-v3', file });
    expect(json).toEqual({ text: ' This is what a.mp3 says.', x_groq: { id: expect.stringMatching(/^req_/) as string } });
    const plain: unknown = await groq.audio.transcriptions.create({ model: 'whisper-large-v3', file, response_format: 'text' });
    expect(plain).toBe(' This is what a.mp3 says.');
    const url = 'https://example.com/a.mp3';
    const request = { model: 'whisper-large-v3', url, response_format: 'verbose_json' as never };
    expect(await groq.audio.translations.create(request)).toMatchObject({ task: 'translate', duration: 10 });
  });

  it('models', async () => {
    const { data } = await groq.models.list();
    const row = data.find(({ id }) => id === 'qwen/qwen3.8-27b');
    expect(row).toMatchObject({ object: 'model', context_window: 131_072, max_completion_tokens: 16_384, active: true });
    expect(await groq.models.retrieve('qwen/qwen3.8-27b')).toEqual(row);
    expect(lastCall()?.operation).toBe('models.retrieve');
    expect(await groq.models.delete('x')).toEqual({ id: 'x', object: 'model', deleted: true });
  });
});

describe('calls', () => {
  it('hold what was sent, and never the key', async () => {
    await groq.chat.completions.create(ask());
    expect(mock.calls).toHaveLength(1);
    const call = lastCall();
    expect(call).toMatchObject({
      operation: 'chat.completions',
      method: 'POST',
      path: '/openai/v1/chat/completions',
      status: 200,
    });
    expect(call).toMatchObject({ at: 1_760_000_000_500, ended: 'complete', body: ask() });
    expect(call?.headers['authorization']).toBe(keyFingerprint('gsk_test'));
    expect(keyFingerprint('gsk_test')).not.toBe(keyFingerprint('gsk_other'));
    expect(JSON.stringify(mock.calls)).not.toContain('gsk_test');
  });

  it('do not hold the probe for multipart', async () => {
    expect(mock.fetch.Response).toBe(Response);
    const wrapped = (input: string | URL | Request, init?: RequestInit) => mock.fetch(input, init);
    for (const fetch of [mock.fetch, wrapped]) {
      const client = new Groq({ apiKey: 'x', fetch, maxRetries: 0 });
      await client.audio.transcriptions.create({ model: 'whisper-large-v3', file: new File(['x'], 'a.mp3') });
    }
    expect(mock.calls.map(({ operation }) => operation)).toEqual(['audio.transcriptions', 'audio.transcriptions']);
  });

  it('know an endpoint under any base address, and from a Request', async () => {
    await new Groq({ apiKey: 'x', fetch: mock.fetch, baseURL: 'https://proxy.example/groq' }).models.list();
    expect(lastCall()).toMatchObject({ operation: 'models.list', path: '/openai/v1/models' });
    const init = { method: 'POST', body: JSON.stringify(ask()), headers: { authorization: 'Bearer x' } };
    await mock.fetch(new Request('https://api.groq.com/openai/v1/chat/completions', init));
    expect(lastCall()).toMatchObject({ operation: 'chat.completions', status: 200, body: ask() });
  });

  it('are gone after reset, like replies', async () => {
    mock.reply('chat.completions', { content: 'x' });
    await groq.models.list();
    mock.reset();
    expect(mock.calls).toEqual([]);
    mock.assertDone();
  });
});
