// Streams are metered as they are read, however they end.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq, type UsageRecord } from '../src/index';
import { mockGroq } from '../src/testing';

const mock = mockGroq();
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mock.fetch,
  governance: { organization: { monthlyBudgetUsd: 1 } },
});
const records: UsageRecord[] = [];
groq.governor.on('call-settled', (record) => records.push(record));

const open = () =>
  groq.chat.completions.create({
    model: 'openai/gpt-oss-120b',
    messages: [{ role: 'user', content: 'Count to a hundred, please.' }],
    max_completion_tokens: 400,
    stream: true,
  });

// Read to the end: the provider's own count is booked.
let chunks = 0;
for await (const chunk of await open()) {
  chunks++;
  process.stdout.write(chunk.choices[0]?.delta.content ?? '');
}
console.log(`\n${chunks} chunks`);

// Left after three chunks: what was sent and read is booked, as an estimate.
let seen = 0;
for await (const _chunk of await open()) if (++seen === 3) break;

// Aborted from outside.
const stream = await open();
for await (const _chunk of stream) stream.controller.abort();

// The connection breaks.
mock.reply('chat.completions', { stream: ['one', ' two', ' three'], cutAfter: 3 });
for await (const _chunk of await open());

await groq.governor.report(); // Resolves when all that has ended is booked.
for (const { outcome, accuracy, completionTokens, costNanos } of records) {
  console.log(`${outcome.padEnd(8)} ${accuracy.padEnd(10)} ${completionTokens} tokens read, ${costNanos} nano-dollars`);
}
assert.deepEqual(
  records.map(({ outcome, accuracy }) => `${outcome} ${accuracy}`),
  ['success exact', 'aborted estimated', 'aborted estimated', 'error estimated'],
);
assert.ok(records.every(({ costNanos }) => costNanos > 0));
