// Three teams share one Groq account. `npm start` plays their morning over HTTP on this machine, without a key.
// `GROQ_API_KEY=gsk_… npm start -- --live` sends five calls to Groq itself instead: same code, other base URL.

// Users write 'governed-groq' here.
import { GovernedGroq, type UsageRecord, defineGovernance, isGovernanceError, systemClock } from '../../src/index';
import { type Item, fastClock, groqOnThisMachine, say, scene, short, sum, table, usd, workload } from './stage';

const live = process.argv.includes('--live');
if (live && !process.env['GROQ_API_KEY']) throw new Error('--live needs GROQ_API_KEY');
const server = live ? undefined : await groqOnThisMachine.listen();

// Budgets of cents, so that one morning uses them up.
const TEAM_CONFIGS = {
  chatbot: {
    allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
    maxTokensPerRequest: 1024,
    monthlyBudgetUsd: 0.02,
    rateLimitRPM: 40,
    concurrency: 40,
  },
  analytics: {
    allowedModels: ['openai/gpt-oss-20b'],
    maxTokensPerRequest: 256,
    monthlyBudgetUsd: 0.01,
    rateLimitRPM: 30,
    concurrency: 30,
  },
  research: { allowedModels: ['openai/gpt-oss-*'], maxTokensPerRequest: 600, monthlyBudgetUsd: 0.008, rateLimitRPM: 60 },
};
const groq = new GovernedGroq({
  ...(server ? { baseURL: server.url, apiKey: 'not-needed-here' } : {}),
  logLevel: 'off', // Alerts are printed by the listener below.
  governance: defineGovernance({
    teams: TEAM_CONFIGS,
    organization: { monthlyBudgetUsd: 0.05, alertsAtUsd: [0.01, 0.04] },
    clock: live ? systemClock : fastClock,
  }),
});

const records: UsageRecord[] = [];
groq.governor.on('call-settled', (record) => records.push(record));
groq.governor.on('budget-threshold', ({ budget, level, spentNanos }) =>
  say('alert', `budget "${budget}" has passed ${Math.round(level * 100)} %: ${usd(spentNanos)} spent`),
);

// One call, as a team's own code would make it. `pieces` says after how many chunks its reader walks away.
async function ask({ team, user, priority, model, prompt, maxTokens, stream }: Item, pieces = Infinity): Promise<string> {
  const { completions } = groq.withTeam(team, { user, priority }).chat;
  const request = { model, messages: [{ role: 'user' as const, content: prompt }], max_completion_tokens: maxTokens };
  if (!stream) return (await completions.create(request)).choices[0]?.message.content ?? '';
  let text = '';
  for await (const chunk of await completions.create({ ...request, stream })) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (--pieces === 0) break;
  }
  return text;
}

const refusals = new Map<string, number>();
async function attempt(item: Item): Promise<void> {
  try {
    await ask(item);
  } catch (error) {
    if (!isGovernanceError(error)) throw error;
    const seen = refusals.get(error.code) ?? 0;
    refusals.set(error.code, seen + 1);
    if (seen === 0) say(item.team, `${error.name}: ${error.message}`);
  }
}

console.log(
  live ? 'Five calls to Groq itself' : 'One Groq account, three teams, 8 in the morning. A minute passes in a second.',
);

scene('Everybody gets an answer');
const opening = workload.filter((item) => item.scene === 'morning');
for (const item of live
  ? [...opening, ...workload.filter((each) => !each.scene && each.maxTokens < 350).slice(0, 2)]
  : opening) {
  say(item.team, `"${short(item.prompt, 66)}"`);
  say('', `${short(await ask(item), 150)}${item.stream ? ' (streamed)' : ''}`);
}

scene('Two requests that are refused before they leave');
for (const item of workload.filter((each) => each.scene === 'refused')) await attempt(item);

if (server) {
  scene('A reader walks away from a stream');
  for (const item of workload.filter((each) => each.scene === 'left')) {
    say(item.team, `"${short(item.prompt, 66)}"`);
    say('', `${await ask(item, 6)}`);
    await groq.governor.report(); // Resolves when all that has ended is booked.
    const [left] = records.slice(-1);
    if (!left || left.costNanos === 0) throw new Error('what was read of a stream must be paid for');
    say('', `… and is gone. Booked all the same: ${usd(left.costNanos)}, ${left.accuracy}, outcome ${left.outcome}.`);
  }

  await fastClock.sleep(60_000);
  const rush = workload.filter((item) => !item.scene);
  scene(`Rush hour: ${rush.length} calls, of two teams all at once, of one call by call`);
  const allAtOnce = rush.filter(({ team }) => team !== 'research').map(attempt);
  for (const item of rush.filter(({ team }) => team === 'research')) await attempt(item);
  await Promise.all(allAtOnce);
  for (const team of ['chatbot', 'analytics'] as const) {
    const sent = records.filter((record) => record.team === team);
    const waited = sent.filter(({ waitMs }) => waitMs > 0);
    say(
      team,
      `${waited.length} of ${sent.length} calls waited for their turn: ${TEAM_CONFIGS[team].rateLimitRPM} a minute are allowed`,
    );
  }
  const { calls } = groqOnThisMachine;
  if (calls.length !== records.length) throw new Error('what is refused must not be sent, and what is sent must be booked');
  say(
    'Groq',
    `got ${calls.length} requests and had to answer 429 to ${calls.filter(({ status }) => status === 429).length} of them`,
  );
  say('refused', `here, and never sent: ${[...refusals].map(([code, count]) => `${count} × ${code}`).join(', ')}`);
}

scene('The books');
const { rows, total } = await groq.governor.report({ last: '1d', by: ['team'] });
const figures = rows.map((row) => [
  row.team ?? '',
  row.calls,
  row.denied,
  row.promptTokens,
  row.completionTokens,
  usd(row.costNanos),
  `$${row.budgetUsd}`,
  `${((row.budgetUsed ?? 0) * 100).toFixed(1)} %`,
]);
table([
  ['team', 'calls', 'denied', 'tokens in', 'out', 'cost', 'budget', 'used'],
  ...figures,
  ['total', total.calls, total.denied, total.promptTokens, total.completionTokens, usd(total.costNanos), '', ''],
]);

// What the budgets say was spent, as a call would find it now.
async function counter(team: string, budget: string): Promise<number> {
  const { limits } = await groq.governor.explain({ model: 'openai/gpt-oss-20b', messages: [] }, { team });
  return Math.round((limits.find(({ name }) => name === budget)?.used ?? NaN) * 1e9);
}
let balanced = true;
console.log();
for (const team of Object.keys(TEAM_CONFIGS)) {
  const booked = sum(records.filter((record) => record.team === team));
  const reported = rows.find((row) => row.team === team)?.costNanos ?? 0;
  const counted = await counter(team, `${team}/month`);
  balanced &&= booked === reported && reported === counted;
  say(
    team,
    `records ${booked} ${booked === reported ? '=' : '≠'} report ${reported} ${reported === counted ? '=' : '≠'} budget ${counted} nano-dollars`,
  );
}
const all = await counter('chatbot', 'organization/month');
balanced &&= all === total.costNanos && all === sum(records);
say(
  'total',
  `records ${sum(records)} ${sum(records) === total.costNanos ? '=' : '≠'} report ${total.costNanos} ${all === total.costNanos ? '=' : '≠'} budget ${all} nano-dollars`,
);

const { live: held, expired, gaps } = await groq.governor.reconcile();
say('reconcile', `${held.length} holds left, ${expired.length} expired, ${gaps.length} gaps between counters and log`);

await groq.governor.close();
await server?.close();
if (!balanced || held.length + expired.length + gaps.length > 0) {
  console.error('\nThe books do not balance.');
  process.exitCode = 1;
}
