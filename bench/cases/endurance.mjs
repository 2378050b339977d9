// 5. Whether anything stays behind, and whether it slows what follows.

import * as groq from '../fixtures.mjs';
import { liveHeap, median, pick, report, thousands, timeSerially } from '../harness.mjs';

const CALLS = pick(20_000, 100_000);
// Logs and windows are as long as they get after this many.
const WARM_UP = pick(12_000, 20_000);
const TURN = 500;

const fetch = groq.answeringWithLimits;
const plain = groq.create(groq.plainClient({ fetch }), groq.PARAMS);
const governed = groq.create(groq.governedClient({ fetch }), groq.PARAMS);

async function heapKept(run) {
  await timeSerially(run, WARM_UP);
  const before = await liveHeap();
  for (let done = 0; done < CALLS; done += TURN) await timeSerially(run, TURN);
  return ((await liveHeap()) - before) / CALLS;
}

const kept = { plain: await heapKept(plain), governed: await heapKept(governed) };
report({
  what: `heap kept per finished call, ${thousands(CALLS)} calls`,
  unit: 'B',
  ...kept,
  goal: ['<=', 2],
  judged: 'governed',
});

// Another client, as new as those whose first calls are the fast ones. Plain calls beside it tell what the machine did.
const fresh = groq.create(groq.governedClient({ fetch }), groq.PARAMS);
await timeSerially(fresh, WARM_UP);
const tenths = [];
for (let tenth = 0; tenth < 10; tenth++) {
  const samples = { plain: [], governed: [] };
  for (let done = 0; done < CALLS / 10; done += TURN) {
    samples.governed.push(median(await timeSerially(fresh, TURN)));
    samples.plain.push(median(await timeSerially(plain, TURN / 5)));
  }
  tenths.push({ plain: median(samples.plain), governed: median(samples.governed) });
}
const growth = (name) => tenths[9][name] / tenths[0][name];
report({
  what: 'time of the last tenth ÷ the first',
  unit: '×',
  plain: growth('plain'),
  governed: growth('governed'),
  ratio: growth('governed') / growth('plain'),
  goal: ['<=', 1.1],
});
