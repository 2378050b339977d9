// Budgets, limits and the usage log in PostgreSQL. Here it is PGlite, which needs no server; a Pool of `pg` is handed in the same way.

import assert from 'node:assert/strict';
import { PGlite } from '@electric-sql/pglite'; // or: const client = new pg.Pool()
// Users write 'governed-groq', 'governed-groq/postgres' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { postgresBackend } from '../src/postgres';
import { mockGroq } from '../src/testing';

const client = await PGlite.create();
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mockGroq().fetch,
  governance: {
    teams: { web: { monthlyBudgetUsd: 5 }, jobs: { monthlyBudgetUsd: 1 } },
    // Makes its tables on first use; postgresMigrations() prints them for those who make their own.
    ...postgresBackend({ client, schema: 'governed_groq' }),
  },
});
const request = { model: 'openai/gpt-oss-20b', messages: [{ role: 'user' as const, content: 'Hi' }] };
for (const team of ['web', 'web', 'jobs']) await groq.withTeam(team, { user: 'ana' }).chat.completions.create(request);
await groq.governor.report();

// The records are rows, so your own reports can read them.
const { rows } = await client.query<{ team: string; calls: number }>(
  'SELECT team, count(*)::int AS calls FROM governed_groq.usage GROUP BY team ORDER BY team',
);
for (const { team, calls } of rows) console.log(`${team}: ${calls} calls`);
assert.deepEqual(rows, [
  { team: 'jobs', calls: 1 },
  { team: 'web', calls: 2 },
]);
assert.deepEqual((await groq.governor.reconcile()).gaps, []);
await groq.governor.close();
await client.close();
