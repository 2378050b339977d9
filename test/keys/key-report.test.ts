// What is told of each key, from the provider and from the log that processes share.
import { describe, expect, it } from 'vitest';
import { type KeyReport, keyReport } from '../../src/key-report';
import type { KeyProvider, KeyState, ListedKey } from '../../src/keys/key-provider';
import { keyRegistry } from '../../src/keys/key-registry';
import { manualClock } from '../../src/testing/manual-clock';
import { memoryUsageLog } from '../../src/usage/memory';
import type { UsageLog, UsageRecord } from '../../src/usage/usage-log';
import { MESSAGES, MODEL, costOf, rejection, scene, usage } from '../governor/support';
import { DAY, HOUR, MINUTE, T0 } from './support';

const NOW = T0 + 10 * HOUR;
const [OLD, NEW] = ['chatbot-prod-old', 'chatbot-prod-new'];

let records = 0;
const used = (keyId: string, at: number, more: Partial<UsageRecord> = {}): UsageRecord => ({
  id: `record-${++records}`,
  at,
  team: 'chatbot',
  keyId,
  operation: 'chat.completions',
  model: MODEL,
  promptTokens: 100,
  cachedTokens: 0,
  completionTokens: 10,
  reasoningTokens: 0,
  costNanos: 1_000,
  accuracy: 'exact',
  priceVersion: 'x',
  attempts: 1,
  waitMs: 0,
  latencyMs: 5,
  outcome: 'success',
  ...more,
});

const listing = (...keys: readonly ListedKey[]): KeyProvider => ({ key: () => undefined, list: () => keys });
const key = (id: string, state: KeyState, more: Partial<ListedKey> = {}): ListedKey => ({
  id,
  team: 'chatbot',
  state,
  ...more,
});

interface Scene {
  readonly keys?: KeyProvider | undefined;
  readonly log?: readonly UsageRecord[];
  readonly usageLog?: UsageLog;
  readonly now?: number;
  readonly inFlight?: Readonly<Record<string, number>>;
  readonly timeZone?: string;
}

async function report({ keys, log = [], usageLog = memoryUsageLog(), now = NOW, inFlight = {}, timeZone }: Scene) {
  for (const record of log) await usageLog.record(record);
  const rows = await keyReport({ clock: manualClock(now), keys, usageLog }, (id) => inFlight[id] ?? 0, { timeZone });
  return Object.fromEntries(rows.map((row) => [row.id, row])) as Readonly<Record<string, KeyReport>>;
}

describe('the figures of a key', () => {
  it('are those of today', async () => {
    const log = [
      used(NEW, T0 - 1, { costNanos: 9_000 }),
      used(NEW, T0),
      used(NEW, T0 + HOUR, { outcome: 'error', costNanos: 0 }),
      used(NEW, NOW, { outcome: 'timeout' }),
      used(NEW, T0 + HOUR, { outcome: 'denied', costNanos: 0 }),
      used(OLD, T0 + HOUR, { costNanos: 250_000_000 }),
    ];
    const { [NEW]: fresh, [OLD]: old } = await report({ keys: listing(key(OLD, 'standby'), key(NEW, 'active')), log });
    expect(fresh).toMatchObject({ requests: 3, tokens: 330, costNanos: 2_000, errors: 2, inFlight: 0, lastUsedAt: NOW });
    expect(old).toMatchObject({ requests: 1, tokens: 110, costNanos: 250_000_000, costUsd: 0.25, errors: 0 });
  });

  it('begin where the day does in the time zone', async () => {
    const log = [used(NEW, T0 - 2 * HOUR), used(NEW, T0 - HOUR), used(NEW, T0)];
    const keys = listing(key(NEW, 'active'));
    const requestsIn = async (timeZone: string) => (await report({ keys, log, timeZone }))[NEW]?.requests;
    expect([await requestsIn('UTC'), await requestsIn('Europe/Berlin')]).toEqual([1, 2]);
  });

  it('are zeros if it was not used', async () => {
    expect((await report({ keys: listing(key(NEW, 'proving', { fingerprint: '0a1b2c3d', purpose: 'web' })) }))[NEW]).toEqual({
      id: NEW,
      name: NEW,
      team: 'chatbot',
      environment: undefined,
      purpose: 'web',
      fingerprint: '0a1b2c3d',
      state: 'proving',
      notBefore: undefined,
      retireAfter: undefined,
      requests: 0,
      tokens: 0,
      costNanos: 0,
      costUsd: 0,
      errors: 0,
      inFlight: 0,
      lastUsedAt: undefined,
      safeToDelete: false,
      safeToDeleteAt: undefined,
      note: 'no answer with it in this process yet; no use is known; the usage log does not reach back 24 h',
    });
  });

  it('are of the keys in the list first, then of those that only the log knows', async () => {
    const log = [used('gone-prod-web', T0), used(NEW, T0), used('', T0), used('x', T0 - 40 * DAY)];
    const rows = await report({ keys: listing(key(NEW, 'active'), key(OLD, 'standby')), log });
    expect(Object.keys(rows)).toEqual([NEW, OLD, 'gone-prod-web']);
    expect(rows['gone-prod-web']).toMatchObject({ team: 'gone', environment: 'prod', purpose: 'web', state: undefined });
  });

  it('are there without a provider, or one that lists nothing', async () => {
    for (const keys of [undefined, { key: () => undefined }])
      expect(await report({ keys, log: [used(NEW, T0)] })).toMatchObject({ [NEW]: { requests: 1, safeToDelete: false } });
  });
});

describe('a key is safe to delete', () => {
  const at = (hours: number): UsageRecord[] => [used(OLD, NOW - hours * HOUR), used(NEW, NOW - MINUTE)];

  it.each<KeyState>(['standby', 'quarantined', 'retired'])('that is %s, 24 hours after it was used last', async (state) => {
    const keys = listing(key(OLD, state), key(NEW, 'active'));
    const before = (await report({ keys, log: at(23) }))[OLD];
    expect(before).toMatchObject({
      safeToDelete: false,
      safeToDeleteAt: NOW + HOUR,
      note: 'last used 23 h ago; safe to delete after 2026-11-21T11:00:00Z',
    });
    const after = (await report({ keys, log: at(24) }))[OLD];
    expect(after).toMatchObject({ safeToDelete: true, safeToDeleteAt: undefined, note: 'safe to delete: silent for 24 h' });
  });

  it('that is not in the list any more', async () => {
    const rows = await report({ keys: listing(key(NEW, 'active')), log: at(80) });
    expect(rows[OLD]).toMatchObject({ state: undefined, safeToDelete: true, note: 'safe to delete: silent for 3 days' });
  });

  it('that was never used', async () => {
    const log = [used(NEW, NOW - 25 * HOUR), used(NEW, NOW)];
    const rows = await report({ keys: listing(key(OLD, 'standby'), key(NEW, 'active')), log });
    expect(rows[OLD]).toMatchObject({ safeToDelete: true, note: 'safe to delete: not used in 35 days' });
  });

  it('but not where the log has only just begun, and others may have used it', async () => {
    const log = [used(NEW, NOW - 23 * HOUR), used(NEW, NOW)];
    const rows = await report({ keys: listing(key(OLD, 'standby'), key(NEW, 'active')), log });
    expect(rows[OLD]).toMatchObject({
      safeToDelete: false,
      safeToDeleteAt: undefined,
      note: 'standby; no use is known; the usage log does not reach back 24 h',
    });
  });

  it.each<[string, Scene, string]>([
    ['takes calls', { keys: listing(key(OLD, 'active'), key(NEW, 'active')) }, 'last used 30 h ago'],
    [
      'waits for its time',
      { keys: listing(key(OLD, 'waiting', { notBefore: NOW + HOUR }), key(NEW, 'active')) },
      'takes calls from 2026-11-21T11:00:00Z',
    ],
    [
      'is the only one',
      { keys: listing(key(OLD, 'quarantined')) },
      'refused by the provider, or unreadable; no other key of its team is in use',
    ],
    [
      'has only a key of another team beside it',
      { keys: listing(key(OLD, 'retired'), key(NEW, 'active', { team: 'analytics' })) },
      'retired; no other key of its team is in use',
    ],
    [
      'has calls in flight',
      { keys: listing(key(OLD, 'standby'), key(NEW, 'active')), inFlight: { [OLD]: 2 } },
      'standby; 2 in flight',
    ],
    ['is not listed, and nor is another', { keys: listing() }, 'not in the list of keys; no other key of its team is in use'],
  ])('but not one that %s', async (_, here, note) => {
    expect((await report({ ...here, log: at(30) }))[OLD]).toMatchObject({
      safeToDelete: false,
      safeToDeleteAt: undefined,
      note,
    });
  });

  it('if a key of every team does its work', async () => {
    const rows = await report({ keys: listing(key(OLD, 'retired'), key(NEW, 'active', { team: undefined })), log: at(30) });
    expect(rows[OLD]).toMatchObject({ safeToDelete: true });
  });

  it('only if the log tells when it was used', async () => {
    const log = memoryUsageLog();
    const usageLog: UsageLog = {
      record: (record) => log.record(record),
      summarize: async (query) => (await log.summarize(query)).map(({ lastAt: _lastAt, errors: _errors, ...rest }) => rest),
    };
    const rows = await report({ keys: listing(key(OLD, 'standby'), key(NEW, 'active')), log: at(30), usageLog });
    expect(rows[OLD]).toMatchObject({
      safeToDelete: false,
      lastUsedAt: undefined,
      note: 'standby; the usage log does not tell when it was last used',
    });
    expect(rows[NEW]).toMatchObject({ requests: 1, errors: undefined });
  });
});

describe('in a process that has made no calls itself', () => {
  const keys = () => keyRegistry({ [OLD]: 'gsk_old', [NEW]: 'gsk_new' });

  it('a key that others have used is active, and the one before it on standby', async () => {
    const log = [used(OLD, NOW - 30 * HOUR), used(NEW, NOW - HOUR)];
    expect(await report({ keys: keys(), log })).toMatchObject({
      [OLD]: { state: 'standby', safeToDelete: true },
      [NEW]: { state: 'active', safeToDelete: false, note: 'last used 1 h ago' },
    });
  });

  it('a key that has only failed is not', async () => {
    const log = [used(OLD, NOW - HOUR), used(NEW, NOW - HOUR, { outcome: 'error' })];
    expect(await report({ keys: keys(), log })).toMatchObject({ [OLD]: { state: 'active' }, [NEW]: { state: 'proving' } });
  });

  it('a key that was used longer ago is not either', async () => {
    const log = [used(OLD, NOW - 30 * HOUR), used(NEW, NOW - 25 * HOUR)];
    expect(await report({ keys: keys(), log })).toMatchObject({
      [OLD]: { state: 'proving', safeToDelete: false },
      [NEW]: { state: 'proving', note: 'no answer with it in this process yet; last used 25 h ago' },
    });
  });
});

it('governor.keys() tells of the calls of its clients', async () => {
  const keys = keyRegistry([
    { name: OLD, secret: 'gsk_old' },
    { name: NEW, secret: 'gsk_new', notBefore: T0 + HOUR },
  ]);
  const { client, mock, governor, clock } = scene({ teams: { chatbot: {} }, keys }, { team: 'chatbot', start: T0 });
  const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
  mock.reply('chat.completions', { usage: usage(20, 5) }).times(2);
  await client.chat.completions.create(params);
  clock.set(T0 + HOUR);
  await client.chat.completions.create(params);
  mock.reply('chat.completions', { status: 400 });
  await rejection(client.chat.completions.create(params));
  clock.set(T0 + 24 * HOUR + 1);
  const [old, fresh] = await governor.keys();
  expect(old).toMatchObject({ id: OLD, state: 'standby', requests: 0, lastUsedAt: T0, safeToDelete: true });
  expect(fresh).toMatchObject({ id: NEW, state: 'active', requests: 0, lastUsedAt: T0 + HOUR, note: 'last used 23 h ago' });
  clock.set(T0 + 2 * HOUR);
  expect((await governor.keys())[1]).toMatchObject({ requests: 2, tokens: 25, costNanos: costOf(20, 5), errors: 1 });
  expect(JSON.stringify(await governor.keys())).not.toContain('gsk');
});
