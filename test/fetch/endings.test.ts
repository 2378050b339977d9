// Every way in which a request through the fetch can end is booked, once, and frees what it held.
import { describe, expect, it } from 'vitest';
import type { MockScript } from '../../src/testing';
import { collectUntil } from '../governor/endings-support';
import { PROMPT_ESTIMATE, costOf, holdOf, until, usage } from '../governor/support';
import { type FetchScene, PARAMS, fetchScene } from './support';

const HELD = holdOf(100);
const exact = { costNanos: costOf(70, 10), accuracy: 'exact', outcome: 'success' } as const;
const held = (outcome: string): object => ({ costNanos: HELD, accuracy: 'held', outcome });
const read = (output: number, outcome: string): object => ({
  costNanos: costOf(PROMPT_ESTIMATE, output),
  accuracy: 'estimated',
  outcome,
});
const free = (outcome = 'error'): object => ({ costNanos: 0, accuracy: 'exact', outcome });

const ANSWER = { content: 'x'.repeat(40), usage: usage(70, 10) };
const WORDS = { stream: ['aaaa', 'bbbb', 'cccc'], usage: usage(70, 10) };
const STREAM = { stream: true };

// One call at a time, so that a slot that is not released stops the next call.
const oneAtATime = (): FetchScene => fetchScene({ teams: { a: { monthlyBudgetUsd: 1, concurrency: 1 } } });

async function expectBooked({ chat, clock, fetch, mock, records }: FetchScene, booked: object): Promise<void> {
  await until(() => records.length > 0);
  const { live, expired, gaps } = await fetch.governor.reconcile();
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ ...booked, attempts: 1, operation: 'chat.completions', team: 'a' });
  expect({ live, expired, gaps }).toEqual({ live: [], expired: [], gaps: [] });
  mock.reply('chat.completions', ANSWER);
  await (await clock.runUntil(chat())).text();
  const { total } = await fetch.governor.report();
  expect(records).toHaveLength(2);
  expect(total.costNanos).toBe((records[0]?.costNanos ?? NaN) + exact.costNanos);
}

type Reading = (response: Response) => Promise<unknown>;

describe('a whole answer', () => {
  it.each<[string, Reading]>([
    ['json()', (response) => response.json()],
    ['text()', (response) => response.text()],
    ['arrayBuffer()', (response) => response.arrayBuffer()],
    ['blob()', (response) => response.blob()],
    ['clone().json()', (response) => response.clone().json()],
    ['a reader', async ({ body }) => drain(body?.getReader())],
    ['a tee', async ({ body }) => Promise.all((body?.tee() ?? []).map((branch) => new Response(branch).text()))],
    ['another Response', (response) => new Response(response.body, response).json()],
  ])('%s: at its usage', async (_, reading) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', ANSWER);
    await reading(await here.chat());
    await expectBooked(here, exact);
  });

  it('cancelled: at its hold, for it was generated', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', ANSWER);
    await (await here.chat()).body?.cancel();
    await expectBooked(here, held('aborted'));
  });

  it('breaking off in the middle: at its hold', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', {
      raw: ['{"choices":[]', ',"usage":{}}'],
      contentType: 'application/json',
      cutAfter: 1,
      how: 'reset',
    });
    await expect((await here.chat()).json()).rejects.toThrow('terminated');
    await expectBooked(here, held('error'));
  });

  it('aborted before it is read: at its hold, at once', async () => {
    const here = oneAtATime();
    const abort = new AbortController();
    here.mock.reply('chat.completions', ANSWER);
    const response = await here.chat({}, { signal: abort.signal });
    abort.abort();
    expect(here.records).toHaveLength(1);
    await expect(response.json()).rejects.toThrow();
    await expectBooked(here, held('aborted'));
  });

  it('never read: at its hold, when it is collected', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', ANSWER);
    await (async () => void (await here.chat()))();
    await collectUntil(() => here.records.length > 0);
    await expectBooked(here, held('unknown'));
  });
});

describe('a stream', () => {
  it.each<[string, Reading]>([
    ['text()', (response) => response.text()],
    ['a reader', async ({ body }) => drain(body?.getReader())],
    ['a tee', async ({ body }) => Promise.all((body?.tee() ?? []).map((branch) => new Response(branch).text()))],
    ['clone()', async (response) => Promise.all([response.clone().text(), response.text()])],
    ['a pipe', async ({ body }) => body?.pipeTo(new WritableStream())],
  ])('read to its end by %s: at its usage, once', async (_, reading) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    await reading(await here.chat(STREAM));
    await expectBooked(here, exact);
  });

  const some = async (response: Response, chunks: number): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
    const reader = response.body?.getReader();
    if (!reader) throw new Error('no body');
    for (let read = 0; read < chunks; read++) await reader.read();
    return reader;
  };

  it('cancelled in the middle: what was read', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    const reader = await some(await here.chat(STREAM), 3);
    await reader.cancel();
    expect(here.mock.calls[0]?.ended).toBe('cancelled');
    await expectBooked(here, read(2, 'aborted'));
  });

  it('aborted in the middle: what was read', async () => {
    const here = oneAtATime();
    const abort = new AbortController();
    here.mock.reply('chat.completions', WORDS);
    const reader = await some(await here.chat(STREAM, { signal: abort.signal }), 3);
    abort.abort();
    await expect(reader.read()).rejects.toThrow();
    await expectBooked(here, read(2, 'aborted'));
  });

  it('aborted with a reason of the caller’s own: aborted all the same', async () => {
    const here = oneAtATime();
    const abort = new AbortController();
    here.mock.reply('chat.completions', WORDS);
    const reader = await some(await here.chat(STREAM, { signal: abort.signal }), 3);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(reader.read()).rejects.toBe(reason);
    await expectBooked(here, read(2, 'aborted'));
  });

  it.each<[string, MockScript]>([
    ['an error event', { ...WORDS, errorAfter: 3, error: { message: 'over capacity' } }],
    ['a cut', { ...WORDS, cutAfter: 3 }],
    ['a reset', { ...WORDS, cutAfter: 3, how: 'reset' }],
  ])('broken by %s: what was read', async (_, script) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', script);
    await (await here.chat(STREAM)).text().catch(() => {});
    await expectBooked(here, read(2, 'error'));
  });

  it('dropped in the middle: what was read, when it is collected', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    await (async () => void (await some(await here.chat(STREAM), 3)))();
    await collectUntil(() => here.records.length > 0);
    await expectBooked(here, read(2, 'unknown'));
  });

  it('not while somebody still reads', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', WORDS);
    const reader = await some(await here.chat(STREAM), 2);
    await expect(collectUntil(() => here.records.length > 0, 5)).rejects.toThrow('nothing was collected');
    await drain(reader);
    await expectBooked(here, exact);
  });
});

describe('no answer', () => {
  it.each<[string, MockScript, object]>([
    ['connection refused', { networkError: 'ECONNREFUSED' }, free()],
    ['unknown host', { networkError: 'ENOTFOUND' }, free()],
    ['connection reset', { networkError: 'ECONNRESET' }, held('error')],
    ['headers timeout', { networkError: 'UND_ERR_HEADERS_TIMEOUT' }, { costNanos: HELD, accuracy: 'held' }],
  ])('%s', async (_, script, booked) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', script);
    await expect(here.chat()).rejects.toThrow('fetch failed');
    await expectBooked(here, booked);
  });

  it.each([
    ['aborted', (): AbortController => new AbortController(), 'aborted'],
    [
      'timed out',
      (): AbortController => {
        const abort = new AbortController();
        const plain = abort.abort.bind(abort);
        abort.abort = () => plain(new DOMException('The operation timed out.', 'TimeoutError'));
        return abort;
      },
      'timeout',
    ],
  ] as const)('%s while it hangs: at its hold', async (_, controller, outcome) => {
    const here = oneAtATime();
    const abort = controller();
    here.mock.reply('chat.completions', { hang: true });
    const call = here.chat({}, { signal: abort.signal });
    await until(() => here.mock.calls.length > 0);
    abort.abort();
    await expect(call).rejects.toBe(abort.signal.reason);
    await expectBooked(here, held(outcome));
  });
});

describe('a refusal by the provider', () => {
  it.each<[string, MockScript, object]>([
    ['400', { status: 400 }, free()],
    ['401', { status: 401 }, free()],
    ['404', { status: 404 }, free()],
    ['413', { status: 413 }, free()],
    ['429', { status: 429 }, free()],
    ['498', { status: 498 }, free()],
    ['500', { status: 500 }, free()],
    ['503', { status: 503 }, free()],
    [
      'json_validate_failed with 40 characters',
      { status: 400, error: { code: 'json_validate_failed', failed_generation: 'x'.repeat(40) } },
      read(10, 'error'),
    ],
    ['tool_use_failed without', { error: 'tool_use_failed' }, { accuracy: 'estimated', outcome: 'error' }],
  ])('%s', async (_, script, booked) => {
    const here = fetchScene({ teams: { a: { monthlyBudgetUsd: 1 } }, maxRetryAfterMs: 100_000 });
    here.mock.reply('chat.completions', script);
    const response = await here.chat();
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).not.toBe('');
    await expectBooked(here, booked);
  });
});

describe('before it leaves', () => {
  it('aborted already: nothing is decided or sent', async () => {
    const here = oneAtATime();
    const signal = AbortSignal.abort();
    await expect(here.chat({}, { signal })).rejects.toBe(signal.reason);
    expect([here.mock.calls.length, here.records.length]).toEqual([0, 0]);
  });

  it('aborted while it waits for its turn: leaves the queue, costs nothing', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', [WORDS, ANSWER]);
    const first = await here.chat(STREAM);
    const abort = new AbortController();
    const second = here.chat({}, { signal: abort.signal });
    await until(() => here.clock.sleeping === 0);
    abort.abort();
    await expect(second).rejects.toBe(abort.signal.reason);
    expect(here.mock.calls).toHaveLength(1);
    expect(here.records).toMatchObject([{ ...free('aborted'), attempts: 0 }]);
    await first.text();
    await (await here.chat()).text();
    expect(here.records).toHaveLength(3);
    expect((await here.fetch.governor.reconcile()).live).toEqual([]);
  });

  it('aborted while a store does not answer: at once, and what is held too late is freed', async () => {
    const here = fetchScene({ teams: { a: { monthlyBudgetUsd: 1 } } });
    let answer: (() => void) | undefined;
    const slow = fetchScene({
      teams: { a: { monthlyBudgetUsd: 1 } },
      policies: [{ name: 'slow', check: () => new Promise((resolve) => (answer = () => resolve({ action: 'allow' }))) }],
    });
    expect(here.records).toEqual([]);
    const abort = new AbortController();
    const call = slow.chat({}, { signal: abort.signal });
    await until(() => answer !== undefined);
    abort.abort();
    await expect(call).rejects.toBe(abort.signal.reason);
    expect(slow.records).toMatchObject([free('aborted')]);
    answer?.();
    await slow.fetch.governor.close();
    expect((await slow.fetch.governor.reconcile()).live).toEqual([]);
    expect(slow.mock.calls).toEqual([]);
  });
});

it('a signal that outlives its calls keeps nothing of them', async () => {
  const answers = [
    Response.json({ choices: [], usage: usage(70, 10) }),
    new Response('data: [DONE]\n\n', { headers: { 'content-type': 'text/event-stream' } }),
    new Response('{}', { status: 400 }),
  ];
  const here = fetchScene(undefined, { fetch: async () => answers.shift() ?? Response.error() });
  let listeners = 0;
  class Counting extends EventTarget {
    readonly aborted = false;
    override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      listeners++;
      super.addEventListener(...args);
    }
    override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
      listeners--;
      super.removeEventListener(...args);
    }
    throwIfAborted(): void {}
  }
  const signal = new Counting() as unknown as AbortSignal;
  await (await here.chat({}, { signal })).json();
  await (await here.chat(STREAM, { signal })).text();
  await (await here.chat({}, { signal })).text();
  expect(listeners).toBe(0);
});

async function drain(reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<void> {
  for (let result = await reader?.read(); result && !result.done; result = await reader?.read());
}

it('sends what it was asked to send', async () => {
  const here = oneAtATime();
  await (await here.chat()).text();
  expect(here.mock.calls[0]?.body).toEqual(PARAMS);
});
