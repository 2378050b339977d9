// Every call as a line in a file, and reports over it: by team, model, user, key, operation, day or any tag.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq, Governor, type UsageRecord, jsonlUsageLog } from '../src/index';
import { mockGroq } from '../src/testing';

const directory = await mkdtemp(join(tmpdir(), 'usage-'));
const path = join(directory, 'usage.jsonl');
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mockGroq().fetch,
  governance: {
    usageLog: jsonlUsageLog(path),
    teams: { chatbot: { monthlyBudgetUsd: 20 }, analytics: { monthlyBudgetUsd: 5 } },
  },
});

const models = ['openai/gpt-oss-20b', 'openai/gpt-oss-120b'];
for (let n = 0; n < 12; n++) {
  const team = groq.withTeam(n % 3 ? 'chatbot' : 'analytics', {
    user: `user-${n % 2}`,
    tags: { feature: n % 4 ? 'search' : 'help' },
  });
  const messages = [{ role: 'user' as const, content: `Question number ${n}` }];
  await team.chat.completions.create({ model: models[n % 2] ?? '', messages });
}
await groq.governor.close(); // All is in the file now.

const lines = (await readFile(path, 'utf8')).trim().split('\n');
const records = lines.map((line) => JSON.parse(line) as UsageRecord);
console.log(lines.at(-1), '\n');

// Another process, another day: the log alone is enough.
const governor = new Governor({ usageLog: jsonlUsageLog(path) });
for (const by of [['team', 'model'], ['user'], [{ tag: 'feature' }], ['day']] as const) {
  const { rows, total } = await governor.report({ last: '7d', by });
  for (const { team, model, user, tags, day, calls, costUsd } of rows) {
    console.log(
      [team, model, user, tags?.['feature'], day].filter(Boolean).join(', ').padEnd(34),
      `${calls} calls, $${costUsd}`,
    );
  }
  console.log();
  assert.equal(
    rows.reduce((sum, { costNanos }) => sum + costNanos, 0),
    total.costNanos,
  );
  assert.equal(
    total.costNanos,
    records.reduce((sum, { costNanos }) => sum + costNanos, 0),
  );
}
await rm(directory, { recursive: true });
