// A budget store of your own: three methods. The whole of it is in simple-budget-store.ts.

import assert from 'node:assert/strict';
// Users write 'governed-groq' and 'governed-groq/testing'.
import { GovernedGroq } from '../src/index';
import { mockGroq } from '../src/testing';
import { simpleBudgetStore } from './simple-budget-store';

const groq = new GovernedGroq({
  apiKey: 'gsk_test',
  fetch: mockGroq().fetch,
  governance: { budgetStore: simpleBudgetStore(), organization: { budgets: [{ limitUsd: 0.0005, window: 'day' }] } },
});
const messages = [{ role: 'user' as const, content: 'Is there any money left?' }];
const ask = () => groq.chat.completions.create({ model: 'openai/gpt-oss-20b', messages, max_completion_tokens: 500 });

// Ten at once: each is held at the most that it may cost, so those that could overdraw the budget are refused at once.
const answers = await Promise.allSettled(Array.from({ length: 10 }, ask));
const served = answers.filter(({ status }) => status === 'fulfilled').length;
const { total } = await groq.governor.report();
console.log(`10 calls at once: ${served} served, ${total.denied} refused, $${total.costUsd} of $0.0005 spent`);
assert.equal(served, 3);
assert.ok(total.costNanos <= 500_000);

// They cost less than was held, so there is room again; store and log agree.
await ask();
const { gaps } = await groq.governor.reconcile();
assert.deepEqual(gaps, []);
console.log(`one more is served, and ${gaps.length} gaps are between store and log`);
