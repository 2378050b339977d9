// Testing code that calls Groq: no network, no key, no waiting.

import assert from 'node:assert/strict';
import type Groq from 'groq-sdk';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { manualClock, mockGroq } from '../src/testing';

/** The code under test. */
async function summarize(groq: Groq, text: string): Promise<string> {
  const { choices } = await groq.chat.completions.create({
    model: 'openai/gpt-oss-20b',
    messages: [{ role: 'user', content: `Summarize: ${text}` }],
    max_completion_tokens: 100,
  });
  return choices[0]?.message.content?.trim() ?? '';
}

const clock = manualClock();
const mock = mockGroq({ clock });
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mock.fetch,
  governance: { teams: { news: { monthlyBudgetUsd: 1, rateLimitRPM: 3 } }, clock },
  team: 'news',
});

// Answers as scripted, usage included; the request is there to look at.
mock.reply('chat.completions', { content: ' It rained. ', usage: { prompt_tokens: 1000, completion_tokens: 100 } });
assert.equal(await summarize(groq, 'It rained all day.'), 'It rained.');
assert.equal(mock.calls[0]?.body['max_completion_tokens'], 100);
const { total } = await groq.governor.report();
assert.equal(total.costNanos, 1000 * 75 + 100 * 300); // $0.075 and $0.30 per million tokens

// Groq says 429 and wait 20 seconds: one retry, and no real second passes.
mock.reply('chat.completions', [{ status: 429, retryAfter: 20 }, { content: 'It rained again.' }]);
const before = clock.now();
assert.equal(await clock.runUntil(summarize(groq, 'More rain.')), 'It rained again.');
assert.equal(clock.now() - before, 20_000);
console.log(`a 429 was sat out: ${(clock.now() - before) / 1000} s`);

// Three requests a minute are allowed, the retry was the third, so the next one waits for its turn.
const waited = clock.now();
await clock.runUntil(summarize(groq, 'And more.'));
console.log(`the rate limit was waited for: ${(clock.now() - waited) / 1000} s`);
assert.equal(clock.now() - waited, 40_000);

mock.assertDone(); // Every reply was used.
console.log(`${mock.calls.length} requests, all as scripted`);
