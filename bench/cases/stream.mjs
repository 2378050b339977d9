// 3. What one chunk of a stream costs.

import { setImmediate as nextTick } from 'node:timers/promises';
import * as groq from '../fixtures.mjs';
import { compare, inTurns, median, pick } from '../harness.mjs';

const CHUNKS = 400;

const event = (delta, more) => ({
  id: 'chatcmpl-7f3a1c52-8d0e-4b2b-9a57-3d6a5a0f2c11',
  object: 'chat.completion.chunk',
  created: 1_763_733_600,
  model: groq.MODEL,
  system_fingerprint: 'fp_e99e93f2ac',
  choices: [{ index: 0, delta, logprobs: null, finish_reason: null }],
  ...more,
});
const USAGE = {
  queue_time: 0.04,
  prompt_tokens: 93,
  completion_tokens: CHUNKS - 2,
  total_tokens: 91 + CHUNKS,
  total_time: 0.4,
};
const events = [
  event({ role: 'assistant', content: '' }, { x_groq: { id: 'req_01kajz2v5tf0fs2s5b1w3c3m2d' } }),
  ...Array.from({ length: CHUNKS - 2 }, (_, index) => event({ content: index % 3 === 0 ? ' latency' : ' and' })),
  event({}, { x_groq: { id: 'req_01kajz2v5tf0fs2s5b1w3c3m2d', usage: USAGE } }),
];
const encoder = new TextEncoder();
const lines = [...events.map((each) => JSON.stringify(each)), '[DONE]'].map((data) => encoder.encode(`data: ${data}\n\n`));

/** One event per read, as it comes over the wire from a model that writes a token at a time. */
async function fetch() {
  let next = 0;
  const pull = (controller) => {
    if (next < lines.length) controller.enqueue(lines[next++].slice());
    else controller.close();
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers: { 'content-type': 'text/event-stream' } });
}

const clients = {
  plain: groq.plainClient({ fetch }),
  governed: groq.governedClient({ fetch }),
  passive: groq.passiveClient({ fetch }),
  again: groq.plainClient({ fetch }),
};
const params = { ...groq.PARAMS, stream: true };

/** Microseconds to the first chunk, and per chunk after it. */
async function parsed(client) {
  const from = performance.now();
  const stream = await client.chat.completions.create(params);
  let first = 0;
  let count = 0;
  for await (const _chunk of stream) if (count++ === 0) first = performance.now();
  const end = performance.now();
  if (count !== CHUNKS) throw new Error(`${count} chunks instead of ${CHUNKS}`);
  return { first: (first - from) * 1000, each: ((end - first) * 1000) / (CHUNKS - 1) };
}

async function raw(client) {
  const from = performance.now();
  const response = await client.chat.completions.create(params).asResponse();
  const reader = response.body.getReader();
  let count = 0;
  while (!(await reader.read()).done) count++;
  if (count !== lines.length) throw new Error(`${count} reads instead of ${lines.length}`);
  return ((performance.now() - from) * 1000) / count;
}

const STREAMS_PER_TURN = 3;
async function turn(read, client) {
  const samples = [];
  for (let index = 0; index < STREAMS_PER_TURN; index++) {
    await nextTick();
    samples.push(await read(client));
  }
  return samples;
}

const ms = pick(2500, 6000);
for (const client of Object.values(clients)) for (let round = 0; round < pick(10, 30); round++) await turn(parsed, client);
const firsts = Object.fromEntries(Object.keys(clients).map((name) => [name, []]));
const each = await inTurns(clients, ms, async (client, name) => {
  const samples = await turn(parsed, client);
  firsts[name].push(median(samples.map(({ first }) => first)));
  return median(samples.map((sample) => sample.each));
});
const first = Object.fromEntries(
  Object.entries(firsts).map(([name, values]) => [
    name,
    { value: median(values), ratio: median(values.map((value, round) => value / firsts.plain[round])) },
  ]),
);
compare('streamed chunk', 'µs', each, { goal: ['<=', 1.06] });
compare('  without governance', 'µs', each, { governed: 'passive' });
compare('  plain against plain (noise)', 'µs', each, { governed: 'again' });
compare('time to first token', 'µs', first, { goal: ['<=', 1.1] });
compare('  without governance', 'µs', first, { governed: 'passive' });

for (const client of Object.values(clients)) for (let round = 0; round < pick(10, 30); round++) await turn(raw, client);
const tapped = await inTurns(clients, ms / 2, async (client) => median(await turn(raw, client)));
compare('stream by asResponse(), per read', 'µs', tapped);
compare('  without governance', 'µs', tapped, { governed: 'passive' });
