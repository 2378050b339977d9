// node bench/profile.mjs [calls] [plain | passive | governed] [long]
// Where the time of a call in memory goes, in what `npm run bench` built last: nanoseconds of self time per call.

import { Session } from 'node:inspector/promises';
import * as groq from './fixtures.mjs';
import { timeSerially } from './harness.mjs';

const [count = '30000', kind = 'governed', what = ''] = process.argv.slice(2);
const INTERVAL_US = 500;
const calls = Number(count);
const client = groq[`${kind}Client`]({ fetch: groq.answeringWithLimits });
const run = groq.create(client, what === 'long' ? groq.LONG_PARAMS : groq.PARAMS);

await timeSerially(run, 10_000);
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US });
await session.post('Profiler.start');
await timeSerially(run, calls);
const { profile } = await session.post('Profiler.stop');

const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
const byFunction = new Map();
const byPlace = new Map();
for (const [index, id] of profile.samples.entries()) {
  const { functionName, url, lineNumber } = frames.get(id);
  // A longer gap is time that the machine gave to others.
  const nanos = (Math.min(profile.timeDeltas[index] ?? 0, 2 * INTERVAL_US) * 1000) / calls;
  const place = placeOf(url, functionName);
  add(byPlace, place, nanos);
  if (place === 'governed-groq') add(byFunction, `${functionName || '(anonymous)'}:${lineNumber + 1}`, nanos);
}

function placeOf(url, name) {
  if (url.includes('/bench/dist/')) return 'governed-groq';
  if (url.includes('/bench/')) return 'bench';
  if (url.includes('groq-sdk')) return 'groq-sdk';
  if (url.startsWith('node:')) return `node (${url.includes('undici') ? 'fetch' : 'other'})`;
  return name.startsWith('(') ? name : 'built in';
}

function add(sums, key, nanos) {
  sums.set(key, (sums.get(key) ?? 0) + nanos);
}

function table(title, sums, most) {
  console.log(`\n${title}`);
  for (const [key, nanos] of [...sums].sort((a, b) => b[1] - a[1]).slice(0, most))
    console.log(`${nanos.toFixed(0).padStart(7)}  ${key}`);
}

console.log(`${calls} ${kind} calls, ns of self time per call`);
table('By place', byPlace, 12);
table('governed-groq, by function and line of bench/dist', byFunction, 25);
