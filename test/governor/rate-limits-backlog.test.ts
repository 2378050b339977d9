// A backlog of calls of all sizes, limited as the provider limits: never a 429, and hardly a token unused.
import { describe, expect, it } from 'vitest';
import type { MockCall } from '../../src/testing/mock-request';
import { chatPromptTokens } from '../../src/testing/mock-tokens';
import { mostInAnyWindow } from '../limit/support';
import { MODEL, PROMPT_BOUND, type Scene, scene, sum } from './support';

const MINUTE = 60_000;
const RPM = 30;
const TPM = 6000;
const CALLS = 300;

/** Numbers from 0 to 1 that look random and are the same each time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Mix {
  readonly name: string;
  /** Characters of the prompt, and the least and the highest bound of the output. */
  readonly characters: number;
  readonly output: readonly [from: number, to: number];
  /** The share of the bound that answers use. */
  readonly used: number;
  readonly latencyMs: number;
  /** Which limit has to be used up, where calls are small beside it. */
  readonly binding?: 'requests' | 'tokens' | 'either';
}

const MIXES: readonly Mix[] = [
  { name: 'small calls, bound by requests', characters: 80, output: [1, 60], used: 1, latencyMs: 0, binding: 'requests' },
  { name: 'calls bound by tokens', characters: 60, output: [130, 200], used: 1, latencyMs: 0, binding: 'tokens' },
  { name: 'both limits in turn', characters: 120, output: [60, 170], used: 1, latencyMs: 0, binding: 'either' },
  { name: 'large calls', characters: 400, output: [1, 300], used: 1, latencyMs: 0 },
  { name: 'large calls that take their time', characters: 400, output: [1, 300], used: 1, latencyMs: 700 },
  { name: 'calls that use half of their bound', characters: 400, output: [1, 600], used: 0.5, latencyMs: 0 },
  { name: 'long prompts', characters: 2000, output: [1, 100], used: 1, latencyMs: 0 },
];

interface Work {
  readonly at: number;
  readonly tokens: number;
  /** Tokens at most, which is what has to fit before the call may start. */
  readonly atMost: number;
}

const contentOf = ({ body }: MockCall): string => (body as unknown as { messages: [{ content: string }] }).messages[0].content;
const bound = ({ body }: MockCall): number => Number(body['max_completion_tokens']);

/** What each accepted request took, at the time that it arrived. */
function workOf({ mock }: Scene, used: number): Work[] {
  return mock.calls
    .filter(({ status }) => status === 200)
    .map((call) => {
      const prompt = chatPromptTokens(call.body);
      // No tokenizer makes more tokens than bytes: until it is answered, a prompt may be that long.
      const atMost = PROMPT_BOUND - 'hi'.length + contentOf(call).length + bound(call);
      return { at: call.at, tokens: prompt + Math.ceil(used * bound(call)), atMost };
    });
}

/**
 * How long the same calls take in the same order with somebody who wastes no millisecond: each starts as soon as both limits
 * have room for the most that it may take, and what earlier ones did not take is free at once.
 */
function shortest(work: readonly Work[]): number {
  let now = 0;
  let first = 0;
  const starts: number[] = [];
  for (const [index, { atMost }] of work.entries()) {
    const tokens = (): number => sum(work.slice(first, index).map((earlier) => earlier.tokens));
    while (index - first >= RPM || tokens() + atMost > TPM) now = Math.max(now, (starts[first++] ?? 0) + MINUTE);
    starts.push(now);
  }
  return now;
}

/**
 * The share of its limit that each window of a run took, the last one, which ends when the backlog does, left out. A limit
 * on any window of its length allows `max` in each of these, as many times as there are.
 */
function shares(work: readonly Work[], start: number): { readonly requests: number; readonly tokens: number }[] {
  const windows = Math.floor((Math.max(...work.map(({ at }) => at)) - start) / MINUTE);
  return Array.from({ length: windows }, (_, index) => {
    const inside = work.filter(({ at }) => Math.floor((at - start) / MINUTE) === index);
    return { requests: inside.length / RPM, tokens: sum(inside.map(({ tokens }) => tokens)) / TPM };
  });
}

const mean = (values: readonly number[]): number => sum(values) / values.length;

async function backlog(mix: Mix, seed: number): Promise<{ readonly here: Scene; readonly start: number }> {
  const here = scene(
    { teams: { a: { rateLimitRPM: RPM, rateLimitTPM: TPM, concurrency: Infinity } } },
    { team: 'a', mock: { limits: { rpm: RPM, tpm: TPM }, latencyMs: mix.latencyMs } },
  );
  here.mock
    .reply('chat.completions', (call) => ({ content: 'x', usage: { completion_tokens: Math.ceil(mix.used * bound(call)) } }))
    .persist();
  const start = here.clock.now();
  const random = numbers(seed);
  const [from, to] = mix.output;
  const calls = Array.from({ length: CALLS }, () =>
    here.client.chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'x'.repeat(Math.floor(random() * mix.characters)) }],
      max_completion_tokens: from + Math.floor(random() * (to - from + 1)),
    }),
  );
  await here.clock.runUntil(Promise.all(calls));
  return { here, start };
}

describe.each(MIXES)(`${CALLS} calls, $name`, (mix) => {
  it.each([1, 2, 3])('meet no 429, and use at least 95 percent of what is allowed, seed %d', async (seed) => {
    const { here, start } = await backlog(mix, seed);
    expect(here.mock.stats).toMatchObject({ accepted: CALLS, rejected: 0 });
    expect(here.mock.calls.filter(({ status }) => status !== 200)).toEqual([]);
    const work = workOf(here, mix.used);
    const took = Math.max(...work.map(({ at }) => at)) - start;
    expect(took).toBeGreaterThanOrEqual(5 * MINUTE);
    // The last window is an edge: it ends when the backlog does.
    expect(shortest(work) / (took - MINUTE)).toBeGreaterThanOrEqual(0.95);

    const { binding } = mix;
    if (binding === undefined) return;
    const used = shares(work, start);
    expect(
      mean(used.map((share) => (binding === 'either' ? Math.max(share.requests, share.tokens) : share[binding]))),
    ).toBeGreaterThanOrEqual(0.95);
    // And by the judge's own books: what was taken of its refill over that time; the full bucket that it starts with is the edge.
    const limit = here.mock.stats.limits.find((stats) => stats.limit === (binding === 'tokens' ? 'tpm' : 'rpm'));
    if (limit === undefined || binding === 'either') return;
    expect(limit.taken).toBe(binding === 'tokens' ? sum(work.map(({ tokens }) => tokens)) : CALLS);
    expect(limit.taken / ((took * limit.max) / MINUTE)).toBeGreaterThanOrEqual(0.95);
  });

  it('stay within both limits in any minute', async () => {
    const { here } = await backlog(mix, 4);
    const work = workOf(here, mix.used);
    expect(
      mostInAnyWindow(
        work.map(({ at }) => ({ at, amount: 1 })),
        MINUTE,
      ),
    ).toBeLessThanOrEqual(RPM);
    expect(
      mostInAnyWindow(
        work.map(({ at, tokens }) => ({ at, amount: tokens })),
        MINUTE,
      ),
    ).toBeLessThanOrEqual(TPM);
  });
});

it('the judge does refuse: the same backlog without limits of its own meets 429s', async () => {
  const here = scene({ teams: { a: { concurrency: Infinity } } }, { team: 'a', mock: { limits: { rpm: RPM, tpm: TPM } } });
  const params = { model: MODEL, messages: [{ role: 'user' as const, content: 'hi' }], max_completion_tokens: 20 };
  const calls = Array.from({ length: 60 }, () => here.client.chat.completions.create(params));
  await here.clock.runUntil(Promise.allSettled(calls));
  expect(here.mock.stats.rejected).toBeGreaterThan(0);
});
