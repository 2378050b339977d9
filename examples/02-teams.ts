// Teams with the four fields that most people need, and what a refusal looks like.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { BudgetExceededError, GovernedGroq, PolicyDeniedError, isGovernanceError } from '../src/index';
import { mockGroq } from '../src/testing';

const TEAM_CONFIGS = {
  chatbot: {
    allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
    maxTokensPerRequest: 2048,
    monthlyBudgetUsd: 200,
    rateLimitRPM: 60,
  },
  analytics: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 512, monthlyBudgetUsd: 0.0001, rateLimitRPM: 30 },
};

const mock = mockGroq();
const groq = new GovernedGroq({ apiKey: 'gsk_test', fetch: mock.fetch, governance: { teams: TEAM_CONFIGS } });
const messages = [{ role: 'user' as const, content: 'Good morning!' }];

const chatbot = groq.withTeam('chatbot', { user: 'ana' });
const answer = await chatbot.chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
console.log('chatbot:', answer.choices[0]?.message.content);

const analytics = groq.withTeam('analytics');
async function refusal(model: string, max_completion_tokens: number): Promise<unknown> {
  try {
    return await analytics.chat.completions.create({ model, messages, max_completion_tokens });
  } catch (error) {
    if (isGovernanceError(error)) console.log(`analytics: ${error.name} (${error.code}): ${error.message}`);
    return error;
  }
}
assert.ok((await refusal('openai/gpt-oss-120b', 100)) instanceof PolicyDeniedError);
assert.ok((await refusal('openai/gpt-oss-20b', 4096)) instanceof PolicyDeniedError);
const broke = await refusal('openai/gpt-oss-20b', 512);
assert.ok(broke instanceof BudgetExceededError);
assert.equal(broke.limitNanos, 100_000);

// A refused call was never sent; a client that is bound to no team sends nothing either.
await assert.rejects(groq.chat.completions.create({ model: 'openai/gpt-oss-20b', messages }), { code: 'unknown-team' });
assert.equal(mock.calls.length, 1);
