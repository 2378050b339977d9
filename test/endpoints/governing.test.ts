// What is held, limited, refused and retried at the endpoints beside plain chat.
import { Groq } from 'groq-sdk';
import { describe, expect, it, vi } from 'vitest';
import { GovernedGroq } from '../../src/client';
import { governanceIssues } from '../../src/options';
import { groqPrices } from '../../src/price/groq-prices';
import { priceBook } from '../../src/price/price-book';
import { MODEL, drain, rejection, scene, settle, until, usage } from '../governor/support';
import { flac, wav } from './audio-files';

const WHISPER = 'whisper-large-v3';
const CHAT = '/openai/v1/chat/completions';
const RESPONSES = '/openai/v1/responses';
const PARAMS = { model: MODEL, messages: [{ role: 'user' as const, content: 'hi' }], max_completion_tokens: 100 };
const heard = (seconds: number): number => Math.ceil((seconds * 111_000_000) / 3600);
const prices = priceBook({
  base: groqPrices,
  overrides: { 'groq/compound': { inputPerMillionUsd: 1, outputPerMillionUsd: 5 } },
});

describe('audio', () => {
  it.each<readonly [string, File, number]>([
    ['WAV: by its header', wav(30, { rate: 44_100, channels: 2, bits: 16 }), 30],
    ['FLAC: by its header', flac(40, 1000), 40],
    ['another: by its size', new File([new Uint8Array(60_000)], 'a.ogg'), 60],
  ])('is held before it is sent; %s', async (_, file, seconds) => {
    const { client, governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
    const held: number[] = [];
    governor.on('call-admitted', ({ heldNanos }) => held.push(heldNanos));
    await client.audio.transcriptions.create({ model: WHISPER, file });
    expect(held).toEqual([heard(seconds)]);
  });

  it('is refused where the budget cannot pay for it, and nothing is sent', async () => {
    const { client, mock } = scene({ teams: { a: { monthlyBudgetUsd: heard(30) / 1e9 } } }, { team: 'a' });
    const create = (seconds: number): Promise<unknown> =>
      client.audio.transcriptions.create({ model: WHISPER, file: wav(seconds) });
    expect(await rejection(create(31))).toMatchObject({ code: 'budget-exceeded', requestedNanos: heard(31) });
    expect(mock.calls).toHaveLength(0);
    await create(30);
    expect(await rejection(create(1))).toMatchObject({ code: 'budget-exceeded' });
  });

  it('counts its seconds against their limits: as measured at first, as the answer says in the end', async () => {
    const { client, mock } = scene({ teams: { a: { rateLimitASH: 100 } }, queueTimeoutMs: 0 }, { team: 'a' });
    const create = (seconds: number): Promise<unknown> =>
      client.audio.transcriptions.create({ model: WHISPER, file: wav(seconds) });
    mock.reply('audio.transcriptions', { json: { text: '', duration: 20 } });
    await create(90);
    await settle();
    await create(79.5);
    expect(await rejection(create(1))).toMatchObject({ code: 'rate-limit-wait' });
    expect(mock.calls).toHaveLength(2);
  });

  it('costs what it costs where nothing is governed, and is not waited for', async () => {
    const { client, records, mock } = scene({});
    await client.audio.transcriptions.create({ model: WHISPER, file: wav(30) });
    await client.audio.transcriptions.create({ model: WHISPER, file: new File([new Uint8Array(60_000)], 'a.mp3') });
    await settle();
    expect(records).toMatchObject([
      { model: WHISPER, costNanos: heard(30), accuracy: 'estimated' },
      { model: WHISPER, costNanos: heard(60), accuracy: 'held' },
    ]);
    const plain = new Groq({ apiKey: 'x', fetch: mock.fetch });
    await plain.audio.transcriptions.create({ model: WHISPER, file: wav(30) });
    expect(mock.calls[2]?.body).toEqual(mock.calls[0]?.body);
  });

  it('that nobody can measure in time is held by its size', async () => {
    const audioDuration = (): Promise<number> => new Promise(() => {});
    const { client, records } = scene({ teams: { a: {} }, audioDuration, storeTimeoutMs: 5 }, { team: 'a' });
    await client.audio.transcriptions.create({ model: WHISPER, file: new File([new Uint8Array(60_000)], 'a.mp3') });
    await settle();
    expect(records).toMatchObject([{ costNanos: heard(60), accuracy: 'held' }]);
  });

  it('is measured once, and not if it is refused', async () => {
    const audioDuration = vi.fn(() => 5);
    const { client } = scene({ teams: { a: { allowedModels: [WHISPER] } }, audioDuration }, { team: 'a' });
    await rejection(client.audio.transcriptions.create({ model: 'whisper-large-v3-turbo', file: wav(1) }));
    expect(audioDuration).not.toHaveBeenCalled();
    await client.audio.transcriptions.create({ model: WHISPER, file: wav(1) });
    expect(audioDuration).toHaveBeenCalledTimes(1);
  });
});

it('speech comes byte by byte as with groq-sdk', async () => {
  const { client, mock } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
  const params = { model: 'canopylabs/orpheus-v1-english', input: 'hello', voice: 'troy' };
  const ours = await client.audio.speech.create(params);
  const plain = await new Groq({ apiKey: 'x', fetch: mock.fetch }).audio.speech.create(params);
  expect(new Uint8Array(await ours.arrayBuffer())).toEqual(new Uint8Array(await plain.arrayBuffer()));
});

describe('a governance that cannot be', () => {
  it.each<readonly [object, string]>([
    [{ audioDuration: 5 }, 'audioDuration'],
    [{ toolAllowance: 5 }, 'toolAllowance'],
    [{ toolAllowance: { uses: 1.5 } }, 'toolAllowance.uses'],
    [{ toolAllowance: { uses: 10_001 } }, 'toolAllowance.uses'],
    [{ toolAllowance: { secondsPerUse: -1 } }, 'toolAllowance.secondsPerUse'],
    [{ toolAllowance: { seconds: 1 } }, 'toolAllowance.seconds'],
  ])('%j is refused at %s', (governance, path) => {
    expect(governanceIssues(governance).map((issue) => issue.path)).toEqual([path]);
  });
});

describe('the Responses endpoint', () => {
  const body = { model: MODEL, input: 'hi' };

  it('is bounded by its own field, which is written where none is given', async () => {
    const { client, mock } = scene({ teams: { a: { maxTokensPerRequest: 50, monthlyBudgetUsd: 1 } } }, { team: 'a' });
    await client.post(RESPONSES, { body });
    expect(mock.calls[0]?.body).toMatchObject({ max_output_tokens: 50 });
    expect(mock.calls[0]?.body).not.toHaveProperty('max_completion_tokens');
    const error = await rejection(client.post(RESPONSES, { body: { ...body, max_output_tokens: 51 } }));
    expect(error).toMatchObject({ code: 'max-tokens-exceeded', limit: 50, requested: 51 });
  });

  it('meets the rules of tools and models', async () => {
    const { client } = scene({ teams: { a: { allowedModels: [MODEL], allowedTools: ['function'] } } }, { team: 'a' });
    const tools = [{ type: 'code_interpreter' }];
    expect(await rejection(client.post(RESPONSES, { body: { ...body, tools } }))).toMatchObject({ code: 'tool-not-allowed' });
    expect(await rejection(client.post(RESPONSES, { body: { ...body, model: 'openai/gpt-oss-120b' } }))).toMatchObject({
      code: 'model-not-allowed',
    });
    await client.post(RESPONSES, { body: { ...body, tools: [{ type: 'function', name: 'f' }] } });
  });
});

describe('built-in tools', () => {
  it.each<readonly [string, object, number]>([
    ['a search: ten of them, and ten pages', { tools: [{ type: 'browser_search' }] }, 60_000_000],
    ['told twice: the same', { tools: [{ type: 'browser_search' }, { type: 'browser_search' }] }, 60_000_000],
    ['code: ten runs of a minute', { tools: [{ type: 'code_interpreter' }] }, 30_000_000],
    ['functions of the caller: nothing', { tools: [{ type: 'function', function: { name: 'f' } }] }, 0],
    ['remote servers: nothing', { tools: [{ type: 'mcp', server_url: 'https://x.test' }] }, 0],
  ])('are held for; %s', async (_, extra, nanos) => {
    const { governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } });
    const upper = async (params: object): Promise<number> => (await governor.explain(params, { team: 'a' })).upperCostUsd * 1e9;
    const text = JSON.stringify(Reflect.get(extra, 'tools'));
    expect(Math.round((await upper({ ...PARAMS, ...extra })) - (await upper(PARAMS)))).toBe(nanos + 75 * text.length);
  });

  it('are held for as much as was declared', async () => {
    const { governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } }, toolAllowance: { uses: 2, secondsPerUse: 5 } });
    const upper = async (params: object): Promise<number> => (await governor.explain(params, { team: 'a' })).upperCostUsd * 1e9;
    const plain = await upper({ ...PARAMS, tools: [{ type: 'function_name1' }] });
    const search = await upper({ ...PARAMS, tools: [{ type: 'browser_search' }] });
    // Names of one length, so the prompt is the same: two unknown uses at $8, two searches and two pages at $5 and $1.
    expect(Math.round(search - plain)).toBe(12_000_000 - 16_000_000);
  });

  it('beyond it are booked in full, as overrun', async () => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: 1 } }, toolAllowance: { uses: 1 } }, { team: 'a' });
    const executed = Array.from({ length: 5 }, () => ({ type: 'browser.search' }));
    here.mock.reply('chat.completions', {
      json: { choices: [{ message: { executed_tools: executed } }], usage: usage(90, 10) },
    });
    await here.client.post(CHAT, { body: { ...PARAMS, tools: [{ type: 'browser_search' }] } });
    await here.governor.close();
    expect(here.records[0]?.costNanos).toBe(25_000_000 + 90 * 75 + 10 * 300);
    expect(here.records[0]?.overrunNanos).toBeGreaterThan(18_000_000);
  });

  it.each<readonly [string[], object, string | undefined]>([
    [['web_search'], {}, 'visit_website'],
    [['web_search'], { compound_custom: { tools: { enabled_tools: ['web_search'] } } }, undefined],
    [['web_search'], { compound_custom: { tools: { enabled_tools: ['web_search', 'code_interpreter'] } } }, 'code_interpreter'],
    [['web_search'], { compound_custom: { tools: { enabled_tools: 'web_search' } } }, 'visit_website'],
    [[], { compound_custom: { tools: { enabled_tools: [] } } }, undefined],
    [['*'], {}, undefined],
  ])('of a system, with %j allowed and %j asked for: %s is refused', async (allowedTools, extra, refused) => {
    const { client, mock } = scene({ teams: { a: { allowedTools, monthlyBudgetUsd: 1 } }, prices }, { team: 'a' });
    const call = client.post(CHAT, { body: { ...PARAMS, model: 'groq/compound', ...extra } });
    if (refused === undefined) await call;
    else expect(await rejection(call)).toMatchObject({ code: 'tool-not-allowed', requested: refused });
    expect(mock.calls).toHaveLength(refused === undefined ? 1 : 0);
  });

  it('of a system are held for without being asked for', async () => {
    const { governor } = scene({ teams: { a: {} }, prices });
    const compound = { ...PARAMS, model: 'groq/compound' };
    const { upperCostUsd: all } = await governor.explain(compound, { team: 'a' });
    const none = { ...compound, compound_custom: { tools: { enabled_tools: [] } } };
    expect(all - (await governor.explain(none, { team: 'a' })).upperCostUsd).toBeGreaterThan(0.1);
  });
});

describe('a request that can never fit', () => {
  const governance = { teams: { a: { monthlyBudgetUsd: 1 } } };
  const client = { maxRetries: 2 };

  it('is not sent again as it is', async () => {
    const here = scene(governance, { team: 'a', client });
    here.mock.reply('chat.completions', { error: 'output_too_large', retryAfter: null }).persist();
    const error = await here.clock.runUntil(
      rejection(here.client.chat.completions.create({ ...PARAMS, max_completion_tokens: 1333 })),
    );
    expect(error).toBeInstanceOf(GovernedGroq.RateLimitError);
    expect(here.mock.calls).toHaveLength(1);
    expect(here.records).toMatchObject([{ costNanos: 0, accuracy: 'exact', attempts: 1, outcome: 'error' }]);
  });

  it('while one that only came too early is', async () => {
    const here = scene(governance, { team: 'a', client });
    here.mock.reply('chat.completions', [{ status: 429, retryAfter: 2 }, { usage: usage(90, 10) }]);
    await here.clock.runUntil(here.client.chat.completions.create(PARAMS));
    expect(here.records).toMatchObject([{ attempts: 2, outcome: 'success' }]);
  });

  it('and where nothing is governed, all is as with groq-sdk', async () => {
    const here = scene({}, { client });
    here.mock
      .reply('chat.completions', { error: 'output_too_large', retryAfter: null, headers: { 'retry-after-ms': '1' } })
      .persist();
    await rejection(here.client.chat.completions.create(PARAMS));
    expect(here.mock.calls).toHaveLength(3);
  });
});

it('a stream that stalls is charged its hold when that expires, and what it came to when it is left', async () => {
  const here = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
  here.mock.reply('chat.completions', { stream: ['aaaa', 'bbbb'], stallAfter: 2 });
  const abort = new AbortController();
  const reading = drain(await here.client.chat.completions.create({ ...PARAMS, stream: true }, { signal: abort.signal }));
  await settle();
  await here.clock.advance(15 * 60_000 + 1);
  const { expired } = await here.governor.reconcile();
  expect(expired.map(({ nanos }) => nanos)).toEqual([112 * 75 + 100 * 300]);
  abort.abort();
  await reading;
  await until(() => here.records.length > 0);
  expect(here.records).toMatchObject([{ costNanos: 88 * 75 + 300, accuracy: 'estimated', outcome: 'aborted' }]);
  expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
});
