// Batches spend later: every line is checked and held when the batch is created, and booked at half price when it has ended.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq, isGovernanceError } from '../src/index';
import { mockGroq } from '../src/testing';

const mock = mockGroq();
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mock.fetch,
  governance: { teams: { analytics: { allowedModels: ['openai/gpt-oss-20b'], monthlyBudgetUsd: 1 } } },
  team: 'analytics',
});

const fileOf = (models: readonly string[]): File => {
  const lines = models.map((model, index) => ({
    custom_id: `review-${index + 1}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model, messages: [{ role: 'user', content: `Sum up review ${index + 1}.` }], max_completion_tokens: 100 },
  }));
  return new File([lines.map((line) => JSON.stringify(line)).join('\n')], 'reviews.jsonl');
};
const models = Array.from({ length: 1000 }, () => 'openai/gpt-oss-20b');

// One line of a thousand asks for a model that the team may not use: nothing is uploaded.
const forbidden = fileOf(models.with(616, 'openai/gpt-oss-120b'));
const refusal: unknown = await groq.files.create({ file: forbidden, purpose: 'batch' }).catch((error: unknown) => error);
assert.ok(isGovernanceError(refusal) && refusal.line === 617 && refusal.customId === 'review-617');
console.log(refusal.message);

// A good one is held at half price, for as long as it may run.
const { id: fileId = '' } = await groq.files.create({ file: fileOf(models), purpose: 'batch' });
const batch = await groq.batches.create({ input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' });
const { live } = await groq.governor.reconcile();
console.log(`${live[0]?.id}: $${(live[0]?.nanos ?? 0) / 1e9} held`);

// Hours later, here or in another process. Reading the output file through the client books the batch as well.
mock.completeBatch(batch.id);
const { status, costNanos } = await groq.governor.settleBatch(batch.id);
console.log(`${batch.id} is ${status} and has cost $${(costNanos ?? 0) / 1e9}`);

const { total } = await groq.governor.report();
assert.equal(total.costNanos, costNanos);
assert.ok((costNanos ?? 0) > 0 && (costNanos ?? 0) < (live[0]?.nanos ?? 0));
assert.deepEqual((await groq.governor.reconcile()).live, []);
await groq.governor.close();
