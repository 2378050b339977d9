// Packs the built package, unpacks it beside groq-sdk in a temporary folder, and uses it there as an installed one would
// be: from ESM, from CommonJS and from TypeScript. Run it after `npm run build`.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const { name, version, bin, exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));
if (!existsSync('dist/index.js')) throw new Error('Nothing is built. Run npm run build first.');

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tarball-')));
const modules = join(folder, 'node_modules');
const installed = join(modules, name);
const failures = [];
const check = (what, body) => {
  try {
    body();
    console.log(`ok     ${what}`);
  } catch (error) {
    failures.push(what);
    const output = [error.stdout, error.stderr].map((part) => part?.toString().trim()).filter(Boolean);
    console.log(`FAILED ${what}\n${output.length > 0 ? output.join('\n') : error.message}`);
  }
};
const run = (file, ...args) => execFileSync(process.execPath, [...args, join(folder, file)], { cwd: folder, stdio: 'pipe' });
const write = (file, text) => writeFileSync(join(folder, file), text);
const assert = (condition, message) => {
  if (!condition) throw new Error(message);
};

try {
  const [{ filename, files }] = JSON.parse(
    execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
  // Copies, because a link would lead back to the project and to everything that is installed there.
  cpSync(join('node_modules', 'groq-sdk'), join(modules, 'groq-sdk'), { recursive: true, dereference: true });
  write('package.json', '{ "private": true }');
  console.log(`${filename}: ${files.length} files`);

  const paths = files.map(({ path }) => path);
  const dist = readdirSync(join(installed, 'dist')).filter((file) => /\.c?js$/.test(file));
  const code = dist.map((file) => readFileSync(join(installed, 'dist', file), 'utf8')).join('\n');

  check('holds what it should and nothing else', () => {
    for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md', 'THIRD-PARTY-NOTICES.md'])
      assert(paths.includes(file), `${file} is missing`);
    const other = paths.filter(
      (path) => !/^(dist\/|(README|CHANGELOG|THIRD-PARTY-NOTICES)\.md$|LICENSE$|package\.json$)/.test(path),
    );
    assert(other.length === 0, `not expected: ${other.join(', ')}`);
  });
  check('groq-sdk is not bundled', () => {
    assert(/from\s*['"]groq-sdk['"]/.test(code) && /require\(['"]groq-sdk['"]\)/.test(code), 'nothing imports groq-sdk');
    assert(!code.includes('The GROQ_API_KEY environment variable is missing'), "groq-sdk's own code is in dist");
  });
  check('p-queue is bundled, with its licence', () => {
    // Its doc comments import it too, indented.
    assert(!/^\}?(?:import|export)\b.*['"]p-queue['"]|require\(['"]p-queue['"]\)/m.test(code), 'p-queue is imported');
    assert(/class PQueue\b|PQueue = class/.test(code), "p-queue's code is not in dist");
    const notice = readFileSync('node_modules/p-queue/license', 'utf8').trim();
    assert(
      readFileSync(join(installed, 'THIRD-PARTY-NOTICES.md'), 'utf8').includes(notice),
      'its licence is not in THIRD-PARTY-NOTICES.md',
    );
  });

  const claims = `
    if (typeof GovernedGroq !== 'function' || ns.default !== GovernedGroq) throw new Error('the default export is not GovernedGroq');
    const mock = mockGroq();
    const groq = new GovernedGroq({ apiKey: 'gsk_test', fetch: mock.fetch, governance: { teams: { a: { monthlyBudgetUsd: 0 } } }, team: 'a' });
    if (!(groq instanceof Groq) || !(groq instanceof GovernedGroq) || !(groq.withTeam('a') instanceof Groq)) throw new Error('instanceof');
    const ask = () => groq.chat.completions.create({ model: 'openai/gpt-oss-20b', messages: [{ role: 'user', content: 'hi' }] });
    const refusal = await ask().catch((error) => error);
    if (!(refusal instanceof BudgetExceededError) || !isGovernanceError(refusal) || mock.calls.length !== 0) throw new Error('not refused: ' + refusal);
    const answer = await new GovernedGroq({ apiKey: 'gsk_test', fetch: mock.fetch }).chat.completions.create({ model: 'openai/gpt-oss-20b', messages: [{ role: 'user', content: 'hi' }] });
    if (!answer.choices[0].message.content) throw new Error('no answer');
  `;
  write(
    'use.mjs',
    `import * as ns from '${name}';\nimport Groq from 'groq-sdk';\nimport { mockGroq } from '${name}/testing';\nconst { GovernedGroq, BudgetExceededError, isGovernanceError } = ns;\n${claims}`,
  );
  write(
    'use.cjs',
    `(async () => {\nconst ns = require('${name}');\nconst { Groq } = require('groq-sdk');\nconst { mockGroq } = require('${name}/testing');\nconst { GovernedGroq, BudgetExceededError, isGovernanceError } = ns;\n${claims}\n})().catch((error) => { console.error(error); process.exit(1); });`,
  );
  check('works from ESM', () => run('use.mjs'));
  check('works from CommonJS', () => run('use.cjs'));
  write(
    'both.mjs',
    `import { createRequire } from 'node:module';\nimport { isGovernanceError } from '${name}';\nconst other = createRequire(import.meta.url)('${name}');\nif (!isGovernanceError(new other.NoKeyError())) throw new Error('an error of the other copy is not recognised');`,
  );
  check('recognises refusals of its other copy', () => run('both.mjs'));

  // The module loader itself is asked, so nothing that is imported on the way can be missed.
  write(
    'hooks.mjs',
    `
    import { isBuiltin } from 'node:module';
    export async function resolve(specifier, context, next) {
      if (isBuiltin(specifier) && context.parentURL?.includes('/node_modules/')) throw new Error(context.parentURL + ' imports ' + specifier + ' at load');
      return next(specifier, context);
    }`,
  );
  write('register.mjs', "import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);");
  const loads = (entry) => {
    const specifier = name + entry.slice(1);
    write('load.mjs', `await import('${specifier}');`);
    check(`${specifier} loads without any node: module`, () => run('load.mjs', '--import', './register.mjs'));
  };
  Object.keys(entries)
    .filter((key) => key !== './package.json' && key !== './otel')
    .forEach(loads);
  // Whoever imports this has it.
  cpSync('node_modules/@opentelemetry/api', join(modules, '@opentelemetry/api'), { recursive: true });
  loads('./otel');

  const commandLine = (...args) =>
    execFileSync(process.execPath, [join(installed, bin[name]), ...args], { cwd: folder, stdio: 'pipe', encoding: 'utf8' });
  check('has a command line that runs', () => {
    assert(commandLine('--version').trim() === version, 'another version');
    assert(JSON.parse(commandLine('models', '--json')).models.length > 0, 'no models');
  });
  check('reads a configuration that imports the package', () => {
    const rules = `{ teams: { a: { allowedModels: ['openai/gpt-oss-20b'] } } }`;
    write('governed-groq.config.mjs', `import { defineGovernance } from '${name}';\nexport default defineGovernance(${rules});`);
    commandLine('check', '--offline');
    const asked = ['--team', 'a', '--model', 'openai/gpt-oss-20b', '--prompt', 'hi', '--json'];
    assert(JSON.parse(commandLine('explain', ...asked)).allowed === true, 'not allowed');
  });
  check('inlines what it uses', () => {
    const imported = code.matchAll(/^(?:import|export)\b[^'"\n]*from\s*['"]([^'".][^'"]*)['"]|\brequire\(['"]([^'".][^'"]*)['"]\)/gm);
    const foreign = [...imported].map(([, esm, cjs]) => esm ?? cjs);
    const others = foreign.filter((from) => !isBuiltin(from) && !/^(groq-sdk|@opentelemetry\/api)(\/|$)/.test(from));
    assert(others.length === 0, `imported: ${[...new Set(others)].join(', ')}`);
  });

  const types = `
    import DefaultGroq, { GovernedGroq, type Policy, allow } from '${name}';
    import { mockGroq } from '${name}/testing';
    import Groq from 'groq-sdk';
    const policy: Policy = { name: 'p', check: () => allow() };
    const groq: Groq = new GovernedGroq({ fetch: mockGroq().fetch, governance: { policies: [policy] } });
    const same: GovernedGroq = new DefaultGroq({ team: 'a' }).withTeam('b');
    export const completion: Promise<GovernedGroq.Chat.ChatCompletion> = groq.chat.completions.create({ model: 'm', messages: [] });
    export const report = same.governor.report({ last: '7d', by: ['team'] }).then(({ total }): number => total.costNanos);
  `;
  write('types.mts', types);
  write('types.cts', types);
  for (const dependency of ['@types', 'undici-types'])
    if (existsSync(join('node_modules', dependency)))
      symlinkSync(resolve('node_modules', dependency), join(modules, dependency));
  for (const file of ['types.mts', 'types.cts']) {
    const options = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--module',
      'node20',
      '--skipLibCheck',
      '--types',
      'node',
      '--pretty',
      'false',
    ];
    check(`types resolve in ${file}`, () =>
      execFileSync(process.execPath, [resolve('node_modules/typescript/bin/tsc'), ...options, file], {
        cwd: folder,
        stdio: 'pipe',
      }),
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failures.length > 0) console.log(`${failures.length} checks failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
