// Every endpoint, every form of its input, every ending: what is booked, to the nano-dollar, and how sure that is.
import { describe, expect, it } from 'vitest';
import type { Governance } from '../../src/governance';
import { groqPrices } from '../../src/price/groq-prices';
import { priceBook } from '../../src/price/price-book';
import type { MockOperation } from '../../src/testing/mock-request';
import type { MockScript } from '../../src/testing/mock-script';
import type { Accuracy, CallOutcome } from '../../src/usage/usage-log';
import { MODEL, type Scene, drain, scene, settle, until } from '../governor/support';
import { flac, wav } from './audio-files';

/** $0.111 an hour: 30,833 1/3 nano-dollars a second, rounded up once. */
const WHISPER = 'whisper-large-v3';
const heard = (seconds: number): number => Math.ceil((seconds * 111_000_000) / 3600);
const ORPHEUS = 'canopylabs/orpheus-v1-english';
const EMBEDDING = 'nomic-embed-text-v1_5';
const VISION = 'qwen/qwen3.8-27b';
const TEMPLATE = 80;
const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

const MESSAGES = [{ role: 'user', content: 'hi' }];
const CHAT = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const RESPONSE = { model: MODEL, input: 'hi', max_output_tokens: 100 };
const BOUND = bytesOf(MESSAGES) + TEMPLATE;
const ESTIMATE = Math.ceil(bytesOf(MESSAGES) / 4) + TEMPLATE;
/** gpt-oss-20b: 75, 37.5 and 300 nano-dollars a token. */
const tokens = (prompt: number, output: number, cached = 0): number =>
  Math.ceil((prompt - cached) * 75 + cached * 37.5 + output * 300);
const usage = (prompt: number, output: number): object => ({ prompt_tokens: prompt, completion_tokens: output });

const prices = priceBook({
  base: groqPrices,
  overrides: {
    [EMBEDDING]: { inputPerMillionUsd: 0.02, outputPerMillionUsd: 0 },
    'groq/compound': { inputPerMillionUsd: 1, outputPerMillionUsd: 5 },
  },
});

interface Row {
  readonly of: string;
  readonly why: string;
  readonly operation: MockOperation;
  readonly script?: MockScript;
  readonly governance?: Governance;
  readonly call: (here: Scene) => Promise<unknown>;
  readonly nanos: number;
  readonly accuracy: Accuracy;
  readonly outcome?: CallOutcome;
}

const form = (fields: Record<string, string | Blob>): FormData => {
  const data = new FormData();
  for (const [field, value] of Object.entries({ model: WHISPER, ...fields })) data.append(field, value);
  return data;
};
const transcribe =
  (fields: Record<string, unknown>) =>
  ({ client }: Scene): Promise<unknown> =>
    client.audio.transcriptions.create({ model: WHISPER, ...fields });
const mp3 = new File([new Uint8Array(20_500)], 'sound.mp3');

const AUDIO: Row[] = (
  [
    [
      'verbose_json, short',
      'told 4.9 s, billed 10',
      { file: mp3, response_format: 'verbose_json' },
      { json: { text: '', duration: 4.9 } },
      heard(10),
      'exact',
    ],
    [
      'verbose_json, long',
      'told 61.5 s',
      { file: mp3, response_format: 'verbose_json' },
      { json: { text: '', duration: 61.5 } },
      heard(61.5),
      'exact',
    ],
    ['a WAV file', 'its header and its size: 30.5 s', { file: wav(30.5) }, {}, heard(30.5), 'estimated'],
    [
      'a WAV file and its duration',
      'what the answer says, not what was measured',
      { file: wav(30.5) },
      { json: { text: '', duration: 31 } },
      heard(31),
      'exact',
    ],
    ['a FLAC file', 'its header: 45 s', { file: flac(45, 20_000) }, {}, heard(45), 'estimated'],
    ['an MP3 file, json', 'no parser: 20,500 bytes at 1,000 bytes a second', { file: mp3 }, {}, heard(21), 'held'],
    ['an MP3 file, text', 'the same', { file: mp3, response_format: 'text' }, {}, heard(21), 'held'],
    ['an address', 'the largest file that is accepted', { url: 'https://x.test/a.mp3' }, {}, heard(100_000), 'held'],
    ['a duration of nothing', 'is none', { file: wav(30.5) }, { json: { text: 'hi', duration: 0 } }, heard(30.5), 'estimated'],
  ] as const
).map(([of, why, fields, script, nanos, accuracy]) => ({
  of: `transcription of ${of}`,
  why,
  operation: 'audio.transcriptions',
  script,
  call: transcribe(fields),
  nanos,
  accuracy,
}));

const TOLD: Governance = { audioDuration: ({ file, url }) => (file ? 12.5 : url === undefined ? undefined : 600) };

const MORE_AUDIO: Row[] = [
  {
    of: 'translation of a stream of bytes',
    why: 'the SDK has it read before it is sent: 2 s of WAV, billed 10',
    operation: 'audio.translations',
    call: ({ client }) => client.audio.translations.create({ model: WHISPER, file: new Response(wav(2)) }),
    nanos: heard(10),
    accuracy: 'estimated',
  },
  {
    of: 'transcription, by raw post',
    why: 'the same rules',
    operation: 'audio.transcriptions',
    call: ({ client }) => client.post('/openai/v1/audio/transcriptions', { body: form({ file: wav(40) }) }),
    nanos: heard(40),
    accuracy: 'estimated',
  },
  {
    of: 'transcription of an MP3 file that a parser measures',
    why: 'what it says: 12.5 s',
    operation: 'audio.transcriptions',
    governance: TOLD,
    call: transcribe({ file: mp3 }),
    nanos: heard(12.5),
    accuracy: 'estimated',
  },
  {
    of: 'transcription of an address whose length is known',
    why: 'what it says: 600 s',
    operation: 'audio.transcriptions',
    governance: TOLD,
    call: transcribe({ url: 'https://x.test/a.mp3' }),
    nanos: heard(600),
    accuracy: 'estimated',
  },
  {
    of: 'transcription that is refused',
    why: 'no 4xx is charged',
    operation: 'audio.transcriptions',
    script: { status: 400 },
    call: transcribe({ file: mp3 }),
    nanos: 0,
    accuracy: 'exact',
    outcome: 'error',
  },
  {
    of: 'transcription whose answer breaks off',
    why: 'the hold',
    operation: 'audio.transcriptions',
    script: { raw: ['{"text":', '"x"}'], contentType: 'application/json', cutAfter: 1, how: 'reset' },
    call: transcribe({ file: wav(30) }),
    nanos: heard(30),
    accuracy: 'held',
    outcome: 'error',
  },
  {
    of: 'transcription whose connection is lost',
    why: 'the hold',
    operation: 'audio.transcriptions',
    script: { networkError: 'ECONNRESET' },
    call: transcribe({ file: wav(30) }),
    nanos: heard(30),
    accuracy: 'held',
    outcome: 'error',
  },
];

const speak = ({ client }: Scene): Promise<Response> =>
  client.audio.speech.create({ model: ORPHEUS, input: 'héllo', voice: 'troy' });

const OTHERS: Row[] = [
  {
    of: 'speech, its bytes never read',
    why: '5 characters at $22 a million',
    operation: 'audio.speech',
    call: speak,
    nanos: 110_000,
    accuracy: 'exact',
  },
  {
    of: 'speech, left after its first bytes',
    why: 'the same: all of it was spoken',
    operation: 'audio.speech',
    script: { raw: [new Uint8Array(9), new Uint8Array(9)], contentType: 'audio/wav' },
    call: async (here) => (await speak(here)).body?.cancel(),
    nanos: 110_000,
    accuracy: 'exact',
  },
  {
    of: 'speech that fails',
    why: 'no 5xx is charged',
    operation: 'audio.speech',
    script: { status: 500 },
    call: speak,
    nanos: 0,
    accuracy: 'exact',
    outcome: 'error',
  },
  {
    of: 'embeddings',
    why: '7 tokens at 20 nano-dollars',
    operation: 'embeddings',
    script: { json: { object: 'list', data: [], usage: { prompt_tokens: 7, total_tokens: 7 } } },
    call: ({ client }) => client.embeddings.create({ model: EMBEDDING, input: 'hi' }),
    nanos: 140,
    accuracy: 'exact',
  },
  {
    of: 'embeddings without usage',
    why: '["hi","ho"] is 11 bytes: 3 tokens and the template; its numbers are no output',
    operation: 'embeddings',
    script: { json: { object: 'list', data: [{ embedding: [0.5, 0.25] }] } },
    call: ({ client }) => client.embeddings.create({ model: EMBEDDING, input: ['hi', 'ho'] }),
    nanos: 83 * 20,
    accuracy: 'estimated',
  },
];

const responses =
  (streamed: boolean, extra: object = {}) =>
  async (here: Scene): Promise<unknown> => {
    const body = { ...RESPONSE, stream: streamed, ...extra };
    const answer = await here.client.post<AsyncIterable<unknown>>('/openai/v1/responses', { body, stream: streamed });
    return streamed ? drain(answer) : answer;
  };
const RESPONSE_ESTIMATE = Math.ceil(bytesOf('hi') / 4) + TEMPLATE;
const sse = (...events: readonly object[]): string[] =>
  events.map((event) => `event: ${String(Reflect.get(event, 'type'))}\ndata: ${JSON.stringify(event)}\n\n`);
const spoken = (delta: string): object => ({ type: 'response.output_text.delta', delta });
const responseUsage = { input_tokens: 70, input_tokens_details: { cached_tokens: 20 }, output_tokens: 10 };

const RESPONSES: Row[] = [
  {
    of: 'Responses',
    why: '70 tokens in, 20 of them cached, 10 out',
    operation: 'responses',
    script: { json: { object: 'response', output: [], usage: responseUsage } },
    call: responses(false),
    nanos: tokens(70, 10, 20),
    accuracy: 'exact',
  },
  {
    of: 'Responses, streamed',
    why: 'the usage of the last event',
    operation: 'responses',
    script: {
      raw: sse(spoken('aaaa'), { type: 'response.completed', response: { usage: responseUsage } }),
      contentType: 'text/event-stream',
    },
    call: responses(true),
    nanos: tokens(70, 10, 20),
    accuracy: 'exact',
  },
  {
    of: 'Responses, streamed, cut short by its bound',
    why: 'the usage of response.incomplete',
    operation: 'responses',
    script: {
      raw: sse(spoken('aaaa'), { type: 'response.incomplete', response: { usage: responseUsage } }),
      contentType: 'text/event-stream',
    },
    call: responses(true),
    nanos: tokens(70, 10, 20),
    accuracy: 'exact',
  },
  {
    of: 'Responses, streamed, failed',
    why: 'what was sent and read',
    operation: 'responses',
    script: {
      raw: sse(spoken('aaaa'), { type: 'response.failed', response: { error: { code: 'server_error' }, usage: null } }),
      contentType: 'text/event-stream',
    },
    call: responses(true),
    nanos: tokens(RESPONSE_ESTIMATE, 1),
    accuracy: 'estimated',
    outcome: 'error',
  },
  {
    of: 'Responses, streamed, cut',
    why: 'what was sent and read',
    operation: 'responses',
    script: {
      raw: sse(spoken('aaaa'), { type: 'response.reasoning_text.delta', delta: 'bbbbb' }),
      contentType: 'text/event-stream',
    },
    call: responses(true),
    nanos: tokens(RESPONSE_ESTIMATE, 3),
    accuracy: 'estimated',
    outcome: 'error',
  },
  {
    of: 'Responses with code_interpreter',
    why: 'one run, told twice, at 60 s of $0.18 an hour',
    operation: 'responses',
    script: {
      raw: sse(
        { type: 'response.output_item.done', item: { type: 'code_interpreter_call', id: 'ci_1' } },
        {
          type: 'response.completed',
          response: {
            usage: responseUsage,
            output: [
              { type: 'code_interpreter_call', id: 'ci_1' },
              { type: 'function_call', id: 'f' },
            ],
          },
        },
      ),
      contentType: 'text/event-stream',
    },
    call: responses(true, { tools: [{ type: 'code_interpreter' }] }),
    nanos: tokens(70, 10, 20) + 3_000_000,
    accuracy: 'estimated',
  },
];

const SEARCH = { tools: [{ type: 'browser_search' }] };
const chat =
  (extra: object = {}) =>
  ({ client }: Scene): Promise<unknown> =>
    client.post('/openai/v1/chat/completions', { body: { ...CHAT, ...extra } });
const streamed =
  (extra: object = {}) =>
  async ({ client }: Scene): Promise<unknown> =>
    drain(await client.post('/openai/v1/chat/completions', { body: { ...CHAT, stream: true, ...extra }, stream: true }));
const answer = (executed: readonly object[], extra: object = {}): MockScript => ({
  json: {
    choices: [{ message: { content: 'x', executed_tools: executed }, finish_reason: 'stop' }],
    usage: usage(900, 10),
    ...extra,
  },
});
const delta = (part: object, extra: object = {}): object => ({ choices: [{ index: 0, delta: part }], ...extra });
const end = (extra: object): object => ({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], ...extra });

const TOOLS: Row[] = [
  {
    of: 'chat with browser_search, not used',
    why: 'the tokens alone',
    operation: 'chat.completions',
    script: answer([]),
    call: chat(SEARCH),
    nanos: tokens(900, 10),
    accuracy: 'exact',
  },
  {
    of: 'chat with browser_search, used',
    why: 'two searches at $5 and a page at $1 per thousand; finding text in a page is free',
    operation: 'chat.completions',
    script: answer(['browser.search', 'browser.open', 'browser.find', 'browser.search'].map((type) => ({ type }))),
    call: chat(SEARCH),
    nanos: tokens(900, 10) + 11_000_000,
    accuracy: 'exact',
  },
  {
    of: 'chat with code_interpreter',
    why: 'two runs at the declared 60 s each: how long they took is not told',
    operation: 'chat.completions',
    script: answer([{ type: 'python' }, { type: 'python' }]),
    call: chat({ tools: [{ type: 'code_interpreter' }] }),
    nanos: tokens(900, 10) + 6_000_000,
    accuracy: 'estimated',
  },
  {
    of: 'chat with code_interpreter, of ten seconds by declaration',
    why: 'a sixth',
    operation: 'chat.completions',
    governance: { toolAllowance: { secondsPerUse: 10 } },
    script: answer([{ type: 'python' }]),
    call: chat({ tools: [{ type: 'code_interpreter' }] }),
    nanos: tokens(900, 10) + 500_000,
    accuracy: 'estimated',
  },
  {
    of: 'chat with a tool that nobody has heard of',
    why: 'at the price of the dearest, $8 per thousand',
    operation: 'chat.completions',
    script: answer([{ type: 'teleporter' }]),
    call: chat({ tools: [{ type: 'teleporter' }] }),
    nanos: tokens(900, 10) + 8_000_000,
    accuracy: 'estimated',
  },
  {
    of: 'chat with browser_search, streamed, a search told as it begins and as it ends',
    why: 'one search',
    operation: 'chat.completions',
    script: {
      stream: [
        delta({ executed_tools: [{ index: 0, type: 'browser.search', arguments: '{"q":1}' }] }),
        delta({ executed_tools: [{ index: 0, type: 'browser.search', arguments: '{"q":1}', output: 'x' }] }),
        end({ usage: usage(900, 10) }),
      ] as Record<string, unknown>[],
    },
    call: streamed(SEARCH),
    nanos: tokens(900, 10) + 5_000_000,
    accuracy: 'exact',
  },
  {
    of: 'chat with browser_search, streamed, cut',
    why: 'what was sent and read, and the ten searches and ten pages that may have been',
    operation: 'chat.completions',
    script: {
      stream: [
        delta({ executed_tools: [{ index: 0, type: 'browser.search', arguments: '{"q":1}' }] }),
        delta({ content: 'aaaa' }),
      ] as Record<string, unknown>[],
      cutAfter: 2,
    },
    call: streamed(SEARCH),
    nanos: tokens(Math.ceil((bytesOf(MESSAGES) + bytesOf(SEARCH.tools)) / 4) + TEMPLATE, 1) + 60_000_000,
    accuracy: 'estimated',
    outcome: 'error',
  },
  {
    of: 'a system of two models',
    why: 'each at its own price, the sum rounded once: 33 in and 3 out of gpt-oss-20b, 101 in and 7 out of gpt-oss-120b; one page',
    operation: 'chat.completions',
    script: answer([{ type: 'visit' }], {
      usage_breakdown: {
        models: [
          { model: MODEL, usage: usage(33, 3) },
          { model: 'openai/gpt-oss-120b', usage: usage(101, 7) },
        ],
      },
    }),
    call: chat({ model: 'groq/compound' }),
    nanos: 33 * 75 + 3 * 300 + 101 * 150 + 7 * 600 + 1_000_000,
    accuracy: 'exact',
  },
  {
    of: 'a system of two models, streamed',
    why: 'the same, from x_groq',
    operation: 'chat.completions',
    script: {
      stream: [
        end({
          usage: usage(1, 1),
          x_groq: {
            usage_breakdown: {
              models: [
                { model: MODEL, usage: usage(33, 3) },
                { model: MODEL, usage: usage(1, 0) },
              ],
            },
          },
        }),
      ] as Record<string, unknown>[],
    },
    call: streamed({ model: 'groq/compound' }),
    nanos: 34 * 75 + 3 * 300,
    accuracy: 'exact',
  },
  {
    of: 'a system with a model that has no price',
    why: 'at the system’s own',
    operation: 'chat.completions',
    script: answer([], { usage_breakdown: { models: [{ model: 'nobody/knows', usage: usage(10, 2) }] } }),
    call: chat({ model: 'groq/compound' }),
    nanos: 10 * 1000 + 2 * 5000,
    accuracy: 'estimated',
  },
  {
    of: 'an answer whose breakdown is null',
    why: 'its usage',
    operation: 'chat.completions',
    script: answer([], { usage_breakdown: { models: null } }),
    call: chat(),
    nanos: tokens(900, 10),
    accuracy: 'exact',
  },
];

const PICTURE = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.test/a.png' } }] }];
const PICTURE_TOKENS = Math.ceil((bytesOf(PICTURE) - 'https://x.test/a.png'.length) / 4) + 2048 + TEMPLATE;
const DOCUMENTS = {
  documents: [{ source: { type: 'text', text: 'd'.repeat(400) } }],
  response_format: { type: 'json_schema', json_schema: { name: 's' } },
};

const TROUBLE: Row[] = [
  {
    of: 'a picture, streamed and left',
    why: '2,048 tokens for the picture, not its address; $0.80 and $4 a million',
    operation: 'chat.completions',
    script: { stream: [delta({ content: 'aaaa' })] as Record<string, unknown>[], cutAfter: 1 },
    call: streamed({ model: VISION, messages: PICTURE }),
    nanos: PICTURE_TOKENS * 800 + 4000,
    accuracy: 'estimated',
    outcome: 'error',
  },
  {
    of: 'documents and a schema, streamed and left',
    why: 'all of it is prompt',
    operation: 'chat.completions',
    script: { stream: [delta({ content: 'aaaa' })] as Record<string, unknown>[], cutAfter: 1 },
    call: streamed(DOCUMENTS),
    nanos: tokens(
      Math.ceil((bytesOf(MESSAGES) + bytesOf(DOCUMENTS.documents) + bytesOf(DOCUMENTS.response_format)) / 4) + TEMPLATE,
      1,
    ),
    accuracy: 'estimated',
    outcome: 'error',
  },
  ...(
    [
      ['an error event that shows what failed', { error: { code: 'tool_use_failed', failed_generation: 'x'.repeat(40) } }, 10],
      ['an error event that shows nothing of it', { error: { code: 'json_validate_failed', failed_generation: '' } }, 100],
      ['an error event for want of capacity', { error: { code: 'rate_limit_exceeded', message: 'x' } }, 1],
    ] as const
  ).map(([of, error, output]): Row => ({
    of: `a stream with ${of}`,
    why: `${output} tokens of output, whichever is more of what was read and what failed`,
    operation: 'chat.completions',
    script: {
      raw: [`data: ${JSON.stringify(delta({ content: 'aaaa' }))}\n\n`, `event: error\ndata: ${JSON.stringify(error)}\n\n`],
      contentType: 'text/event-stream',
    },
    call: streamed(),
    nanos: tokens(ESTIMATE, output),
    accuracy: 'estimated',
    outcome: 'error',
  })),
  {
    of: 'a stream with x_groq.error and usage',
    why: 'the usage, although it failed',
    operation: 'chat.completions',
    script: { stream: [end({ x_groq: { error: 'x', usage: usage(70, 10) } })] as Record<string, unknown>[] },
    call: streamed(),
    nanos: tokens(70, 10),
    accuracy: 'exact',
    outcome: 'error',
  },
  ...(
    [
      [
        'json_validate_failed that shows what failed',
        { status: 400, error: { code: 'json_validate_failed', failed_generation: 'x'.repeat(33) } },
        tokens(ESTIMATE, 9),
        'estimated',
      ],
      [
        'json_validate_failed that shows nothing: reasoning took all',
        { status: 400, error: 'json_validate_failed' },
        tokens(ESTIMATE, 100),
        'estimated',
      ],
      ['tool_use_failed', { status: 400, error: 'tool_use_failed' }, tokens(ESTIMATE, 10), 'estimated'],
      ['413, too large', { error: 'request_too_large' }, 0, 'exact'],
      ['429, too large', { error: 'output_too_large', retryAfter: null }, 0, 'exact'],
      ['429', { status: 429, retryAfter: 1 }, 0, 'exact'],
      ['498', { error: 'capacity_exceeded' }, 0, 'exact'],
      ['503', { error: 'over_capacity' }, 0, 'exact'],
      ['a lost connection', { networkError: 'ECONNRESET' }, tokens(BOUND, 100), 'held'],
      ['no connection', { networkError: 'ECONNREFUSED' }, 0, 'exact'],
    ] as const
  ).map(([of, script, nanos, accuracy]): Row => ({
    of: `chat and ${of}`,
    why: nanos === 0 ? 'Groq does not charge for it' : 'what may have been charged',
    operation: 'chat.completions',
    script,
    call: chat(),
    nanos,
    accuracy,
    outcome: 'error',
  })),
];

describe.each([
  ['audio', [...AUDIO, ...MORE_AUDIO]],
  ['speech and embeddings', OTHERS],
  ['the Responses endpoint', RESPONSES],
  ['built-in tools and systems', TOOLS],
  ['large inputs and trouble', TROUBLE],
])('%s', (_, rows) => {
  it.each(rows.map((row) => [row.of, row.why, row] as const))('%s: %s', async (_of, _why, row) => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: 100, concurrency: 1 } }, prices, ...row.governance }, { team: 'a' });
    if (row.script) here.mock.reply(row.operation, row.script);
    await row.call(here).catch(() => {});
    await until(() => here.records.length > 0);
    await settle();
    expect(here.records).toMatchObject([
      {
        operation: row.operation,
        costNanos: row.nanos,
        accuracy: row.accuracy,
        outcome: row.outcome ?? 'success',
        attempts: 1,
      },
    ]);
    expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
    expect((await here.governor.report({ from: 0, by: [] })).total.costNanos).toBe(row.nanos);
  });
});
