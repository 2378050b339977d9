// Budgets, limits and the usage log in one SQLite file: durable, and shared by every process of the machine.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql'; // or: import { DatabaseSync } from 'node:sqlite', or better-sqlite3
// Users write 'governed-groq', 'governed-groq/sqlite' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { sqliteBackend } from '../src/sqlite';
import { mockGroq } from '../src/testing';

const folder = mkdtempSync(join(tmpdir(), 'governed-groq-'));
const messages = [{ role: 'user' as const, content: 'What is a WAL?' }];

async function oneRun(): Promise<number> {
  const database = new Database(join(folder, 'governance.db'));
  const groq = new GovernedGroq({
    apiKey: 'gsk_test',
    fetch: mockGroq().fetch,
    governance: { teams: { docs: { monthlyBudgetUsd: 1, rateLimitRPM: 60 } }, ...sqliteBackend({ database }) },
    team: 'docs',
  });
  for (let call = 0; call < 3; call++) await groq.chat.completions.create({ model: 'openai/gpt-oss-20b', messages });
  const { rows } = await groq.governor.report();
  const { gaps } = await groq.governor.reconcile();
  assert.deepEqual(gaps, []);
  await groq.governor.close();
  // The database is yours, so you close it.
  database.close();
  return rows[0]?.calls ?? 0;
}

console.log(`after the first run the file knows ${await oneRun()} calls`);
const calls = await oneRun();
console.log(`after the second, of another client, ${calls}`);
assert.equal(calls, 6);
rmSync(folder, { recursive: true });
