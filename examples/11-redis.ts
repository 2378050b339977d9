// Budgets, limits and the usage log in Redis: shared by every process of every machine. Needs a server at REDIS_URL.

import assert from 'node:assert/strict';
import { Redis } from 'ioredis'; // or createClient() of 'redis', or 'iovalkey'
// Users write 'governed-groq', 'governed-groq/redis' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { redisBackend } from '../src/redis';
import { mockGroq } from '../src/testing';

const client = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', {
  lazyConnect: true,
  retryStrategy: () => null,
});
client.on('error', () => {});
const connected = await client.connect().then(
  () => true,
  () => false,
);
if (!connected) {
  console.log('No Redis answers. Start one with: redis-server --save "" --appendonly no');
  process.exit(0);
}

const prefix = `example-${process.pid}`;
const machine = () =>
  new GovernedGroq({
    apiKey: 'gsk_test',
    fetch: mockGroq().fetch,
    governance: { teams: { web: { monthlyBudgetUsd: 0.001 } }, ...redisBackend({ client, prefix }) },
    team: 'web',
  });

// As on two machines: what one has spent, the other cannot spend again.
const [one, other] = [machine(), machine()];
const request = {
  model: 'openai/gpt-oss-20b',
  messages: [{ role: 'user' as const, content: 'Hi' }],
  max_completion_tokens: 800,
};
const results = await Promise.allSettled(
  Array.from({ length: 20 }, (_, n) => (n % 2 ? one : other).chat.completions.create(request)),
);
const served = results.filter(({ status }) => status === 'fulfilled').length;
const { total } = await one.governor.report();
await other.governor.report();
console.log(`20 calls from two clients: ${served} served, $${total.costUsd} of $0.001 spent`);
assert.ok(served > 0 && served < 20 && total.costNanos <= 1_000_000);

await Promise.all([one, other].map(({ governor }) => governor.close()));
const keys = await client.keys(`*${prefix}*`);
await client.unlink(...keys);
client.disconnect();
