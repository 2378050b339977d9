// Where secrets come from, when they are read again, and that nobody sees them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { SecretFunction } from '../../src/keys/key-entry';
import { keyRegistry } from '../../src/keys/key-registry';
import type { KeyProblem } from '../../src/keys/registered-key';
import { manualClock } from '../../src/testing/manual-clock';
import { until } from '../governor/support';
import { MINUTE, SECOND, T0, ask, askLater, deferred, states } from './support';

const NAME = 'chatbot-prod-web';
const VARIABLE = 'GG_TEST_KEY_CHATBOT';
const folders: string[] = [];

afterEach(() => {
  delete process.env[VARIABLE];
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function fileOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  folders.push(folder);
  writeFileSync(join(folder, 'key'), text);
  return join(folder, 'key');
}

/** A registry of one key whose secret is whatever the test says, and how often it was read. */
function managed(secret: SecretFunction, options: { readonly refreshMs?: number } = {}) {
  const problems: KeyProblem[] = [];
  const reads: AbortSignal[] = [];
  const clock = manualClock(T0);
  const read: SecretFunction = (how) => {
    reads.push(how.signal);
    return secret(how);
  };
  const onProblem = (problem: KeyProblem): void => void problems.push(problem);
  const registry = keyRegistry([{ name: NAME, secret: read }], { clock, onProblem, ...options });
  return { registry, problems, reads, clock };
}

/** Whether a promise has settled, once all that is ready has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => (settled = true));
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('a secret', () => {
  it('can be written out, with white space around it', () => {
    expect(ask(keyRegistry({ [NAME]: ' gsk_plain\n' })).secret).toBe('gsk_plain');
  });

  it.each<[string, string | { env: string }]>([
    ['by its name alone', VARIABLE],
    ['as { env }', { env: VARIABLE }],
  ])('can be in an environment variable, %s', (_, secret) => {
    process.env[VARIABLE] = ' gsk_environment ';
    expect(ask(keyRegistry([{ name: NAME, secret }])).secret).toBe('gsk_environment');
  });

  it('can be in a file, as it is mounted', async () => {
    const registry = keyRegistry([{ name: NAME, secret: { file: fileOf('gsk_file\n') } }]);
    expect((await askLater(registry)).secret).toBe('gsk_file');
    // From then on without waiting.
    expect(ask(registry).secret).toBe('gsk_file');
  });

  it.each<[string, SecretFunction]>([
    ['at once', () => 'gsk_function'],
    ['later', async () => 'gsk_function'],
  ])('can come from a function, %s', async (_, secret) => {
    expect((await askLater(keyRegistry([{ name: NAME, secret }]))).secret).toBe('gsk_function');
  });

  it('is read once for all calls that want it first', async () => {
    const secret = deferred<string>();
    const { registry, reads } = managed(() => secret.promise);
    const calls = [askLater(registry), askLater(registry), askLater(registry)];
    secret.resolve('gsk_1');
    expect((await Promise.all(calls)).map((call) => call.secret)).toEqual(['gsk_1', 'gsk_1', 'gsk_1']);
    expect(reads).toHaveLength(1);
  });

  it('that is slow keeps nobody waiting who has another key', async () => {
    const secret = deferred<string>();
    const registry = keyRegistry([
      { name: 'chatbot-prod-old', secret: 'gsk_old' },
      { name: 'chatbot-prod-new', secret: () => secret.promise },
    ]);
    expect(ask(registry).secret).toBe('gsk_old');
    secret.resolve('gsk_new');
    await until(() => registry.list(T0)[1]?.fingerprint !== undefined);
    expect(ask(registry).secret).toBe('gsk_new');
  });

  it('of the first key that comes is used', async () => {
    const registry = keyRegistry([
      { name: 'chatbot-prod-old', secret: async () => 'gsk_old' },
      { name: 'chatbot-prod-new', secret: () => new Promise<string>(() => {}) },
    ]);
    expect((await askLater(registry)).secret).toBe('gsk_old');
  });

  it('of a team’s own key is waited for before another is used', async () => {
    const registry = keyRegistry([
      { name: 'shared', team: '*', secret: 'gsk_shared' },
      { name: 'chatbot', secret: async () => 'gsk_own' },
      { name: 'analytics', secret: async () => undefined },
    ]);
    expect((await askLater(registry)).secret).toBe('gsk_own');
    expect((await askLater(registry, { team: 'analytics' })).secret).toBe('gsk_shared');
  });

  it('of a key that waits for its time is not read', async () => {
    let reads = 0;
    const registry = keyRegistry([
      { name: 'chatbot-prod-old', secret: 'gsk_old' },
      { name: 'chatbot-prod-new', secret: () => `gsk_${++reads}`, notBefore: T0 + MINUTE },
    ]);
    ask(registry, { at: T0 + MINUTE - 1 });
    expect(reads).toBe(0);
    ask(registry, { at: T0 + MINUTE });
    expect(reads).toBe(1);
  });
});

describe('reading again', () => {
  it('happens every 5 minutes, in the background of a call', async () => {
    let current = 'gsk_1';
    const { registry, reads } = managed(async () => current);
    (await askLater(registry)).answered(200);
    current = 'gsk_2';
    ask(registry, { at: T0 + 5 * MINUTE - 1 });
    expect(reads).toHaveLength(1);
    expect(ask(registry, { at: T0 + 5 * MINUTE }).secret).toBe('gsk_1');
    expect(ask(registry, { at: T0 + 5 * MINUTE }).secret).toBe('gsk_1');
    expect(reads).toHaveLength(2);
    await until(() => registry.list(T0)[0]?.nextFingerprint !== undefined);
    const first = ask(registry, { at: T0 + 6 * MINUTE });
    expect([first.secret, ask(registry, { at: T0 + 6 * MINUTE }).secret]).toEqual(['gsk_2', 'gsk_1']);
    first.answered(200);
    expect(ask(registry, { at: T0 + 6 * MINUTE }).secret).toBe('gsk_2');
    expect(reads).toHaveLength(2);
  });

  it('happens as often as is asked for', async () => {
    const { registry, reads } = managed(() => 'gsk_1', { refreshMs: 1000 });
    await askLater(registry);
    for (const at of [999, 1000, 1500, 2000]) {
      ask(registry, { at: T0 + at });
      await isSettled(Promise.resolve());
    }
    expect(reads).toHaveLength(3);
  });

  it('sees what has changed in a file and in the environment', async () => {
    const file = fileOf('gsk_1');
    process.env[VARIABLE] = 'gsk_1';
    const registry = keyRegistry([
      { name: 'chatbot', secret: { file } },
      { name: 'analytics', secret: VARIABLE },
    ]);
    await registry.refresh();
    for (const team of ['chatbot', 'analytics']) ask(registry, { team }).answered(200);
    writeFileSync(file, 'gsk_2');
    process.env[VARIABLE] = 'gsk_2';
    expect(await registry.refresh()).toEqual([]);
    expect(['chatbot', 'analytics'].map((team) => ask(registry, { team }).secret)).toEqual(['gsk_2', 'gsk_2']);
    expect(['chatbot', 'analytics'].map((team) => ask(registry, { team }).secret)).toEqual(['gsk_1', 'gsk_1']);
  });

  it('happens at once after a 401, and the call that was refused waits for it', async () => {
    let current = 'gsk_1';
    const { registry, reads, problems } = managed(async () => current);
    const call = await askLater(registry);
    const flying = ask(registry);
    current = 'gsk_2';
    call.answered(401);
    flying.answered(401);
    expect(reads).toHaveLength(2);
    const moved = await Promise.all([call, flying].map(({ callId }) => askLater(registry, { callId, rejectedKeyId: NAME })));
    expect(moved.map(({ secret }) => secret)).toEqual(['gsk_2', 'gsk_2']);
    expect(reads).toHaveLength(2);
    expect(problems).toMatchObject([{ key: NAME, at: T0, kind: 'unauthorized' }]);
  });

  it('after a 401 happens once more if the read under way may have been too early', async () => {
    const answers = [deferred<string>(), deferred<string>()];
    let reads = 0;
    const { registry } = managed(() => (reads++ === 0 ? 'gsk_1' : (answers[reads - 2]?.promise ?? '')));
    const call = await askLater(registry);
    ask(registry, { at: T0 + 5 * MINUTE });
    expect(reads).toBe(2);
    call.answered(401, T0 + 5 * MINUTE);
    const moved = askLater(registry, { callId: call.callId, at: T0 + 5 * MINUTE, rejectedKeyId: NAME });
    answers[0]?.resolve('gsk_1');
    expect(await isSettled(moved)).toBe(false);
    expect(reads).toBe(3);
    answers[1]?.resolve('gsk_2');
    expect((await moved).secret).toBe('gsk_2');
  });

  it.each([true, false])('after a 401 is not waited for if another key is proved: %s', async (isProved) => {
    const answer = deferred<string>();
    let reads = 0;
    const registry = keyRegistry([
      { name: 'chatbot-prod-other', secret: 'gsk_other' },
      { name: NAME, secret: () => (reads++ === 0 ? 'gsk_1' : answer.promise) },
    ]);
    await registry.refresh();
    const call = ask(registry);
    const other = ask(registry);
    expect([call.secret, other.secret]).toEqual(['gsk_1', 'gsk_other']);
    if (isProved) other.answered(200);
    call.answered(401);
    const moved = askLater(registry, { callId: call.callId, rejectedKeyId: NAME });
    expect(await isSettled(moved)).toBe(isProved);
    answer.resolve('gsk_2');
    expect((await moved).secret).toBe(isProved ? 'gsk_other' : 'gsk_2');
  });

  it('that gives the refused secret again leaves it refused', async () => {
    const { registry, reads } = managed(() => 'gsk_1');
    const call = await askLater(registry);
    call.answered(401);
    expect((await askLater(registry, { callId: call.callId, rejectedKeyId: NAME })).key).toBeUndefined();
    expect(states(registry)).toEqual({ [NAME]: 'quarantined' });
    expect(ask(registry).key).toBeUndefined();
    expect(reads).toHaveLength(2);
  });

  it('is tried every 10 seconds while there is no secret that works, and brings the key back', async () => {
    let current = 'gsk_1';
    const { registry, reads } = managed(() => current);
    (await askLater(registry)).answered(401);
    await registry.refresh();
    expect(reads).toHaveLength(3);
    current = 'gsk_2';
    expect(ask(registry, { at: T0 + 10 * SECOND - 1 }).key).toBeUndefined();
    expect((await askLater(registry, { at: T0 + 10 * SECOND })).secret).toBe('gsk_2');
    expect(reads).toHaveLength(4);
  });

  it('never happens twice at once', async () => {
    let atOnce = 0;
    let most = 0;
    const { registry } = managed(async () => {
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      return 'gsk_1';
    });
    const call = await askLater(registry);
    call.answered(401);
    await Promise.all([
      registry.refresh(),
      registry.refresh(),
      askLater(registry, { rejectedKeyId: NAME }),
      askLater(registry, { at: T0 + 20 * MINUTE }),
    ]);
    expect(most).toBe(1);
  });

  it('of a key that was given another source forgets the one before', async () => {
    const slow = deferred<string>();
    const { registry } = managed(() => slow.promise);
    const waiting = askLater(registry);
    registry.add({ name: NAME, secret: 'gsk_literal' });
    slow.resolve('gsk_slow');
    expect((await waiting).secret).toBe('gsk_literal');
    expect(ask(registry).secret).toBe('gsk_literal');
    registry.add({ name: NAME, secret: async () => 'gsk_managed' });
    expect(ask(registry).secret).toBe('gsk_literal');
    await until(() => registry.list(T0)[0]?.nextFingerprint !== undefined);
    expect(ask(registry).secret).toBe('gsk_managed');
  });
});

describe('a secret that cannot be read', () => {
  const bad: readonly [string, string, () => unknown][] = [
    [
      'throws',
      'Error',
      () => {
        throw new Error('gsk_SECRET');
      },
    ],
    [
      'rejects',
      'ResourceNotFoundException',
      () => Promise.reject(Object.assign(new Error('gsk_SECRET'), { name: 'ResourceNotFoundException' })),
    ],
    ['rejects with a code', 'Error, ENOENT', () => Promise.reject(Object.assign(new Error('gsk_SECRET'), { code: 'ENOENT' }))],
    ['rejects with text', 'string', () => Promise.reject('gsk_SECRET' as never)],
    ['is a strange error', 'error', () => Promise.reject(Object.assign(new Error('x'), { name: 'gsk SECRET', code: {} }))],
    ['is nothing', 'expected text, got undefined', () => undefined],
    ['is no text', 'expected text, got number', () => 5],
    ['is empty', 'it is empty', () => ' \n'],
    ['has a line break', 'it has characters that no header can carry', () => 'gsk_SECRET\nx: y'],
  ];

  it.each(bad)('because it %s leaves the one before in use, and is told', async (_, why, read) => {
    let broken = false;
    const { registry, problems, reads } = managed((() => (broken ? read() : 'gsk_1')) as SecretFunction);
    (await askLater(registry)).answered(200);
    broken = true;
    const message = `The secret of key "${NAME}" cannot be read (${why}). The one known so far stays in use.`;
    expect(await registry.refresh()).toMatchObject([{ key: NAME, at: T0, kind: 'unreadable', message }]);
    expect(ask(registry).secret).toBe('gsk_1');
    expect(states(registry)).toEqual({ [NAME]: 'active' });
    expect(JSON.stringify(problems)).not.toMatch(/gsk/);
    // It is tried again soon.
    broken = false;
    ask(registry, { at: T0 + 10 * SECOND });
    expect(reads).toHaveLength(3);
  });

  it('at first leaves calls without a key, until it can', async () => {
    let broken = true;
    const { registry, problems, reads } = managed(async () => (broken ? '' : 'gsk_1'));
    expect((await askLater(registry)).key).toBeUndefined();
    expect(problems.map(({ message }) => message)).toEqual([
      `The secret of key "${NAME}" cannot be read (it is empty). It has none so far.`,
    ]);
    expect(states(registry)).toEqual({ [NAME]: 'quarantined' });
    broken = false;
    expect(ask(registry, { at: T0 + 9 * SECOND }).key).toBeUndefined();
    expect(reads).toHaveLength(1);
    expect((await askLater(registry, { at: T0 + 10 * SECOND })).secret).toBe('gsk_1');
  });

  it('is read again after 10 seconds, 20, 40 and so on, but not less often than one that can be read', async () => {
    let broken = false;
    const { registry, reads } = managed(() => (broken ? '' : 'gsk_1'));
    await askLater(registry);
    broken = true;
    await registry.refresh();
    const readAt: number[] = [];
    for (let seconds = 1; seconds < 1_500; seconds++) {
      const before = reads.length;
      expect(ask(registry, { at: T0 + seconds * SECOND }).secret).toBe('gsk_1');
      if (reads.length > before) readAt.push(seconds);
      await isSettled(Promise.resolve());
    }
    expect(readAt).toEqual([10, 30, 70, 150, 310, 610, 910, 1210]);
  });

  it('of a refused key keeps no call waiting that can have a key of every team', async () => {
    let reads = 0;
    const registry = keyRegistry([
      { name: 'shared', team: '*', secret: 'gsk_shared' },
      { name: NAME, secret: () => (reads++ === 0 ? 'gsk_1' : new Promise<string>(() => {})) },
    ]);
    (await askLater(registry)).answered(401);
    expect(ask(registry, { at: T0 + MINUTE }).secret).toBe('gsk_shared');
  });

  it('within 10 seconds is given up, and its reader is told', async () => {
    const { registry, reads, clock, problems } = managed(() => new Promise<string>(() => {}));
    const call = askLater(registry);
    await clock.advance(9_999);
    expect(await isSettled(call)).toBe(false);
    expect(reads[0]?.aborted).toBe(false);
    await clock.advance(1);
    expect((await call).key).toBeUndefined();
    expect(reads[0]?.aborted).toBe(true);
    expect(problems).toMatchObject([{ kind: 'unreadable', message: expect.stringContaining('(TimeoutError)') as string }]);
    expect(problems[0]?.cause).toMatchObject({ name: 'TimeoutError', message: 'It took longer than 10000 ms.' });
    expect(clock.sleeping).toBe(0);
  });

  it('in a file says why', async () => {
    const registry = keyRegistry([{ name: NAME, secret: { file: `${fileOf('x')}.missing` } }]);
    expect(await registry.refresh()).toMatchObject([{ message: expect.stringContaining('(Error, ENOENT)') as string }]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('x');
      },
    ],
    ['rejects', () => Promise.reject(new Error('x'))],
  ])('is no worse if who is told of it %s', async (_, onProblem) => {
    const registry = keyRegistry([{ name: NAME, secret: () => '' }], { onProblem: onProblem as () => void });
    expect(await registry.refresh()).toHaveLength(1);
    expect((await askLater(registry)).key).toBeUndefined();
  });

  it('of a retired key is not missed', async () => {
    const clock = manualClock(T0);
    const registry = keyRegistry([{ name: NAME, secret: () => '', retireAfter: T0 }], { clock });
    expect(await registry.refresh()).toEqual([]);
  });
});

describe('nobody sees a secret', () => {
  const SECRET = 'gsk_SECRETMARKER0123456789';

  it('in the registry, its keys, its list, or what is thrown', async () => {
    process.env[VARIABLE] = SECRET;
    const registry = keyRegistry([
      { name: 'chatbot', secret: SECRET },
      { name: 'analytics', secret: { env: VARIABLE }, rateLimitRPM: 5 },
      { name: 'search', secret: async () => SECRET },
    ]);
    await registry.refresh();
    const { key } = ask(registry);
    expect(key?.secret).toBe(SECRET);
    const shown: unknown[] = [registry, key, registry.list(), ask(registry, { team: 'analytics' }).key];
    for (const value of shown) {
      for (const text of [JSON.stringify(value), inspect(value, { depth: 9, showHidden: true }), format('%o %j', value, value)])
        expect(text).not.toContain('SECRETMARKER');
      expect({ ...(value as object) }).not.toHaveProperty('secret');
    }
    for (const mistake of [
      () => keyRegistry({ [SECRET]: 'chatbot' }),
      () => keyRegistry([SECRET] as never),
      () =>
        keyRegistry([
          { name: SECRET, secret: 'x' },
          { name: SECRET, secret: 'x' },
        ]),
      () => keyRegistry([{ name: 'a', secret: `${SECRET} x` }]),
      () => keyRegistry([{ name: 'a', secret: { value: SECRET } as never }]),
      () => keyRegistry([{ name: 'a', secret: [SECRET] as never }]),
      () =>
        keyRegistry([
          { name: 'a', secret: 'x', team: [SECRET] as never, rateLimitRPM: SECRET as never, budgets: SECRET as never },
        ]),
      () => keyRegistry(SECRET as never),
      () => keyRegistry([], { environment: [SECRET] as never, refreshMs: SECRET as never }),
      () => registry.add(SECRET as never),
      () => registry.retire(SECRET),
    ]) {
      expect(mistake).toThrow('Invalid governance');
      expect(mistake).not.toThrow(/SECRETMARKER/);
    }
  });

  it('but its fingerprint, the beginning of its SHA-256', async () => {
    const registry = keyRegistry({ chatbot: SECRET });
    await registry.refresh();
    const fingerprint = createHash('sha256').update(SECRET).digest('hex').slice(0, 8);
    expect(registry.list(T0)).toEqual([
      expect.objectContaining({ id: 'chatbot', team: 'chatbot', fingerprint, state: 'proving' }),
    ]);
  });
});
