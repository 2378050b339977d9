// The same program, with groq-sdk and with this library. Only the import and the constructor differ.

import assert from 'node:assert/strict';
import Groq from 'groq-sdk';
// Users write 'governed-groq' and 'governed-groq/testing' in these examples.
import { GovernedGroq } from '../src/index';
import { mockGroq } from '../src/testing';

const { fetch } = mockGroq();

async function program(groq: Groq) {
  const { data, response } = await groq.chat.completions
    .create({ model: 'openai/gpt-oss-20b', messages: [{ role: 'user', content: 'Why is the sky blue?' }] })
    .withResponse();
  const models = await groq.models.list();
  const failure = await groq.chat.completions.create({ model: 'no-such-model', messages: [] }).catch((error: unknown) => error);
  return {
    answer: data.choices[0]?.message.content,
    status: response.status,
    models: models.data.length,
    failure: failure instanceof Groq.APIError && failure.status,
  };
}

const plain = await program(new Groq({ apiKey: 'gsk_test', fetch }));
const groq = new GovernedGroq({ apiKey: 'gsk_test', fetch });
const governed = await program(groq);
assert.deepEqual(governed, plain);
assert.ok(groq instanceof Groq);
console.log('groq-sdk:      ', plain);
console.log('governed-groq: ', governed);

// Without rules nothing is refused or changed, and yet the cost is known.
const { total } = await groq.governor.report();
assert.equal(total.calls, 3);
assert.ok(total.costNanos > 0);
console.log(`${total.calls} calls, ${total.promptTokens} + ${total.completionTokens} tokens, $${total.costUsd}`);
