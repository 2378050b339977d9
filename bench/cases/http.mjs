// 2. The same over HTTP on the loopback interface, with the transport that each client has when it is given none.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import * as groq from '../fixtures.mjs';
import { compare, finish, inTurns, pick, quietQuarter, timeInFlight, timeSerially, wallWatch } from '../harness.mjs';

const server = fork(new URL('../server.mjs', import.meta.url), { execArgv: [] });
const [port] = await once(server, 'message');

const options = { baseURL: `http://127.0.0.1:${port}` };
const runs = {
  plain: groq.create(groq.plainClient(options), groq.PARAMS),
  governed: groq.create(groq.governedClient(options), groq.PARAMS),
  again: groq.create(groq.plainClient(options), groq.PARAMS),
};
const ms = pick(2000, 8000);

for (const run of Object.values(runs)) await timeSerially(run, pick(500, 2000));
const serial = await inTurns(runs, ms, async (run) => quietQuarter(await timeSerially(run, 100)));
compare('over HTTP, quiet quarter', 'µs', serial, { goal: ['<=', 1.03] });
compare('  plain against plain (noise)', 'µs', serial, { governed: 'again' });

const perTurn = pick(200, 500);
for (const run of Object.values(runs)) await timeInFlight(run, perTurn, 100, wallWatch);
const busy = await inTurns(runs, ms, (run) => timeInFlight(run, perTurn, 100, wallWatch));
compare('over HTTP, 100 in flight', 'calls/s', busy, { goal: ['>=', 0.9] });
compare('  plain against plain (noise)', 'calls/s', busy, { governed: 'again' });

server.kill();
finish();
