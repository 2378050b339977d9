// What governance adds to a fetch: bounds, turns, learnt limits, and nothing where there is none.
import { describe, expect, it } from 'vitest';
import { type GovernedFetch, governedFetch } from '../../src/fetch';
import { GovernedGroq, Governor, amend } from '../../src/index';
import { mockGroq } from '../../src/testing';
import { CHAT, MODEL, MESSAGES, costOf, settle, until, usage } from '../governor/support';
import { HEADERS, PARAMS, URL_OF_CHAT, fetchScene, post, refusal } from './support';

const ASK = { model: MODEL, messages: MESSAGES };
const TRANSCRIPTIONS = 'https://api.groq.com/openai/v1/audio/transcriptions';

describe('what is put into a request', () => {
  const injected = { ...ASK, max_completion_tokens: 64 };
  const capped = { teams: { a: { monthlyBudgetUsd: 1, maxTokensPerRequest: 64 } } };
  const text = JSON.stringify(ASK);
  const bytes = new TextEncoder().encode(text);

  it.each<[string, () => BodyInit]>([
    ['a string', () => text],
    ['bytes', () => bytes],
    ['a buffer', () => bytes.buffer],
    ['a view into a buffer', () => new Uint8Array(new TextEncoder().encode(`  ${text}  `).buffer, 2, bytes.length)],
    ['a Blob', () => new Blob([text], { type: 'application/json' })],
    ['a stream', () => new Blob([text]).stream()],
  ])('%s keeps its kind', async (_, body) => {
    const { fetch, mock, handed } = fetchScene(capped);
    const init = { method: 'POST', headers: { authorization: 'Bearer k' }, body: body(), duplex: 'half' };
    await (await fetch(URL_OF_CHAT, init)).text();
    expect(mock.calls[0]?.body).toEqual(injected);
    const [input, sent] = handed[0] ?? [];
    // What a platform's own fetch says of such a body.
    const own = { method: 'POST', body: body(), duplex: 'half' };
    const type = new Request(URL_OF_CHAT, own).headers.get('content-type');
    expect(new Request(input ?? '', sent).headers.get('content-type')).toBe(type);
  });

  it('a form behind bytes is read, and written anew', async () => {
    const form = new FormData();
    form.set('model', 'whisper-large-v3');
    form.set('file', new File([new Uint8Array(2000)], 'a.mp3'));
    const written = new Response(form);
    const headers = { authorization: 'Bearer k', 'content-type': written.headers.get('content-type') ?? '' };
    const body = new Uint8Array(await written.arrayBuffer());
    const { fetch, mock, records } = fetchScene({ teams: { a: { monthlyBudgetUsd: 1 } } });
    await (await fetch(TRANSCRIPTIONS, { method: 'POST', headers, body })).text();
    await (await fetch(new Request(TRANSCRIPTIONS, { method: 'POST', headers, body }))).text();
    const sent = { model: 'whisper-large-v3', file: { name: 'a.mp3', size: 2000 } };
    expect(mock.calls.map(({ body: received }) => received)).toMatchObject([sent, sent]);
    expect(records).toMatchObject([{ operation: 'audio.transcriptions' }, { operation: 'audio.transcriptions' }]);
  });

  it('a length that was told is that of what is sent', async () => {
    const { fetch, handed } = fetchScene(capped);
    const headers = { ...HEADERS, 'content-length': String(bytes.length) };
    await (await fetch(URL_OF_CHAT, { method: 'POST', headers, body: text })).text();
    expect(new Headers(handed[0]?.[1]?.headers).has('content-length')).toBe(false);
  });

  it('a request that needs nothing is sent as it is, with all that its init says', async () => {
    const { fetch, handed } = fetchScene();
    const init = { ...post(PARAMS), redirect: 'error' as const, dispatcher: { mine: true } };
    await (await fetch(URL_OF_CHAT, init)).text();
    const [input, sent] = handed[0] ?? [];
    expect([input, sent]).toMatchObject([URL_OF_CHAT, { method: 'POST', redirect: 'error', dispatcher: { mine: true } }]);
    expect(sent?.body).toBe(init.body);
  });

  it('a policy may change it', async () => {
    const { chat, mock } = fetchScene({
      teams: { a: { monthlyBudgetUsd: 1 } },
      policies: [{ name: 'cheaper', check: () => amend({ model: 'llama-3.1-8b-instant' }, 'cheaper') }],
    });
    await (await chat()).text();
    expect(mock.calls[0]?.body['model']).toBe('llama-3.1-8b-instant');
  });

  it('a stream’s usage is asked for, and its chunk left out; a caller who asked gets it', async () => {
    const { chat, mock } = fetchScene();
    mock.reply('chat.completions', { stream: ['a', 'b'], usage: usage(70, 10) }).persist();
    const asked = await (await chat({ stream: true, stream_options: { include_usage: true } })).text();
    const own = await (await chat({ stream: true })).text();
    const extra = asked.split('\n\n').filter((event) => event.includes('"choices":[]'));
    expect(extra).toHaveLength(1);
    const strip = (stream: string): string => stream.replaceAll(/chatcmpl-\w+|req_\w+/g, '…');
    expect(strip(own)).toBe(strip(asked.replace(`${extra[0]}\n\n`, '')));
    expect(mock.calls.map(({ body }) => body['stream_options'])).toEqual([{ include_usage: true }, { include_usage: true }]);
  });
});

describe('waiting', () => {
  it('calls of a team take turns, and a rate limit is kept', async () => {
    const { chat, clock, mock, records } = fetchScene({ teams: { a: { rateLimitRPM: 2, concurrency: 10 } } });
    const calls = [chat(), chat(), chat()].map(async (call) => (await call).text());
    await clock.runUntil(Promise.all(calls));
    expect(mock.calls.map(({ at }) => at - (mock.calls[0]?.at ?? 0))).toEqual([0, 0, 60_000]);
    expect(records[2]?.waitMs).toBeGreaterThanOrEqual(60_000);
  });

  it('one 429 pauses those who come after it, for as long as it said', async () => {
    const { chat, clock, mock } = fetchScene({ teams: { a: { concurrency: 10 } } });
    mock.reply('chat.completions', { status: 429, retryAfter: 7 });
    const response = await chat();
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([429, null]);
    await response.text();
    await clock.runUntil(chat());
    expect((mock.calls[1]?.at ?? 0) - (mock.calls[0]?.at ?? 0)).toBeGreaterThanOrEqual(7000);
  });

  it('a wait that is longer than maxRetryAfterMs is not for the client to sit through', async () => {
    const { chat, mock } = fetchScene({ teams: { a: {} }, maxRetryAfterMs: 1000 });
    mock.reply('chat.completions', { status: 429, retryAfter: 600 });
    const response = await chat();
    expect([response.status, response.headers.get('x-should-retry'), response.headers.get('retry-after')]).toEqual([
      429,
      'false',
      '600',
    ]);
    expect(await response.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
  });

  it('a limit that an error names is learnt: what can never fit is refused here', async () => {
    const { chat, mock } = fetchScene({ teams: { a: {} } });
    mock.reply('chat.completions', { error: 'request_too_large' });
    await (await chat()).text();
    await settle();
    expect(await refusal(await chat({ max_completion_tokens: 60_000 }))).toMatchObject({ code: 'rate-limit-wait' });
    expect(mock.calls).toHaveLength(1);
  });

  it('a full queue is a refusal, without a retry', async () => {
    const { chat, mock } = fetchScene({ teams: { a: { concurrency: 1 } }, maxQueueSize: 0 });
    const first = await chat({ stream: true });
    const second = await chat();
    expect([second.status, second.headers.get('x-should-retry'), second.url]).toEqual([403, 'false', URL_OF_CHAT]);
    expect(await refusal(second)).toMatchObject({ code: 'rate-limit-wait' });
    await first.text();
    expect(mock.calls).toHaveLength(1);
  });
});

describe('back-pressure', () => {
  it('reads nothing ahead of the consumer', async () => {
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          controller.enqueue(new TextEncoder().encode(`data: {"choices":[{"delta":{"content":"${++pulls}"}}]}\n\n`));
        },
      },
      { highWaterMark: 0 },
    );
    const { chat } = fetchScene(undefined, {
      fetch: async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    });
    const reader = (await chat({ stream: true })).body?.getReader();
    await settle();
    expect(pulls).toBe(0);
    for (let reads = 1; reads <= 3; reads++) {
      await reader?.read();
      await settle();
      expect(pulls).toBe(reads);
    }
    await reader?.cancel();
  });
});

describe('without governance', () => {
  it('everything passes as the same objects, and its cost is recorded', async () => {
    const mock = mockGroq();
    const handed: unknown[][] = [];
    const fetch = governedFetch({ fetch: (...given) => (handed.push(given), mock.fetch(...given)) });
    mock.reply('chat.completions', { content: 'x', usage: usage(70, 10) }).persist();
    const init = post(ASK);
    const request = new Request(URL_OF_CHAT, post(ASK));
    await (await fetch(URL_OF_CHAT, init)).text();
    await (await fetch(request)).text();
    await (await fetch('https://elsewhere.example/x', { method: 'POST', body: 'x' })).text();
    expect(handed).toEqual([
      [URL_OF_CHAT, init],
      [request, undefined],
      ['https://elsewhere.example/x', expect.anything()],
    ]);
    expect([handed[0]?.[1], handed[1]?.[0]].map((each, n) => each === [init, request][n])).toEqual([true, true]);
    const { rows, total } = await fetch.governor.report({ by: ['team', 'model'] });
    expect(total).toMatchObject({ calls: 3, costNanos: 2 * costOf(70, 10) });
    expect(rows.map(({ team, model }) => [team, model])).toContainEqual(['default', MODEL]);
  });

  it('a body that can be read only once is left to the transport', async () => {
    const mock = mockGroq();
    const fetch = governedFetch({ fetch: mock.fetch });
    const init = { method: 'POST', headers: HEADERS, body: new Blob([JSON.stringify(ASK)]).stream(), duplex: 'half' };
    expect((await fetch(URL_OF_CHAT, init)).status).toBe(200);
    expect(mock.calls[0]?.body).toEqual(ASK);
  });
});

describe('observe', () => {
  it('refuses and delays nothing, sends all as it is, and tells what it would have refused', async () => {
    const { fetch, mock, records } = fetchScene({
      mode: 'observe',
      teams: { a: { monthlyBudgetUsd: 0, allowedModels: [], rateLimitRPM: 0, maxTokensPerRequest: 1 } },
    });
    const denied: string[] = [];
    fetch.governor.on('call-denied', ({ code, observed }) => observed && denied.push(code));
    const spaced = JSON.stringify(PARAMS, undefined, 2);
    const stream = new Blob([spaced]).stream();
    for (const body of [spaced, stream]) {
      await (await fetch(URL_OF_CHAT, { method: 'POST', headers: HEADERS, body, duplex: 'half' } as RequestInit)).text();
    }
    await (await fetch(new Request(URL_OF_CHAT, { method: 'POST', headers: HEADERS, body: spaced }))).text();
    await (await fetch('https://elsewhere.example/x', { method: 'POST', body: 'x' })).text();
    expect(mock.calls.slice(0, 3).map(({ body }) => body)).toEqual([PARAMS, PARAMS, PARAMS]);
    expect(records.map(({ outcome }) => outcome).slice(0, 3)).toEqual(['success', 'success', 'success']);
    expect(denied).toContain('model-not-allowed');
    expect(denied).toContain('ungoverned-request');
  });
});

describe('one governor', () => {
  it('serves a GovernedGroq and several fetches: the budget is one', async () => {
    const mock = mockGroq();
    const governor = new Governor({ teams: { a: { monthlyBudgetUsd: 0.001, concurrency: 100 } } });
    mock.reply('chat.completions', { content: 'x', usage: usage(70, 100) }).persist();
    const groq = new GovernedGroq({ apiKey: 'k', fetch: mock.fetch, governance: governor, team: 'a', logLevel: 'off' });
    const fetches = ['u', 'v'].map((user) => governedFetch({ governance: governor, team: 'a', user, fetch: mock.fetch }));
    const ask = (fetch: GovernedFetch): Promise<unknown> =>
      fetch(URL_OF_CHAT, post(PARAMS)).then((response) =>
        response.ok ? response.json() : Promise.reject(new Error('refused')),
      );
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, (_, n) => {
        const fetch = fetches[n % 3];
        return fetch ? ask(fetch) : groq.chat.completions.create(PARAMS);
      }),
    );
    const served = results.filter(({ status }) => status === 'fulfilled').length;
    const { total } = await governor.report();
    expect(total).toMatchObject({ calls: served, denied: 200 - served, costNanos: served * costOf(70, 100) });
    expect(total.costNanos).toBeLessThanOrEqual(1_000_000);
    expect(served).toBeGreaterThanOrEqual(20);
    expect(mock.calls).toHaveLength(served);
    expect((await governor.report({ by: ['user'] })).rows.map(({ user }) => user)).toEqual(expect.arrayContaining(['u', 'v']));
  });

  it('is told of each call, with its user and tags', async () => {
    const { chat, records, fetch } = fetchScene(undefined, { user: 'ann', tags: { feature: 'x' } });
    expect(fetch.Response).toBe(Response);
    await (await chat()).text();
    expect(records).toMatchObject([{ user: 'ann', tags: { feature: 'x' }, team: 'a', attempts: 1 }]);
  });
});

it('the platform’s fetch is the one that is there when a request is made', async () => {
  const mock = mockGroq();
  const fetch = governedFetch();
  const { fetch: original } = globalThis;
  globalThis.fetch = mock.fetch;
  try {
    await (await fetch(URL_OF_CHAT, post(ASK))).text();
  } finally {
    globalThis.fetch = original;
  }
  expect(mock.calls.map(({ path }) => path)).toEqual([CHAT]);
});

it('an endpoint that was allowed passes, with a body that nobody reads', async () => {
  const { fetch, mock, records } = fetchScene({ teams: { a: {} }, allowOperations: ['POST /openai/v1/videos'] });
  mock.reply('*', { json: { ok: true } });
  const init = { method: 'POST', headers: HEADERS, body: new Blob(['x']).stream(), duplex: 'half' };
  expect(await (await fetch('https://api.groq.com/openai/v1/videos', init)).json()).toEqual({ ok: true });
  await until(() => records.length > 0);
  expect(records).toMatchObject([{ operation: 'POST /openai/v1/videos', costNanos: 0, outcome: 'success' }]);
});
