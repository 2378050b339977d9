// Two processes, one file, one cap: they spend it to the last call that fits, and never more.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
// Users write 'governed-groq', 'governed-groq/sqlite' and 'governed-groq/testing'.
import { GovernedGroq, Governor, isGovernanceError } from '../src/index';
import { sqliteBackend } from '../src/sqlite';
import { mockGroq } from '../src/testing';

const CAP_USD = 0.001;
const teams = { crawler: { monthlyBudgetUsd: CAP_USD, concurrency: 20 } };

/** What each of the two processes does: makes calls until it is refused. */
async function work(file: string): Promise<number> {
  const governance = { teams, ...sqliteBackend({ database: new Database(file) }) };
  const groq = new GovernedGroq({ apiKey: 'gsk_test', fetch: mockGroq().fetch, governance, team: 'crawler', logLevel: 'off' });
  const request = {
    model: 'openai/gpt-oss-20b',
    messages: [{ role: 'user' as const, content: 'Hi' }],
    max_completion_tokens: 100,
  };
  let served = 0;
  const one = async (): Promise<void> => {
    for (; ; served++) await groq.chat.completions.create(request);
  };
  const ends = await Promise.allSettled([one(), one(), one()]);
  for (const end of ends) assert.ok(end.status === 'rejected' && isGovernanceError(end.reason));
  await groq.governor.close();
  return served;
}

if (process.send) {
  process.send(await work(process.argv[2] ?? ''));
  process.disconnect();
} else {
  const folder = mkdtempSync(join(tmpdir(), 'governed-groq-'));
  const file = join(folder, 'governance.db');
  const child = () =>
    new Promise<number>((resolve) =>
      fork(fileURLToPath(import.meta.url), [file]).once('message', (served) => resolve(Number(served))),
    );
  const [one, other] = await Promise.all([child(), child()]);
  const governor = new Governor({ teams, ...sqliteBackend({ database: new Database(file) }) });
  const { total } = await governor.report();
  console.log(`${one} and ${other} calls served, $${total.costUsd} of $${CAP_USD} spent`);
  assert.equal(total.calls, one + other);
  assert.ok(total.costUsd <= CAP_USD && total.costUsd >= 0.9 * CAP_USD);
  rmSync(folder, { recursive: true });
}
