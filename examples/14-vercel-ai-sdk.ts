// The AI SDK under the same governance: its Groq provider takes a fetch.

import assert from 'node:assert/strict';
import { createGroq } from '@ai-sdk/groq';
import { generateText, streamText } from 'ai';
// Users write 'governed-groq', 'governed-groq/fetch' and 'governed-groq/testing'.
import { governedFetch, refusalOf } from '../src/fetch';
import { BudgetExceededError, Governor } from '../src/index';
import { mockGroq } from '../src/testing';

const governor = new Governor({ teams: { web: { monthlyBudgetUsd: 0.001, maxTokensPerRequest: 500 } } });
const mock = await mockGroq().listen();
const fetch = governedFetch({ governance: governor, team: 'web', baseURL: mock.url });
const groq = createGroq({ apiKey: 'gsk_test', baseURL: `${mock.url}/openai/v1`, fetch });
const model = groq('openai/gpt-oss-120b');

const { text } = await generateText({ model, prompt: 'Say hello.' });
console.log(text);

// Streams are booked as they are read, and cost what the provider counted.
for await (const part of streamText({ model, prompt: 'Say hello again.' }).textStream) process.stdout.write(part);

// The budget holds, and a refusal is not tried again.
const answers = await Promise.allSettled(Array.from({ length: 20 }, () => generateText({ model, prompt: 'Tell me a story.' })));
const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [refusalOf(answer.reason)] : []));
console.log(`\n${refused.length} of ${answers.length} refused: ${refused[0]?.message}`);
assert.ok(refused.length > 0 && refused.every((refusal) => refusal instanceof BudgetExceededError));

const { total } = await governor.report();
console.log(`${total.calls} calls, $${total.costUsd} of $0.001`);
assert.ok(total.costNanos <= 1_000_000);
assert.equal(total.denied, refused.length);
await mock.close();
