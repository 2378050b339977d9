// A registry behind a client: what calls see of a rotation.
import { describe, expect, it } from 'vitest';
import { governedFetch } from '../../src/fetch/governed-fetch';
import type { GovernorEvents } from '../../src/events';
import { type KeyRegistry, keyRegistry } from '../../src/keys/key-registry';
import { manualClock } from '../../src/testing/manual-clock';
import { keyFingerprint } from '../../src/testing/mock-hash';
import { mockGroq } from '../../src/testing/mock-groq';
import { type Scene, MESSAGES, MODEL, rejection, scene, until } from '../governor/support';
import { HOUR, T0, states } from './support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const [OLD, NEW] = ['chatbot-prod-old', 'chatbot-prod-new'];

function governed(keys: KeyRegistry, valid: readonly string[], maxRetries = 2): Scene & { readonly sent: string[] } {
  const here = scene({ teams: { chatbot: {}, analytics: {} }, keys }, { team: 'chatbot', client: { maxRetries }, start: T0 });
  const sent: string[] = [];
  here.mock
    .reply('chat.completions', async ({ headers }) => {
      const secret = ['gsk_old', 'gsk_new'].find((each) => keyFingerprint(each) === headers['authorization']) ?? 'another';
      sent.push(secret);
      await new Promise((resolve) => setImmediate(resolve));
      return valid.includes(secret) ? { content: 'x' } : { status: 401 };
    })
    .persist();
  return { ...here, sent };
}

const pair = (): KeyRegistry => keyRegistry({ [OLD]: 'gsk_old', [NEW]: 'gsk_new' });

describe('calls at once', () => {
  it('try the new key with one of them, and then all use it', async () => {
    const keys = pair();
    const { client, sent } = governed(keys, ['gsk_old', 'gsk_new']);
    const several = () => Promise.all([1, 2, 3, 4].map(() => client.chat.completions.create(params)));
    await several();
    expect(sent.splice(0).sort()).toEqual(['gsk_new', 'gsk_old', 'gsk_old', 'gsk_old']);
    await several();
    expect(sent).toEqual(['gsk_new', 'gsk_new', 'gsk_new', 'gsk_new']);
    expect(states(keys)).toEqual({ [OLD]: 'standby', [NEW]: 'active' });
  });

  it('all end well if the new key is not valid yet, and say which key they ended with', async () => {
    const { client, sent, governor, records } = governed(pair(), ['gsk_old']);
    const changes: GovernorEvents['key-changed'][] = [];
    governor.on('key-changed', (change) => void changes.push(change));
    await Promise.all([1, 2, 3].map(() => client.chat.completions.create(params)));
    expect(sent.filter((secret) => secret === 'gsk_new')).toHaveLength(1);
    expect(changes).toMatchObject([{ from: NEW, to: OLD, team: 'chatbot' }]);
    expect(records.map(({ keyId, outcome }) => [keyId, outcome])).toEqual(Array(3).fill([OLD, 'success']));
  });

  it('all end well if the old key has been revoked', async () => {
    const { client, sent } = governed(pair(), ['gsk_new']);
    await Promise.all([1, 2, 3, 4].map(() => client.chat.completions.create(params)));
    await client.chat.completions.create(params);
    expect(sent.filter((secret) => secret === 'gsk_old')).toHaveLength(3);
    expect(sent.at(-1)).toBe('gsk_new');
  });

  it('all end well if the secret of their only key was replaced', async () => {
    let current = 'gsk_old';
    const keys = keyRegistry([{ name: OLD, secret: async () => current }]);
    const { client, sent, records } = governed(keys, ['gsk_new']);
    await keys.refresh();
    current = 'gsk_new';
    await Promise.all([1, 2, 3].map(() => client.chat.completions.create(params)));
    expect(sent).toEqual(['gsk_old', 'gsk_old', 'gsk_old', 'gsk_new', 'gsk_new', 'gsk_new']);
    expect(records.map(({ keyId }) => keyId)).toEqual([OLD, OLD, OLD]);
  });
});

it('explain() shows what would be and takes no try', async () => {
  const { client, sent, governor } = governed(pair(), ['gsk_old', 'gsk_new']);
  for (let times = 0; times < 3; times++)
    expect(await governor.explain(params, { team: 'chatbot' })).toMatchObject({ allowed: true });
  await client.chat.completions.create(params);
  expect(sent).toEqual(['gsk_new']);
});

it('a call without a key is refused, and says so', async () => {
  const { client, mock } = governed(keyRegistry({ analytics: 'gsk_old' }), []);
  expect(await rejection(client.chat.completions.create(params))).toMatchObject({ name: 'NoKeyError', team: 'chatbot' });
  expect(mock.calls).toHaveLength(0);
});

it('the last key that is refused shows the provider’s 401, and then nothing is sent for a while', async () => {
  const { client, sent, clock } = governed(keyRegistry({ [OLD]: 'gsk_old' }), []);
  expect(await rejection(client.chat.completions.create(params))).toMatchObject({ status: 401 });
  expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'no-key' });
  clock.set(T0 + 10_000);
  expect(await rejection(client.chat.completions.create(params))).toMatchObject({ status: 401 });
  expect(sent).toHaveLength(2);
});

it('a team’s keys are the only ones that it gets', async () => {
  const keys = keyRegistry({ [OLD]: 'gsk_old', [NEW]: 'gsk_new', shared: 'gsk_shared' });
  const { client, mock } = scene({ teams: { chatbot: { keys: ['shared'] } }, keys }, { team: 'chatbot' });
  await client.chat.completions.create(params);
  expect(mock.calls.map(({ headers }) => headers['authorization'])).toEqual([keyFingerprint('gsk_shared')]);
});

it('a stream that begins on the old key ends on it', async () => {
  const keys = keyRegistry([
    { name: OLD, secret: 'gsk_old' },
    { name: NEW, secret: 'gsk_new', notBefore: T0 + HOUR },
  ]);
  const { client, mock, clock, records, governor } = scene({ teams: { chatbot: {} }, keys }, { team: 'chatbot', start: T0 });
  mock.reply('chat.completions', { stream: ['a', 'b'] });
  const stream = await client.chat.completions.create({ ...params, stream: true });
  clock.set(T0 + HOUR);
  await client.chat.completions.create(params);
  expect((await governor.keys()).map(({ id, inFlight }) => [id, inFlight])).toEqual([
    [OLD, 1],
    [NEW, 0],
  ]);
  for await (const _chunk of stream);
  await until(() => records.length === 2);
  expect(records.map(({ keyId, outcome }) => [keyId, outcome])).toEqual([
    [NEW, 'success'],
    [OLD, 'success'],
  ]);
});

it('serves other clients as well', async () => {
  const keys = pair();
  const mock = mockGroq();
  const clock = manualClock(T0);
  const fetch = governedFetch({ fetch: mock.fetch, governance: { teams: { chatbot: {} }, keys, clock }, team: 'chatbot' });
  mock.reply('chat.completions', { status: 401 });
  const request = { method: 'POST', body: JSON.stringify(params), headers: { 'content-type': 'application/json' } };
  const response = await fetch('https://api.groq.com/openai/v1/chat/completions', request);
  expect(response.status).toBe(200);
  await response.text();
  expect(mock.calls.map(({ headers }) => headers['authorization'])).toEqual(['gsk_new', 'gsk_old'].map(keyFingerprint));
  expect(states(keys)).toEqual({ [OLD]: 'active', [NEW]: 'quarantined' });
});
