// The keys, as a person sees them who has to rotate them.
import { describe, expect, it } from 'vitest';
import { usageRecord } from '../usage/records';
import { NOW, SOURCE, folder } from './support';

const HOUR = 3_600_000;

const LOG = [
  { keyId: 'chatbot-prod-old', at: NOW - 30 * HOUR, costNanos: 9_000_000 },
  { keyId: 'chatbot-prod-new', at: NOW - HOUR, costNanos: 1_234_567_890 },
  { keyId: 'chatbot-prod-new', at: NOW - 2 * HOUR, costNanos: 1_000, outcome: 'error' as const },
  { keyId: 'search-prod', at: NOW - 3 * HOUR, team: 'search' },
]
  .map((record, index) => `${JSON.stringify(usageRecord({ id: `call-${index}`, ...record }))}\n`)
  .join('');

function rotation(): ReturnType<typeof folder> {
  const here = folder({ 'usage.jsonl': LOG, secret: 'gsk_from_a_file\n' });
  here.write(
    'governed-groq.config.ts',
    `import { jsonlUsageLog } from '${SOURCE}/usage/jsonl.ts';
import { keyRegistry } from '${SOURCE}/keys/key-registry.ts';
import { manualClock } from '${SOURCE}/testing/manual-clock.ts';
const clock = manualClock(${NOW});
export default {
  clock,
  teams: { chatbot: {}, search: {} },
  usageLog: jsonlUsageLog('${here.path}/usage.jsonl'),
  keys: keyRegistry([
    { name: 'chatbot-prod-old', secret: 'gsk_old_secret', retireAfter: '2026-11-20' },
    { name: 'chatbot-prod-new', secret: { file: '${here.path}/secret' }, notBefore: '2026-11-19' },
    { name: 'search-prod', secret: { file: '${here.path}/nowhere' } },
  ], { clock }),
};`,
  );
  return here;
}

describe('keys', () => {
  it('are listed with their use today, and what can be deleted', async () => {
    const { code, out, err } = await rotation().run('keys');
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "key               team     secret    state           requests  tokens       cost  errors  last used
      ────────────────  ───────  ────────  ──────────────  ────────  ──────  ─────────  ──────  ─────────────────
      chatbot-prod-old  chatbot  15ae6dc3  safe to delete         0       0      $0.00       0  2026-11-20T06:00Z
      chatbot-prod-new  chatbot  c7f6a497  active                 2      30      $1.23       1  2026-11-21T11:00Z
      search-prod       search   unread    quarantined            1      15  $0.000001       0  2026-11-21T09:00Z

      ✓ chatbot-prod-old: safe to delete: silent for 30 h
        chatbot-prod-new: last used 1 h ago
        search-prod: refused by the provider, or unreadable; no other key of its team is in use
      "
    `);
    expect(err).toContain('search-prod');
    expect(out + err).not.toMatch(/gsk_|_secret|from_a_file/);
  });

  it.each([50, 70, 120])('fit %i columns', async (columns) => {
    const { out } = await rotation().run('keys', { columns, isTTY: true, env: { NO_COLOR: '1' } });
    expect(out.split('\n').filter((line) => line.length > columns)).toEqual([]);
    expect(out).toContain('state');
  });

  it('are JSON with --json', async () => {
    const ran = await rotation().run('keys --json');
    expect(ran).toMatchObject({ code: 0, err: '' });
    const { keys, at, problems } = ran.json<{ at: number; keys: { id: string }[]; problems: { keyId: string }[] }>();
    expect(at).toBe(NOW);
    expect(keys.map(({ id }) => id)).toEqual(['chatbot-prod-old', 'chatbot-prod-new', 'search-prod']);
    expect(keys[0]).toMatchObject({ team: 'chatbot', safeToDelete: true, lastUsedAt: NOW - 30 * HOUR });
    expect(keys[1]).toMatchObject({ state: 'active', requests: 2, errors: 1, costNanos: 1_234_568_890, safeToDelete: false });
    expect(keys[1]).toHaveProperty('fingerprint', expect.stringMatching(/^[0-9a-f]{8}$/));
    expect(problems).toMatchObject([{ keyId: 'search-prod' }]);
    expect(ran.out).not.toMatch(/gsk_|_secret|from_a_file/);
  });

  it('may be those of one team', async () => {
    const { json } = await rotation().run('keys --team search --json');
    expect(json<{ keys: { id: string }[] }>().keys.map(({ id }) => id)).toEqual(['search-prod']);
  });

  it('need not be there', async () => {
    const { code, out, err } = await folder({ 'governed-groq.config.yaml': 'teams: { a: {} }' }).run('keys');
    expect({ code, out }).toEqual({ code: 0, out: 'There are no keys.\n' });
    expect(err).toBe("The configuration has no keys: its clients use the one they are given as 'apiKey'.\n");
  });

  it('without a log are told to be unknown in use', async () => {
    const text = `import { keyRegistry } from '${SOURCE}/keys/key-registry.ts';\nexport default { keys: keyRegistry({ 'a-prod': 'gsk_x_secret' }) };`;
    const { code, err } = await folder({ 'governed-groq.config.ts': text }).run('keys');
    expect({ code, err }).toEqual({
      code: 0,
      err: 'The configuration has no usageLog, so the use of its keys is not known, nor which can be deleted.\n',
    });
  });

  it('without a log have no figures, and none can be deleted', async () => {
    const here = folder({
      'governed-groq.config.yaml':
        'keys:\n  - { name: a-prod-old, secret: gsk_old_secret, retireAfter: 2026-11-01 }\n  - { name: a-prod-new, secret: gsk_new_secret }\n',
    });
    const { out } = await here.run('keys');
    expect(out).toContain('a-prod-old: its use is not known\n');
    expect(out).not.toMatch(/safe|\$0|requests|gsk_/);
    const { json } = await here.run('keys --json');
    const { isUseKnown, keys } = json<{ isUseKnown: boolean; keys: object[] }>();
    expect(isUseKnown).toBe(false);
    expect(keys).toMatchObject([
      { id: 'a-prod-old', state: 'retired', safeToDelete: false },
      { id: 'a-prod-new', safeToDelete: false },
    ]);
    expect(keys[0]).not.toHaveProperty('requests');
    expect((await rotation().run('keys --json')).json()).toMatchObject({ isUseKnown: true });
  });

  it('of a log that fails are a failure outside', async () => {
    const text = `export default { usageLog: { record() {}, summarize: () => Promise.reject(new Error('gone')) } };`;
    expect(await folder({ 'governed-groq.config.mjs': text }).run('keys')).toMatchObject({
      code: 3,
      out: '',
      err: 'error: gone.\n',
    });
  });
});
