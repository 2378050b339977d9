// Ask what would happen to a call, before making it: the same code decides, and nothing is written.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { mockGroq } from '../src/testing';

const mock = mockGroq();
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mock.fetch,
  governance: {
    teams: { chatbot: { allowedModels: ['openai/*'], maxTokensPerRequest: 2048, monthlyBudgetUsd: 0.001, rateLimitRPM: 2 } },
    organization: { monthlyBudgetUsd: 500 },
  },
});
const request = { model: 'openai/gpt-oss-120b', messages: [{ role: 'user' as const, content: 'Hello!' }] };

async function show(title: string, params: object) {
  const { allowed, reason, maxCompletionTokens, upperCostUsd, waitMs, limits } = await groq.governor.explain(params, {
    team: 'chatbot',
  });
  console.log(`\n${title}: ${allowed ? 'yes' : `no. ${reason}`}`);
  if (allowed) {
    console.log(`  at most ${maxCompletionTokens} tokens out and $${upperCostUsd}; starts in ${Math.round(waitMs / 1000)} s`);
  }
  for (const { name, used, held, cap, requested, binding } of limits) {
    if (name.startsWith('chatbot') || name.startsWith('organization')) {
      console.log(`  ${binding ? '→' : ' '} ${name}: ${used} used, ${held} held, ${requested} asked of ${cap}`);
    }
  }
  return { allowed, maxCompletionTokens, waitMs };
}

// The budget cannot pay 2048 tokens, so the request would be given as many as it can.
const first = await show('a request without a bound', request);
assert.ok(first.allowed && first.maxCompletionTokens !== undefined && first.maxCompletionTokens < 2048);

const large = await show('5000 tokens', { ...request, max_completion_tokens: 5000 });
assert.equal(large.allowed, false);

const chatbot = groq.withTeam('chatbot');
for (const n of [1, 2]) await chatbot.chat.completions.create({ ...request, max_completion_tokens: 100 * n });
const third = await show('a third call within the minute', { ...request, max_completion_tokens: 100 });
assert.ok(third.allowed && third.waitMs > 0);

assert.equal(mock.calls.length, 2);
