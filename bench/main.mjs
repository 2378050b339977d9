// npm run bench [-- --quick] [-- --only 1,3]
// Builds the library as it is published and measures that, against plain groq-sdk in the same process at the same time.

import { fork, spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './harness.mjs';

// Cases whose figures depend on how a process happens to warm up are run in several.
const CASES = [
  { file: 'calls', title: '1. one call in memory', processes: 3 },
  { file: 'http', title: '2. one call over HTTP', processes: 3 },
  { file: 'stream', title: '3. streams', processes: 3 },
  { file: 'queue', title: '4. waiting', processes: 1 },
  { file: 'endurance', title: '5. many calls', processes: 1 },
  { file: 'exactness', title: '6. limits under load', processes: 1 },
  { file: 'size', title: '7. loading', processes: 1 },
  { file: 'engines', title: '8. shared engines', processes: 1 },
];

const CASE_TIMEOUT_MS = 10 * 60_000;

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } } });
const only = options.only?.split(',').map(Number);
const root = fileURLToPath(new URL('..', import.meta.url));

build();
const sections = [];
for (const [index, { file, title, processes }] of CASES.entries()) {
  if (only && !only.includes(index + 1)) continue;
  const runs = [];
  for (let run = 0; run < (options.quick ? 1 : processes); run++) {
    const from = performance.now();
    runs.push(await runCase(file));
    process.stderr.write(`${title}: ${((performance.now() - from) / 1000).toFixed(0)} s\n`);
  }
  sections.push({ title, rows: merged(runs) });
}
print(sections);

function build() {
  const tsup = fileURLToPath(new URL('../node_modules/tsup/dist/cli-default.js', import.meta.url));
  const args = [tsup, '--no-dts', '--silent', '--format', 'esm', '--out-dir', 'bench/dist'];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('the build failed');
}

/** The rows of one run of a case, in a process of its own. */
function runCase(file) {
  const rows = [];
  return new Promise((resolve) => {
    const child = fork(new URL(`cases/${file}.mjs`, import.meta.url), {
      // Collecting on demand would otherwise make functions old, and their code thrown away.
      execArgv: ['--expose-gc', '--no-flush-bytecode', '--max-old-space-size=6144'],
      env: { ...process.env, BENCH_QUICK: options.quick ? '1' : '0' },
    });
    child.on('message', (row) => rows.push(row));
    const watchdog = setTimeout(() => child.kill('SIGKILL'), CASE_TIMEOUT_MS);
    child.on('exit', (code, signal) => {
      clearTimeout(watchdog);
      if (code !== 0) rows.push({ what: `FAILED: ${file}.mjs ended with ${signal ?? code}`, failed: true });
      resolve(rows);
    });
  });
}

/** Rows of several runs become one, figure by figure. They come in the same order. */
function merged(runs) {
  const longest = runs.reduce((most, rows) => (rows.length > most.length ? rows : most), []);
  return longest.map((row, index) => {
    const same = runs.map((rows) => rows[index]).filter((other) => other?.what === row.what);
    const figures = {};
    for (const field of ['plain', 'governed', 'ratio']) {
      const values = same.map((each) => each[field]).filter((value) => typeof value === 'number');
      if (values.length > 0) figures[field] = median(values);
    }
    return { ...row, ...figures };
  });
}

function isMet({ goal: [sense, bound], judged = 'ratio', ...row }) {
  return sense === '<=' ? row[judged] <= bound : row[judged] >= bound;
}

function print(all) {
  const lines = [['what', 'plain', 'governed', 'ratio', 'goal', 'ok?']];
  const missed = [];
  for (const { title, rows } of all) {
    lines.push([]);
    let heading = '';
    for (const row of rows) {
      if (!row.what.startsWith(' ')) heading = row.what;
      const goal = row.goal && `${row.goal[0] === '<=' ? '≤' : '≥'} ${row.goal[1]}${judgedUnit(row)}`;
      const met = row.goal ? isMet(row) : !row.failed;
      if (!met) missed.push(row.what === heading ? heading : `${heading} (${row.what.trim()})`);
      const mark = row.goal || row.failed ? (met ? 'yes' : 'MISSED') : '';
      lines.push([row.what, figure(row.plain, row.unit), figure(row.governed, row.unit), ratio(row.ratio), goal ?? '', mark]);
    }
    if (rows.length === 0) lines.push([`${title}: no figures`]);
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const first = (cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]));
  const load = loadavg()[0].toFixed(1);
  console.log(
    `Node ${process.version}, ${cpus().length} cores, load ${load}${options.quick ? ', quick' : ''}. Ratios count, not times.\n`,
  );
  for (const line of lines) console.log(line.map(first).join('  ').trimEnd());
  console.log(`\n${missed.length === 0 ? 'All goals met.' : `Goals missed: ${missed.join('; ')}.`}`);
}

function judgedUnit({ judged, unit }) {
  return judged === 'governed' && unit !== '×' ? ` ${unit}` : '';
}

function figure(value, unit) {
  if (typeof value !== 'number') return '–';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : unit === '×' ? 3 : 2;
  return unit === '×' ? value.toFixed(digits) : `${value.toFixed(digits)} ${unit}`;
}

function ratio(value) {
  return typeof value === 'number' ? value.toFixed(3) : '';
}
