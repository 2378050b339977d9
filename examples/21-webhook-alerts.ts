// Alerts to Slack, or to any other receiver of JSON. Here it is a small server, which is away when the first alert comes.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq, webhookAlerts } from '../src/index';
import { mockGroq } from '../src/testing';

const received = new Map<string, string>();
let requests = 0;
const server = createServer((request, response) => {
  void json(request).then((body) => {
    // A receiver tells by the key what it has had already.
    const isAway = ++requests === 1;
    if (!isAway) received.set(String(request.headers['idempotency-key']), (body as { text: string }).text);
    response.writeHead(isAway ? 503 : 200).end();
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
assert.ok(address !== null && typeof address === 'object');

const mock = mockGroq();
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mock.fetch,
  logLevel: 'off',
  team: 'chatbot',
  governance: {
    teams: { chatbot: { monthlyBudgetUsd: 0.01 } },
    alerts: [
      webhookAlerts({
        url: `http://127.0.0.1:${address.port}/services/…`, // or https://hooks.slack.com/services/…
        minLevel: 0.8,
        onFailure: (_alert, error) => console.error(error.message),
      }),
    ],
  },
});

// One call takes the budget from nothing to 96 %.
mock.reply('chat.completions', { content: 'Yes.', usage: { prompt_tokens: 8_000, completion_tokens: 30_000 } });
await groq.chat.completions.create({
  model: 'openai/gpt-oss-20b',
  messages: [{ role: 'user', content: 'Write a novel.' }],
  max_completion_tokens: 30_000,
});

// Waits until every alert is delivered or given up.
await groq.governor.close();
for (const [id, text] of received) console.log(id, '|', text);
assert.equal(received.size, 2);
assert.equal(requests, 3);
server.closeAllConnections();
server.close();
