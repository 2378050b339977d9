// What all cases share: turns, medians, heap readings, and the way a row gets to the table.

import { setImmediate as nextTick } from 'node:timers/promises';

/** Shorter and rougher. */
export const quick = process.env.BENCH_QUICK === '1';

/** One value for `--quick`, another for a full run. */
export const pick = (inQuick, inFull) => (quick ? inQuick : inFull);

/**
 * A line of the table: `{ what, plain?, governed?, ratio?, unit?, goal?, judged? }`. `goal` is `['<=' | '>=', number]` and is
 * held against `ratio`, or against `governed` if `judged` says so.
 */
export function report(row) {
  if (process.send) process.send(row);
  else console.log(row);
}

/** Ends the process, whatever is still under way in it, once all rows have been sent. */
export function finish() {
  process.once('disconnect', () => process.exit());
  if (process.connected) process.disconnect();
  else process.exit();
}

/** The usual row: two figures of the same run and their ratio. */
export function compare(what, unit, results, { plain = 'plain', governed = 'governed', goal } = {}) {
  report({ what, unit, plain: results[plain].value, governed: results[governed].value, ratio: results[governed].ratio, goal });
}

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Mean of the fastest quarter: what is left when others use the machine as well. */
export function quietQuarter(values) {
  const sorted = Float64Array.from(values).sort();
  return mean(sorted.subarray(0, Math.max(1, sorted.length >> 2)));
}

/** Mean without the slowest fiftieth, in which the scheduler of the machine sits. Slow steps of the code itself stay in. */
export function trimmedMean(values) {
  const sorted = Float64Array.from(values).sort();
  return mean(sorted.subarray(0, Math.max(1, Math.floor(sorted.length * 0.98))));
}

function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

// Between two of these a real program would have been in its event loop: timers, finalizers and kept WeakRefs go there.
const CALLS_PER_TICK = 50;

/** Microseconds of each of `count` calls, one after the other. */
export async function timeSerially(run, count) {
  const samples = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    if (index % CALLS_PER_TICK === 0) await nextTick();
    const from = performance.now();
    await run();
    samples[index] = (performance.now() - from) * 1000;
  }
  return samples;
}

/**
 * Starts a watch for work that never waits for anything outside; it returns milliseconds. Time by the clock holds what the
 * machine did for others, time on the processor what helper threads did beside us; the less of the two is nearer to the truth.
 */
export function workWatch() {
  const from = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return Math.min(performance.now() - from, (user + system) / 1000);
  };
}

/** A watch by the clock alone. */
export function wallWatch() {
  const from = performance.now();
  return () => performance.now() - from;
}

/** Calls per second with `width` in flight, all that trails behind included. */
export async function timeInFlight(run, count, width, startWatch) {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await run();
  };
  const elapsed = startWatch();
  await Promise.all(Array.from({ length: width }, worker));
  await nextTick();
  return (count / elapsed()) * 1000;
}

/**
 * Gives each variant a turn per round until the time is up, in an order that rotates, and returns for each `{ value, ratio,
 * values }`: the median over the rounds, and the median of its ratio to the first variant within the same round, which a
 * machine that is busier for a while does not touch. `take` returns one number for one turn.
 */
export async function inTurns(variants, ms, take, minRounds = 9) {
  const names = Object.keys(variants);
  const values = Object.fromEntries(names.map((name) => [name, []]));
  const end = performance.now() + ms;
  for (let round = 0; round < minRounds || performance.now() < end; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length];
      // So that nobody pays for another's garbage.
      globalThis.gc({ type: 'minor' });
      values[name].push(await take(variants[name], name));
    }
  }
  const base = values[names[0]];
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        value: median(values[name]),
        ratio: median(values[name].map((value, round) => value / base[round])),
        values: values[name],
      },
    ]),
  );
}

// Until then the optimizing compiler is still at it: p50 falls to half over the first 8,000 calls.
export const WARM_UP = pick(6000, 12_000);

/** The median call of each turn, in microseconds. */
export async function serialP50(variants, ms, callsPerTurn) {
  for (const run of Object.values(variants)) await timeSerially(run, WARM_UP);
  return inTurns(variants, ms, async (run) => median(await timeSerially(run, callsPerTurn)));
}

/** Bytes of the heap that are alive. */
export async function liveHeap() {
  for (let pass = 0; pass < 3; pass++) {
    globalThis.gc();
    await nextTick();
  }
  return process.memoryUsage().heapUsed;
}

/** Runs what is due: reactions, immediates, the event loop's other business. */
export async function settle(ticks = 20) {
  for (let tick = 0; tick < ticks; tick++) await nextTick();
}

/** The same numbers in each run. */
export function randomSource(seed = 1) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const thousands = (count) => count.toLocaleString('en-US');
