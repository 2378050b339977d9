// 4. Waiting: what it keeps, and whether a long queue is slower than a short one.

import { memoryRateLimiter } from '../dist/index.js';
import * as groq from '../fixtures.mjs';
import {
  finish,
  liveHeap,
  median,
  pick,
  randomSource,
  report,
  settle,
  thousands,
  trimmedMean,
  workWatch,
} from '../harness.mjs';

const LARGE = pick(20_000, 100_000);
const SMALL = LARGE / 10;
const CLIENT_LARGE = pick(3000, 100_000);
const CLIENT_SMALL = CLIENT_LARGE / 10;
const ABORTS = pick(100, 500);
const WARM_UPS = 5;
const PRIORITIES = 4;

const ignore = () => {};

// A queue is made once and used again and again: code that was optimized for one that is gone would have to be optimized anew.

/** Nothing but promises and listeners: no queue does with less. */
function bareQueue() {
  const resolvers = new Set();
  return {
    block: ignore,
    start: () => {
      for (const resolve of resolvers) resolve();
      resolvers.clear();
    },
    join: (_index, signal) =>
      new Promise((resolve, reject) => {
        resolvers.add(resolve);
        signal.addEventListener('abort', () => resolvers.delete(resolve) && reject(signal.reason), { once: true });
      }),
  };
}

/** The limiter alone, full once it is blocked; it drains when started. */
function limiterQueue() {
  const limiter = memoryRateLimiter();
  const amounts = { requests: 1, tokens: 600, inputTokens: 90, outputTokens: 510, audioSeconds: 0 };
  const concurrency = Object.freeze([{ key: 'team:chatbot', name: 'chatbot/concurrency', max: 1 }]);
  const limits = Object.freeze([]);
  const acquire = (index, signal) =>
    limiter.acquire(
      {
        id: `call-${index}`,
        team: 'chatbot',
        amounts,
        limits,
        concurrency,
        provider: groq.MODEL,
        priority: index % PRIORITIES,
        weight: 1,
        maxWaitMs: Infinity,
        maxQueueSize: Infinity,
        leaseMs: 900_000,
      },
      signal,
    );
  const use = (slot) => {
    slot.begin();
    slot.release();
  };
  let first;
  return {
    block: async () => void (first = await acquire(0)),
    start: () => first.release(),
    join: (index, signal) => acquire(index, signal).then(use),
  };
}

/** A client whose team may make one call at a time. */
function clientQueue() {
  let { open, fetch } = groq.gate();
  const governance = { teams: { chatbot: { monthlyBudgetUsd: 5_000_000, rateLimitRPM: 100_000_000, concurrency: 1 } } };
  const client = groq.governedClient({ fetch: (url, init) => fetch(url, init) }, governance);
  const views = Array.from({ length: PRIORITIES }, (_, priority) => client.withTeam('chatbot', { priority }));
  return {
    block: async () => {
      ({ open, fetch } = groq.gate());
      void views[0].chat.completions.create(groq.PARAMS).then(ignore);
      await settle();
    },
    start: () => {
      fetch = groq.answering;
      open();
    },
    join: (index, signal) => views[index % PRIORITIES].chat.completions.create(groq.PARAMS, { signal }).then(ignore),
  };
}

/** Plain calls that hang in the transport, as nothing makes them wait before. */
function plainCalls() {
  let { open, fetch } = groq.gate();
  const client = groq.plainClient({ fetch: (url, init) => fetch(url, init) });
  return {
    block: () => void ({ open, fetch } = groq.gate()),
    start: () => open(),
    join: (_index, signal) => client.chat.completions.create(groq.PARAMS, { signal }).then(ignore),
  };
}

async function filled(queue, count) {
  await queue.block();
  const controllers = Array.from({ length: count }, () => new AbortController());
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  const elapsed = workWatch();
  const done = controllers.map(({ signal }, index) => queue.join(index, signal));
  await settle();
  const joinUs = (elapsed() * 1000) / count;
  const empty = async () => {
    for (const controller of controllers) controller.abort();
    queue.start();
    await Promise.allSettled(done);
  };
  return { controllers, done, before, joinUs, empty };
}

/** Bytes per waiting call beyond the caller's own AbortController. */
async function heapPerCall(queue, count) {
  const { done, before, empty } = await filled(queue, count);
  for (const each of done) each.catch(ignore);
  const bytes = ((await liveHeap()) - before) / count;
  await empty();
  return bytes;
}

/** Microseconds from an abort until the caller knows. */
async function abortOne(queue, count) {
  const { controllers, done, empty } = await filled(queue, count);
  for (const each of done) each.catch(ignore);
  const random = randomSource();
  const chosen = new Set();
  while (chosen.size < ABORTS) chosen.add(Math.floor(random() * count));
  globalThis.gc();
  const samples = [];
  for (const index of chosen) {
    const from = performance.now();
    controllers[index].abort();
    await done[index].catch(ignore);
    samples.push((performance.now() - from) * 1000);
  }
  await empty();
  return trimmedMean(samples);
}

/** Microseconds per call to let all of them go. */
async function drain(queue, count) {
  const { done, joinUs } = await filled(queue, count);
  const all = Promise.all(done);
  const elapsed = workWatch();
  queue.start();
  await all;
  return { drainUs: (elapsed() * 1000) / count, joinUs };
}

async function repeated(times, measure) {
  const values = [];
  for (let time = 0; time < times; time++) values.push(await measure());
  return values;
}

for (const { name, queue, base, small, large, goals, times } of [
  { name: 'limiter', queue: limiterQueue(), base: bareQueue(), small: SMALL, large: LARGE, goals: true, times: pick(3, 5) },
  {
    name: 'client',
    queue: clientQueue(),
    base: plainCalls(),
    small: CLIENT_SMALL,
    large: CLIENT_LARGE,
    goals: false,
    times: 2,
  },
]) {
  await heapPerCall(queue, small);
  const heap = await heapPerCall(queue, large);
  await heapPerCall(base, small);
  const plainHeap = await heapPerCall(base, large);
  report({
    what: `${name}: heap per waiting call, ${thousands(large)} wait`,
    unit: 'B',
    plain: plainHeap,
    governed: heap,
    goal: goals ? ['<=', 1500] : undefined,
    judged: 'governed',
  });

  for (let time = 0; time < WARM_UPS; time++) for (const each of [base, queue]) await abortOne(each, small);
  const aborts = { small: [], large: [], plain: [] };
  for (let time = 0; time < times; time++) {
    aborts.plain.push(await abortOne(base, small));
    aborts.small.push(await abortOne(queue, small));
    aborts.large.push(await abortOne(queue, large));
  }
  const [abortPlain, abortSmall, abortLarge] = [aborts.plain, aborts.small, aborts.large].map(median);
  const abortGoal = goals ? { goal: ['<=', 20], judged: 'governed' } : {};
  const abort = (count) => `${name}: abort one of ${thousands(count)}`;
  report({ what: abort(small), unit: 'µs', plain: abortPlain, governed: abortSmall, ...abortGoal });
  report({ what: abort(large), unit: 'µs', governed: abortLarge, ratio: abortLarge / abortSmall, ...abortGoal });

  // As warm for the short queue as for the long one.
  await drain(queue, large);
  const drains = { small: [], large: [], plain: [] };
  for (let time = 0; time < times; time++) {
    if (name === 'client') drains.plain.push(await drain(base, small));
    drains.small.push(median((await repeated(pick(2, 5), () => drain(queue, small))).map(({ drainUs }) => drainUs)));
    drains.large.push(await drain(queue, large));
  }
  const drainSmall = median(drains.small);
  const drainLarge = median(drains.large.map(({ drainUs }) => drainUs));
  report({
    what: `${name}: drain ${thousands(small)} over four priorities, each`,
    unit: 'µs',
    plain: drains.plain.length > 0 ? median(drains.plain.map(({ drainUs }) => drainUs)) : undefined,
    governed: drainSmall,
  });
  report({
    what: `  the same with ${thousands(large)}, and ÷`,
    unit: 'µs',
    governed: drainLarge,
    ratio: drainLarge / drainSmall,
    goal: ['<=', 1.5],
  });
  report({ what: `${name}: join the queue, each`, unit: 'µs', governed: median(drains.large.map(({ joinUs }) => joinUs)) });
}

// Calls still wait for others that hang.
finish();
