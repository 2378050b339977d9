// One of several processes on one engine: makes pairs of reserve and settle for a while, and tells how many.

import { ENGINES } from './engines.mjs';
import { pairsPerSecond } from './pairs.mjs';

const [place, what, inFlight, forMs] = JSON.parse(process.argv[2]);
const engine = await ENGINES[place.engine](place);
process.send('ready');
process.once('message', async () => {
  process.send(await pairsPerSecond(engine, what, inFlight, forMs));
  await engine.close(false);
  process.disconnect();
});
