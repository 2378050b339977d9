// LangChain under the same governance: ChatGroq takes a fetch.

import assert from 'node:assert/strict';
import { ChatGroq } from '@langchain/groq';
// Users write 'governed-groq/fetch' and 'governed-groq/testing'.
import { governedFetch, refusalOf } from '../src/fetch';
import { mockGroq } from '../src/testing';

const mock = await mockGroq().listen();
const fetch = governedFetch({
  governance: { teams: { research: { allowedModels: ['openai/gpt-oss-20b'], monthlyBudgetUsd: 5, rateLimitRPM: 600 } } },
  team: 'research',
  user: 'ann',
  baseURL: mock.url,
});
const chat = (model: string): ChatGroq => new ChatGroq({ model, apiKey: 'gsk_test', baseUrl: mock.url, fetch });

const answer = await chat('openai/gpt-oss-20b').invoke('Say hello.');
console.log(answer.content);
for await (const chunk of await chat('openai/gpt-oss-20b').stream('Say hello again.')) process.stdout.write(chunk.text);

// LangChain makes an error of its own of the refusal, at once and without a retry.
const error: unknown = await chat('openai/gpt-oss-120b')
  .invoke('Say hello.')
  .catch((reason: unknown) => reason);
const refusal = refusalOf(error);
console.log(`\n${refusal?.name}: ${refusal?.message}`);
assert.equal(refusal?.code, 'model-not-allowed');

const { rows } = await fetch.governor.report({ by: ['team', 'user'] });
console.log(
  rows.map(({ team, user, calls, denied, costUsd }) => `${team}/${user}: ${calls} calls, ${denied} refused, $${costUsd}`),
);
assert.deepEqual(
  rows.map(({ calls, denied }) => [calls, denied]),
  [[2, 1]],
);
await mock.close();
