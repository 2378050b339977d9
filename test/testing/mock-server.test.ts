import Groq from 'groq-sdk';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mockGroq } from '../../src/testing/mock-groq';
import type { MockGroq } from '../../src/testing/mock-groq';
import { manualClock } from '../../src/testing/manual-clock';
import type { ManualClock } from '../../src/testing/manual-clock';
import type { MockServer } from '../../src/testing/mock-server';
import { ask, drain, failure, until } from './support';

let clock: ManualClock;
let mock: MockGroq;
let server: MockServer;
let groq: Groq;
beforeEach(async () => {
  clock = manualClock();
  mock = mockGroq({ clock, chunkDelayMs: 10 });
  server = await mock.listen();
  groq = new Groq({ apiKey: 'gsk_test', baseURL: server.url, maxRetries: 0 });
});
afterEach(() => server.close());

const streaming = { ...ask(), stream: true as const };

it('answers over HTTP what it answers in memory', async () => {
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
  const { data, response } = await groq.chat.completions.create(ask()).withResponse();
  expect(data.choices[0]?.message.content).toContain('This is');
  expect(response.headers.get('x-request-id')).toBe(data.x_groq?.id);
  expect(response.headers.get('x-ratelimit-reset-requests')).toMatch(/s$/);
  expect(mock.calls[0]).toMatchObject({ operation: 'chat.completions', body: ask(), status: 200, ended: 'complete' });
});

it('takes uploads', async () => {
  const file = await groq.files.create({ file: new File(['{}\n'], 'in.jsonl'), purpose: 'batch' });
  expect(await (await groq.files.content(file.id ?? '')).text()).toBe('{}\n');
  expect(mock.calls.map(({ operation }) => operation)).toEqual(['files.create', 'files.content']);
});

it('sends errors with their headers', async () => {
  mock.reply('chat.completions', { status: 429, retryAfter: 3 });
  const error = await failure(groq.chat.completions.create(ask()));
  expect(error).toBeInstanceOf(Groq.RateLimitError);
  expect((error as InstanceType<typeof Groq.RateLimitError>).headers.get('retry-after')).toBe('3');
});

it('sends each chunk when it is made', async () => {
  mock.reply('chat.completions', { stream: ['a', 'b'] });
  const stream = await groq.chat.completions.create(streaming);
  const chunks = stream[Symbol.asyncIterator]();
  expect((await chunks.next()).value).toMatchObject({ choices: [{ delta: { role: 'assistant' } }] });
  await until(() => clock.sleeping === 1);
  await clock.advance(10);
  expect((await chunks.next()).value).toMatchObject({ choices: [{ delta: { content: 'a' } }] });
  const rest = drain({ [Symbol.asyncIterator]: () => chunks });
  expect((await clock.runUntil(rest)).text).toBe('b');
});

it('sends the headers before the first chunk', async () => {
  mock.reply('chat.completions', { stream: ['a'], stallAfter: 0 });
  const { response } = await groq.chat.completions.create(streaming).withResponse();
  expect(response.status).toBe(200);
  await response.body?.cancel();
});

it('ends the script when the client goes away', async () => {
  mock.reply('chat.completions', { stream: ['a', 'b'], stallAfter: 1 });
  mock.reply('chat.completions', { hang: true });
  const stream = await groq.chat.completions.create(streaming);
  await stream[Symbol.asyncIterator]().next();
  stream.controller.abort();
  await until(() => mock.calls[0]?.ended === 'aborted');
  const controller = new AbortController();
  const error = failure(groq.chat.completions.create(ask(), { signal: controller.signal }));
  await until(() => mock.calls.length === 2);
  controller.abort();
  expect(await error).toBeInstanceOf(Groq.APIUserAbortError);
  await until(() => mock.calls[1]?.ended === 'aborted');
});

it('makes no more than the client takes', async () => {
  const unhurried = mockGroq();
  const server = await unhurried.listen();
  unhurried.reply('*', { raw: Array<Uint8Array>(40).fill(new Uint8Array(1_000_000)) });
  const response = await fetch(server.url);
  for (let turns = 0; turns < 200; turns++) await new Promise((resolve) => setImmediate(resolve));
  expect(unhurried.calls[0]?.ended).toBeUndefined();
  expect((await response.arrayBuffer()).byteLength).toBe(40_000_000);
  expect(unhurried.calls[0]?.ended).toBe('complete');
  await server.close();
});

it('breaks connections as it is told', async () => {
  // Deno's fetch sends a request again, once, if the connection ends before an answer (denoland/deno#35610).
  mock.reply('chat.completions', { networkError: 'ECONNRESET' }).persist();
  expect(await failure(groq.chat.completions.create(ask()))).toBeInstanceOf(Groq.APIConnectionError);
  mock.reset();
  mock.reply('chat.completions', [
    { stream: ['a'], cutAfter: 1, how: 'reset' },
    { stream: ['a'], cutAfter: 1 },
  ]);
  const reset = await groq.chat.completions.create(streaming);
  // Node, Bun and Deno, each in its own words.
  const message: unknown = expect.stringMatching(/^terminated$|^ECONNRESET: |^error reading a body from connection/);
  expect((await clock.runUntil(drain(reset))).error).toMatchObject({ name: 'TypeError', message });
  const cut = await groq.chat.completions.create(streaming);
  expect(await clock.runUntil(drain(cut))).toMatchObject({ error: undefined, chunks: [{}] });
});

it('can be closed while requests hang, and frees its port', async () => {
  mock.reply('chat.completions', { hang: true });
  const error = failure(groq.chat.completions.create(ask()));
  await until(() => mock.calls.length === 1);
  await server.close();
  expect(await error).toBeInstanceOf(Groq.APIConnectionError);
  server = await mock.listen({ port: server.port });
  expect((await groq.models.list()).data.length).toBeGreaterThan(0);
});
