// The openai package, pointed at Groq, beside a GovernedGroq: one governor, one budget.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
// Users write 'governed-groq', 'governed-groq/fetch' and 'governed-groq/testing'.
import { governedFetch, refusalOf } from '../src/fetch';
import { GovernedGroq } from '../src/index';
import { mockGroq } from '../src/testing';

const mock = mockGroq();
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mock.fetch,
  governance: { teams: { chatbot: { monthlyBudgetUsd: 1, maxTokensPerRequest: 1000 } } },
});
const fetch = governedFetch({ governance: groq.governor, team: 'chatbot', fetch: mock.fetch });
const openai = new OpenAI({ apiKey: 'gsk_test', baseURL: 'https://api.groq.com/openai/v1', fetch });
const request = { model: 'openai/gpt-oss-20b', messages: [{ role: 'user' as const, content: 'Say hello.' }] };

await groq.withTeam('chatbot').chat.completions.create(request);
const answer = await openai.chat.completions.create(request);
console.log(answer.choices[0]?.message.content);
for await (const chunk of await openai.chat.completions.create({ ...request, stream: true })) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? '');
}

const error: unknown = await openai.chat.completions
  .create({ ...request, max_tokens: 5000 })
  .catch((reason: unknown) => reason);
console.log(`\n${error instanceof OpenAI.PermissionDeniedError ? error.message : 'not refused'}`);
assert.equal(refusalOf(error)?.code, 'max-tokens-exceeded');

const { total } = await groq.governor.report();
console.log(`${total.calls} calls, ${total.denied} refused, $${total.costUsd}`);
assert.deepEqual([total.calls, total.denied, mock.calls.length], [3, 1, 3]);
