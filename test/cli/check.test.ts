// Every problem of a configuration, with its place.
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../src/testing/manual-clock';
import { mockGroq } from '../../src/testing/mock-groq';
import { NOW, RULES, SOURCE, folder } from './support';

interface Checked {
  readonly ok: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly problems: readonly {
    readonly severity: string;
    readonly code: string;
    readonly path: string;
    readonly line?: number;
    readonly message: string;
  }[];
  readonly provider: { readonly offered?: number; readonly skipped?: string; readonly error?: string };
}

const TROUBLE = `# rules
mode: maybe
organization:
  deniedModels: [moonshoti/*, qwen/*]
  allowedModels: [openai/*, 'qwen/*', whisper-large-v3, llama-3.3-70b-versatile]
teams:
  chatbot:
    allowedModels:
      - openai/gpt-oss-120
      - groq/compound
      - qwen/qwen3.8-27b
      - llama-3.3-70b-versatile
      - moonshotai/*
    rateLimitRPM: -5
    monthlyBudgetUSD: 10
    budgets:
      - { limitUsd: 9, window: day }
      - { limitUsd: 5, window: month }
  "a.b": { allowedModels: [whisper-large-v3, canopylabs/orpheus-v1-english], rateLimitRPM: many }
`;

/** Problems as `severity code path@line`. */
const brief = ({ problems }: Checked): string[] =>
  problems.map(({ severity, code, path, line }) => `${severity} ${code} ${path}@${line}`);

/** What the provider offers, by way of the mock. */
function provider(...models: readonly (string | { id: string; active: boolean })[]) {
  const asked: { url: string; authorization: string | null }[] = [];
  return {
    asked,
    fetch: (url: string, init?: RequestInit): Promise<Response> => {
      asked.push({ url, authorization: new Headers(init?.headers).get('authorization') });
      const data = models.map((model) => (typeof model === 'string' ? { id: model, active: true } : model));
      return Promise.resolve(Response.json({ object: 'list', data }));
    },
  };
}

describe('check', () => {
  it('finds nothing in good rules', async () => {
    const { code, out, err } = await folder({ 'governed-groq.config.yaml': RULES }).run('check');
    expect({ code, err }).toEqual({ code: 0, err: "Not compared with the provider's models: no GROQ_API_KEY.\n" });
    expect(out).toMatchInlineSnapshot(`
      "governed-groq.config.yaml has no problems.
      2 teams, 2 budgets, 1 rate limit; price book 2026-11-13.
      "
    `);
  });

  it('finds every problem, also of those parts that others have made invalid', async () => {
    const here = folder({ 'rules.yaml': TROUBLE });
    const { code, out, err } = await here.run('check rules.yaml');
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatchInlineSnapshot(`
      "rules.yaml
        ✗ line 2, mode
          Expected 'enforce' or 'observe', got "maybe" (string)
        ! line 4, organization.deniedModels.0
          "moonshoti/*" matches no model of price book 2026-11-13. Is it misspelt?
        ! line 5, organization.allowedModels.3
          "llama-3.3-70b-versatile" is sold by contract only since 2026-08-16: other keys get a 404. Use "openai/gpt-oss-120b" instead
        ✗ line 9, teams.chatbot.allowedModels.0
          "openai/gpt-oss-120" has no price in price book 2026-11-13, so every call would be refused. Did you mean openai/gpt-oss-120b? Add one with priceBook({ base: groqPrices, overrides: { … } })
        ✗ line 10, teams.chatbot.allowedModels.1
          "groq/compound" was shut down on 2026-09-21, so every call fails
        ! line 11, teams.chatbot.allowedModels.2
          "qwen/qwen3.8-27b" cannot be used: organization.deniedModels denies it
        ! line 12, teams.chatbot.allowedModels.3
          "llama-3.3-70b-versatile" is sold by contract only since 2026-08-16: other keys get a 404. Use "openai/gpt-oss-120b" instead
        ✗ line 13, teams.chatbot.allowedModels.4
          "moonshotai/*" matches only models that are shut down, so every call fails
        ✗ line 14, teams.chatbot.rateLimitRPM
          Expected a whole number of 0 or more, got -5 (number)
        ✗ line 15, teams.chatbot.monthlyBudgetUSD
          Unknown field. Did you mean monthlyBudgetUsd?
        ✗ line 17, teams.chatbot.budgets.0.limitUsd
          A day budget of $9 is above the month's $5 (teams.chatbot.budgets.1). Lower it, or raise the other
        ✗ line 19, teams.a.b.rateLimitRPM
          Expected a whole number of 0 or more, got "many" (string)
        ! line 19, teams.a.b.allowedModels.1
          "canopylabs/orpheus-v1-english" cannot be used: organization.allowedModels does not allow it

      8 errors, 5 warnings
      "
    `);
    const { json } = await here.run('check rules.yaml --json');
    const checked = json<Checked>();
    expect(checked).toMatchObject({ ok: false, file: 'rules.yaml' });
    expect(checked.errors + checked.warnings).toBe(checked.problems.length);
    expect(brief(checked)).toMatchInlineSnapshot(`
      [
        "error invalid mode@2",
        "warning unknown-model organization.deniedModels.0@4",
        "warning contract-model organization.allowedModels.3@5",
        "error unpriced-model teams.chatbot.allowedModels.0@9",
        "error retired-model teams.chatbot.allowedModels.1@10",
        "warning unusable-model teams.chatbot.allowedModels.2@11",
        "warning contract-model teams.chatbot.allowedModels.3@12",
        "error retired-model teams.chatbot.allowedModels.4@13",
        "error invalid teams.chatbot.rateLimitRPM@14",
        "error invalid teams.chatbot.monthlyBudgetUSD@15",
        "error invalid teams.chatbot.budgets.0.limitUsd@17",
        "error invalid teams.a.b.rateLimitRPM@19",
        "warning unusable-model teams.a.b.allowedModels.1@19",
      ]
    `);
  });

  it('breaks its lines where the terminal ends', async () => {
    const { out } = await folder({ 'rules.yaml': TROUBLE }).run('check rules.yaml', {
      columns: 60,
      isTTY: true,
      env: { NO_COLOR: '1' },
    });
    expect(out.split('\n').filter((line) => line.length > 60)).toEqual([]);
    expect(out.split('\n').filter((line) => line.length > 50).length).toBeGreaterThan(3);
  });

  it('colours errors and warnings', async () => {
    const { out } = await folder({ 'rules.yaml': TROUBLE }).run('check rules.yaml', { isTTY: true });
    expect(out).toContain('\u001B[31m✗\u001B[39m \u001B[36mline 2, mode\u001B[39m');
    expect(out).toContain('\u001B[33m!\u001B[39m');
  });

  it('finds the lines of JSON too', async () => {
    const text =
      '{\n\t"teams": {\n\t\t"a": {\n\t\t\t"rateLimitRPM": -1,\n\t\t\t"allowedModels": [\n\t\t\t\t"openai/gpt-oss-20b",\n\t\t\t\t"gemma2-9b-it"\n\t\t\t]\n\t\t}\n\t}\n}';
    const { json } = await folder({ 'rules.json': text }).run('check rules.json --json');
    expect(brief(json())).toEqual(['error invalid teams.a.rateLimitRPM@4', 'error retired-model teams.a.allowedModels.1@7']);
  });

  it('takes a file that cannot be read as a problem, one that is not there as a mistake', async () => {
    const here = folder({
      'rules.yaml': 'teams: [',
      'rules.mjs': 'export const x = 1;',
      'throws.mjs': 'throw new Error("no")',
    });
    const broken = await here.run('check rules.yaml');
    expect(broken).toMatchObject({ code: 1, err: '' });
    expect(broken.out).toContain('✗ Expected YAML, but it cannot be read at line 1, column 9: a [ or { is not closed\n');
    expect((await here.run('check rules.mjs')).out).toContain('has no default export, only x.');
    expect((await here.run('check throws.mjs --json')).json()).toMatchObject({
      ok: false,
      problems: [{ code: 'unreadable', message: 'throws.mjs:1: no' }],
    });
    expect(await here.run('check nowhere.yaml')).toMatchObject({
      code: 2,
      out: '',
      err: 'error: There is no file nowhere.yaml.\n',
    });
    expect(await here.run('check')).toMatchObject({ code: 2 });
  });

  it('with --strict takes warnings for problems', async () => {
    const here = folder({ 'rules.yaml': 'teams: { a: { allowedModels: [openai/*, llama-3.1-8b-instant] } }' });
    expect(await here.run('check rules.yaml')).toMatchObject({ code: 0 });
    expect(await here.run('check rules.yaml --strict')).toMatchObject({ code: 1 });
    expect((await here.run('check rules.yaml --strict --json')).json()).toMatchObject({ ok: false, errors: 0, warnings: 1 });
  });

  it('warns of models that will be shut down within 60 days', async () => {
    const inDays = (days: number): string => new Date(NOW + days * 86_400_000).toISOString().slice(0, 10);
    const text = `import { groqPrices } from '${SOURCE}/price/groq-prices.ts';
import { priceBook } from '${SOURCE}/price/price-book.ts';
const row = { inputPerMillionUsd: 1, outputPerMillionUsd: 1 };
const prices = priceBook({ base: groqPrices, version: 'test', overrides: {
  'x/today': { ...row, shutdownDate: '${inDays(0)}' },
  'x/soon': { ...row, shutdownDate: '${inDays(1)}', replacement: 'openai/gpt-oss-20b' },
  'x/sixty': { ...row, shutdownDate: '${inDays(60)}' },
  'x/later': { ...row, shutdownDate: '${inDays(61)}' },
} });
export default { prices, teams: { a: { allowedModels: ['x/today', 'x/soon', 'x/sixty', 'x/later'] }, b: { allowedModels: ['x/*'] } } };`;
    const { json } = await folder({ 'rules.ts': text }).run('check rules.ts --json');
    expect(json<Checked>().problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'teams.a.allowedModels.0: "x/today" was shut down on 2026-11-21, so every call fails',
      'teams.a.allowedModels.1: "x/soon" will be shut down on 2026-11-22, in 1 day. Use "openai/gpt-oss-20b" instead',
      'teams.a.allowedModels.2: "x/sixty" will be shut down on 2027-01-20, in 60 days',
      'teams.b.allowedModels.0: "x/soon" will be shut down on 2026-11-22, in 1 day. Use "openai/gpt-oss-20b" instead',
      'teams.b.allowedModels.0: "x/sixty" will be shut down on 2027-01-20, in 60 days',
    ]);
  });

  it('counts an unpriced model as a warning where there is a price for such', async () => {
    const rules =
      'unpricedModels: { inputPerMillionUsd: 9, outputPerMillionUsd: 9 }\nteams: { a: { allowedModels: [new/model, brand/*] } }';
    const { code, json } = await folder({ 'rules.yaml': rules }).run('check rules.yaml --json');
    expect(code).toBe(0);
    expect(brief(json())).toEqual([
      'warning unpriced-model teams.a.allowedModels.0@2',
      'warning unknown-model teams.a.allowedModels.1@2',
    ]);
  });
});

describe('keys', () => {
  const withKeys = (teams: string, keys: string): string =>
    `import { keyRegistry } from '${SOURCE}/keys/key-registry.ts';\nexport default { teams: ${teams}, keys: keyRegistry(${keys}) };`;

  it('are compared with the teams', async () => {
    const teams =
      "{ chatbot: { keys: ['chatbot-prod-web', 'chatbot-prod-wep'] }, search: {}, ads: {}, any: { keys: ['shared'] } }";
    const keys =
      "[{ name: 'chatbot-prod-web', secret: 'gsk_secret1' }, { name: 'serach-prod', secret: 'gsk_secret2' }, { name: 'ads-prod', secret: 'gsk_secret3', retireAfter: '2026-01-01' }, { name: 'shared', team: '*', secret: 'gsk_secret4', notBefore: '2027-01-01' }]";
    const ran = await folder({ 'rules.ts': withKeys(teams, keys) }).run('check rules.ts --offline --json');
    expect(ran.json<Checked>().problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`))
      .toMatchInlineSnapshot(`
        [
          "error teams.chatbot.keys.1: No key has the name "chatbot-prod-wep". Known keys: chatbot-prod-web, serach-prod, ads-prod, shared",
          "error teams.search: The keys for this team are retired, or not yet in use, so every call is refused",
          "error teams.ads: The keys for this team are retired, or not yet in use, so every call is refused",
          "error teams.any: The keys for this team are retired, or not yet in use, so every call is refused",
          "warning keys.serach-prod: It is for team "serach", which has no rules. Did you mean search?",
        ]
      `);
    expect(ran.out + ran.err).not.toContain('gsk_secret');
  });

  it('may stand in a file of data, with lines', async () => {
    const rules = `teams: { a: {} }
keys:
  - name: a-prod
    secret: gsk_secret_in_a_file
    allowedModels: [openai/gpt-oss-20b, gemma2-9b-it]
  - { name: b-prod, secret: { file: /nowhere/secret } }
`;
    const ran = await folder({ 'rules.yaml': rules }).run('check rules.yaml --json');
    expect(brief(ran.json())).toEqual([
      'error retired-model keys.0.allowedModels.1@5',
      'warning unknown-team keys.1@6',
      'error unreadable-key keys.1@6',
    ]);
    expect(ran.out).not.toContain('gsk_secret');
  });

  it('are read, unless --offline', async () => {
    const text = withKeys('{ a: {} }', "[{ name: 'a-prod', secret: { file: '/nowhere/secret' } }]");
    const here = folder({ 'rules.ts': text });
    const { code, json } = await here.run('check rules.ts --json');
    expect(code).toBe(1);
    expect(brief(json())).toEqual(['error unreadable-key keys.a-prod@undefined']);
    expect(await here.run('check rules.ts --offline')).toMatchObject({ code: 0 });
  });
});

describe('the provider', () => {
  const rules = {
    'rules.yaml': 'teams: { a: { allowedModels: [openai/gpt-oss-20b, openai/gpt-oss-120b, whisper*, gemma2-9b-it] } }',
  };

  it('is asked with the key, and its models are compared', async () => {
    const { fetch, asked } = provider('openai/gpt-oss-20b', { id: 'openai/gpt-oss-120b', active: false });
    const { code, json, out } = await folder(rules).run('check rules.yaml --json', {
      fetch,
      env: { GROQ_API_KEY: ' gsk_sesame99 ' },
    });
    expect(asked).toEqual([{ url: 'https://api.groq.com/openai/v1/models', authorization: 'Bearer gsk_sesame99' }]);
    expect(code).toBe(1);
    expect(json<Checked>().provider).toEqual({ offered: 1 });
    expect(json<Checked>().problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      'teams.a.allowedModels.3: "gemma2-9b-it" was shut down on 2025-10-08, so every call fails. Use "openai/gpt-oss-20b" instead',
      'teams.a.allowedModels.1: "openai/gpt-oss-120b" is not among the 1 model that the provider offers to this key',
      'teams.a.allowedModels.2: "whisper*" matches none of the 1 model that the provider offers to this key',
    ]);
    expect(out).not.toContain('sesame');
  });

  it('may be elsewhere: the mock knows its catalogue', async () => {
    const mock = mockGroq();
    const here = folder({ 'rules.yaml': RULES });
    const world = {
      fetch: (url: string, init?: RequestInit) => mock.fetch(url, init),
      env: { GROQ_API_KEY: 'gsk_x', GROQ_BASE_URL: 'http://127.0.0.1:1/' },
    };
    const { code, out, err } = await here.run('check rules.yaml', world);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/\nCompared with the \d+ models that the provider offers to the key\.\n$/);
    expect(mock.calls.map(({ path }) => path)).toEqual(['/openai/v1/models']);
    await here.run('check rules.yaml --base-url http://127.0.0.1:2', world);
    expect(mock.calls).toHaveLength(2);
  });

  it('is asked with a key of the registry, if there is no other', async () => {
    const { fetch, asked } = provider('openai/gpt-oss-20b');
    const text = `import { keyRegistry } from '${SOURCE}/keys/key-registry.ts';\nexport default { teams: { a: { allowedModels: ['openai/gpt-oss-20b'] } }, keys: keyRegistry([{ name: 'a-prod', secret: 'gsk_from_registry' }]) };`;
    expect(await folder({ 'rules.ts': text }).run('check rules.ts', { fetch })).toMatchObject({ code: 0 });
    expect(asked.map(({ authorization }) => authorization)).toEqual(['Bearer gsk_from_registry']);
  });

  it('is not asked without a key, or with --offline', async () => {
    const here = folder({ 'rules.yaml': RULES });
    const { fetch, asked } = provider();
    expect((await here.run('check rules.yaml --json', { fetch })).json()).toMatchObject({
      ok: true,
      provider: { skipped: 'no GROQ_API_KEY' },
    });
    const offline = await here.run('check rules.yaml --offline --json', { fetch, env: { GROQ_API_KEY: 'gsk_x' } });
    expect(offline.json()).toMatchObject({ ok: true, provider: { skipped: '--offline' } });
    expect(asked).toEqual([]);
  });

  it.each([
    ['refuses the key', () => Promise.resolve(new Response('{}', { status: 401 })), 'it does not accept the key (401)'],
    ['is down', () => Promise.resolve(new Response('', { status: 503 })), 'it answered 503'],
    ['is nobody', () => Promise.resolve(Response.json({ hello: 1 })), 'the answer is no list of models'],
    [
      'cannot be reached',
      () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') })),
      'fetch failed: connect ECONNREFUSED 127.0.0.1:1',
    ],
  ])('that %s is told, and is not the fault of the rules', async (_, fetch, why) => {
    const here = folder({ 'rules.yaml': RULES });
    const { code, out, err } = await here.run('check rules.yaml', { fetch, env: { GROQ_API_KEY: 'gsk_sesame99' } });
    expect(err).toBe(
      `error: The models of https://api.groq.com could not be asked for: ${why}. Use --offline to leave this out\n`,
    );
    expect(code).toBe(3);
    expect(out).toContain('rules.yaml has no problems.');
    // Problems that are certain weigh more.
    expect(
      await folder({ 'rules.yaml': TROUBLE }).run('check rules.yaml', { fetch, env: { GROQ_API_KEY: 'gsk_x' } }),
    ).toMatchObject({ code: 1 });
  });

  it('cannot draw on the terminal', async () => {
    const fetch = (): Promise<Response> => Promise.reject(new Error('\u001B[2Jgone'));
    const { err } = await folder({ 'rules.yaml': RULES }).run('check rules.yaml', { fetch, env: { GROQ_API_KEY: 'gsk_x' } });
    expect(err).toContain('␛[2Jgone');
    expect(err).not.toContain('\u001B');
    const text = `export default { keys: { key: () => undefined, list: () => [], refresh: () => Promise.resolve([{ key: '\\u001B[31mx', message: 'm' }]) } };`;
    const keys = await folder({ 'governed-groq.config.mjs': text }).run('keys');
    expect(keys.err).toContain('␛[31mx: m\n');
  });

  it('that never answers is given up', async () => {
    const clock = manualClock(NOW);
    let begin = (): void => undefined;
    const asked = new Promise<void>((resolve) => (begin = resolve));
    const fetch = (_: string, init?: RequestInit): Promise<Response> =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
        begin();
      });
    const ran = folder({ 'rules.yaml': RULES }).run('check rules.yaml', { fetch, clock, env: { GROQ_API_KEY: 'gsk_x' } });
    await asked;
    await clock.advance(15_000);
    const { code, err } = await ran;
    expect(err).toContain('no answer within 15 seconds');
    expect(code).toBe(3);
  });

  it.each(['ftp://x', 'nonsense', 'javascript:alert(1)'])('is not looked for at %s', async (url) => {
    const here = folder({ 'rules.yaml': RULES });
    const err = (name: string): string => `error: ${name} is no address. Expected one such as https://api.groq.com.\n`;
    expect(await here.run(`check rules.yaml --base-url ${url}`)).toMatchObject({ code: 2, err: err('--base-url') });
    expect(await here.run('check rules.yaml', { env: { GROQ_BASE_URL: url } })).toMatchObject({
      code: 2,
      err: err('GROQ_BASE_URL'),
    });
  });
});
