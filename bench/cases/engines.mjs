// What shared engines cost: pairs of reserve and settle beside the least that they can cost on the same engine and driver.

import { fork } from 'node:child_process';
import { leased } from '../dist/index.js';
import { dropFolder, ENGINES, newPlace } from '../engines.mjs';
import { finish, median, pick, report } from '../harness.mjs';
import { pair, pairsPerSecond } from '../pairs.mjs';

const GOALS = { sqlite: 1.5, redis: 1.2, postgres: 1.2 };
const ROUNDS = pick(6, 20);
const PAIRS_PER_ROUND = { sqlite: 300, redis: 300, postgres: 60 };
const BURST_MS = pick(400, 2_000);
const worker = new URL('../engine-worker.mjs', import.meta.url);

for (const name of Object.keys(ENGINES)) {
  const place = newPlace(name);
  let engine;
  try {
    engine = await ENGINES[name](place);
  } catch (error) {
    report({ what: `${name}: not at hand (${error.message || error.code})` });
    continue;
  }
  await serially(name, engine);
  await together(name, place, engine);
  if (name === 'redis') await slices(engine);
  await engine.close(true);
  dropFolder(place);
}
finish();

async function serially(name, engine) {
  for (let warmUp = 0; warmUp < 50; warmUp++) for (const what of ['floor', 'store']) await pair(engine, what);
  const times = { floor: [], store: [] };
  let trips = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const what of ['floor', 'store']) {
      const before = engine.trips?.() ?? 0;
      const from = performance.now();
      for (let count = 0; count < PAIRS_PER_ROUND[name]; count++) await pair(engine, what);
      times[what].push(((performance.now() - from) * 1000) / PAIRS_PER_ROUND[name]);
      if (what === 'store') trips += (engine.trips?.() ?? 0) - before;
    }
  }
  const [plain, governed] = [median(times.floor), median(times.store)];
  const goal = ['<=', GOALS[name]];
  report({ what: `${name}, reserve + settle, serial`, unit: 'µs', plain, governed, ratio: governed / plain, goal });
  if (!engine.trips) return;
  const perPair = trips / (ROUNDS * PAIRS_PER_ROUND[name]);
  report({ what: '  round trips per pair', unit: '×', governed: perPair, judged: 'governed', goal: ['<=', 2] });
  const before = engine.trips();
  const perSecond = await pairsPerSecond(engine, 'store', 100, BURST_MS);
  const coalesced = (engine.trips() - before) / ((perSecond * BURST_MS) / 1000);
  report({ what: '  the same, 100 in flight', unit: '×', governed: coalesced, judged: 'governed', goal: ['<=', 0.2] });
}

async function together(name, place, engine) {
  const alone = {};
  for (const what of ['floor', 'store']) alone[what] = await pairsPerSecond(engine, what, 32, BURST_MS);
  const row = (what, { floor, store }) =>
    report({ what, unit: 'pairs/s', plain: floor, governed: store, ratio: store / floor });
  row('  32 in flight', alone);
  for (const inFlight of [1, 32]) {
    const sums = {};
    for (const what of ['floor', 'store']) sums[what] = await inProcesses(4, [place, what, inFlight, BURST_MS]);
    row(`  ${inFlight} in flight in each of 4 processes`, sums);
  }
}

async function inProcesses(count, order) {
  const children = Array.from({ length: count }, () => fork(worker, [JSON.stringify(order)], { execArgv: [] }));
  const next = (child) => new Promise((resolve) => child.once('message', resolve));
  await Promise.all(children.map(next));
  const figures = children.map(next);
  const exits = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const child of children) child.send('go');
  const sum = (await Promise.all(figures)).reduce((a, b) => a + b, 0);
  await Promise.all(exits);
  return sum;
}

async function slices(engine) {
  const { budgetStore } = engine.stores;
  let asked = 0;
  const counted = {
    reserve: (hold) => (asked++, budgetStore.reserve(hold)),
    settle: (settlement) => (asked++, budgetStore.settle(settlement)),
    read: (accounts, at) => budgetStore.read(accounts, at),
  };
  const store = leased(counted, { sliceUsd: 0.01, leaseMs: 5_000 });
  const leasing = { ...engine, stores: { budgetStore: store } };
  const from = performance.now();
  for (let count = 0; count < 5_000; count++) await pair(leasing, 'store');
  const micros = ((performance.now() - from) * 1000) / 5_000;
  await store.close();
  report({
    what: '  leased: round trips per 1,000 calls',
    unit: '×',
    governed: asked / 5,
    judged: 'governed',
    goal: ['<=', 50],
  });
  report({ what: '  leased: a pair', unit: 'µs', governed: micros });
}
