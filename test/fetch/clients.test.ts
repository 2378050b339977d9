// The clients that this fetch is for, as their users use them, against a mock behind a real socket.
import { createGroq } from '@ai-sdk/groq';
import { HumanMessage } from '@langchain/core/messages';
import { ChatGroq } from '@langchain/groq';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import Groq from 'groq-sdk';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type GovernedFetch, type GovernedFetchOptions, governedFetch, refusalOf } from '../../src/fetch';
import {
  type Governance,
  BudgetExceededError,
  GovernedGroq,
  Governor,
  PolicyDeniedError,
  isGovernanceError,
} from '../../src/index';
import { type MockServer, mockGroq } from '../../src/testing';
import { MODEL, costOf, until, usage } from '../governor/support';

const mock = mockGroq();
let server: MockServer;
beforeAll(async () => {
  server = await mock.listen();
});
afterAll(() => server.close());
afterEach(() => mock.reset());

const GOVERNANCE: Governance = { teams: { a: { monthlyBudgetUsd: 1, allowedModels: ['openai/gpt-oss-20b'] } } };
const governed = (options: GovernedFetchOptions = {}): GovernedFetch =>
  governedFetch({ governance: GOVERNANCE, team: 'a', baseURL: server.url, ...options });

const aiSdk = (fetch: GovernedFetch) => createGroq({ apiKey: 'gsk_ai', baseURL: `${server.url}/openai/v1`, fetch });
const openai = (fetch: GovernedFetch) => new OpenAI({ apiKey: 'gsk_openai', baseURL: `${server.url}/openai/v1`, fetch });
const langChain = (fetch: GovernedFetch, model: string = MODEL) =>
  new ChatGroq({ apiKey: 'gsk_langchain', baseUrl: server.url, fetch, model });

const USER = [{ role: 'user' as const, content: 'hi' }];
const ANSWER = { content: 'Hello there', usage: usage(70, 10) };
const exact = { costNanos: costOf(70, 10), accuracy: 'exact', outcome: 'success', operation: 'chat.completions' };

/** The records of all that has ended so far. */
async function booked({ governor }: GovernedFetch): Promise<{ readonly calls: number; readonly costNanos: number }> {
  const { calls, costNanos } = (await governor.report()).total;
  expect((await governor.reconcile()).live).toEqual([]);
  return { calls, costNanos };
}

function recorded({ governor }: GovernedFetch): unknown[] {
  const records: unknown[] = [];
  governor.on('call-settled', (record) => records.push(record));
  return records;
}

describe('AI SDK', () => {
  it('generateText', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', ANSWER);
    const { text, usage: told } = await generateText({ model: aiSdk(fetch)(MODEL), prompt: 'hi' });
    expect([text, told.inputTokens, told.outputTokens]).toEqual(['Hello there', 70, 10]);
    await booked(fetch);
    expect(records).toMatchObject([exact]);
    // The budget needs a bound, which the caller gave none.
    expect(mock.calls[0]?.body['max_completion_tokens']).toEqual(expect.any(Number));
  });

  it('streamText', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', { stream: ['Hello', ' there'], usage: usage(70, 10) });
    const result = streamText({ model: aiSdk(fetch)(MODEL), prompt: 'hi' });
    let text = '';
    for await (const part of result.textStream) text += part;
    expect([text, (await result.usage).outputTokens]).toEqual(['Hello there', 10]);
    await booked(fetch);
    expect(records).toMatchObject([exact]);
  });

  it('tools: each step is a call', async () => {
    const fetch = governed();
    mock.reply('chat.completions', [
      { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }], usage: usage(70, 10) },
      ANSWER,
    ]);
    const { text, steps } = await generateText({
      model: aiSdk(fetch)(MODEL),
      prompt: 'weather?',
      stopWhen: stepCountIs(3),
      tools: { weather: tool({ inputSchema: z.object({ city: z.string() }), execute: ({ city }) => `rain in ${city}` }) },
    });
    expect([text, steps.length]).toEqual(['Hello there', 2]);
    expect(await booked(fetch)).toEqual({ calls: 2, costNanos: 2 * exact.costNanos });
  });

  it('an aborted stream is booked by what was read', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', { stream: ['Hello', ' there'], stallAfter: 3 });
    const abort = new AbortController();
    const result = streamText({ model: aiSdk(fetch)(MODEL), prompt: 'hi', abortSignal: abort.signal, onError: () => {} });
    let text = '';
    for await (const part of result.textStream) {
      text += part;
      abort.abort();
    }
    // How far it has read ahead by then is its own affair.
    expect('Hello there').toContain(text);
    await until(() => records.length > 0);
    expect(records).toMatchObject([{ outcome: 'aborted', accuracy: 'estimated' }]);
  });

  it('a network error is retried by it, and every try is a call', async () => {
    const fetch = governed();
    mock.reply('chat.completions', [{ status: 503, headers: { 'retry-after-ms': '1' } }, ANSWER]);
    const { text } = await generateText({ model: aiSdk(fetch)(MODEL), prompt: 'hi' });
    expect(text).toBe('Hello there');
    expect(await booked(fetch)).toEqual({ calls: 2, costNanos: exact.costNanos });
  });
});

describe('LangChain', () => {
  it('invoke', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', ANSWER);
    const message = await langChain(fetch).invoke([new HumanMessage('hi')]);
    expect(message).toMatchObject({ content: 'Hello there', usage_metadata: { output_tokens: 10 } });
    await booked(fetch);
    expect(records).toMatchObject([exact]);
  });

  it('stream', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', { stream: ['Hello', ' there'], usage: usage(70, 10) });
    let text = '';
    for await (const chunk of await langChain(fetch).stream('hi')) text += chunk.text;
    expect(text).toBe('Hello there');
    await booked(fetch);
    expect(records).toMatchObject([exact]);
  });

  it('tools', async () => {
    const fetch = governed();
    mock.reply('chat.completions', { toolCalls: [{ name: 'weather', arguments: { city: 'Oslo' } }], usage: usage(70, 10) });
    const model = langChain(fetch).bindTools([
      {
        type: 'function',
        function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
      },
    ]);
    const message = await model.invoke('weather?');
    expect(message.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Oslo' } }]);
    expect(await booked(fetch)).toEqual({ calls: 1, costNanos: exact.costNanos });
  });
});

it('LangChain with a GovernedGroq in place of its own client: invoke and stream, each booked once', async () => {
  const client = new GovernedGroq({ apiKey: 'gsk_own', baseURL: server.url, governance: GOVERNANCE, team: 'a' });
  const model = new ChatGroq({ apiKey: 'gsk_langchain', model: MODEL });
  model.client = client;
  mock.reply('chat.completions', [ANSWER, { stream: ['Hello', ' there'], usage: usage(70, 10) }]);
  expect((await model.invoke('hi')).text).toBe('Hello there');
  let text = '';
  for await (const chunk of await model.stream('hi')) text += chunk.text;
  expect(text).toBe('Hello there');
  expect((await client.governor.report()).total).toMatchObject({ calls: 2, costNanos: 2 * exact.costNanos });
  expect(await client.governor.reconcile()).toMatchObject({ live: [], gaps: [] });
});

describe('openai', () => {
  const request = { model: MODEL, messages: USER };

  it('chat', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', ANSWER);
    const { data, response } = await openai(fetch).chat.completions.create(request).withResponse();
    expect([data.choices[0]?.message.content, response.status, response.url]).toEqual([
      'Hello there',
      200,
      `${server.url}/openai/v1/chat/completions`,
    ]);
    await booked(fetch);
    expect(records).toMatchObject([exact]);
  });

  it('stream: without the chunk that it did not ask for', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', { stream: ['Hello', ' there'], usage: usage(70, 10) });
    let text = '';
    for await (const chunk of await openai(fetch).chat.completions.create({ ...request, stream: true })) {
      expect(chunk.choices).toHaveLength(1);
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe('Hello there');
    expect(mock.calls[0]?.body['stream_options']).toEqual({ include_usage: true });
    await booked(fetch);
    expect(records).toMatchObject([exact]);
  });

  it('a stream that is left is booked by what was read', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', { stream: ['Hello', ' there'], stallAfter: 3 });
    const stream = await openai(fetch).chat.completions.create({ ...request, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    await until(() => records.length > 0);
    expect(records).toMatchObject([{ outcome: 'aborted', accuracy: 'estimated' }]);
  });

  it('abort before an answer', async () => {
    const fetch = governed();
    const records = recorded(fetch);
    mock.reply('chat.completions', { hang: true });
    const abort = new AbortController();
    const call = openai(fetch).chat.completions.create(request, { signal: abort.signal });
    call.catch(() => {});
    await until(() => mock.calls.length > 0);
    abort.abort();
    await expect(call).rejects.toThrow(OpenAI.APIUserAbortError);
    await until(() => records.length > 0);
    expect(records).toMatchObject([{ outcome: 'aborted', accuracy: 'held' }]);
  });

  it('embeddings, models, files and transcriptions', async () => {
    const fetch = governed({
      governance: { teams: { a: { monthlyBudgetUsd: 1 } }, unpricedModels: { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } },
    });
    const client = openai(fetch);
    await client.embeddings.create({ model: 'some-embedding', input: 'hi' });
    await client.models.list();
    const file = await OpenAI.toFile(new TextEncoder().encode('{}\n'), 'a.jsonl');
    await client.files.create({ file, purpose: 'batch' });
    const sound = await OpenAI.toFile(new Uint8Array(2000), 'a.mp3');
    await client.audio.transcriptions.create({ model: 'whisper-large-v3', file: sound });
    expect(mock.calls.map(({ operation }) => operation)).toEqual([
      'embeddings',
      'models.list',
      'files.create',
      'audio.transcriptions',
    ]);
    const { calls, costNanos } = await booked(fetch);
    expect(calls).toBe(4);
    expect(costNanos).toBeGreaterThan(0);
  });
});

describe('a refusal', () => {
  const WRONG = 'openai/gpt-oss-120b';
  const clients: readonly (readonly [string, (fetch: GovernedFetch) => PromiseLike<unknown>])[] = [
    ['AI SDK, generateText', (fetch) => generateText({ model: aiSdk(fetch)(WRONG), prompt: 'hi' })],
    [
      'AI SDK, streamText',
      async (fetch) => {
        const errors: unknown[] = [];
        const result = streamText({
          model: aiSdk(fetch)(WRONG),
          prompt: 'hi',
          onError: ({ error }) => void errors.push(error),
        });
        for await (const _ of result.textStream);
        throw errors[0];
      },
    ],
    ['LangChain, invoke', (fetch) => langChain(fetch, WRONG).invoke('hi')],
    ['LangChain, stream', (fetch) => langChain(fetch, WRONG).stream('hi')],
    ['openai', (fetch) => openai(fetch).chat.completions.create({ model: WRONG, messages: USER })],
    ['openai, stream', (fetch) => openai(fetch).chat.completions.create({ model: WRONG, messages: USER, stream: true })],
    [
      'groq-sdk',
      (fetch) =>
        new Groq({ apiKey: 'k', baseURL: server.url, fetch }).chat.completions.create({ model: WRONG, messages: USER }),
    ],
  ];

  it.each(clients)('%s: is not tried again, and says why', async (_, ask) => {
    const fetch = governed();
    let denials = 0;
    fetch.governor.on('call-denied', () => denials++);
    const error: unknown = await ask(fetch).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toContain('is not in allowedModels of a');
    expect(refusalOf(error)).toBeInstanceOf(PolicyDeniedError);
    expect(refusalOf(error)).toMatchObject({ code: 'model-not-allowed', rule: 'allowedModels', requested: WRONG, team: 'a' });
    expect([denials, mock.calls.length]).toEqual([1, 0]);
  });

  it('as it is shown by each client’s own error', async () => {
    const fetch = governed();
    const caught = (ask: PromiseLike<unknown>): PromiseLike<unknown> =>
      ask.then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(await caught(openai(fetch).chat.completions.create({ model: WRONG, messages: USER }))).toMatchObject({
      status: 403,
      code: 'model-not-allowed',
      type: 'governance_error',
    });
    expect(await caught(generateText({ model: aiSdk(fetch)(WRONG), prompt: 'hi' }))).toMatchObject({
      statusCode: 403,
      isRetryable: false,
      data: { error: { type: 'governance_error' } },
    });
    expect(await caught(langChain(fetch, WRONG).invoke('hi'))).toMatchObject({
      status: 403,
      error: { error: { code: 'model-not-allowed' } },
    });
  });

  it("'throw' reaches the AI SDK’s caller as it is, and others as a cause", async () => {
    const fetch = governed({ refusals: 'throw' });
    const denied = generateText({ model: aiSdk(fetch)(WRONG), prompt: 'hi' });
    await expect(denied).rejects.toBeInstanceOf(PolicyDeniedError);
    const wrapped: unknown = await openai(fetch)
      .chat.completions.create({ model: WRONG, messages: USER }, { maxRetries: 0 })
      .catch((error: unknown) => error);
    expect(isGovernanceError(wrapped)).toBe(false);
    expect(refusalOf(wrapped)).toMatchObject({ code: 'model-not-allowed' });
    expect(mock.calls).toHaveLength(0);
  });

  it('of an error that is none, there is none', () => {
    for (const nothing of [undefined, null, 'x', new Error('x'), new Error('x', { cause: new Error('y') }), { headers: {} }])
      expect(refusalOf(nothing)).toBeUndefined();
    const circle: { cause?: unknown } = {};
    circle.cause = circle;
    expect(refusalOf(circle)).toBeUndefined();
  });
});

it('a budget holds under 200 concurrent calls of all clients, to the nano-dollar', async () => {
  const governor = new Governor({ teams: { a: { monthlyBudgetUsd: 0.005, concurrency: 50 } } });
  const fetch = governed({ governance: governor });
  mock.reply('chat.completions', { content: 'x', usage: usage(70, 200) }).persist();
  const ask = [
    () => openai(fetch).chat.completions.create({ model: MODEL, messages: USER, max_completion_tokens: 400 }),
    () => generateText({ model: aiSdk(fetch)(MODEL), prompt: 'hi', maxOutputTokens: 400 }),
    () => langChain(fetch).invoke('hi', { max_completion_tokens: 400 }),
    () =>
      fetch(`${server.url}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
        body: JSON.stringify({ model: MODEL, messages: USER, max_completion_tokens: 400 }),
      }).then(async (response) => (response.ok ? response.json() : Promise.reject(new Error(await response.text())))),
  ] as const;
  const results = await Promise.allSettled(Array.from({ length: 200 }, (_, n) => Promise.resolve(ask[n % 4]?.())));
  const served = results.filter(({ status }) => status === 'fulfilled').length;
  const { total } = await governor.report();
  expect(total).toMatchObject({ calls: served, denied: 200 - served, costNanos: served * costOf(70, 200) });
  expect(mock.calls).toHaveLength(served);
  expect(total.costNanos).toBeLessThanOrEqual(5_000_000);
  expect(served).toBeGreaterThanOrEqual(30);
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  expect(errors.filter((error) => refusalOf(error) instanceof BudgetExceededError).length).toBeGreaterThan(errors.length / 2);
  expect((await governor.reconcile()).gaps).toEqual([]);
});
