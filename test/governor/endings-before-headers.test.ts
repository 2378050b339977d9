// Calls that end before there is an answer, or with one that is an error: design §3.3, to the nano-dollar.
import { APIConnectionError, APIConnectionTimeoutError, APIUserAbortError } from 'groq-sdk';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { MockScript } from '../../src/testing/mock-script';
import { type Booked, HELD, PARAMS, expectBooked, oneAtATime } from './endings-support';
import { PROMPT_ESTIMATE, type Scene, costOf, drain, rejection, settle, usage } from './support';

const COST = costOf(70, 10);
const free = (outcome: 'error' | 'aborted' = 'error', attempts = 1): Booked => ({
  costNanos: 0,
  accuracy: 'exact',
  outcome,
  attempts,
});
const estimated = (output: number): Booked => ({
  costNanos: costOf(PROMPT_ESTIMATE, output),
  accuracy: 'estimated',
  outcome: 'error',
  attempts: 1,
});
const held = (outcome: 'error' | 'aborted' | 'timeout', attempts = 1): Booked => ({
  costNanos: HELD,
  accuracy: 'held',
  outcome,
  attempts,
});
const exact = (attempts: number): Booked => ({ costNanos: COST, accuracy: 'exact', outcome: 'success', attempts });

const answer = { stream: ['Hello'], usage: usage(70, 10) };

afterEach(() => {
  vi.useRealTimers();
});

/** Makes the call and reads its answer, if there is one. */
async function make({ client }: Scene, stream: boolean, options: object = {}): Promise<void> {
  if (!stream) return void (await client.chat.completions.create(PARAMS, options));
  const { error } = await drain(await client.chat.completions.create({ ...PARAMS, stream: true }, options));
  if (error) throw error as Error;
}

describe.each([
  ['plain', false],
  ['streamed', true],
])('%s', (_, stream) => {
  it.each<[string, MockScript, Booked]>([
    ['400', { status: 400 }, free()],
    ['401', { status: 401 }, free()],
    ['403', { status: 403 }, free()],
    ['404', { status: 404 }, free()],
    ['413', { status: 413 }, free()],
    ['422', { status: 422 }, free()],
    ['429', { status: 429 }, free()],
    ['429, too large', { error: 'output_too_large' }, free()],
    ['498', { status: 498 }, free()],
    ['500', { status: 500 }, free()],
    ['503', { status: 503 }, free()],
    ['400 spend block', { error: 'spend_limit_reached' }, free()],
    [
      'json_validate_failed with text',
      { status: 400, error: { code: 'json_validate_failed', failed_generation: 'x'.repeat(40) } },
      estimated(10),
    ],
    ['json_validate_failed without, as when reasoning took all', { error: 'json_validate_failed' }, estimated(100)],
    ['tool_use_failed', { status: 400, error: { code: 'tool_use_failed', failed_generation: 'x'.repeat(33) } }, estimated(9)],
    ['connection refused', { networkError: 'ECONNREFUSED' }, free()],
    ['name not found', { networkError: 'ENOTFOUND' }, free()],
    ['connection reset', { networkError: 'ECONNRESET' }, held('error')],
    ['headers timeout', { networkError: 'UND_ERR_HEADERS_TIMEOUT' }, held('timeout')],
    ['other network error', { networkError: 'EPIPE' }, held('error')],
  ])('%s', async (__, script, booked) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', script);
    await rejection(make(here, stream));
    const outcome = here.records[0]?.outcome;
    // Whether the SDK calls a connection that timed out a timeout is the SDK's affair.
    await expectBooked(here, booked.outcome === 'timeout' && outcome === 'error' ? { ...booked, outcome } : booked);
    here.mock.assertDone();
  });

  it('success', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', answer);
    await make(here, stream);
    await expectBooked(here, exact(1));
  });

  it('cached input', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', { usage: { ...usage(71, 10), prompt_tokens_details: { cached_tokens: 33 } } });
    await make(here, stream);
    await expectBooked(here, { ...exact(1), costNanos: costOf(71, 10, 33) });
  });

  it.each([2, 1])('500 %i times, then 200', async (failures) => {
    const here = oneAtATime({ client: { maxRetries: 2 } });
    here.mock.reply('chat.completions', { status: 500 }).times(failures);
    here.mock.reply('chat.completions', answer);
    await here.clock.runUntil(make(here, stream));
    await expectBooked(here, exact(failures + 1));
  });

  it('500 to the last', async () => {
    const here = oneAtATime({ client: { maxRetries: 2 } });
    here.mock.reply('chat.completions', { status: 500 }).times(3);
    await here.clock.runUntil(rejection(make(here, stream)));
    await expectBooked(here, free('error', 3));
  });

  it('429, then 200', async () => {
    const here = oneAtATime({ client: { maxRetries: 2 } });
    here.mock.reply('chat.completions', { status: 429, retryAfter: 7 });
    here.mock.reply('chat.completions', answer);
    await here.clock.runUntil(make(here, stream));
    expect(here.records[0]?.waitMs).toBe(7000);
    await expectBooked(here, exact(2));
  });

  it('aborted before it began', async () => {
    const here = oneAtATime();
    expect(await rejection(make(here, stream, { signal: AbortSignal.abort() }))).toBeInstanceOf(APIUserAbortError);
    expect(here.mock.calls).toHaveLength(0);
    await expectBooked(here, free('aborted', 0));
  });

  it('aborted before the headers', async () => {
    const here = oneAtATime();
    const abort = new AbortController();
    here.mock.reply('chat.completions', { hang: true });
    const call = rejection(make(here, stream, { signal: abort.signal }));
    await settle();
    expect(here.mock.calls).toHaveLength(1);
    abort.abort();
    expect(await call).toBeInstanceOf(APIUserAbortError);
    await expectBooked(here, held('aborted'));
  });

  it('aborted while it waits for a retry', async () => {
    const here = oneAtATime({ client: { maxRetries: 2 } });
    const abort = new AbortController();
    here.mock.reply('chat.completions', { status: 500 });
    const call = rejection(make(here, stream, { signal: abort.signal }));
    for (let turns = 0; here.clock.sleeping === 0 && turns < 1000; turns++)
      await new Promise((resolve) => setTimeout(resolve, 0));
    abort.abort();
    expect(await call).toBeInstanceOf(APIUserAbortError);
    await expectBooked(here, free('aborted', 1));
  });

  it('aborted while it is queued', async () => {
    const here = oneAtATime();
    const [first, second] = [new AbortController(), new AbortController()];
    here.mock.reply('chat.completions', { hang: true });
    const running = rejection(make(here, stream, { signal: first.signal }));
    await settle();
    const queued = rejection(make(here, stream, { signal: second.signal }));
    await settle();
    second.abort();
    expect(await queued).toBeInstanceOf(APIUserAbortError);
    await settle();
    expect(here.mock.calls).toHaveLength(1);
    expect(here.records).toMatchObject([free('aborted', 0)]);
    expect((await here.governor.reconcile()).live).toHaveLength(1);
    first.abort();
    await running;
    expect((await here.governor.reconcile()).live).toEqual([]);
    expect(here.records.map(({ costNanos }) => costNanos)).toEqual([0, HELD]);
  });

  describe('with the SDK’s own timers', () => {
    const driven = async <T>(promise: Promise<T>, ms: number): Promise<T> => {
      await vi.advanceTimersByTimeAsync(ms);
      return promise;
    };

    it('timeout', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const here = oneAtATime();
      here.mock.reply('chat.completions', { hang: true });
      const error = await driven(rejection(make(here, stream, { timeout: 50 })), 100);
      vi.useRealTimers();
      expect(error).toBeInstanceOf(APIConnectionTimeoutError);
      await expectBooked(here, held('timeout'));
    });

    it.each<[string, readonly MockScript[], Booked]>([
      // The lost attempt asked for the same, so it is taken to have cost the same, as far as the hold reaches.
      [
        'timeout, then 200',
        [{ hang: true }, answer],
        { costNanos: 2 * COST, accuracy: 'estimated', outcome: 'success', attempts: 2 },
      ],
      [
        'timeout twice, then 200',
        [{ hang: true }, { hang: true }, answer],
        { costNanos: 3 * COST, accuracy: 'estimated', outcome: 'success', attempts: 3 },
      ],
      [
        'reset, then 200',
        [{ networkError: 'ECONNRESET' }, answer],
        { costNanos: 2 * COST, accuracy: 'estimated', outcome: 'success', attempts: 2 },
      ],
      ['refused, then 200', [{ networkError: 'ECONNREFUSED' }, answer], exact(2)],
      ['reset, then 400', [{ networkError: 'ECONNRESET' }, { status: 400 }], held('error', 2)],
      ['refused, then 400', [{ networkError: 'ECONNREFUSED' }, { status: 400 }], free('error', 2)],
      [
        'refused three times',
        [{ networkError: 'ECONNREFUSED' }, { networkError: 'ECONNREFUSED' }, { networkError: 'ECONNREFUSED' }],
        free('error', 3),
      ],
      [
        'refused, then reset',
        [{ networkError: 'ECONNREFUSED' }, { networkError: 'ECONNRESET' }, { networkError: 'ECONNREFUSED' }],
        held('error', 3),
      ],
    ])('%s', async (__, scripts, booked) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const here = oneAtATime({ client: { maxRetries: 2 } });
      here.mock.reply('chat.completions', scripts);
      const call = make(here, stream, { timeout: 50 }).then(
        () => undefined,
        (error: unknown) => error,
      );
      await driven(call, 60_000);
      vi.useRealTimers();
      await expectBooked(here, booked);
    });

    it('reset, then 200, costs no more than was held', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const here = oneAtATime({ client: { maxRetries: 2 } });
      here.mock.reply('chat.completions', [{ networkError: 'ECONNRESET' }, { stream: ['x'], usage: usage(100, 100) }]);
      await driven(make(here, stream), 60_000);
      vi.useRealTimers();
      await expectBooked(here, { costNanos: HELD, accuracy: 'estimated', outcome: 'success', attempts: 2 });
    });
  });

  it('an error of the transport that is no Error', async () => {
    const here = oneAtATime({
      client: {
        fetch: () => Promise.reject('nothing' as never),
      },
    });
    expect(await rejection(make(here, stream))).toBeInstanceOf(APIConnectionError);
    await settle();
    expect(here.records).toMatchObject([held('error')]);
  });
});
