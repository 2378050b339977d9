// Runs the story and every example, and fails if one of them fails. What a failing one printed is shown.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const examples = ['00-story/main.ts', ...readdirSync('examples').filter((name) => /^\d\d-.*\.ts$/.test(name))];
// Examples must run without a key, also where there is one.
const { GROQ_API_KEY: _key, GROQ_BASE_URL: _url, ...env } = process.env;
const failed = [];
for (const example of examples) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', `examples/${example}`], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = status === 0 && stdout.trim() !== '';
  console.log(`${ok ? 'ok    ' : 'FAILED'} examples/${example} (${seconds} s)`);
  if (ok) continue;
  failed.push(example);
  console.log(`${stdout}${stderr}`);
}
console.log(failed.length === 0 ? `${examples.length} examples ran` : `${failed.length} of ${examples.length} examples failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
