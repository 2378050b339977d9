import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Hold, HoldLine } from '../../src/budget/budget-store';
import { redisBackend, type RedisBackend } from '../../src/redis';
import { senderOf } from '../../src/redis/client';
import { Engine } from '../../src/redis/engine';
import { restoredName, storedName } from '../../src/stored-name';
import { RedisSharedLimits } from '../../src/redis/shared-limits';
import { engineAtHand } from '../engine-at-hand';
import { usageRecord } from '../usage/records';
import { inspector, keysOf, LIBRARIES, newPrefix, sweep, type Opened } from './redis-servers';

const isAtHand = await engineAtHand('Redis', async () => (await inspector()).quit());
const NOW = Date.UTC(2026, 10, 21, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TODAY = { startsAt: NOW - DAY / 2, resetsAt: NOW + DAY / 2 };
const ALL = { from: 0, to: Infinity, groupBy: [] };

function line(account: string, nanos = 10, window: HoldLine['window'] = TODAY): HoldLine {
  return { account, limitNanos: 100, nanos, window };
}

function hold(id: string, lines: readonly HoldLine[], at = NOW): Hold {
  return { id, at, expiresAt: at + HOUR, lines };
}

describe.skipIf(!isAtHand)('what is in Redis', () => {
  let redis: Redis;
  let opened: Opened;
  let prefix: string;
  let backend: RedisBackend;
  beforeAll(async () => {
    redis = await inspector();
    opened = await LIBRARIES.ioredis();
  });
  beforeEach(() => {
    prefix = newPrefix();
    backend = redisBackend({ client: opened.client, prefix, maxRecords: 50 });
  });
  afterAll(async () => {
    await Promise.all([redis.quit(), opened.close()]);
    await sweep();
  });

  /** How long each key lives, in hours, rounded down; -1 for ever. Without the root. */
  async function lives(): Promise<Record<string, number>> {
    const keys = await keysOf(redis, prefix);
    const found = await Promise.all(
      keys.map(async (key) => {
        const ms = await redis.pttl(key);
        return [key.slice(prefix.length + 3), ms < 0 ? ms : Math.floor((ms + 60_000) / HOUR)] as const;
      }),
    );
    return Object.fromEntries(found);
  }

  it('goes by itself: counters a window after theirs, settled ids a day after they would have expired', async () => {
    const { budgetStore } = backend;
    await budgetStore.reserve(hold('live', [line('a'), line('r', 10, { rollingMs: 2 * HOUR })]));
    await budgetStore.reserve(hold('done', [line('a'), line('r', 10, { rollingMs: 2 * HOUR })]));
    await budgetStore.settle({ id: 'done', spentNanos: 5, at: NOW });
    // A booking that is added to, or taken back and made anew.
    for (const id of ['more', 'none']) await budgetStore.reserve(hold(id, [line('r', 10, { rollingMs: 2 * HOUR })]));
    await budgetStore.settle({ id: 'more', spentNanos: 5, at: NOW });
    await budgetStore.settle({ id: 'none', spentNanos: 0, at: NOW });
    await budgetStore.settle({ id: 'unknown', spentNanos: 5, at: NOW });
    expect(await lives()).toEqual({
      'c:a': 37,
      'c:r': 26,
      'b:r': 26,
      'h:live': 36,
      'h:done': 2,
      'h:more': 2,
      'h:none': 2,
      'h:unknown': 1,
      open: -1,
    });
  });

  it('remembers for as long that a hold was settled that would have lived for a week, however often it is settled', async () => {
    const { budgetStore } = backend;
    await budgetStore.reserve({ ...hold('long', [line('a')]), expiresAt: NOW + 7 * DAY });
    for (let time = 0; time < 3; time++) {
      await budgetStore.settle({ id: 'long', spentNanos: 5, at: NOW });
      expect(await lives()).toEqual({ 'c:a': 8 * 24 + 1, 'h:long': 7 * 24 + 1 });
    }
    expect((await budgetStore.read(['a'], NOW))[0]?.spentNanos).toBe(5);
  });

  it('leaves nothing of a refusal, nor of a read or a look', async () => {
    const { budgetStore } = backend;
    await budgetStore.reserve(hold('h', [line('a', 101), line('b', 1), line('r', 1, { rollingMs: HOUR })]));
    await budgetStore.read(['a', 'b', 'r'], NOW);
    const limits = new RedisSharedLimits({ engine: new Engine(senderOf(opened.client), prefix), clock: undefined });
    const window = { type: 'window', key: 'w', max: 1, windowMs: 1000, kind: 'requests', amount: 2 } as const;
    const gate = { type: 'concurrency', key: 'g', max: 0 } as const;
    const amounts = { requests: 1, tokens: 0, inputTokens: 0, outputTokens: 0, audioSeconds: 0 };
    const demand = { id: 'd', needs: [window, gate], provider: { name: 'p', amounts }, leaseMs: 1000 };
    expect((await limits.take([demand]))[0]?.granted).toBe(false);
    await limits.change([{ demand, begun: true, released: true }]);
    await limits.look(demand);
    expect(await lives()).toEqual({});
  });

  it('keeps rate limits for a minute beyond what can count, and by the time of the server', async () => {
    const limits = new RedisSharedLimits({ engine: new Engine(senderOf(opened.client), prefix), clock: undefined });
    const window = { type: 'window', key: 'w', max: 2, windowMs: 2 * HOUR, kind: 'requests', amount: 1 } as const;
    const gate = { type: 'concurrency', key: 'g', max: 2 } as const;
    const amounts = { requests: 1, tokens: 0, inputTokens: 0, outputTokens: 0, audioSeconds: 0 };
    const demand = { id: 'd', needs: [window, gate], provider: { name: 'p', amounts }, leaseMs: HOUR };
    await limits.learn([{ provider: 'p', at: 0, limits: [{ kind: 'requests', windowMs: 60_000, max: 9 }] }]);
    await limits.take([demand]);
    expect(await lives()).toEqual({ 'w:w': 3, 'v:w': 3, 'k:g': 1, 'a:d': 1, 'q:p': 1, 'p:p': 48 });
    const [out] = await redis.zrange(`{${prefix}}:k:g`, '0', '0', 'WITHSCORES').then((found) => found.slice(1));
    const [seconds] = await redis.time();
    expect(Math.abs(Number(out) - (Number(seconds) * 1000 + HOUR))).toBeLessThan(60_000);
    await limits.change([{ demand, begun: true, released: true }]);
    expect(await lives()).toEqual({ 'w:w': 3, 'v:w': 3, 'p:p': 48 });
  });

  it('is not cut short by a caller whose clock is years ahead, nor kept for years', async () => {
    const { budgetStore } = backend;
    const rolling = (at: number) => hold(`h${at}`, [line('r', 1, { rollingMs: 2 * DAY })], at);
    await budgetStore.reserve(rolling(NOW + 3650 * DAY));
    await redis.pexpire(`{${prefix}}:c:r`, 1000);
    await budgetStore.reserve(rolling(NOW));
    expect((await lives())['c:r']).toBe(4 * 24 + 1);
  });

  it('forgets an expired hold when its windows have been over for long, and lists it until then', async () => {
    const { budgetStore } = backend;
    await budgetStore.reserve(hold('lost', [line('a')]));
    const openAt = async (at: number) => (await budgetStore.openHolds?.(at))?.map(({ id, expired }) => [id, expired]);
    expect(await openAt(NOW + HOUR)).toEqual([['lost', true]]);
    expect(await lives()).toEqual({ 'c:a': 37, 'h:lost': 36, expired: -1 });
    await budgetStore.reserve({ ...hold('next', [line('b')]), expiresAt: NOW + 1 });
    expect(await openAt(TODAY.resetsAt + DAY)).toEqual([]);
  });

  it('has the latest records only, and an id that was dropped does not come back', async () => {
    const { usageLog, budgetStore } = backend;
    const records = Array.from({ length: 120 }, (_, index) => usageRecord({ at: NOW + index, costNanos: 1 }));
    await Promise.all(records.map(async (usage) => usageLog.record(usage)));
    expect((await usageLog.summarize(ALL))[0]?.calls).toBe(50);
    expect((await usageLog.summarize({ ...ALL, from: NOW + 70 }))[0]?.calls).toBe(50);
    if (records[0]) await usageLog.record(records[0]);
    await budgetStore.settle({ id: 'x', spentNanos: 0, at: NOW, usage: usageRecord({ at: NOW + 200 }) });
    expect((await usageLog.summarize({ ...ALL, from: NOW + 71 }))[0]?.calls).toBe(50);
    expect([await redis.hlen(`{${prefix}}:usage`), await redis.zcard(`{${prefix}}:usage:at`)]).toEqual([50, 50]);
  });

  it('is summed up in pages, also if thousands of records have the same time', async () => {
    const { usageLog } = redisBackend({ client: opened.client, prefix });
    const records = Array.from({ length: 5_500 }, (_, index) =>
      usageRecord({ at: NOW + (index < 2_500 ? 0 : index), costNanos: index }),
    );
    await Promise.all(records.map(async (usage) => usageLog.record(usage)));
    const [sum] = await usageLog.summarize(ALL);
    expect([sum?.calls, sum?.costNanos]).toEqual([5_500, (5_499 * 5_500) / 2]);
    const [first] = await usageLog.summarize({ ...ALL, from: NOW, to: NOW + 1 });
    expect(first?.calls).toBe(2_500);
    expect(await usageLog.summarize({ ...ALL, from: -Infinity, to: NOW })).toEqual([]);
  });

  it('lists more open holds than fit in a page, each once', async () => {
    const { budgetStore } = backend;
    const ids = Array.from({ length: 2_300 }, (_, index) => `h${index}`);
    await Promise.all(ids.map((id) => budgetStore.reserve(hold(id, [line(`account of ${id}`)]))));
    const open = (await budgetStore.openHolds?.(NOW)) ?? [];
    expect(open.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });

  it('is kept apart by prefix', async () => {
    const other = redisBackend({ client: opened.client, prefix: newPrefix() });
    const usage = usageRecord();
    await backend.budgetStore.reserve(hold('h', [line('a', 100)]));
    await backend.budgetStore.settle({ id: 'h', spentNanos: 100, at: NOW, usage });
    expect((await other.budgetStore.reserve(hold('h', [line('a', 100)]))).states[0]?.heldNanos).toBe(100);
    expect(await other.usageLog.summarize(ALL)).toEqual([]);
  });

  it('tells all names apart, whatever they are made of', async () => {
    const { budgetStore, usageLog } = backend;
    const names = [
      '\ud800',
      '\udfff',
      '\ufffd',
      '\u001b',
      '\u001bd800',
      'a\u0000',
      'a',
      '{a}',
      '__proto__',
      '%',
      'x'.repeat(10_000),
    ];
    const pairs = names.map((name) => [name, `${name}${name}`]);
    for (const [index, name] of names.entries()) {
      await budgetStore.reserve(hold(name, [line(name, 50), line(`${name}${name}`, 1)]));
      const usage = usageRecord({ id: name, team: name, costNanos: index + 1 });
      const { states } = await budgetStore.settle({ id: name, spentNanos: index + 1, at: NOW, usage });
      expect(states.map(({ account }) => account)).toEqual(pairs[index]);
      await budgetStore.reserve(hold(`${name}/2`, [line(name, 1)]));
    }
    const read = await budgetStore.read(names, NOW);
    expect(read.map(({ account, spentNanos }) => [account, spentNanos])).toEqual(names.map((name, index) => [name, index + 1]));
    const open = (await budgetStore.openHolds?.(NOW)) ?? [];
    expect(open.map(({ id }) => id).sort()).toEqual(names.map((name) => `${name}/2`).sort());
    expect(open.flatMap(({ accounts }) => accounts).sort()).toEqual([...names].sort());
    const rows = await usageLog.summarize({ ...ALL, groupBy: ['team'] });
    expect(rows.map(({ group }) => group[0])).toEqual([...names].reverse());
  });

  it('is written in UTF-8 and read back as it was', () => {
    for (const name of ['plain', 'Größe 🚀', '\ud83d', '\u001b', '\u001bd83d', '\ud83d\u001b\ude80', '\ud83d\ude80']) {
      const stored = storedName(name);
      expect(Buffer.from(stored, 'utf8').toString('utf8')).toBe(stored);
      expect(restoredName(stored)).toBe(name);
    }
  });
});
