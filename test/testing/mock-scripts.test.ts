import Groq from 'groq-sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { keyFingerprint } from '../../src/testing/mock-hash';
import { manualClock } from '../../src/testing/manual-clock';
import { mockGroq } from '../../src/testing/mock-groq';
import type { MockGroq } from '../../src/testing/mock-groq';
import type { MockCall } from '../../src/testing/mock-request';
import type { MockReply } from '../../src/testing/mock-script';
import { ask, clientOf, drain, failure, MODEL, post } from './support';

let mock: MockGroq;
let groq: Groq;
beforeEach(() => {
  mock = mockGroq();
  groq = clientOf(mock);
});
const create = () => groq.chat.completions.create(ask());
const content = async () => (await create()).choices[0]?.message.content;

describe('options', () => {
  it('that do not exist are not left out', () => {
    const make = (options: unknown): unknown => Reflect.apply(mockGroq, undefined, [options]);
    expect(() => make({ limit: { rpm: 1 } })).toThrow('mockGroq: unknown option "limit"; known are limits, ');
  });

  it('of a clock are epoch milliseconds', () => {
    for (const start of ['2026', new Date(), NaN, null])
      expect(() => Reflect.apply(manualClock, undefined, [start])).toThrow('manualClock: expected epoch milliseconds');
  });
});

describe('a whole answer', () => {
  it('has the content, reasoning, finish reason and usage that were given', async () => {
    mock.reply('chat.completions', { content: 'four', reasoning: '2 and 2', finishReason: 'length' });
    expect(await create()).toMatchObject({
      choices: [{ finish_reason: 'length', message: { content: 'four', reasoning: '2 and 2' } }],
      usage: { completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 } },
    });
    const details = { prompt_tokens_details: { cached_tokens: 64 } };
    mock.reply('chat.completions', { usage: { prompt_tokens: 100, completion_tokens: 20, ...details } });
    expect((await create()).usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, ...details });
    mock.reply('chat.completions', { usage: null });
    expect(await create()).not.toHaveProperty('usage');
  });

  it('has tool calls, whole and in a stream', async () => {
    const toolCalls = [
      { name: 'weather', arguments: { city: 'Ulm' } },
      { name: 'raw', arguments: '{broken', id: 'call_7' },
    ];
    mock.reply('chat.completions', { toolCalls }).times(2);
    const whole = (await create()).choices[0];
    const wanted = [
      { function: { name: 'weather', arguments: '{"city":"Ulm"}' } },
      { id: 'call_7', function: { arguments: '{broken' } },
    ];
    expect(whole).toMatchObject({ finish_reason: 'tool_calls', message: { content: null, tool_calls: wanted } });
    const { chunks } = await drain(await groq.chat.completions.create({ ...ask(), stream: true }));
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])).toMatchObject(wanted);
  });

  it('may be longer than the request allows', async () => {
    mock.reply('chat.completions', { content: 'x'.repeat(400) });
    expect((await groq.chat.completions.create({ ...ask(), max_tokens: 1 })).usage?.completion_tokens).toBe(100);
  });

  it('is the text of a transcription and of the Responses API', async () => {
    mock.reply('*', { content: 'spoken' }).times(2);
    const heard = await groq.audio.transcriptions.create({ model: 'whisper-large-v3', file: new File(['x'], 'a.mp3') });
    expect(heard.text).toBe('spoken');
    const answer = await groq.post('/openai/v1/responses', { body: { model: MODEL, input: 'x' } });
    expect(answer).toMatchObject({ output: [{ content: [{ text: 'spoken' }] }] });
  });
});

describe('a status', () => {
  const byStatus: [number, string, string, unknown][] = [
    [400, 'BadRequestError', 'invalid_request_error', undefined],
    [401, 'AuthenticationError', 'invalid_request_error', 'invalid_api_key'],
    [403, 'PermissionDeniedError', 'undefined', undefined],
    [404, 'NotFoundError', 'invalid_request_error', 'not_found'],
    [413, 'APIError', 'tokens', 'rate_limit_exceeded'],
    [424, 'APIError', 'failed_dependency_error', undefined],
    [429, 'RateLimitError', 'requests', 'rate_limit_exceeded'],
    [498, 'APIError', 'capacity_exceeded', undefined],
    [500, 'InternalServerError', 'internal_server_error', undefined],
    [503, 'InternalServerError', 'internal_server_error', undefined],
  ];
  it.each(byStatus)('%i becomes %s, with the body that Groq sends', async (status, name, type, code) => {
    mock.reply('chat.completions', { status });
    const error = await failure(create());
    expect(error.constructor.name).toBe(name);
    const { error: inner } = (error as InstanceType<typeof Groq.APIError>).error as { error: Record<string, unknown> };
    expect({ type: String(inner['type']), code: inner['code'] }).toEqual({ type, code });
    expect(typeof inner['message']).toBe('string');
  });

  it.each([
    ['model_decommissioned', 400, `The model \`${MODEL}\` has been decommissioned`],
    ['spend_limit_reached', 400, 'a spend alert threshold was met'],
    ['blocked_api_access', 400, 'blocked_api_access'],
    ['tool_use_failed', 400, 'failed_generation'],
    ['json_validate_failed', 400, 'failed_generation'],
    ['model_not_found', 404, `The model \`${MODEL}\` does not exist`],
    ['model_permission_blocked_org', 403, 'organization level'],
    ['model_permission_blocked_project', 403, 'project level'],
    ['over_capacity', 503, 'is currently over capacity'],
  ] as const)('of the error named %s is %i', async (error, status, message) => {
    mock.reply('chat.completions', { error });
    expect(await failure(create())).toMatchObject({ status, message: expect.stringContaining(message) as string });
  });

  it('429 names its time in text and header', async () => {
    mock.reply('chat.completions', [
      { status: 429, retryAfter: 1565.3 },
      { status: 429 },
      { status: 429, retryAfter: null },
      { error: 'output_too_large' },
      { status: 429, headers: { 'retry-after': 'soon' } },
    ]);
    const seen: (string | null)[] = [];
    for (let n = 0; n < 5; n++) seen.push((await post(mock, ask())).headers.get('retry-after'));
    expect(seen).toEqual(['1566', '2', null, null, 'soon']);
    mock.reply('chat.completions', { status: 429, retryAfter: 1565.3 });
    expect(await (await post(mock, ask())).text()).toContain('Please try again in 26m5.3s.');
  });

  it('takes fields of the error as they are given', async () => {
    mock.reply('chat.completions', { status: 429, error: { message: 'no', code: 'other' } });
    const body: unknown = await (await post(mock, ask())).json();
    expect(body).toEqual({ error: { message: 'no', type: 'requests', code: 'other' } });
  });
});

describe('other replies', () => {
  it('JSON with status and headers', async () => {
    mock.reply('models.list', { json: { data: [] }, headers: { 'x-request-id': 'req_1' } });
    const { data, response } = await groq.models.list().withResponse();
    expect([data, response.headers.get('x-request-id')]).toEqual([{ data: [] }, 'req_1']);
    mock.reply('models.list', { json: { error: { message: 'gone' } }, status: 410 });
    expect(await failure(groq.models.list())).toMatchObject({ status: 410 });
    mock.reply('models.list', { status: 204 });
    expect(await groq.models.list()).toBeNull();
    expect(mock.calls.at(-1)).toMatchObject({ status: 204, ended: 'complete' });
  });

  it('no connection', async () => {
    mock.reply('chat.completions', { networkError: 'ECONNREFUSED' }).times(2);
    const error = await failure(post(mock, ask()));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNREFUSED' } });
    expect(await failure(create())).toBeInstanceOf(Groq.APIConnectionError);
    expect(mock.calls[0]?.status).toBeUndefined();
  });

  it('raw bytes, as often as they are asked for', async () => {
    const bytes = new Uint8Array([0, 255, 10]);
    mock.reply('chat.completions', { raw: [bytes, 'end'], contentType: 'application/x-any' }).times(2);
    for (let n = 0; n < 2; n++) {
      const response = await post(mock, ask());
      expect(response.headers.get('content-type')).toBe('application/x-any');
      const seen: number[] = [];
      for await (const chunk of response.body ?? []) {
        seen.push(...chunk);
        chunk.fill(0);
      }
      expect(seen).toEqual([0, 255, 10, 101, 110, 100]);
    }
  });

  it('a function of the request, which may leave the answer to the mock', async () => {
    const script = ({ body, headers }: MockCall): MockReply | undefined => {
      if (headers['authorization'] === keyFingerprint('gsk_old')) return { status: 401 };
      return body['max_tokens'] === 1 ? { content: 'one' } : undefined;
    };
    mock.reply('chat.completions', script).persist();
    expect((await groq.chat.completions.create({ ...ask(), max_tokens: 1 })).choices[0]?.message.content).toBe('one');
    expect(await content()).toBe("This is the mock's answer to: hi");
    expect(await failure(groq.chat.completions.create({ ...ask(), n: 2 }))).toBeInstanceOf(Groq.BadRequestError);
    expect(await failure(clientOf(mock, 'gsk_old').chat.completions.create(ask()))).toBeInstanceOf(Groq.AuthenticationError);
  });

  it('a function that fails is answered, not thrown', async () => {
    mock.reply('chat.completions', async () => Promise.reject(new Error('oops')));
    const error = await failure(groq.chat.completions.create(ask(), { maxRetries: 2 }));
    expect(error.message).toBe('501 The reply scripted for chat.completions failed: Error: oops');
    expect(mock.calls).toHaveLength(1);
  });

  it('for any operation, known or not', async () => {
    mock.reply('*', { json: { ok: true } }).times(2);
    expect(await groq.get('/openai/v1/fine_tunings')).toEqual({ ok: true });
    expect(await groq.models.list()).toEqual({ ok: true });
    expect(await content()).toContain('This is');
  });
});

describe('the queue of replies', () => {
  it('answers in the order given, each operation for itself, then by default', async () => {
    mock.reply('chat.completions', [{ content: 'a' }, { content: 'b' }]);
    mock.reply('models.list', { json: 'models' });
    mock.reply('chat.completions', { content: 'c' });
    expect([await content(), await content(), await content()]).toEqual(['a', 'b', 'c']);
    expect(await content()).toContain('This is');
    mock.reply('chat.completions', [{ content: 'x' }, { content: 'y' }]).times(2);
    expect([await content(), await content(), await content(), await content()]).toEqual(['x', 'y', 'x', 'y']);
    mock.reply('chat.completions', { content: 'z' }).persist();
    for (let n = 0; n < 5; n++) expect(await content()).toBe('z');
  });

  it('says in a table what was not used', async () => {
    mock.reply('chat.completions', { content: 'a' }).times(3);
    mock.reply('audio.speech', () => undefined);
    mock.reply('models.list', { json: [] }).persist();
    await content();
    expect(() => mock.assertDone()).toThrow(
      [
        '3 mock replies were not used up:',
        '  operation         used  left        next',
        '  chat.completions  1     2           {"content":"a"}',
        '  audio.speech      0     1           function',
        '  models.list       0     persistent  {"json":[]}',
      ].join('\n'),
    );
    await Promise.all([content(), content(), groq.models.list()]);
    await groq.audio.speech.create({ model: 'm', input: 'x', voice: 'v' });
    mock.assertDone();
  });

  it('refuses what cannot be meant', () => {
    expect(() => mock.reply('models.list', [])).toThrow('empty');
    expect(() => mock.reply('models.list', {}).times(0)).toThrow('times');
  });
});
