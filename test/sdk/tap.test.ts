import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/call';
import { Meter } from '../../src/sdk/meter';
import { tap, tapNew } from '../../src/sdk/tap';
import type { Evidence } from '../../src/settlement';
import type { CallOutcome } from '../../src/usage/usage-log';

const encoder = new TextEncoder();
const usage = { prompt_tokens: 75, completion_tokens: 2 };
const COUNTED = { promptTokens: 75, cachedTokens: 0, completionTokens: 2, reasoningTokens: 0 };
const HIDDEN = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
const SHOWN = [
  ': a comment\n\n',
  'data: {"choices":[{"delta":{"content":"ä€😀"}}]}\n\n',
  `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }], usage, x_groq: { usage } })}\n\n`,
  'data: [DONE]\n\n',
];
const STREAM = [...SHOWN.slice(0, 3), HIDDEN, SHOWN[3]].join('');
const JSON_TEXT = JSON.stringify({ choices: [{ message: { content: 'ä€😀' } }], usage });
const SSE = { 'content-type': 'text/event-stream; charset=utf-8' };

interface Ended {
  readonly evidence: Evidence;
  readonly outcome: CallOutcome;
}

/** A meter over a call that only writes down how it ended: the first word counts. */
function metered(hidesUsage = false): { readonly meter: Meter; readonly ends: readonly Ended[] } {
  const ends: Ended[] = [];
  const call = {
    kind: 'chat',
    hidesUsage,
    pricedByRequest: false,
    end: (evidence: Evidence, outcome: CallOutcome) => void (ends.length === 0 && ends.push({ evidence, outcome })),
  };
  return { meter: new Meter(call as unknown as Call), ends };
}

interface Source {
  readonly response: Response;
  readonly pulls: () => number;
  readonly cancelled: () => unknown;
}

/** A response that hands out its bytes in pieces, and then ends, fails with `error`, or hangs. */
function source(
  text: string | Uint8Array,
  size: number,
  end: 'close' | 'hang' | Error = 'close',
  headers: Record<string, string> = SSE,
): Source {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  let at = 0;
  let pulls = 0;
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls++;
        if (at < bytes.length) controller.enqueue(bytes.slice(at, (at += size)));
        else if (end === 'close') controller.close();
        else if (end === 'hang') return new Promise<never>(() => {});
        else controller.error(end);
        return undefined;
      },
      cancel: (reason) => void (cancelled = reason),
    },
    { highWaterMark: 0 },
  );
  return { response: new Response(body, { status: 201, headers }), pulls: () => pulls, cancelled: () => cancelled };
}

const tapped = (response: Response, meter: Meter): Response => {
  tap(response, meter);
  return response;
};
const WAYS = { tap: tapped, tapNew };
const SIZES = Array.from({ length: encoder.encode(STREAM).length + 1 }, (_, index) => index + 1);

async function byob(response: Response, size: number): Promise<string> {
  const reader = response.body?.getReader({ mode: 'byob' });
  const parts: number[] = [];
  for (let done = false; reader && !done;) {
    const read = await reader.read(new Uint8Array(size));
    parts.push(...(read.value ?? []));
    done = read.done;
  }
  return new TextDecoder().decode(Uint8Array.from(parts));
}

describe.each(Object.entries(WAYS))('%s', (_, way) => {
  it('leaves the bytes as they are, at every size of chunk, and takes the usage once', async () => {
    for (const size of SIZES) {
      const { meter, ends } = metered();
      expect(await way(source(STREAM, size).response, meter).text()).toBe(STREAM);
      expect(ends).toEqual([{ evidence: { kind: 'usage', usage: COUNTED, executedTools: [] }, outcome: 'success' }]);
    }
  });

  it('leaves out the chunk that nobody asked for, and nothing else, at every size of chunk', async () => {
    for (const size of SIZES) {
      const { meter, ends } = metered(true);
      expect(await way(source(STREAM, size).response, meter).text()).toBe(SHOWN.join(''));
      expect(ends).toMatchObject([{ evidence: { kind: 'usage', usage: COUNTED }, outcome: 'success' }]);
    }
  });

  it.each([true, false])('shows a rest without a blank line, hiding: %s', async (hides) => {
    const cut = STREAM.slice(0, -2);
    const { meter } = metered(hides);
    expect(await way(source(cut, 7).response, meter).text()).toBe(hides ? SHOWN.join('').slice(0, -2) : cut);
  });

  it('leaves JSON as it is, at every size of chunk', async () => {
    for (const size of SIZES) {
      const { meter, ends } = metered();
      const { response } = source(JSON_TEXT, size, 'close', { 'content-type': 'application/json' });
      expect(await way(response, meter).json()).toEqual(JSON.parse(JSON_TEXT));
      expect(ends).toMatchObject([{ evidence: { kind: 'usage', usage: COUNTED }, outcome: 'success' }]);
    }
  });

  it.each([1, 3, 64, 100_000])('fills a reader’s own buffer of %d', async (size) => {
    for (const hides of [false, true]) {
      for (const chunk of [1, 10, 10_000]) {
        const { meter, ends } = metered(hides);
        expect(await byob(way(source(STREAM, chunk).response, meter), size)).toBe(hides ? SHOWN.join('') : STREAM);
        expect(ends).toHaveLength(1);
      }
    }
  });

  it('reads nothing ahead', async () => {
    const { meter, ends } = metered();
    const { response, pulls } = source(STREAM, 5);
    const reader = way(response, meter).body?.getReader();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulls()).toBe(0);
    await reader?.read();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulls()).toBe(1);
    expect(ends).toEqual([]);
  });

  it('a cancelled read ends the call as aborted, with what was read, and cancels the source', async () => {
    const { meter, ends } = metered();
    const { response, cancelled } = source(SHOWN.slice(0, 2).join(''), 10_000, 'hang');
    const reader = way(response, meter).body?.getReader();
    await reader?.read();
    await reader?.cancel('enough');
    expect(cancelled()).toBe('enough');
    expect(ends).toEqual([{ evidence: { kind: 'read', outputTokens: 1, executedTools: [] }, outcome: 'aborted' }]);
  });

  it('a body that is cancelled unread ends the call too', async () => {
    const { meter, ends } = metered();
    const { response, cancelled, pulls } = source(STREAM, 5);
    await way(response, meter).body?.cancel('unread');
    expect([cancelled(), pulls()]).toEqual(['unread', 0]);
    expect(ends).toMatchObject([{ evidence: { kind: 'read', outputTokens: 0 }, outcome: 'aborted' }]);
  });

  it.each([
    [new DOMException('gone', 'AbortError'), 'aborted'],
    [new TypeError('terminated'), 'error'],
  ])('a source that fails with %s: the reader gets that very error', async (error, outcome) => {
    const { meter, ends } = metered();
    const answer = way(source(SHOWN.slice(0, 2).join(''), 8, error).response, meter);
    await expect(answer.text()).rejects.toBe(error);
    expect(ends).toMatchObject([{ evidence: { kind: 'read', outputTokens: 1 }, outcome }]);
  });

  it('a stream that stops before it is finished is an error, by what was read', async () => {
    const { meter, ends } = metered();
    await way(source(SHOWN.slice(0, 2).join(''), 8).response, meter).text();
    expect(ends).toMatchObject([{ evidence: { kind: 'read', outputTokens: 1 }, outcome: 'error' }]);
  });

  it('both branches of a tee and both of a clone get all of it; the usage is taken once', async () => {
    const one = metered();
    const [left, right] = way(source(STREAM, 5).response, one.meter).body?.tee() ?? [];
    expect(await Promise.all([new Response(left).text(), new Response(right).text()])).toEqual([STREAM, STREAM]);
    const two = metered(true);
    const answer = way(source(STREAM, 5).response, two.meter);
    const copy = answer.clone();
    expect(await Promise.all([answer.text(), copy.text()])).toEqual([SHOWN.join(''), SHOWN.join('')]);
    expect([one.ends, two.ends]).toMatchObject([[{ outcome: 'success' }], [{ outcome: 'success' }]]);
  });

  it('looks as before', async () => {
    const { response } = source(STREAM, 5);
    Object.defineProperty(response, 'url', { value: 'https://api.groq.com/x' });
    const answer = way(response, metered().meter);
    expect([answer.status, answer.url, answer.headers.get('content-type'), answer.bodyUsed]).toEqual([
      201,
      'https://api.groq.com/x',
      SSE['content-type'],
      false,
    ]);
    await answer.arrayBuffer();
    expect(answer.bodyUsed).toBe(true);
    await expect(answer.text()).rejects.toThrow(TypeError);
  });

  it('has nothing to watch in an answer without a body, or with one that is read or locked', async () => {
    const { meter } = metered();
    const empty = new Response(null, { status: 204 });
    const used = new Response('x');
    await used.text();
    const locked = new Response('x');
    locked.body?.getReader();
    for (const response of [empty, used, locked]) expect(way(response, meter)).toBe(response);
    expect(meter.isTapped).toBe(false);
  });
});

it('an answer of more than 16 MB is not kept: the call ends with nothing known', async () => {
  const { meter, ends } = metered();
  const size = 16_000_001;
  const { response } = source(new Uint8Array(size), 1_000_000, 'close', { 'content-type': 'application/json' });
  expect((await tapNew(response, meter).arrayBuffer()).byteLength).toBe(size);
  expect(ends).toEqual([{ evidence: { kind: 'nothing' }, outcome: 'success' }]);
});

it('an answer of another class stays the object that it is', async () => {
  class Other extends Response {}
  const { meter, ends } = metered();
  const response = new Other(source(STREAM, 5).response.body, { headers: SSE });
  expect(tapNew(response, meter)).toBe(response);
  expect(await response.text()).toBe(STREAM);
  expect(ends).toHaveLength(1);
});
