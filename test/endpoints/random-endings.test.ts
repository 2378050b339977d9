// A thousand streams that end in every way at random: each is booked once, none at nothing that brought something, nothing is left
// held, and counters and log are one number.
import * as fc from 'fast-check';
import type { Stream } from 'groq-sdk/core/streaming';
import { expect, it } from 'vitest';
import { MODEL, type Scene, scene, settle, sum, until } from '../governor/support';
import { pieces } from './recorded';

const CHAT = '/openai/v1/chat/completions';
const RESPONSES = '/openai/v1/responses';
const USAGE = { prompt_tokens: 75, completion_tokens: 9 };

const dataOf = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const delta = (part: object): string => dataOf({ choices: [{ index: 0, delta: part, finish_reason: null }] });
const finish = (extra: object): string => dataOf({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], ...extra });
const event = (type: string, rest: object): string => `event: ${type}\n${dataOf({ type, ...rest })}`;

const text = fc.string({ minLength: 1, maxLength: 12, unit: 'binary' });
const CHUNKS = fc.oneof(
  text.map((content) => delta({ content })),
  text.map((reasoning) => delta({ reasoning, channel: 'analysis' })),
  text.map((given) => delta({ tool_calls: [{ index: 0, function: { name: 'f', arguments: given } }] })),
  fc.nat(3).map((index) => delta({ executed_tools: [{ index, type: 'browser.search', arguments: '{}' }] })),
  fc.constant(': a comment\n\n'),
);
const RESPONSE_CHUNKS = fc.oneof(
  text.map((part) => event('response.output_text.delta', { delta: part })),
  text.map((part) => event('response.reasoning_text.delta', { delta: part })),
  fc.constant(event('response.output_item.done', { item: { type: 'code_interpreter_call', id: 'c' } })),
);
const ENDS = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constant(
      finish({ usage: USAGE, x_groq: { usage: USAGE } }) + dataOf({ choices: [], usage: USAGE }) + 'data: [DONE]\n\n',
    ),
  },
  fc.constant(finish({ x_groq: { usage: USAGE } })),
  fc.constant(`${finish({})}data: [DONE]\n\n`),
  fc.constant(''),
  fc.constant('data: {"choices":['),
  fc.constant(dataOf({ choices: [], x_groq: { error: 'over capacity' } })),
  fc
    .constantFrom('', 'xxxxxxxxx')
    .map((failed_generation) => `event: error\n${dataOf({ error: { code: 'tool_use_failed', failed_generation } })}`),
  fc.constant(`event: error\n${dataOf({ error: { code: 'rate_limit_exceeded', status_code: 429 } })}`),
);
const RESPONSE_ENDS = fc.constantFrom(
  event('response.completed', { response: { usage: { input_tokens: 75, output_tokens: 9 }, output: [] } }),
  event('response.failed', { response: { usage: null } }),
  event('error', { message: 'x' }),
  '',
);

interface Step {
  readonly path: string;
  readonly chunks: readonly string[];
  readonly end: string;
  readonly lengths: readonly number[];
  readonly how: 'end' | 'reset' | 'stall';
  readonly consumer: keyof typeof CONSUMERS;
  readonly leaveAfter: number;
  readonly together: number;
}

const stepOf = (path: string, chunks: fc.Arbitrary<string>, end: fc.Arbitrary<string>): fc.Arbitrary<Step> =>
  fc.record({
    path: fc.constant(path),
    chunks: fc.array(chunks, { maxLength: 6 }),
    end,
    lengths: fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 5 }),
    how: fc.constantFrom('end', 'end', 'reset', 'stall'),
    consumer: fc.constantFrom(...(Object.keys(CONSUMERS) as (keyof typeof CONSUMERS)[])),
    leaveAfter: fc.oneof(fc.constant(Infinity), fc.nat(6)),
    together: fc.integer({ min: 1, max: 3 }),
  });

type Open = () => Promise<Stream<unknown>>;
type Raw = () => Promise<Response>;

async function read(chunks: AsyncIterable<unknown>, most: number, seen: unknown[]): Promise<AsyncIterator<unknown>> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (let count = 0; count < most; count++) {
    const { done, value } = await iterator.next();
    if (done) break;
    seen.push(value);
  }
  return iterator;
}

async function readBytes(body: ReadableStream<unknown> | null, most: number, seen: unknown[]): Promise<void> {
  const reader = body?.getReader();
  for (let count = 0; reader && count < most; count++) {
    const { done, value } = await reader.read();
    if (done) return;
    seen.push(value);
  }
  await reader?.cancel();
}

// Each gives up after so many chunks, in its own way.
const CONSUMERS = {
  async loop(open: Open, _: Raw, most: number, seen: unknown[]) {
    for await (const chunk of await open()) {
      seen.push(chunk);
      if (seen.length > most) break;
    }
  },
  async return(open: Open, _: Raw, most: number, seen: unknown[]) {
    await (await read(await open(), most, seen)).return?.();
  },
  async throw(open: Open, _: Raw, most: number, seen: unknown[]) {
    await (await read(await open(), most, seen)).throw?.(new Error('x'));
  },
  async controller(open: Open, _: Raw, most: number, seen: unknown[]) {
    const stream = await open();
    const iterator = await read(stream, most, seen);
    stream.controller.abort();
    await iterator.next();
  },
  async tee(open: Open, _: Raw, most: number, seen: unknown[]) {
    const [left, right] = (await open()).tee();
    await Promise.allSettled([read(left, Infinity, seen), read(right, most, [])]);
  },
  async web(open: Open, _: Raw, most: number, seen: unknown[]) {
    await readBytes((await open()).toReadableStream(), most, seen);
  },
  async raw(_: Open, raw: Raw, most: number, seen: unknown[]) {
    await readBytes((await raw()).body, most, seen);
  },
  async text(_: Open, raw: Raw, _most: number, seen: unknown[]) {
    seen.push(await (await raw()).text());
  },
};

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function run({ client }: Scene, { path, consumer, leaveAfter }: Step): Promise<void> {
  const prompt =
    path === CHAT
      ? { messages: [{ role: 'user', content: 'hi' }], max_completion_tokens: 100 }
      : { input: 'hi', max_output_tokens: 100 };
  const body = { model: MODEL, stream: true, tools: [{ type: 'browser_search' }, { type: 'code_interpreter' }], ...prompt };
  const abort = new AbortController();
  const post = () => client.post<Stream<unknown>>(path, { body, stream: true, signal: abort.signal });
  const seen: unknown[] = [];
  const done = CONSUMERS[consumer](
    async () => post(),
    () => post().asResponse(),
    leaveAfter,
    seen,
  ).catch(() => {});
  // Whoever still waits gives up when nothing has come for long.
  for (let last = -1; seen.length > last;) {
    last = seen.length;
    await Promise.race([done, turns(20)]);
  }
  abort.abort();
  await done;
}

const STREAMS_PER_HISTORY = 25;

it('leave nothing held, cost something, and sum to the same everywhere', async () => {
  let streams = 0;
  const history = fc.array(
    fc.oneof({ weight: 3, arbitrary: stepOf(CHAT, CHUNKS, ENDS) }, stepOf(RESPONSES, RESPONSE_CHUNKS, RESPONSE_ENDS)),
    {
      minLength: STREAMS_PER_HISTORY,
      maxLength: STREAMS_PER_HISTORY,
    },
  );
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const here = scene({ teams: { a: { monthlyBudgetUsd: 1000, concurrency: 3 } } }, { team: 'a' });
      let expected = 0;
      for (const step of steps) {
        const raw = pieces(step.chunks.join('') + step.end, step.lengths);
        const ending =
          step.how === 'stall'
            ? { stallAfter: raw.length }
            : step.how === 'reset'
              ? { cutAfter: raw.length, how: 'reset' as const }
              : {};
        here.mock.reset();
        here.mock.reply('*', { raw, contentType: 'text/event-stream', ...ending }).persist();
        await Promise.all(Array.from({ length: step.together }, () => run(here, step)));
        expected += step.together;
        await until(() => here.records.length >= expected);
        for (const { costNanos, accuracy } of here.records.slice(-step.together)) {
          // All of them were answered, so the prompt was read at least.
          expect(costNanos).toBeGreaterThanOrEqual(75 * 75);
          expect(Number.isSafeInteger(costNanos)).toBe(true);
          if (accuracy === 'exact') expect(step.end).toContain('75');
        }
      }
      await settle();
      streams += expected;
      expect(here.records).toHaveLength(expected);
      expect(new Set(here.records.map(({ id }) => id)).size).toBe(expected);
      expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
      const logged = sum(here.records.map(({ costNanos }) => costNanos));
      expect((await here.governor.report({ from: 0, by: [] })).total.costNanos).toBe(logged);
    }),
    { numRuns: 22 },
  );
  expect(streams).toBeGreaterThan(1000);
}, 60_000);
