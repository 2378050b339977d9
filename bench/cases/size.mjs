// 7. What it takes to load.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { compare, inTurns, pick, report } from '../harness.mjs';

const dist = new URL('../dist/index.js', import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));

function importMs(specifier) {
  const script = `const from = performance.now(); await import(${JSON.stringify(specifier)}); console.log(performance.now() - from);`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' });
  return Number(stdout);
}

const specifiers = { plain: 'groq-sdk', governed: dist.href };
const imports = await inTurns(specifiers, pick(1500, 15_000), importMs, pick(5, 15));
compare('import time', 'ms', imports, { goal: ['<=', 1.6] });

async function gzippedBytes(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    write: false,
    logLevel: 'error',
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
}

const plain = await gzippedBytes(`import Groq from 'groq-sdk'; globalThis.client = Groq;`);
const path = JSON.stringify(fileURLToPath(dist));
const governed = await gzippedBytes(`import { GovernedGroq } from ${path}; globalThis.client = GovernedGroq;`);
report({ what: 'bundle, minified and gzipped', unit: 'kB', plain, governed, ratio: governed / plain, goal: ['<=', 3] });
