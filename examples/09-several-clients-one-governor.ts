// One governor for several clients: whatever the client, the budget is one.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq, Governor, isGovernanceError } from '../src/index';
import { mockGroq } from '../src/testing';

const governor = new Governor({
  teams: { web: { monthlyBudgetUsd: 0.02, concurrency: 50 }, jobs: { concurrency: 50 } },
  organization: { monthlyBudgetUsd: 0.03 },
});
governor.on('budget-threshold', ({ budget, level }) => console.log(`alert: ${budget} is at ${level * 100} %`));

const mock = mockGroq({ latencyMs: 5 });
const common = { governance: governor, apiKey: 'gsk_test', fetch: mock.fetch, logLevel: 'off' as const };
const patient = new GovernedGroq({ ...common, team: 'web', timeout: 60_000, maxRetries: 5 });
const hasty = new GovernedGroq({ ...common, team: 'web', timeout: 2_000, maxRetries: 0 });
const jobs = new GovernedGroq({ ...common, team: 'jobs' });

// 300 calls at once, each of which may cost a quarter of a cent: far more than there is.
mock.reply('chat.completions', { content: 'word '.repeat(3000) }).persist();
const request = { model: 'openai/gpt-oss-120b', messages: [{ role: 'user' as const, content: 'Tell me a long story.' }] };
const results = await Promise.allSettled(
  Array.from({ length: 300 }, (_, n) =>
    ([patient, hasty, jobs][n % 3] ?? patient).chat.completions.create({ ...request, max_completion_tokens: 4000 }),
  ),
);

const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
assert.ok(refused.length > 0 && refused.every(isGovernanceError));
const { rows, total } = await governor.report();
for (const { team, calls, denied, costUsd } of rows) console.log(`${team}: ${calls} served, ${denied} refused, $${costUsd}`);
console.log(`total: $${total.costUsd} of $0.03`);
assert.equal(mock.calls.length, total.calls);
assert.ok(total.costNanos <= 30_000_000, 'never a nano-dollar above the limit');
assert.deepEqual((await governor.reconcile()).gaps, []);
await governor.close();
