import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Hold } from '../../src/budget/budget-store';
import { postgresBackend, postgresMigrations, type PostgresBackendOptions, type PostgresClient } from '../../src/postgres';
import type { UsageRecord } from '../../src/usage/usage-log';
import { engineAtHand } from '../engine-at-hand';
import { emptied, newSchema, probe, Server, sharedLimits, WatchedClient } from './postgres-at-hand';

vi.setConfig({ testTimeout: 60_000 });
const NOW = Date.UTC(2026, 10, 21, 12);
const WINDOW = { startsAt: NOW - 1000, resetsAt: Infinity };

function hold(id: string, account = 'a', limitNanos = 100): Hold {
  return { id, at: NOW, expiresAt: NOW + 1000, lines: [{ account, limitNanos, nanos: 10, window: WINDOW }] };
}

describe('the options of postgresBackend', () => {
  const client: PostgresClient = { query: async () => ({ rows: [] }) };
  const refusal = (options: object): string => {
    try {
      postgresBackend({ client, ...options } as PostgresBackendOptions);
      return 'accepted';
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : 'not an error';
    }
  };
  it.each([
    [{}, 'accepted'],
    [{ schema: 'Größe "x"' }, 'accepted'],
    [{ client: {} }, 'TypeError: postgresBackend: client must be a Pool'],
    [{ client: undefined }, 'TypeError: postgresBackend: client must be a Pool'],
    [{ schema: 5 }, "TypeError: schema must be a string such as 'governed_groq', got number"],
    [{ schema: '' }, 'RangeError: schema must have 1 to 63 bytes, it has 0'],
    [{ schema: 'ä'.repeat(32) }, 'RangeError: schema must have 1 to 63 bytes, it has 64'],
    [{ schema: 'a$b' }, 'RangeError: schema must have no control characters'],
    [{ schema: 'a\u0000b' }, 'RangeError: schema must have no control characters'],
    [{ schema: 'pg_mine' }, 'RangeError: schema must not begin with "pg_"'],
    [{ prefix: 'a' }, 'TypeError: postgresBackend: unknown option "prefix"; known are client, schema, clock, timeoutMs'],
    [{ timeoutMs: '5' }, 'RangeError: postgresBackend: timeoutMs must be a number of milliseconds above 0, got 5'],
    [{ timeoutMs: 0 }, 'RangeError: postgresBackend: timeoutMs must be a number of milliseconds above 0, got 0'],
    [{ timeoutMs: NaN }, 'RangeError: postgresBackend: timeoutMs must be a number of milliseconds above 0, got NaN'],
  ])('%j: %s', (options, expected) => {
    expect(refusal(options)).toContain(expected);
  });
  it('do not reach the database before it is needed', () => {
    const watched = new WatchedClient(client);
    postgresBackend({ client: watched });
    expect(watched.statements).toEqual([]);
  });
});

describe.skipIf(!(await engineAtHand('PostgreSQL', probe)))('the schema in PostgreSQL', () => {
  const server = new Server();
  const shared = server.schema();
  afterAll(() => server.close(), 60_000);

  it('is made once by eight that start together, and looked at twice when it is there', async () => {
    const schema = server.schema();
    const pools = Array.from({ length: 8 }, () => server.anotherPool(1));
    const answers = await Promise.all(
      pools.map((client, n) => postgresBackend({ client, schema }).budgetStore.reserve(hold(`h${n}`, 'a', 50))),
    );
    expect(answers.filter(({ ok }) => ok).length).toBe(5);
    const { rows } = await server.pool.query(`SELECT version FROM ${schema}.migrations`);
    expect(rows).toEqual([{ version: 1 }]);
    const watched = new WatchedClient(server.pool);
    await postgresBackend({ client: watched, schema }).budgetStore.read(['a'], NOW);
    expect(watched.statements.length).toBe(3);
  });

  it.each([`we"ird' $ name`.replace('$', '%'), 'UPPER and ünïcode', `x'; DROP SCHEMA public; --`])(
    'may be called %s',
    async (name) => {
      const schema = `${name} ${newSchema()}`;
      const quoted = `"${schema.replaceAll('"', '""')}"`;
      try {
        const { budgetStore, usageLog } = postgresBackend({ client: server.pool, schema });
        await budgetStore.reserve(hold('h'));
        await budgetStore.settle({ id: 'h', spentNanos: 3, at: NOW });
        expect((await budgetStore.read(['a'], NOW))[0]?.spentNanos).toBe(3);
        expect(await usageLog.summarize({ from: 0, to: NOW, groupBy: ['team', 'day'] })).toEqual([]);
        await sharedLimits(server.pool, schema).take([]);
      } finally {
        await server.pool.query(`DROP SCHEMA ${quoted} CASCADE`);
      }
    },
  );

  it('can be made by hand, for a role that may not create anything', async () => {
    const schema = server.schema();
    const role = `role_${schema}`;
    await server.pool.query(postgresMigrations({ schema }));
    await server.pool.query(postgresMigrations({ schema }));
    const client = await server.anotherPool(1).connect();
    try {
      await server.pool.query(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${schema} TO ${role};
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`);
      await client.query(`SET ROLE ${role}`);
      const { budgetStore, usageLog } = postgresBackend({ client, schema });
      expect((await budgetStore.reserve(hold('h'))).ok).toBe(true);
      await budgetStore.settle({ id: 'h', spentNanos: 3, at: NOW + 2000 });
      await usageLog.summarize({ from: 0, to: 1, groupBy: [] });
      await sharedLimits(client, schema).look({ id: 'x', needs: [], provider: undefined, leaseMs: 1 });
      // One that is not there cannot be made, and says so each time.
      const missing = postgresBackend({ client, schema: newSchema() });
      for (let tries = 0; tries < 2; tries++) {
        await expect(missing.budgetStore.read(['a'], NOW)).rejects.toThrow('permission denied');
      }
    } finally {
      await client.query('RESET ROLE');
      client.release();
      await server.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('is tried again with the next call after a failure', async () => {
    const client = new WatchedClient(server.pool);
    const { budgetStore } = postgresBackend({ client, schema: server.schema() });
    client.instead.push(async () => {
      throw new Error('no connection');
    });
    await expect(budgetStore.reserve(hold('h'))).rejects.toThrow('no connection');
    expect((await budgetStore.reserve(hold('h'))).ok).toBe(true);
  });

  it('is made again if it was dropped while in use', async () => {
    const schema = server.schema();
    const { budgetStore, usageLog } = postgresBackend({ client: server.pool, schema });
    expect((await budgetStore.reserve(hold('before'))).ok).toBe(true);
    await server.pool.query(`DROP SCHEMA "${schema}" CASCADE`);
    await expect(budgetStore.reserve(hold('then'))).rejects.toThrow('does not exist');
    expect((await budgetStore.reserve(hold('after'))).ok).toBe(true);
    expect(await usageLog.summarize({ from: NOW, to: NOW + 1, groupBy: [] })).toEqual([]);
  });

  it('keeps backends with different names apart', async () => {
    const [one, two] = [server.schema(), server.schema()].map((schema) => postgresBackend({ client: server.pool, schema }));
    await one?.budgetStore.reserve(hold('h'));
    expect((await two?.budgetStore.read(['a'], NOW))?.[0]?.heldNanos).toBe(0);
  });

  it('needs statements that see what others have committed, and says so', async () => {
    const client = await server.anotherPool(1).connect();
    try {
      await client.query(`SET default_transaction_isolation TO 'repeatable read'`);
      const { budgetStore } = postgresBackend({ client, schema: await emptied(server.pool, shared) });
      await expect(budgetStore.reserve(hold('h'))).rejects.toThrow('needs the isolation level "read committed"');
    } finally {
      client.release(true);
    }
  });

  it('holds any name, and gives it back', async () => {
    const schema = await emptied(server.pool, shared);
    const { budgetStore, usageLog } = postgresBackend({ client: server.pool, schema });
    // Neither is long text that cannot be compressed cut off, nor do two that begin alike become one.
    const long = Array.from({ length: 10_000 }, (_, n) => String.fromCharCode(0x4e00 + ((n * 7919) % 20_000))).join('');
    const names = [
      'a\u0000b',
      'a\u001b0000b',
      '\u001b',
      '\ud800',
      '\ud801',
      'x\udc00\ud800y',
      '😀',
      '{"a",NULL}',
      'NULL',
      '\\',
      '"',
      `'`,
      '%s%n',
      '',
      '__proto__',
      long,
      `${long}!`,
    ];
    for (const [n, name] of names.entries()) {
      const id = `id ${name}`;
      await budgetStore.reserve({ ...hold(id, name), lines: [...hold(id, name).lines, ...hold(id, `day ${name}`).lines] });
      const { states } = await budgetStore.settle({
        id,
        spentNanos: n,
        at: NOW,
        usage: record({ id, team: name, tags: { [name]: name } }),
      });
      expect(states.map(({ account, spentNanos }) => [account, spentNanos])).toEqual([
        [name, n],
        [`day ${name}`, n],
      ]);
      await budgetStore.settle({ id, spentNanos: 50, at: NOW });
    }
    await budgetStore.reserve(hold(long, `${long}?`));
    const states = await budgetStore.read(names, NOW);
    expect(states.map(({ account, spentNanos, resetsAt }) => [account, spentNanos, resetsAt])).toEqual(
      names.map((name, n) => [name, n, Infinity]),
    );
    expect((await budgetStore.openHolds?.(NOW))?.map(({ id, accounts }) => [id, accounts])).toEqual([[long, [`${long}?`]]]);
    const teams = await usageLog.summarize({ from: 0, to: NOW + 1, groupBy: ['team'] });
    expect([teams.length, new Set(teams.map(({ group }) => group[0]))]).toEqual([names.length, new Set(names)]);
    const tagged = await usageLog.summarize({ from: 0, to: NOW + 1, groupBy: [{ tag: 'a\u0000b' }] });
    expect(tagged.map(({ group, calls }) => [group[0], calls])).toEqual([
      ['', names.length - 1],
      ['a\u0000b', 1],
    ]);
    const limits = sharedLimits(server.pool, schema);
    for (const name of names) {
      const demand = {
        id: `${name} id`,
        needs: [{ type: 'concurrency', key: name, max: 1 }] as const,
        provider: undefined,
        leaseMs: 60_000,
      };
      expect((await limits.take([demand]))[0]?.granted).toBe(true);
      expect((await limits.take([{ ...demand, id: 'other' }]))[0]?.granted).toBe(false);
      await limits.change([{ demand, begun: false, released: true }]);
      expect((await limits.take([{ ...demand, id: `other ${name}` }]))[0]?.granted).toBe(true);
    }
  });

  it('knows days by any name that the runtime knows', async () => {
    const watched = new WatchedClient(server.pool);
    const { usageLog } = postgresBackend({ client: watched, schema: await emptied(server.pool, shared) });
    const times = ['2026-07-01T21:59:59Z', '2026-07-01T22:00:00Z', '2026-07-01T18:29:59Z', '2026-07-01T18:30:00Z'];
    for (const [n, time] of times.entries())
      await usageLog.record(record({ id: `d${n}`, at: Date.parse(time), costNanos: 10 ** n }));
    const days = async (timeZone?: string): Promise<unknown> =>
      (await usageLog.summarize({ from: 0, to: NOW, groupBy: ['day'], ...(timeZone !== undefined && { timeZone }) })).map(
        ({ group, costNanos }) => [group[0], costNanos],
      );
    const [first, second] = ['2026-07-01', '2026-07-02'];
    expect(await days()).toEqual([[first, 1111]]);
    for (const zone of ['Europe/Berlin', 'CET'])
      expect([zone, await days(zone)]).toEqual([
        zone,
        [
          [first, 1101],
          [second, 10],
        ],
      ]);
    for (const zone of ['Asia/Kolkata', 'Asia/Calcutta'])
      expect([zone, await days(zone)]).toEqual([
        zone,
        [
          [second, 1011],
          [first, 100],
        ],
      ]);
    await expect(days('Mars/Olympus')).rejects.toThrow(RangeError);
    // A name that is too new for the database.
    watched.instead.push(() => Promise.reject(Object.assign(new Error('time zone not recognized'), { code: '22023' })));
    expect(await days('Asia/Kolkata')).toEqual(await days('Asia/Calcutta'));
  });

  it('keeps every field of a record', async () => {
    const schema = await emptied(server.pool, shared);
    const { usageLog } = postgresBackend({ client: server.pool, schema });
    await usageLog.record(
      record({ user: 'u', keyId: 'k', code: 'c', overrunNanos: 4, ungoverned: true, tags: { a: 'b' }, waitMs: 0.5 }),
    );
    const { rows } = await server.pool.query(`SELECT to_jsonb(u) AS row FROM ${schema}.usage u`);
    expect(rows[0].row).toEqual({
      id: 'r',
      at: NOW,
      team: 't',
      user: 'u',
      key_id: 'k',
      operation: 'chat.completions',
      model: 'm',
      prompt_tokens: 1,
      cached_tokens: 2,
      completion_tokens: 3,
      reasoning_tokens: 4,
      cost_nanos: 5,
      accuracy: 'exact',
      price_version: 'p',
      attempts: 6,
      wait_ms: 0.5,
      latency_ms: 8,
      outcome: 'success',
      code: 'c',
      overrun_nanos: 4,
      ungoverned: true,
      tags: { a: 'b' },
    });
  });
});

function record(fields: Partial<UsageRecord>): UsageRecord {
  return {
    id: 'r',
    at: NOW,
    team: 't',
    operation: 'chat.completions',
    model: 'm',
    promptTokens: 1,
    cachedTokens: 2,
    completionTokens: 3,
    reasoningTokens: 4,
    costNanos: 5,
    accuracy: 'exact',
    priceVersion: 'p',
    attempts: 6,
    waitMs: 7,
    latencyMs: 8,
    outcome: 'success',
    ...fields,
  };
}
