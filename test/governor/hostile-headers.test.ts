// No header of a request replaces the governed key.
import Groq from 'groq-sdk';
import { describe, expect, it } from 'vitest';
import { keyFingerprint } from '../../src/testing/mock-hash';
import { CHAT, MESSAGES, MODEL, scene } from './support';

const body = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const teams = { a: { monthlyBudgetUsd: 1 } };

// The SDK's own built headers are marked by a symbol that it does not export.
const exposed = new (class extends Groq {
  marked(): Promise<object> {
    return this.authHeaders({ method: 'get', path: '/' }) as Promise<object>;
  }
})({ apiKey: 'gsk_other' });
const own = await exposed.marked();
const brand = Object.getOwnPropertySymbols(own)[0] ?? Symbol('none');
const built = (values: Headers, ...nulls: string[]): object => ({ [brand]: true, values, nulls: new Set(nulls) });

class Sneaky {
  get authorization(): string {
    return 'Bearer gsk_other';
  }
}

const forms: readonly (readonly [string, () => unknown])[] = [
  ['an object', () => ({ Authorization: 'Bearer gsk_other' })],
  ['an object in lower case', () => ({ authorization: 'Bearer gsk_other' })],
  ['an object in upper case', () => ({ AUTHORIZATION: 'Bearer gsk_other' })],
  ['an object with a list', () => ({ Authorization: ['Bearer gsk_other', 'Bearer gsk_third'] })],
  ['an object with null', () => ({ Authorization: null })],
  ['an object with undefined', () => ({ Authorization: undefined })],
  ['an object with two spellings', () => ({ authorization: undefined, Authorization: 'Bearer gsk_other' })],
  ['a list', () => [['Authorization', 'Bearer gsk_other']]],
  [
    'a list, twice',
    () => [
      ['Authorization', 'Bearer gsk_other'],
      ['authorization', 'Bearer gsk_third'],
    ],
  ],
  ['a list with null', () => [['Authorization', null]]],
  ['Headers', () => new Headers({ Authorization: 'Bearer gsk_other' })],
  ['built headers', () => built(new Headers({ authorization: 'Bearer gsk_other' }))],
  ['built headers with null', () => built(new Headers(), 'authorization')],
  [
    'a getter',
    () => ({
      get Authorization() {
        return 'Bearer gsk_other';
      },
    }),
  ],
  ['an inherited getter', () => new Sneaky()],
  [
    'a proxy that hides its names once',
    () => {
      let lists = 0;
      return new Proxy(
        { Authorization: 'Bearer gsk_other' },
        { ownKeys: (target) => (lists++ % 2 === 1 ? [] : Reflect.ownKeys(target)) },
      );
    },
  ],
  [
    'a proxy that shows its names once',
    () => {
      let lists = 0;
      return new Proxy(
        { Authorization: 'Bearer gsk_other' },
        { ownKeys: (target) => (lists++ % 2 === 0 ? [] : Reflect.ownKeys(target)) },
      );
    },
  ],
];

describe.each([
  ['the client’s own key', {}, 'gsk_client'],
  ['a provided key', { keys: { key: () => ({ id: 'k', secret: 'gsk_governed' }) } }, 'gsk_governed'],
])('%s', (_, keys, secret) => {
  it.each(forms)('is not replaced by %s', async (__, headers) => {
    const { client, mock } = scene({ teams, ...keys }, { team: 'a' });
    await client.chat.completions.create(body, { headers: headers() } as never).then(null, () => {});
    await client.post(CHAT, { body, headers: headers() } as never).then(null, () => {});
    expect(mock.calls.map((call) => call.headers['authorization'])).toEqual(mock.calls.map(() => keyFingerprint(secret)));
  });

  it.each(forms)('is not replaced by fetchOptions with %s', async (__, headers) => {
    const { client, mock } = scene({ teams, ...keys }, { team: 'a' });
    await client.chat.completions.create(body, { fetchOptions: { headers: headers() } } as never).then(null, () => {});
    expect(mock.calls.map((call) => call.headers['authorization'])).toEqual(mock.calls.map(() => keyFingerprint(secret)));
  });

  it('is not replaced between retries', async () => {
    const { client, mock, clock } = scene({ teams, ...keys }, { team: 'a', client: { maxRetries: 1 } });
    const headers: Record<string, string> = {};
    mock.reply('chat.completions', () => {
      headers['Authorization'] = 'Bearer gsk_other';
      return { status: 500 };
    });
    await clock.runUntil(client.chat.completions.create(body, { headers }));
    expect(mock.calls.map((call) => call.headers['authorization'])).toEqual([keyFingerprint(secret), keyFingerprint(secret)]);
  });
});

it('a provided key is not replaced by fetchOptions of the client', async () => {
  const keys = { key: () => ({ id: 'k', secret: 'gsk_governed' }) };
  const fetchOptions = { headers: { authorization: 'Bearer gsk_other' } } as never;
  const { client, mock } = scene({ teams, keys }, { team: 'a', client: { fetchOptions } });
  await client.chat.completions.create(body);
  expect(mock.calls.map((call) => call.headers['authorization'])).toEqual([keyFingerprint('gsk_governed')]);
});

it('knows how the SDK marks its built headers', () => {
  expect(own).toEqual({ [brand]: true, values: expect.any(Headers) as Headers, nulls: new Set() });
});

it('other headers of the request go out as they are', async () => {
  const { client, mock } = scene({ teams }, { team: 'a' });
  await client.chat.completions.create(body, { headers: { Authorization: 'Bearer gsk_other', 'x-trace': '1' } });
  expect(mock.calls[0]?.headers).toMatchObject({ 'x-trace': '1', 'content-type': 'application/json' });
});
