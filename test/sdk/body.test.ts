import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormBody, JsonBody, PeekBody, utf8Bytes } from '../../src/sdk/body';

const scalars = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, 1e21, 1e-7, Number.NaN, Infinity, '\uD800', '\u2028', '"\\/\b', () => 1, Symbol('x')),
);
const keys = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('model', 'toString', '10', '2', '', 'constructor', '__proto__'),
);
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc.array(tie('value')),
    fc.dictionary(keys, tie('value')),
    fc.date({ noInvalidDate: true }),
  ),
})).value;
const bodies = fc.array(fc.tuple(keys, values), { maxLength: 12 }).map((entries) => Object.fromEntries(entries));

/** What the SDK would send. */
const plainText = (body: object): string => JSON.stringify(body);

describe('JsonBody', () => {
  it('is sent as the same text as JSON.stringify makes', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const json = JsonBody.of(body);
        expect(json.encode()).toBe(plainText(body));
        expect(json.toObject()).toEqual(JSON.parse(plainText(body)));
      }),
      { numRuns: 1000 },
    );
  });

  it('holds each field as it is sent', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const json = JsonBody.of(body);
        const sent = JSON.parse(plainText(body)) as Record<string, unknown>;
        for (const field of Object.keys(body)) {
          expect(json.text(field)).toBe(Object.hasOwn(sent, field) ? JSON.stringify(sent[field]) : undefined);
          // A number that JSON cannot hold shows itself to the rules, so that they can refuse it.
          const isHidden = typeof body[field] === 'number' && !Number.isFinite(body[field]);
          const expected = isHidden ? body[field] : Object.hasOwn(sent, field) ? sent[field] : undefined;
          expect(Object.is(json.get(field), -0) ? 0 : json.get(field)).toEqual(Object.is(expected, -0) ? 0 : expected);
        }
      }),
    );
  });

  it('sets, changes and removes fields as an object does', () => {
    const edits = fc.array(fc.tuple(keys, values), { maxLength: 8 });
    fc.assert(
      fc.property(bodies, edits, (body, changes) => {
        const model = new Map(Object.entries(JSON.parse(plainText(body)) as Record<string, unknown>));
        const json = JsonBody.of(body);
        for (const [field, value] of changes) {
          json.set(field, value);
          const text = JSON.stringify(value) as string | undefined;
          if (text === undefined) model.delete(field);
          else model.set(field, JSON.parse(text));
        }
        const text = [...model].map(([field, value]) => `${JSON.stringify(field)}:${JSON.stringify(value)}`).join(',');
        expect(json.encode()).toBe(`{${text}}`);
      }),
    );
  });

  it('keeps the order: a changed field stays, a new one goes last, a removed one comes back last', () => {
    const json = JsonBody.of({ a: 1, b: 2, c: 3 });
    json.set('b', { x: [1] });
    json.set('d', 4);
    json.set('a', undefined);
    json.set('a', 5);
    expect(json.encode()).toBe('{"b":{"x":[1]},"c":3,"d":4,"a":5}');
    expect(json.get('b')).toEqual({ x: [1] });
  });

  it('hands out copies: what is done to them reaches nobody', () => {
    const messages = [{ role: 'user', content: 'hi' }];
    const json = JsonBody.of({ messages });
    (json.get('messages') as unknown[]).length = 0;
    messages.push({ role: 'user', content: 'later' });
    (json.toObject()['messages'] as unknown[]).length = 0;
    expect(json.encode()).toBe('{"messages":[{"role":"user","content":"hi"}]}');
  });

  it('reads every getter once, in order, and never again', () => {
    const reads: string[] = [];
    const field = (name: string): PropertyDescriptor => ({
      enumerable: true,
      get: () => (reads.push(name), `${name}${reads.length}`),
    });
    const json = JsonBody.of(
      Object.defineProperties({}, { model: field('model'), user: field('user'), hidden: { ...field('x'), enumerable: false } }),
    );
    for (let times = 0; times < 2; times++) {
      expect([json.get('model'), json.text('user'), json.encode()]).toEqual([
        'model1',
        '"user2"',
        '{"model":"model1","user":"user2"}',
      ]);
    }
    expect(reads).toEqual(['model', 'user']);
    expect(json.promptBytes()).toBe(0);
  });

  it('reads a proxy once', () => {
    const reads: unknown[] = [];
    const target = { model: 'm', nested: { a: 1 } };
    const json = JsonBody.of(
      new Proxy(target, { get: (from, name) => (reads.push(name), Reflect.get(from, name) as unknown) }),
    );
    json.encode();
    json.get('nested');
    expect(reads).toEqual(['model', 'nested']);
  });

  class Answer {
    readonly model = 'm';
    readonly #secret = 'not sent';
    get hidden(): string {
      return this.#secret;
    }
  }
  it.each<readonly [string, object]>([
    ['toJSON of the body', { a: 1, toJSON: () => ({ b: 2 }) }],
    ['toJSON of a field', { when: new Date(0), url: new URL('https://x.test/y') }],
    ['a toJSON that is no function', { a: 1, toJSON: 5 }],
    ['an inherited toJSON', Object.create({ toJSON: () => ({ inherited: true }) }) as object],
    ['a class', new Answer()],
    ['no prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['inherited fields', Object.create({ inherited: 1 }) as object],
    ['boxed values', { n: Object(5) as object, s: Object('x') as object, b: Object(false) as object }],
    ['numbers that JSON cannot hold', { a: Number.NaN, b: [Infinity], c: -Infinity, d: -0 }],
    ['maps, sets and patterns', { m: new Map([[1, 2]]), s: new Set([1]), r: /x/ }],
    ['keys like numbers', { 10: 'a', 2: 'b', x: 'c', 1: 'd' }],
    ['symbols', { [Symbol('x')]: 1, y: 2 }],
    ['nothing', {}],
    ['undefined in lists', { a: [undefined, () => 1, Symbol('x')] }],
    ['sparse lists', { a: Object.assign([], { 2: 1 }) }],
    ['__proto__ as JSON brings it', JSON.parse('{"__proto__":{"a":1},"b":2}') as object],
  ])('%s', (_, body) => {
    expect(JsonBody.of(body).encode()).toBe(plainText(body));
  });

  it('a field’s toJSON is told its name, as JSON.stringify does', () => {
    const body = { when: { toJSON: (key: string) => `as ${key}` } };
    expect(JsonBody.of(body).encode()).toBe(plainText(body));
  });

  it('throws what JSON.stringify throws', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => JsonBody.of(cycle)).toThrow(TypeError);
    expect(() => JsonBody.of({ n: 1n })).toThrow(TypeError);
    const failure = new Error('getter');
    const throwing = Object.defineProperty({}, 'a', {
      enumerable: true,
      get: () => {
        throw failure;
      },
    });
    expect(() => JsonBody.of(throwing)).toThrow(failure);
  });

  it('counts the bytes of everything that may become prompt', () => {
    const json = JsonBody.of({ model: 'm'.repeat(99), temperature: 0.5, seed: 1, messages: ['ä€😀'], tools: [], novel: 'x' });
    expect(json.promptBytes()).toBe(utf8Bytes('["ä€😀"]') + 2 + 3);
    json.set('messages', undefined);
    expect(json.promptBytes()).toBe(5);
  });
});

describe('FormBody', () => {
  const form = (...fields: readonly (readonly [string, string | Blob, string?])[]): FormData => {
    const made = new FormData();
    for (const [field, value, name] of fields) {
      if (typeof value === 'string') made.append(field, value);
      else made.append(field, value, name);
    }
    return made;
  };

  it('is a copy: fields added later are not sent', () => {
    const original = form(['model', 'whisper-large-v3'], ['file', new Blob(['12345']), 'a.wav']);
    const body = FormBody.of(original);
    original.set('model', 'other');
    original.append('url', 'https://x.test');
    expect([...body.encode().keys()]).toEqual(['model', 'file']);
    expect([body.get('model'), body.get('url'), body.fileBytes()]).toEqual(['whisper-large-v3', undefined, 5]);
    expect((body.encode().get('file') as File).name).toBe('a.wav');
  });

  it('shows a field that was given twice as a list, which no rule takes for a name', () => {
    expect(FormBody.of(form(['model', 'a'], ['model', 'b'])).get('model')).toEqual(['a', 'b']);
  });

  it('sets, replaces and removes', () => {
    const body = FormBody.of(form(['a', '1'], ['b', '2'], ['a', '3']));
    body.set('a', 'x');
    body.set('b', undefined);
    body.set('c', { d: [1] });
    body.set('e', 5);
    expect(body.toObject()).toEqual({ a: 'x', c: '{"d":[1]}', e: '5' });
  });

  it('counts all files, and what may be prompt', () => {
    const body = FormBody.of(
      form(['model', 'whisper'], ['prompt', 'ä'], ['file', new Blob(['12345'])], ['file', new Blob(['123'])]),
    );
    expect([body.fileBytes(), body.promptBytes()]).toEqual([8, 2]);
    expect(FormBody.of(form(['model', 'm'])).fileBytes()).toBeUndefined();
    expect(FormBody.of(form(['file', new Blob([])])).fileBytes()).toBe(0);
    expect(body.toObject()).toEqual({ model: 'whisper', prompt: 'ä' });
  });
});

describe('PeekBody', () => {
  it('runs no getter and changes nothing', () => {
    const body = Object.defineProperty({ model: 'm' }, 'user', {
      enumerable: true,
      get: () => {
        throw new Error('read');
      },
    });
    const peek = new PeekBody(body);
    peek.set();
    expect([peek.get('model'), peek.get('user'), peek.get('toString'), peek.encode()]).toEqual(['m', undefined, undefined, '']);
    expect(peek.toObject()).toEqual({});
    expect(peek.promptBytes()).toBe(0);
  });
});

it('utf8Bytes is the length that an encoder gives', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => utf8Bytes(text) === new TextEncoder().encode(text).length));
});
