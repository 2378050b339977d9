// A new key takes over from an old one without a failed call and without a restart, and the report says when the old one can go.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq, keyRegistry } from '../src/index';
import { keyFingerprint, manualClock, mockGroq } from '../src/testing';

const HOUR = 3_600_000;
const clock = manualClock(Date.UTC(2026, 10, 21, 9));
const mock = mockGroq({ clock });
/** Groq knows these. */
const valid = new Set(['gsk_old']);
mock
  .reply('chat.completions', ({ headers }) => {
    const isKnown = [...valid].some((secret) => keyFingerprint(secret) === headers['authorization']);
    return isKnown ? undefined : { status: 401 };
  })
  .persist();

// A secret is a text, the name of an environment variable, { file }, or a function that asks a secret manager.
const keys = keyRegistry([{ name: 'chatbot-prod-2026-04', secret: () => 'gsk_old', monthlyBudgetUsd: 50 }], {
  clock,
  onProblem: ({ message }) => console.log('problem:', message),
});
const groq = new GovernedGroq({ fetch: mock.fetch, governance: { teams: { chatbot: {} }, keys, clock }, team: 'chatbot' });
groq.governor.on('key-changed', ({ from, to }) => console.log(`a call moved from ${from} to ${to}`));

const usedBy = new Map<string, number>();
groq.governor.on('call-settled', ({ keyId = '' }) => usedBy.set(keyId, (usedBy.get(keyId) ?? 0) + 1));
async function fourCalls(): Promise<string> {
  usedBy.clear();
  const params = { model: 'openai/gpt-oss-20b', messages: [{ role: 'user' as const, content: 'Hello' }] };
  await Promise.all([1, 2, 3, 4].map(() => groq.chat.completions.create(params)));
  return [...usedBy].map(([key, calls]) => `${calls} with ${key}`).join(', ');
}
async function show(): Promise<void> {
  for (const { id, state, fingerprint, note } of await groq.governor.keys())
    console.log(`  ${id}  ${state}  ${fingerprint}  ${note}`);
}

console.log('before:', await fourCalls());

// The new key has not reached all of Groq yet: the one call that tries it goes on with the old key.
keys.add({ name: 'chatbot-prod-2026-11', secret: 'gsk_new', monthlyBudgetUsd: 50 });
assert.deepEqual(await keys.refresh(), []); // Both secrets can be read.
console.log('too early:', await fourCalls());

clock.set(clock.now() + HOUR);
valid.add('gsk_new');
console.log('one call tries the new key:', await fourCalls());
console.log('and then all use it:', await fourCalls());
await show();

clock.set(clock.now() + 24 * HOUR);
console.log('a day later:', await fourCalls());
await show();
const [old] = await groq.governor.keys();
assert.equal(old?.safeToDelete, true);
valid.delete('gsk_old');
keys.remove('chatbot-prod-2026-04');
assert.equal(await fourCalls(), '4 with chatbot-prod-2026-11');
