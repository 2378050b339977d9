// Runs the test suite on every runtime that is supported: this Node with its type tests, the others without. Those that are not
// installed come from the package registry; one that cannot be fetched is skipped, and says so.
import { spawnSync } from 'node:child_process';

const vitest = 'node_modules/vitest/vitest.mjs run';
// Several processes on one engine are a matter of the engine, and take their time: they run on this Node only.
const plain = `${vitest} --typecheck.enabled=false --exclude 'test/processes/**' --reporter=dot --reporter=./test/plain-reporter.ts`;
// The command line is started by Node, wherever the library runs.
const library = `${plain} --exclude 'test/cli/**'`;
const runtimes = [
  { name: 'this Node', command: `node ${vitest} --reporter=dot --reporter=./test/plain-reporter.ts` },
  ...['22.23.3', '24.21.0', '26.10.0'].map((version) => ({
    name: `node@${version}`,
    probe: 'node --version',
    command: `node ${plain}`,
  })),
  { name: 'bun@1.4.4', probe: 'bun --version', command: `bun --bun ${library}` },
  { name: 'deno@2.9.5', probe: 'deno --version', command: `deno run -A ${library}` },
];

const [only] = process.argv.slice(2);
const chosen = runtimes.filter(({ name }) => only === undefined || name.startsWith(only));
if (chosen.length === 0)
  throw new Error(`No runtime is called ${only}. There are ${runtimes.map(({ name }) => name).join(', ')}.`);

// The lock file's age limit is not meant for runtimes that are named to the last digit.
const shell = (command, name) => {
  const options = {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, CI: 'true', NO_COLOR: '1' },
    timeout: 900_000,
  };
  return name === undefined
    ? spawnSync('sh', ['-c', command], options)
    : spawnSync('npx', ['-y', '--min-release-age=0', '-p', name, '-c', command], options);
};
const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`;

let failed = 0;
let skipped = 0;
for (const { name, probe, command } of chosen) {
  const fetched = performance.now();
  const probed = probe && shell(probe, name);
  // Where npm does not run install scripts, `node` is still this one.
  const isOther = probed && !`${probed.stdout}`.includes(name.slice(name.indexOf('@') + 1));
  if (probed && (probed.status !== 0 || isOther)) {
    skipped++;
    const said = `${probed.stderr}\n${probed.error ?? ''}`.split('\n').find((line) => /error/i.test(line));
    const reason = said ?? (isOther ? `it says that it is ${probed.stdout.trim()}` : 'no reason given');
    console.log(`skipped ${name}: it could not be fetched or started (${seconds(fetched)}): ${reason}`);
    continue;
  }
  const started = performance.now();
  const { status, stdout, stderr, error } = shell(command, probe && name);
  const counts = /Tests: \d+ passed, \d+ failed, \d+ skipped/.exec(stdout)?.[0] ?? `no tests ran, ${error ?? `exit ${status}`}`;
  const ok = status === 0 && /^Tests: [1-9]/.test(counts);
  console.log(`${ok ? 'ok     ' : 'FAILED '} ${name}: ${counts} (${seconds(started)})`);
  if (ok) continue;
  failed++;
  const lines = `${stdout}\n${stderr}`.split('\n');
  const names = lines.filter((line) => /^\s*FAIL /.test(line));
  console.log([...new Set(names), ...lines.slice(-60)].join('\n'));
}
console.log(`${chosen.length - failed - skipped} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
