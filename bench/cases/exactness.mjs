// 6. Whether the limits hold, and whether they are used, when many come at once.

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { groqPrices } from '../dist/index.js';
import * as groq from '../fixtures.mjs';
import { report } from '../harness.mjs';

const ignore = () => {};

// Every answer is as long as its request allows and its prompt as long as reported here.
const OUTPUT_TOKENS = 500;
const PROMPT_TOKENS = 93;
const PAID_CALLS = 100;

async function budgetUnderLoad() {
  const { inputPerMillionUsd, outputPerMillionUsd } = groqPrices.price(groq.MODEL, Date.now());
  const nanosEach = Math.ceil(1000 * (PROMPT_TOKENS * inputPerMillionUsd + OUTPUT_TOKENS * outputPerMillionUsd));
  const budgetNanos = PAID_CALLS * nanosEach;
  let sent = 0;
  const fetch = async () => {
    sent++;
    await sleep(5);
    const usage = {
      prompt_tokens: PROMPT_TOKENS,
      completion_tokens: OUTPUT_TOKENS,
      total_tokens: PROMPT_TOKENS + OUTPUT_TOKENS,
    };
    const choices = [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'length' }];
    return Response.json({ id: 'chatcmpl-1', object: 'chat.completion', model: groq.MODEL, choices, usage });
  };
  const params = { ...groq.PARAMS, max_completion_tokens: OUTPUT_TOKENS };
  const fire = async (client) => {
    sent = 0;
    await Promise.all(Array.from({ length: 3 * PAID_CALLS }, () => client.chat.completions.create(params).catch(ignore)));
    return (sent * nanosEach) / budgetNanos;
  };
  const flow = async (client) => {
    sent = 0;
    let left = 3 * PAID_CALLS;
    const worker = async () => {
      while (left-- > 0) await client.chat.completions.create(params).catch(() => sleep(1));
    };
    await Promise.all(Array.from({ length: 30 }, worker));
    return (sent * nanosEach) / budgetNanos;
  };
  const plain = await fire(groq.plainClient({ fetch }));
  const governance = { teams: { chatbot: { monthlyBudgetUsd: budgetNanos / 1e9, concurrency: 1000 } } };
  const client = groq.governedClient({ fetch }, governance);
  const spent = await fire(client);
  const { total } = await client.governor.report();
  report({
    what: 'spent ÷ budget, 300 calls at once, 100 paid for',
    unit: '×',
    plain,
    governed: spent,
    goal: ['<=', 1],
    judged: 'governed',
  });
  report({ what: '  share of the budget used', unit: '×', governed: spent, goal: ['>=', 0.95], judged: 'governed' });
  const booked = total.costNanos / (sent * nanosEach);
  report({ what: '  booked ÷ spent', unit: '×', governed: booked, goal: ['>=', 1], judged: 'governed' });

  const paced = groq.governedClient({ fetch }, governance);
  const share = await flow(paced);
  report({ what: 'spent ÷ budget, 30 in flight', unit: '×', governed: share, goal: ['<=', 1], judged: 'governed' });
  report({ what: '  share of the budget used', unit: '×', governed: share, goal: ['>=', 0.95], judged: 'governed' });
}

const CAP = 100;
const WINDOW_MS = 1000;
const SECONDS = 3;

async function rateUnderBacklog() {
  const starts = [];
  const fetch = async () => {
    starts.push(performance.now());
    return groq.completion();
  };
  const limits = [{ kind: 'requests', max: CAP, windowMs: WINDOW_MS }];
  const client = groq.governedClient({ fetch }, { teams: { chatbot: { limits, concurrency: 1000 } } });
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const backlog = Array.from({ length: CAP * (SECONDS + 2) }, () => {
    // One signal each: groq-sdk listens on it once per call.
    const { signal } = linked(controller);
    return client.chat.completions.create(groq.PARAMS, { signal }).catch(ignore);
  });
  const timers = bareTimers();
  // The last burst is due when the seconds are over.
  await sleep(SECONDS * WINDOW_MS + WINDOW_MS / 2);
  controller.abort();
  await Promise.all(backlog);

  let most = 0;
  for (let from = 0, to = 0; from < starts.length; from++) {
    while (to < starts.length && starts[to] < starts[from] + WINDOW_MS) to++;
    most = Math.max(most, to - from);
  }
  // The best there is: another CAP each second. How far behind that is the last call of the last burst?
  const bursts = Math.floor(starts.length / CAP) - 1;
  const used = bursts < 1 ? 0 : (bursts * WINDOW_MS) / (starts[(bursts + 1) * CAP - 1] - starts[0]);
  report({
    what: `most starts in any ${WINDOW_MS} ms ÷ cap of ${CAP}`,
    unit: '×',
    governed: most / CAP,
    goal: ['<=', 1.01],
    judged: 'governed',
  });
  report({
    what: '  use of the limit under backlog (bare timers: plain)',
    unit: '×',
    plain: await timers,
    governed: used,
    goal: ['>=', 0.97],
    judged: 'governed',
  });
}

function linked(parent) {
  const child = new AbortController();
  parent.signal.addEventListener('abort', () => child.abort(), { once: true });
  return child;
}

/** What a row of timers makes of the same time on this machine. */
async function bareTimers() {
  const from = performance.now();
  for (let second = 0; second < SECONDS; second++) await sleep(WINDOW_MS);
  return (SECONDS * WINDOW_MS) / (performance.now() - from);
}

await budgetUnderLoad();
await rateUnderBacklog();
