// A policy looks at a call and decides: allow, deny or amend. It is an object, so it can be tested without a client.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq, type Policy, type PolicyCall, allow, amend, capOutputTokens, deny } from '../src/index';
import { manualClock, mockGroq } from '../src/testing';

const quietHours: Policy = {
  name: 'quiet-hours',
  check({ at, tags }) {
    const hour = new Date(at).getUTCHours();
    return hour >= 22 && tags?.['batch'] !== 'yes' ? deny('between 22:00 and midnight UTC only batch work runs.') : allow();
  },
};

const noTemperature: Policy = {
  name: 'no-temperature',
  check: ({ body }) =>
    body['temperature'] === undefined ? allow() : amend({ temperature: undefined }, 'answers must be repeatable'),
};

// Without a transport: a decision is plain data.
const late = { at: Date.UTC(2026, 0, 1, 23), tags: undefined } as PolicyCall;
assert.deepEqual(await quietHours.check(late), deny('between 22:00 and midnight UTC only batch work runs.'));

// In a client: they run after the built-in rules, in this order.
const clock = manualClock(Date.UTC(2026, 0, 1, 12));
const mock = mockGroq({ clock });
const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mock.fetch,
  governance: { policies: [quietHours, noTemperature, capOutputTokens(200)], clock },
});
const request = { model: 'openai/gpt-oss-20b', messages: [{ role: 'user' as const, content: 'Hello' }], temperature: 0.9 };

await groq.chat.completions.create(request);
const sent = mock.calls[0]?.body;
console.log('sent at noon:', sent);
assert.equal(sent?.['temperature'], undefined);
assert.equal(sent?.['max_completion_tokens'], 200);

clock.set(Date.UTC(2026, 0, 1, 23));
const error = await groq.chat.completions.create(request).catch((reason: unknown) => reason);
console.log('at 23:00:', String(error));
assert.equal(mock.calls.length, 1);
const { decisions } = await groq.governor.explain(request, { tags: { batch: 'yes' } });
const own = decisions.filter(({ rule }) => ['quiet-hours', 'no-temperature', 'cap-output-tokens'].includes(rule));
console.log('batch work at 23:00:', own.map(({ rule, action }) => `${rule}: ${action}`).join(', '));
