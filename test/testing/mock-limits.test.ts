import Groq from 'groq-sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { formatGoDuration } from '../../src/testing/mock-duration';
import { mockGroq } from '../../src/testing/mock-groq';
import type { MockGroq } from '../../src/testing/mock-groq';
import { Judge } from '../../src/testing/mock-limits';
import type { MockLimits } from '../../src/testing/mock-limits';
import { manualClock } from '../../src/testing/manual-clock';
import type { ManualClock } from '../../src/testing/manual-clock';
import { ask, clientOf, failure, MODEL, post } from './support';

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});
const judged = (limits: MockLimits, more: { latencyMs?: number } = {}): MockGroq => mockGroq({ clock, limits, ...more });

interface Refusal {
  status: number;
  message: string;
  type: string;
  code: string;
  retryAfter: string | null;
}

/** The refusal of a chat request, undefined if it was answered. */
async function send(mock: MockGroq, body: object = {}): Promise<Refusal | undefined> {
  const response = await post(mock, { ...ask(), ...body });
  const { error } = (await response.json()) as { error?: Omit<Refusal, 'status' | 'retryAfter'> };
  return error && { ...error, status: response.status, retryAfter: response.headers.get('retry-after') };
}

const messageText =
  /^Rate limit reached for model `(.+)` in organization `org_\w+` service tier `on_demand` on (.+): Limit (\d+), Used (\d+), Requested (\d+)\. Please try again in (.+?)\. Need/;

/** The numbers in the text of a 429. */
function parse(message: string | undefined) {
  const [, model, name, ...rest] = messageText.exec(message ?? '') ?? [];
  const [limit, used, requested] = rest.map(Number);
  return { model, name, limit: limit ?? NaN, used: used ?? NaN, requested: requested ?? NaN, wait: rest[3] };
}

describe('the wait', () => {
  const amounts = { requests: 0, input: 0, output: 0, audioSeconds: 0 };
  it.each([
    ['tpd', 'input', 100_000, 97_050, 3619, '9m38.016s', 579],
    ['tpm', 'input', 6000, 5034, 1443, '4.77s', 5],
    ['tpm', 'input', 12_000, 4437, 9854, '11.455s', 12],
    ['otpm', 'output', 1000, 997, 192, '11.34s', 12],
    ['rpm', 'requests', 30, 30, 1, '2s', 2],
    ['ash', 'audioSeconds', 7200, 7100, 480, '3m10s', 190],
    ['tpm', 'input', 7000, 6000, 6903, '50.597142857s', 51],
  ] as const)('of %s in %s, limit %i, used %i, requested %i is %s', (limit, kind, max, used, requested, wait, seconds) => {
    const judge = new Judge({ [limit]: max });
    judge.admit(MODEL, 'on_demand', { ...amounts, [kind]: used }, 0);
    const verdict = judge.admit(MODEL, 'on_demand', { ...amounts, [kind]: requested }, 0);
    if (!('error' in verdict)) throw new Error('expected a refusal');
    expect(parse(verdict.error.message)).toMatchObject({ limit: max, used, requested, wait });
    expect(verdict).toMatchObject({ status: 429, retryAfter: seconds });
  });

  it('is exact: a millisecond less is too little', async () => {
    const mock = judged({ rpm: 7 });
    for (let n = 0; n < 7; n++) expect(await send(mock)).toBeUndefined();
    // 60 s ÷ 7 = 8571.428571428 ms
    expect((await send(mock))?.message).toContain('Please try again in 8.571428571s.');
    await clock.advance(8571);
    expect(parse((await send(mock))?.message)).toMatchObject({ used: 7 });
    await clock.advance(0.428_571);
    expect(await send(mock)).toBeUndefined();
  });

  it('is that of the limit which takes longest', async () => {
    const mock = judged({ rpm: 1, rpd: 2 });
    await send(mock);
    expect(parse((await send(mock))?.message)).toMatchObject({ name: 'requests per minute (RPM)', wait: '1m0s' });
    await clock.advance(60_000);
    await send(mock);
    expect(parse((await send(mock))?.message)).toMatchObject({ name: 'requests per day (RPD)' });
  });
});

describe('a greedy client', () => {
  it('gets exactly the 429s that the formula says', async () => {
    const mock = judged({ rpm: 30 });
    const refusals = await Promise.all(Array.from({ length: 40 }, () => send(mock)));
    expect(refusals.map((refusal) => refusal?.status)).toEqual([...Array(30).fill(undefined), ...Array(10).fill(429)]);
    for (const refusal of refusals.slice(30)) {
      expect(refusal).toMatchObject({ type: 'requests', code: 'rate_limit_exceeded', retryAfter: '2' });
      expect(parse(refusal?.message)).toEqual({
        model: MODEL,
        name: 'requests per minute (RPM)',
        limit: 30,
        used: 30,
        requested: 1,
        wait: '2s',
      });
    }
    const accepted: number[] = [];
    for (let second = 1; second <= 60; second++) {
      await clock.advance(1000);
      if ((await send(mock)) === undefined) accepted.push(second);
    }
    expect(accepted).toEqual(Array.from({ length: 30 }, (_, n) => 2 * (n + 1)));
    expect(mock.stats).toMatchObject({ accepted: 60, rejected: 40 });
  });

  it('agrees with an independent bucket over random arrivals and sizes', async () => {
    const [limit, windowMs] = [2000, 60_000];
    const mock = judged({ tpm: limit });
    mock.reply('chat.completions', ({ body }) => ({ usage: { completion_tokens: Number(body['max_tokens']) } })).persist();
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    // Exact: what is used, times the window.
    let used = 0n;
    let refused = 0;
    for (let n = 0; n < 300; n++) {
      const gap = random(9000);
      const output = 1 + random(900);
      await clock.advance(gap);
      used = max(0n, used - BigInt(gap * limit));
      const refusal = await send(mock, { max_tokens: output });
      const cost = BigInt((68 + output) * windowMs);
      const fits = used + cost <= BigInt(limit * windowMs);
      expect(refusal === undefined).toBe(fits);
      if (fits) {
        used += cost;
        continue;
      }
      refused++;
      const { used: shown, requested, wait } = parse(refusal?.message);
      expect(shown).toBe(Math.ceil(Number(used) / windowMs));
      expect(requested).toBe(68 + output);
      expect(wait).toBe(formatGoDuration(((shown + requested - limit) * windowMs) / limit));
    }
    expect(refused).toBeGreaterThan(20);
  });

  const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
});

describe('a request is charged', () => {
  it('with prompt and bound before it runs, and with what it took when it is done', async () => {
    const mock = judged({ tpm: 1000 }, { latencyMs: 1 });
    const first = send(mock, { max_tokens: 800 });
    await clock.advance(0);
    const second = send(mock, { max_tokens: 100 });
    expect(parse((await clock.runUntil(second))?.message)).toMatchObject({ used: 868, requested: 168 });
    await clock.runUntil(first);
    expect(await clock.runUntil(send(mock, { max_tokens: 800 }))).toBeUndefined();
  });

  it('until its stream ends', async () => {
    const mock = judged({ tpm: 1000 });
    const response = await post(mock, { ...ask(), max_tokens: 800, stream: true });
    expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe('132');
    expect(parse((await send(mock, { max_tokens: 100 }))?.message)).toMatchObject({ used: 868 });
    await response.text();
    const next = await post(mock, { ...ask(), max_tokens: 100 });
    expect(next.headers.get('x-ratelimit-remaining-tokens')).toBe(String(1000 - 2 * 76));
  });

  it('without cached tokens, once they are known', async () => {
    const mock = judged({ tpm: 1000 });
    const usage = { prompt_tokens: 500, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 400 } };
    mock.reply('chat.completions', { usage });
    const response = await post(mock, { ...ask(), max_tokens: 10 });
    expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe('890');
  });

  it('with an assumed output if it sets no bound', async () => {
    const remaining = async (mock: MockGroq) =>
      Number((await post(mock, { ...ask(), stream: true })).headers.get('x-ratelimit-remaining-tokens'));
    expect(await remaining(judged({ tpm: 5000 }))).toBe(5000 - 68 - 1024);
    expect(await remaining(judged({ tpm: 500 }))).toBe(0);
    const strict = mockGroq({ clock, limits: { tpm: 500 }, expectedOutputTokens: 1411 });
    expect(await send(strict)).toMatchObject({ status: 413, message: expect.stringContaining('Requested 1479') as string });
  });

  it.each([
    ['a refusal', { status: 429 }, 10, 1000],
    ['no connection', { networkError: 'ECONNRESET' }, 10, 1000],
    ['a failure of the server', { status: 503 }, 9, 1000],
    ['a failed generation', { error: 'tool_use_failed' }, 9, 932],
    ['an answer', { content: 'four' }, 9, 931],
  ] as const)('what %s costs', async (_, reply, requests, tokens) => {
    const mock = judged({ rpd: 10, tpm: 1000 });
    mock.reply('chat.completions', reply);
    await post(mock, { ...ask(), max_tokens: 500 }).catch(() => {});
    const { headers } = await post(mock, { ...ask(), max_tokens: 1, stream: true });
    const left = (name: string): number => Number(headers.get(`x-ratelimit-remaining-${name}`));
    expect([left('requests') + 1, left('tokens') + 69]).toEqual([requests, tokens]);
  });

  it('nothing if it is refused, and uses up no reply', async () => {
    const mock = judged({ rpm: 1, tpm: 1000 });
    mock.reply('chat.completions', [{ content: 'a' }, { content: 'b' }]);
    await send(mock);
    for (let n = 0; n < 5; n++) expect((await send(mock))?.status).toBe(429);
    await clock.advance(60_000);
    const answer = await clientOf(mock).chat.completions.create(ask());
    expect(answer.choices[0]?.message.content).toBe('b');
  });

  it('nothing if it is invalid', async () => {
    const mock = judged({ rpm: 1 });
    expect((await send(mock, { n: 2 }))?.status).toBe(400);
    expect(await send(mock)).toBeUndefined();
  });
});

describe('a request that never fits', () => {
  it('is 413 for tokens, which the SDK does not retry', async () => {
    const mock = judged({ tpm: 500, itpm: 100 });
    const error = await failure(clientOf(mock).chat.completions.create({ ...ask(), max_tokens: 433 }, { maxRetries: 2 }));
    expect(error).toMatchObject({ status: 413 });
    expect(error.message).toContain(
      'on tokens per minute (TPM): Limit 500, Requested 501, please reduce your message size and try again.',
    );
    expect(await send(mock, { max_tokens: 432 })).toBeUndefined();
    const long = await send(mock, ask('x'.repeat(200)));
    expect(long).toMatchObject({ status: 413, retryAfter: null });
    expect(long?.message).toContain('input tokens per minute (ITPM): Limit 100, Requested 117');
  });

  it('is 429 without a time for output tokens', async () => {
    const refusal = await send(judged({ otpm: 1000 }), { max_tokens: 1333 });
    expect(refusal).toMatchObject({ status: 429, retryAfter: null, type: 'tokens', code: 'rate_limit_exceeded' });
    expect(refusal?.message).toContain('(OTPM): Limit 1000, Requested 1333. The request’s expected'.replace('’', "'"));
    expect(refusal?.message).not.toContain('try again in');
  });
});

describe('headers', () => {
  it('name the limit, what remains, and when it is full again', async () => {
    const mock = judged({ rpd: 14_400, tpm: 6000 });
    mock.reply('chat.completions', { usage: { prompt_tokens: 100, completion_tokens: 57 } });
    const { headers } = await post(mock, { ...ask(), max_tokens: 57 });
    expect(Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-ratelimit')))).toEqual({
      'x-ratelimit-limit-requests': '14400',
      'x-ratelimit-remaining-requests': '14399',
      'x-ratelimit-reset-requests': '6s',
      'x-ratelimit-limit-tokens': '6000',
      'x-ratelimit-remaining-tokens': '5843',
      'x-ratelimit-reset-tokens': '1.57s',
    });
    await clock.advance(500);
    const refused = await post(mock, { ...ask(), max_tokens: 6000 });
    expect([refused.status, refused.headers.get('x-ratelimit-remaining-tokens')]).toEqual([413, '5893']);
  });

  it('show seconds of audio for audio', async () => {
    const mock = judged({ ash: 7200, rpd: 2000 });
    const send = (file: File) => clientOf(mock).audio.transcriptions.create({ model: 'whisper-large-v3', file });
    const { response } = await send(new File([new Uint8Array(24_000)], 'a.mp3')).withResponse();
    expect(response.headers.get('x-ratelimit-remaining-audio-seconds')).toBe('7198');
    expect(response.headers.get('x-ratelimit-reset-audio-seconds')).toBe('1s');
    expect(response.headers.get('x-ratelimit-reset-requests')).toBe('43.2s');
    expect(response.headers.has('x-ratelimit-limit-tokens')).toBe(false);
    // A WAV file of one byte a second.
    const long = new DataView(new ArrayBuffer(44 + 7100));
    long.setUint32(0, 0x52494646);
    long.setUint32(8, 0x57415645);
    long.setUint32(28, 1, true);
    await send(new File([long], 'long.wav'));
    const error = await failure(send(new File([new Uint8Array(16_000 * 120)], 'b.mp3')));
    expect(error).toBeInstanceOf(Groq.RateLimitError);
    expect(error.message).toContain(
      'seconds of audio per hour (ASH): Limit 7200, Used 7102, Requested 120. Please try again in 11s.',
    );
  });

  it('are absent where no model runs', async () => {
    const { response } = await clientOf(judged({ rpm: 1 }))
      .models.list()
      .withResponse();
    expect(response.headers.has('x-ratelimit-limit-requests')).toBe(false);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
  });
});

describe('limits', () => {
  it('hold for each model by itself', async () => {
    const mock = judged({ rpm: 1 });
    expect(await send(mock)).toBeUndefined();
    expect(await send(mock, { model: 'openai/gpt-oss-120b' })).toBeUndefined();
    expect(parse((await send(mock, { model: 'openai/gpt-oss-120b' }))?.message).model).toBe('openai/gpt-oss-120b');
    expect(Object.keys(mock.stats.startsByModel)).toEqual([MODEL, 'openai/gpt-oss-120b']);
  });

  it('are counted against what they would have allowed', async () => {
    const mock = judged({ tpm: 600 });
    const start = clock.now();
    await send(mock, { max_tokens: 8 });
    await clock.advance(30_000);
    await send(mock, { max_tokens: 8 });
    await send(mock, { max_tokens: 530 });
    expect(mock.stats).toEqual({
      accepted: 2,
      rejected: 1,
      startsByModel: { [MODEL]: [start, start + 30_000] },
      limits: [{ model: MODEL, limit: 'tpm', max: 600, taken: 152, allowed: 900, rejected: 1 }],
    });
    mock.reset();
    expect(mock.stats.accepted).toBe(0);
  });

  it('are none unless they are set', async () => {
    const mock = mockGroq({ clock });
    expect(await send(mock, { model: 'large', max_tokens: 1_000_000_000 })).toBeUndefined();
    expect(mock.stats).toMatchObject({ accepted: 1, rejected: 0, limits: [] });
  });

  it('must be known and above 0', () => {
    expect(() => judged({ rpm: 0 })).toThrow('limit rpm must be above 0');
    expect(() => judged({ tps: 1 } as MockLimits)).toThrow('unknown limit "tps"');
  });
});

it.each([
  [0, '0s'],
  [0.0005, '500ns'],
  [0.0015, '1.5µs'],
  [430, '430ms'],
  [1570, '1.57s'],
  [60_000, '1m0s'],
  [179_560, '2m59.56s'],
  [86_399_000, '23h59m59s'],
  [1984.999_999, '1.984999999s'],
])('%d ms are %s to Go', (ms, text) => {
  expect(formatGoDuration(ms)).toBe(text);
});
