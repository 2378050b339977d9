// Which file is the configuration, and what it may hold.
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../src/testing/manual-clock';
import { NOW, RULES, SOURCE, folder } from './support';

interface Explained {
  readonly team?: string;
  readonly allowed: boolean;
  readonly code?: string;
  readonly limits: readonly { readonly name: string }[];
}

const EXPLAIN = 'explain --team chatbot --model openai/gpt-oss-20b --json';
const GOVERNANCE = '{ teams: { chatbot: { monthlyBudgetUsd: 7 } } }';

describe('the configuration', () => {
  it.each([
    ['yaml', RULES],
    ['yml', RULES],
    ['json', '{ "teams": { "chatbot": { "monthlyBudgetUsd": 7 } } }'],
    ['mjs', `export default ${GOVERNANCE};`],
    ['cjs', `module.exports = ${GOVERNANCE};`],
    ['js', `module.exports = ${GOVERNANCE};`],
    ['ts', `const rules: object = ${GOVERNANCE};\nexport default rules;`],
    ['mts', `enum Money { Month = 7 }\nexport default { teams: { chatbot: { monthlyBudgetUsd: Money.Month } } };`],
    ['cts', `const rules: object = ${GOVERNANCE};\nmodule.exports = rules;`],
  ])('may be governed-groq.config.%s', async (ending, text) => {
    const here = folder({ [`governed-groq.config.${ending}`]: text });
    const { code, err, json } = await here.run(EXPLAIN, { importsTypeScript: false });
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(json<Explained>().limits[0]?.name).toBe('chatbot/month');
  });

  const governor = `import { Governor } from ${JSON.stringify(`${SOURCE}/governor.ts`)};`;
  it.each([
    ['a function', `export default () => (${GOVERNANCE});`],
    ['an asynchronous function', `export default async () => { await null; return ${GOVERNANCE}; };`],
    ['a promise', `export default Promise.resolve(${GOVERNANCE});`],
    ['an object with it', `export default { governance: ${GOVERNANCE} };`],
    ['a Governor', `${governor}\nexport default new Governor(${GOVERNANCE});`],
    ['an object with a Governor as its governance', `${governor}\nexport default { governance: new Governor(${GOVERNANCE}) };`],
    [
      'an object with both',
      `${governor}\nconst governance = ${GOVERNANCE};\nexport default { governance, governor: new Governor(governance) };`,
    ],
    [
      'a client',
      `import { GovernedGroq } from ${JSON.stringify(`${SOURCE}/index.ts`)};\nexport default new GovernedGroq({ apiKey: 'gsk_any', governance: ${GOVERNANCE} });`,
    ],
  ])('may be a program that exports %s', { timeout: 30_000 }, async (_, text) => {
    // Loaded by jiti, the library is another copy of itself.
    const { code, err, json } = await folder({ 'governed-groq.config.ts': text }).run(EXPLAIN, { importsTypeScript: false });
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(json<Explained>().limits[0]?.name).toBe('chatbot/month');
  });

  it('is closed by the file itself, after the answer', async () => {
    const here = folder({
      'governed-groq.config.mjs': `globalThis.closed = 0;\nexport default { governance: ${GOVERNANCE}, calls: 0, close() { globalThis.closed += 'calls' in this ? 1 : 100; } };`,
    });
    expect(await here.run(EXPLAIN)).toMatchObject({ code: 0 });
    expect(Reflect.get(globalThis, 'closed')).toBe(1);
    Reflect.deleteProperty(globalThis, 'closed');
  });

  it('that does not end what it opened does not keep the answer', async () => {
    const here = folder({
      'governed-groq.config.mjs': `export default { governance: ${GOVERNANCE}, close: () => new Promise(() => {}) };`,
    });
    const clock = manualClock(NOW);
    const ran = here.run(EXPLAIN, { clock });
    // Until it waits for the file to close.
    while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await clock.runUntil(ran)).toMatchObject({ code: 0 });
    const throwing = folder({
      'governed-groq.config.mjs': `export default { governance: ${GOVERNANCE}, close() { throw new Error('twice'); } };`,
    });
    expect(await throwing.run(EXPLAIN)).toMatchObject({ code: 0, err: '' });
  });
});

describe('the search', () => {
  it('goes up to the folder of the package.json', async () => {
    const here = folder({ 'governed-groq.config.yaml': RULES, 'src/deep/x.txt': '' });
    expect(await here.run(EXPLAIN, { cwd: `${here.path}/src/deep` })).toMatchObject({ code: 0 });
    here.write('src/package.json', '{}');
    const ran = await here.run('explain --team chatbot --model m', { cwd: `${here.path}/src/deep` });
    expect(ran.code).toBe(2);
    expect(ran.err).toBe(
      `error: There is no configuration: no governed-groq.config.{ts,js,mjs,cjs,json,yaml} in ${here.path}/src/deep or above, up to its package.json. Name a file with --config.\n`,
    );
  });

  it('takes the nearest', async () => {
    const here = folder({
      'governed-groq.config.yaml': RULES,
      'inner/governed-groq.config.json': '{ "teams": { "other": {} } }',
    });
    const { json } = await here.run(EXPLAIN, { cwd: `${here.path}/inner` });
    expect(json<Explained>().code).toBe('unknown-team');
  });

  it('does not choose between several', async () => {
    const here = folder({ 'governed-groq.config.yaml': RULES, 'governed-groq.config.mjs': 'export default {};' });
    const { code, err } = await here.run('keys');
    expect(code).toBe(2);
    expect(err).toBe(
      `error: There are several configurations in ${here.path}: governed-groq.config.mjs, governed-groq.config.yaml. Name one with --config.\n`,
    );
    expect(await here.run([...EXPLAIN.split(' '), '-c', 'governed-groq.config.yaml'])).toMatchObject({ code: 0 });
  });

  it('is left out where a file is named', async () => {
    const here = folder({ 'other.yaml': RULES });
    expect(await here.run(`--config other.yaml ${EXPLAIN}`)).toMatchObject({ code: 0 });
    expect(await here.run(`${EXPLAIN} --config ${here.path}/other.yaml`)).toMatchObject({ code: 0 });
    expect(await here.run('keys -c nowhere.yaml')).toMatchObject({ code: 2, err: 'error: There is no file nowhere.yaml.\n' });
    expect(await here.run('keys -c .')).toMatchObject({
      code: 2,
      err: 'error: . is a folder. Name the file of a configuration.\n',
    });
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['governed-groq.config.yaml', '', 'governed-groq.config.yaml: The file is empty.'],
    [
      'governed-groq.config.yaml',
      'teams:\n  a: [\n',
      'governed-groq.config.yaml: Expected YAML, but it cannot be read at line 3, column 1: the indentation.',
    ],
    [
      'governed-groq.config.json',
      '{\n  "teams": {,}\n}',
      'governed-groq.config.json: Expected JSON, but it cannot be read at line 2, column 13.',
    ],
    [
      'governed-groq.config.mjs',
      'export const rules = 1, other = 2;',
      'governed-groq.config.mjs has no default export, only other, rules. Write export default (or module.exports =) a governance, a Governor, { governance }, or a function that returns one of these.',
    ],
    [
      'governed-groq.config.mjs',
      '',
      'governed-groq.config.mjs has no default export. Write export default (or module.exports =) a governance, a Governor, { governance }, or a function that returns one of these.',
    ],
    [
      'governed-groq.config.cjs',
      '',
      'governed-groq.config.cjs has no default export. Write export default (or module.exports =) a governance, a Governor, { governance }, or a function that returns one of these.',
    ],
    [
      'governed-groq.config.mjs',
      'export default 5;',
      'governed-groq.config.mjs: expected a governance, a Governor, { governance }, or a function that returns one of these, got number.',
    ],
    [
      'governed-groq.config.mjs',
      'export default () => null;',
      'governed-groq.config.mjs: expected a governance, a Governor, { governance }, or a function that returns one of these, got null.',
    ],
    [
      'governed-groq.config.mjs',
      'export default [];',
      'governed-groq.config.mjs: expected a governance, a Governor, { governance }, or a function that returns one of these, got a list.',
    ],
    [
      'governed-groq.config.mjs',
      'export default { governance: 5 };',
      'governed-groq.config.mjs: expected a governance, a Governor, { governance }, or a function that returns one of these, got number.',
    ],
    [
      'governed-groq.config.mjs',
      '\n\nthrow new TypeError("DATABASE_URL is not set");',
      'governed-groq.config.mjs:3: DATABASE_URL is not set.',
    ],
    ['governed-groq.config.mjs', 'export default () => { throw "no object" };', 'governed-groq.config.mjs: no object.'],
    [
      'governed-groq.config.mjs',
      'export default async () => { throw new AggregateError([new Error("connect ECONNREFUSED")]) };',
      'governed-groq.config.mjs: AggregateError.',
    ],
  ])('%s with %j says so', async (name, text, told) => {
    const { code, out, err } = await folder({ [name]: text }).run('keys');
    expect(err).toBe(`error: ${told}\n`);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  it('lists every mistake of its rules, with lines', async () => {
    const here = folder({
      'governed-groq.config.yaml': 'mode: maybe\nteams:\n  a:\n    rateLimitRPM: -1\n    monthlyBudgetUSD: 5\n',
    });
    const { code, err } = await here.run('keys');
    expect(code).toBe(2);
    expect(err).toMatchInlineSnapshot(`
      "error: governed-groq.config.yaml is not a valid governance:
        line 1, mode: Expected 'enforce' or 'observe', got "maybe" (string)
        line 4, teams.a.rateLimitRPM: Expected a whole number of 0 or more, got -1 (number)
        line 5, teams.a.monthlyBudgetUSD: Unknown field. Did you mean monthlyBudgetUsd?
      "
    `);
    const { json } = await here.run('keys --json');
    expect(json()).toMatchObject({
      error: {
        kind: 'configuration',
        issues: [
          { path: 'mode', line: 1 },
          { path: 'teams.a.rateLimitRPM', line: 4 },
          { path: 'teams.a.monthlyBudgetUSD', line: 5 },
        ],
      },
    });
  });

  it('that checks itself is listed alike', { timeout: 30_000 }, async () => {
    const text = `import { defineGovernance } from ${JSON.stringify(`${SOURCE}/options.ts`)};\nexport default defineGovernance({ mode: 'maybe' } as object);`;
    const { code, err } = await folder({ 'governed-groq.config.ts': text }).run('keys', { importsTypeScript: false });
    expect(code).toBe(2);
    expect(err).toBe(
      "error: governed-groq.config.ts: the governance is not valid:\n  mode: Expected 'enforce' or 'observe', got \"maybe\" (string)\n",
    );
  });

  it('in TypeScript needs a runtime or jiti', async () => {
    const here = folder({ 'governed-groq.config.ts': 'export default {};' });
    // Neither beside the configuration nor beside the program.
    const { code, err } = await here.run('keys', {
      importsTypeScript: false,
      programPath: `${realpathSync('/')}nowhere/cli.cjs`,
    });
    expect(code).toBe(2);
    expect(err).toBe(
      'error: governed-groq.config.ts is TypeScript, which this runtime does not read by itself. Run npm install --save-dev jiti, use Node 22.18 or later, or write the configuration in JavaScript, JSON or YAML.\n',
    );
  });

  it('never shows a secret that stands in its errors', async () => {
    const here = folder({
      'governed-groq.config.mjs':
        "throw new Error('connect postgres://app:hunter22@db/x with gsk_abcdefgh1234 and ' + 'opensesame1' + ' Bearer abc.def-ghi12');",
    });
    const { err } = await here.run('keys --debug', { env: { DB_PASSWORD: 'opensesame1', HOME_KEY: '/home/x' } });
    expect(err).toContain('connect postgres://…@db/x with gsk_… and … Bearer …');
    for (const secret of ['hunter22', 'abcdefgh', 'abc.def']) expect(err).not.toContain(secret);
  });

  it('cannot draw on the terminal', async () => {
    const here = folder({ 'governed-groq.config.mjs': "throw new Error('\\u001b[2J\\u001b[31mred\\nsecond');" });
    const { err } = await here.run('keys');
    expect(err).toBe('error: governed-groq.config.mjs:1: ␛[2J␛[31mred\nsecond.\n');
  });
});

it('resolves relative paths from the current folder', async () => {
  const here = folder({ 'rules/a.yaml': RULES });
  expect(resolve(here.path)).toBe(here.path);
  expect(await here.run('check a.yaml --offline', { cwd: `${here.path}/rules` })).toMatchObject({ code: 0 });
});
