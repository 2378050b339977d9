// Keys that a provider supplies.
import { describe, expect, it } from 'vitest';
import type { ApiKey, KeyProvider, KeyRequest } from '../../src/keys/key-provider';
import { keyFingerprint } from '../../src/testing/mock-hash';
import { MESSAGES, MODEL, rejection, scene, settle } from '../governor/support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const FIRST: ApiKey = { id: 'first', secret: 'gsk_SECRET_1' };
const SECOND: ApiKey = { id: 'second', secret: 'gsk_SECRET_2' };
const print = keyFingerprint;

function provided(keys: KeyProvider, maxRetries = 2): ReturnType<typeof scene> {
  return scene(
    { teams: { a: { monthlyBudgetUsd: 1 } }, keys },
    { team: 'a', client: { apiKey: undefined as never, maxRetries } },
  );
}

describe('a key', () => {
  it('from a provider is what is sent, and its name what is recorded', async () => {
    const asked: KeyRequest[] = [];
    const { client, mock, records, clock } = provided({ key: (request) => (asked.push(request), FIRST) });
    await client.chat.completions.create(params);
    expect(mock.calls.map(({ headers }) => headers['authorization'])).toEqual([print(FIRST.secret)]);
    expect(records).toMatchObject([{ keyId: 'first' }]);
    expect(asked).toEqual([
      { callId: records[0]?.id, team: 'a', model: MODEL, operation: 'chat.completions', at: clock.now() },
    ]);
  });

  it('may come later', async () => {
    const { client, mock } = provided({ key: () => new Promise((resolve) => setImmediate(() => resolve(FIRST))) });
    await client.chat.completions.create(params);
    expect(mock.calls).toHaveLength(1);
  });

  it('that there is none of refuses the call', async () => {
    for (const none of [undefined, Promise.resolve(undefined)]) {
      const { client, mock, records, governor } = provided({ key: () => none });
      expect(await rejection(client.chat.completions.create(params))).toMatchObject({
        name: 'NoKeyError',
        code: 'no-key',
        team: 'a',
      });
      expect(mock.calls).toHaveLength(0);
      expect(records).toMatchObject([{ outcome: 'denied', code: 'no-key' }]);
      expect((await governor.reconcile()).live).toEqual([]);
    }
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
  ])('whose provider %s refuses the call', async (_, key) => {
    const events: unknown[] = [];
    const { client, mock, governor } = provided({ key: key as KeyProvider['key'] });
    governor.on('store-unavailable', ({ store, during }) => events.push([store, during]));
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({
      name: 'StoreError',
      code: 'store-unavailable',
      store: 'keys',
    });
    expect(mock.calls).toHaveLength(0);
    expect(events).toEqual([['keys', 'key']]);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['an empty object', {}],
    ['no secret', { id: 'x' }],
    ['an empty secret', { id: 'x', secret: '' }],
    ['a secret that is no text', { id: 'x', secret: 5 }],
    ['a secret with a line break', { id: 'x', secret: 'gsk\r\nx: y' }],
    ['text', 'gsk_x'],
  ])('that is %s is never sent as something else', async (_, key) => {
    const { client, mock, records } = scene(
      { teams: { a: { monthlyBudgetUsd: 1 } }, keys: { key: () => key as ApiKey } },
      { team: 'a' },
    );
    await rejection(client.chat.completions.create(params));
    expect(mock.calls).toHaveLength(0);
    expect(records.map(({ costNanos }) => costNanos)).toEqual([0]);
  });
});

describe('after a 401', () => {
  const pair = (): KeyProvider & { readonly reports: unknown[]; readonly asked: (string | undefined)[] } => {
    const reports: unknown[] = [];
    const asked: (string | undefined)[] = [];
    return {
      reports,
      asked,
      key: ({ rejectedKeyId }) => (asked.push(rejectedKeyId), rejectedKeyId === undefined ? FIRST : SECOND),
      report: (...told) => void reports.push(told),
    };
  };

  it('the call moves to the other key, once', async () => {
    const keys = pair();
    const { client, mock, governor, records } = provided(keys);
    const changes: unknown[] = [];
    governor.on('key-changed', ({ from, to, team }) => changes.push([from, to, team]));
    mock.reply('chat.completions', { status: 401 });
    await client.chat.completions.create(params);
    expect(mock.calls.map(({ headers }) => headers['authorization'])).toEqual([print(FIRST.secret), print(SECOND.secret)]);
    expect(changes).toEqual([['first', 'second', 'a']]);
    expect(keys.asked).toEqual([undefined, 'first']);
    expect(keys.reports).toEqual([
      ['first', 'unauthorized'],
      ['second', 'ok'],
    ]);
    expect(records).toMatchObject([{ keyId: 'second', attempts: 2, outcome: 'success', accuracy: 'exact' }]);
  });

  it('a second 401 surfaces', async () => {
    const keys = pair();
    const { client, mock } = provided(keys);
    mock.reply('chat.completions', { status: 401 }).persist();
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ status: 401 });
    expect(mock.calls).toHaveLength(2);
    expect(keys.asked).toEqual([undefined, 'first']);
  });

  it.each<[string, KeyProvider['key']]>([
    ['there is no other', ({ rejectedKeyId }) => (rejectedKeyId === undefined ? FIRST : undefined)],
    ['it is the same key', () => FIRST],
    [
      'the provider throws',
      ({ rejectedKeyId }) => {
        if (rejectedKeyId !== undefined) throw new Error('down');
        return FIRST;
      },
    ],
    ['the provider rejects', ({ rejectedKeyId }) => (rejectedKeyId === undefined ? FIRST : Promise.reject(new Error('down')))],
  ])('it surfaces if %s', async (_, key) => {
    const { client, mock, records } = provided({ key });
    mock.reply('chat.completions', { status: 401 }).persist();
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ status: 401 });
    expect(mock.calls).toHaveLength(1);
    expect(records).toMatchObject([{ outcome: 'error', costNanos: 0, accuracy: 'exact', keyId: 'first' }]);
  });
});

describe('report()', () => {
  it('is told how each attempt went', async () => {
    const reports: unknown[] = [];
    const { client, mock, clock } = provided({ key: () => FIRST, report: (...told) => void reports.push(told.slice(0, 2)) });
    mock.reply('chat.completions', { status: 429, retryAfter: 1 });
    await clock.runUntil(client.chat.completions.create(params));
    mock.reply('chat.completions', { status: 400 });
    await clock.runUntil(rejection(client.chat.completions.create(params)));
    expect(reports).toEqual([
      ['first', 'rate-limited'],
      ['first', 'ok'],
      ['first', 'ok'],
    ]);
  });

  it('is told until when a key is to rest', async () => {
    const reports: unknown[] = [];
    const { client, mock, clock } = provided({ key: () => FIRST, report: (...told) => void reports.push(told) }, 0);
    mock.reply('chat.completions', { status: 429, retryAfter: 7 });
    await rejection(client.chat.completions.create(params));
    expect(reports).toEqual([['first', 'rate-limited', clock.now() + 7000]]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('x');
      },
    ],
    ['rejects', () => Promise.reject(new Error('x'))],
  ])('that %s changes nothing for the call', async (_, report) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      const { client, mock, records } = provided({ key: () => FIRST, report: report as () => void });
      await client.chat.completions.create(params);
      await settle();
      expect(mock.calls).toHaveLength(1);
      expect(records).toMatchObject([{ outcome: 'success', accuracy: 'exact' }]);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});

describe('the client’s own key', () => {
  it('is not needed beside a provider', () => {
    expect(() => provided({ key: () => FIRST })).not.toThrow();
  });
});
