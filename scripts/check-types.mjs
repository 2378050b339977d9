// Compiles a program that uses the built package, scripts/check-types/consumer.ts, with the oldest and the newest TypeScript
// that are supported and the one in between, as every kind of module. Run it after `npm run build`.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const COMPILERS = ['typescript-oldest', 'typescript', 'typescript7'];
const KINDS = [
  { file: 'consumer.ts', options: ['--module', 'esnext', '--moduleResolution', 'bundler'] },
  { file: 'consumer.mts', options: ['--module', 'node16', '--moduleResolution', 'node16'] },
  { file: 'consumer.cts', options: ['--module', 'node16', '--moduleResolution', 'node16'] },
  { file: 'consumer.mts', options: ['--module', 'nodenext', '--moduleResolution', 'nodenext'] },
  { file: 'consumer.cts', options: ['--module', 'nodenext', '--moduleResolution', 'nodenext'] },
];
// The strictest a user may have. Declarations of dependencies are checked too, and nothing of Node's is there to lean on.
const STRICT = [
  '--noEmit',
  '--strict',
  '--exactOptionalPropertyTypes',
  '--noUncheckedIndexedAccess',
  '--noImplicitOverride',
  '--noPropertyAccessFromIndexSignature',
  '--skipLibCheck',
  'false',
  '--target',
  'es2022',
  '--lib',
  'es2022,dom,dom.iterable,dom.asynciterable',
  '--pretty',
  'false',
];

const { name } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const declarations of ['dist/index.d.ts', 'dist/index.d.cts'])
  if (!existsSync(declarations)) throw new Error(`${declarations} is missing. Run npm run build first.`);

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'check-types-')));
const modules = join(folder, 'node_modules');
let failures = 0;
try {
  mkdirSync(join(modules, name), { recursive: true });
  cpSync('package.json', join(modules, name, 'package.json'));
  cpSync('dist', join(modules, name, 'dist'), { recursive: true, filter: (path) => !path.endsWith('.map') });
  // Copies, because a link would lead back to the project and to everything that is installed there.
  cpSync(join('node_modules', 'groq-sdk'), join(modules, 'groq-sdk'), { recursive: true, dereference: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  for (const file of new Set(KINDS.map((kind) => kind.file))) cpSync('scripts/check-types/consumer.ts', join(folder, file));
  for (const compiler of COMPILERS) {
    const { version } = JSON.parse(readFileSync(join('node_modules', compiler, 'package.json'), 'utf8'));
    for (const { file, options } of KINDS) check(version, resolve('node_modules', compiler, 'bin/tsc'), file, options);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(failures === 0 ? 'The types hold.' : `${failures} checks failed`);
process.exitCode = failures === 0 ? 0 : 1;

function check(version, tsc, file, options) {
  const what = `TypeScript ${version}, ${options[1]}, ${file}`;
  const started = performance.now();
  try {
    execFileSync(process.execPath, [tsc, ...STRICT, ...options, file], { cwd: folder, stdio: 'pipe' });
    console.log(`ok     ${what} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED ${what}\n${error.stdout?.toString() ?? error.message}`);
  }
}
