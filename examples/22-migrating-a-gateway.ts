// From a gateway of one's own to GovernedGroq: the same configuration, the same keys, the same load, other sums.

import assert from 'node:assert/strict';
// Users write 'governed-groq'.
import { BudgetExceededError, GovernedGroq, defineGovernance, keyRegistry, priceBook } from '../src/index';
import { LlmGateway } from './22-migrating-a-gateway/before';
import { KEYS, ORGANIZATION, PRICES, TEAM_CONFIGS } from './22-migrating-a-gateway/config';
import { burst, clock, leaveStreams, mock, request } from './22-migrating-a-gateway/load';

const usd = (amount: number): string => `$${amount.toFixed(2)}`;
const levels = (alerts: readonly number[]): string => alerts.map((level) => `$${level}`).join(', ');

// Before. A stream that is left costs nothing, and checks pass while the calls that will break the cap are on their way.
const old = new LlmGateway(mock.fetch, () => clock.now());
await leaveStreams(async () => old.stream('chatbot', request));
const oldStreamsUsd = old.spent;
const oldAnswered = await burst((team) => old.chat(team, request));
console.log(`before: 10 streams left for ${usd(oldStreamsUsd)}; ${oldAnswered} of 375 calls for ${usd(old.spent)}`);
console.log(`        cap ${usd(ORGANIZATION.cap)}, paused after it was passed; alerts at ${levels(old.alerts)}`);
assert.ok(oldStreamsUsd === 0 && old.spent > ORGANIZATION.cap);

// After. The objects are the old gateway's; what is written here is what they are called now.
const governance = defineGovernance({
  teams: TEAM_CONFIGS,
  organization: { monthlyBudgetUsd: ORGANIZATION.cap, alertsAtUsd: ORGANIZATION.alerts },
  keys: keyRegistry(KEYS, { clock }),
  prices: priceBook({
    overrides: Object.fromEntries(
      Object.entries(PRICES).map(([model, { input, output }]) => [
        model,
        { inputPerMillionUsd: input, outputPerMillionUsd: output },
      ]),
    ),
  }),
  clock,
});
const groq = new GovernedGroq({ governance, fetch: mock.fetch, maxRetries: 0, logLevel: 'off' });
const spent = async (): Promise<number> => (await groq.governor.report({ by: [] })).total.costUsd;
const alerts: number[] = [];
groq.governor.on('budget-threshold', ({ budget, thresholdNanos }) => {
  if (budget === 'organization/month') alerts.push(thresholdNanos / 1e9);
});
await leaveStreams(() => groq.withTeam('chatbot').chat.completions.create({ ...request, stream: true }));
const streamsUsd = await spent();
const answered = await burst((team) => groq.withTeam(team).chat.completions.create(request));
console.log(`after:  10 streams left for ${usd(streamsUsd)}; ${answered} of 375 calls for ${usd(await spent())}`);
console.log(`        cap ${usd(ORGANIZATION.cap)}, not passed; alerts at ${levels(alerts)}`);
assert.ok(streamsUsd > 0 && (await spent()) <= ORGANIZATION.cap && (await spent()) > 0.97 * ORGANIZATION.cap);
assert.deepEqual(alerts, ORGANIZATION.alerts);

// Paused: every call is refused before it leaves, and on the first of the month they go on by themselves.
const ask = () => clock.runUntil(groq.withTeam('chatbot').chat.completions.create(request));
const refusal: unknown = await ask().catch((error: unknown) => error);
assert.ok(refusal instanceof BudgetExceededError);
console.log(`paused: ${refusal.message}`);
await clock.advance(refusal.resetsAt - clock.now());
await ask();
await assert.rejects(old.chat('chatbot', request), /paused/);
console.log(`${new Date(clock.now()).toISOString().slice(0, 10)}: new month; the old gateway waits for somebody to restart it`);
