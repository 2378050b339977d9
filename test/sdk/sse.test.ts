import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventSplitter, eventData, eventsInText } from '../../src/sdk/sse';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const ENDINGS = { LF: '\n', CRLF: '\r\n' };

const usage = { prompt_tokens: 75, completion_tokens: 1 };
const EVENTS = [
  ': a comment',
  'data: {"choices":[{"delta":{"content":"ä€😀"}}]}',
  'event: error\ndata: {"error":{"message":"a\\n\\nb"}}',
  'data: {"choices":\ndata: []}',
  'id: 5\nretry: 10',
  `data: ${JSON.stringify({ choices: [], usage })}`,
  'data: [DONE]',
];
const textOf = (events: readonly string[], ending: string): string[] =>
  events.map((event) => `${event}\n\n`.replaceAll('\n', ending));

/** What a splitter makes of these pieces: whole events, and the rest. */
function split(pieces: readonly Uint8Array[]): { readonly events: string[]; readonly rest: string } {
  const splitter = new EventSplitter();
  const events = pieces.flatMap((piece) => splitter.push(piece).map((event) => decoder.decode(event)));
  return { events, rest: decoder.decode(splitter.flush()) };
}

function cut(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const at = [0, ...offsets.toSorted((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.slice(at[index], end));
}

describe.each(Object.entries(ENDINGS))('events that end in %s', (_, ending) => {
  const events = textOf(EVENTS, ending);
  const bytes = encoder.encode(events.join(''));

  it('are the same wherever the bytes are cut once', () => {
    for (let offset = 0; offset <= bytes.length; offset++) {
      expect(split(cut(bytes, [offset])), String(offset)).toEqual({ events, rest: '' });
    }
  });

  it('are the same wherever they are cut twice', () => {
    const short = encoder.encode(textOf(['data: 1', 'data: 2'], ending).join(''));
    for (let one = 0; one <= short.length; one++) {
      for (let two = one; two <= short.length; two++) {
        expect(split(cut(short, [one, two])).events).toEqual(textOf(['data: 1', 'data: 2'], ending));
      }
    }
  });

  it('are the same byte by byte', () => {
    expect(split(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual({ events, rest: '' });
  });

  it('come as soon as they are complete', () => {
    const splitter = new EventSplitter();
    const [first = '', second = ''] = events;
    expect(splitter.push(encoder.encode(first.slice(0, -1)))).toEqual([]);
    expect(splitter.push(encoder.encode(first.slice(-1) + second.slice(0, 3))).map((event) => decoder.decode(event))).toEqual([
      first,
    ]);
    expect(decoder.decode(splitter.flush())).toBe(second.slice(0, 3));
    expect(splitter.flush()).toHaveLength(0);
  });

  it('that were cut off are left over', () => {
    const whole = events.join('');
    const open = whole.slice(0, -ending.length);
    expect(split([encoder.encode(open)])).toEqual({
      events: events.slice(0, -1),
      rest: events.at(-1)?.slice(0, -ending.length),
    });
  });
});

it('no byte is lost or doubled, whatever the bytes and the cuts', () => {
  const noise = fc
    .array(fc.constantFrom(10, 13, 32, 65, 0xe2, 0x82, 0xac), { maxLength: 60 })
    .map((list) => Uint8Array.from(list));
  fc.assert(
    fc.property(noise, fc.array(fc.nat(60), { maxLength: 6 }), (bytes, offsets) => {
      const splitter = new EventSplitter();
      const pieces = cut(
        bytes,
        offsets.map((offset) => Math.min(offset, bytes.length)),
      );
      const events = pieces.flatMap((piece) => splitter.push(piece));
      const out = [...events, splitter.flush()].flatMap((part) => [...part]);
      expect(out).toEqual([...bytes]);
      const whole = new EventSplitter().push(bytes).map((event) => [...event]);
      expect(events.map((event) => [...event])).toEqual(whole);
    }),
    { numRuns: 1000 },
  );
});

describe('eventData', () => {
  it.each<readonly [string, unknown]>([
    ['data: {"a":1}\n\n', { a: 1 }],
    ['data:{"a":1}', { a: 1 }],
    ['data: {"a":\ndata: 1}\n\n', { a: 1 }],
    ['event: error\r\ndata: {"error":1}\r\n\r\n', { error: 1 }],
    ['id: 1\rdata: [1]\r\r', [1]],
    ['data: "text"', 'text'],
    ['data: null', null],
    [': data: {"a":1}', undefined],
    ['data: [DONE]\n\n', undefined],
    ['data: {"a":', undefined],
    ['data:', undefined],
    ['event: ping\n\n', undefined],
    ['', undefined],
    [' data: {"a":1}', undefined],
  ])('of %j', (event, data) => {
    expect(eventData(event)).toEqual(data);
  });
});

describe('eventsInText', () => {
  it.each([...Object.entries(ENDINGS), ['CR', '\r'] as const])(
    'are all of them, of a text whose lines end in %s',
    (_, ending) => {
      const known = EVENTS.map((event) => eventData(event)).filter((data) => data !== undefined);
      expect(eventsInText(textOf(EVENTS, ending).join(''))).toEqual(known);
    },
  );

  it('leave out what is no JSON', () => {
    expect(eventsInText(': hello\n\ndata: {"usage":\n\ndata: {"a":1}\n\ndata: [DONE]\n\n')).toEqual([{ a: 1 }]);
  });

  it.each(['', 'plain text', '{"usage":{"prompt_tokens":1}}', 'Read this: data: {}'])('none in %j', (text) => {
    expect(eventsInText(text)).toBeUndefined();
  });
});
