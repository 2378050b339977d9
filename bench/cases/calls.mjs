// 1. What one call costs, with a transport that costs nothing.

import * as groq from '../fixtures.mjs';
import { compare, inTurns, pick, serialP50, timeInFlight, workWatch } from '../harness.mjs';

const TURN = 200;
const ms = pick(600, 4000);

const clients = (fetch) => ({ plain: groq.plainClient({ fetch }), governed: groq.governedClient({ fetch }) });
const calls = (pool, params) =>
  Object.fromEntries(Object.entries(pool).map(([name, client]) => [name, groq.create(client, params)]));

const fetch = groq.answering;
const all = { ...clients(fetch), again: groq.plainClient({ fetch }), passive: groq.passiveClient({ fetch }) };
const basic = calls(all, groq.PARAMS);
const serial = await serialP50(basic, ms * 2, TURN);
compare('in memory, p50', 'µs', serial, { goal: ['<=', 1.1] });
compare('  without governance', 'µs', serial, { governed: 'passive' });
compare('  plain against plain (noise)', 'µs', serial, { governed: 'again' });

const withLimits = await serialP50(calls(clients(groq.answeringWithLimits), groq.PARAMS), ms, TURN);
compare('  with x-ratelimit headers', 'µs', withLimits, { goal: ['<=', 1.1] });

const unbounded = await serialP50(calls(clients(fetch), groq.UNBOUNDED_PARAMS), ms, TURN);
compare('  max tokens put in by us', 'µs', unbounded, { goal: ['<=', 1.1] });

const long = await serialP50(calls(clients(fetch), groq.LONG_PARAMS), ms, TURN);
compare('  32 KB prompt', 'µs', long, { goal: ['<=', 1.05] });

const perTurn = pick(500, 1000);
for (const run of Object.values(basic)) await timeInFlight(run, perTurn, 100, workWatch);
const busy = await inTurns(basic, ms * 2, (run) => timeInFlight(run, perTurn, 100, workWatch));
compare('in memory, 100 in flight', 'calls/s', busy, { goal: ['>=', 0.9] });
compare('  without governance', 'calls/s', busy, { governed: 'passive' });
compare('  plain against plain (noise)', 'calls/s', busy, { governed: 'again' });
