// One process of several that share an engine. Told what to do over IPC, and answers over IPC.
import { GovernedGroq } from '../../src/client';
import { systemClock } from '../../src/clock';
import { isGovernanceError } from '../../src/errors';
import type { Governance } from '../../src/governance';
import { type Place, open } from './engines';
import { serveOrders } from './orders';

export interface WorkerSetup {
  readonly place: Place;
  /** Of the parent's mock. */
  readonly baseURL: string;
  readonly governance: Governance;
  /** How far this process's clock is ahead, in milliseconds. */
  readonly skewMs?: number;
}

/** What a worker is told: to make calls, so many at once, until it has made `calls` or `forMs` are over. */
export interface WorkerOrder {
  readonly calls?: number;
  readonly atOnce: number;
  readonly forMs?: number;
  /** Of each call's output. */
  readonly maxTokens: number;
  /** Stops at so many refusals in a row. */
  readonly untilRefused?: number;
}

/** What came of it. */
export interface WorkerReport {
  readonly served: number;
  /** How often each code or error was met. */
  readonly failures: Readonly<Record<string, number>>;
  /** When requests left, in epoch milliseconds with fractions; and the most tokens that each may take. */
  readonly departures: readonly number[];
  /** The alerts that this process gave, as `budget/level`. */
  readonly alerts: readonly string[];
  readonly ungoverned: number;
  /** The longest that the event loop stood still, in milliseconds. */
  readonly longestPauseMs: number;
}

const { place, baseURL, governance, skewMs = 0 } = JSON.parse(process.argv[2] ?? '{}') as WorkerSetup;
// Only this process's idea of the time is wrong; the engine goes by its own.
const clock = { ...systemClock, now: () => systemClock.now() + skewMs };
const opened = await open(place);
const departures: number[] = [];
const alerts: string[] = [];
let ungoverned = 0;

const client = new GovernedGroq({
  apiKey: 'gsk_test',
  baseURL,
  maxRetries: 0,
  timeout: 60_000,
  logLevel: 'off',
  fetch: (url, init) => {
    departures.push(performance.timeOrigin + performance.now());
    return fetch(url, init);
  },
  governance: { ...governance, ...opened.stores, clock },
  team: 'chatbot',
});
client.governor.on('budget-threshold', ({ budget, level }) => alerts.push(`${budget}/${level}`));
client.governor.on('call-settled', (record) => void (record.ungoverned && ungoverned++));

async function obey({
  calls = Infinity,
  atOnce,
  forMs = Infinity,
  maxTokens,
  untilRefused = Infinity,
}: WorkerOrder): Promise<WorkerReport> {
  const failures: Record<string, number> = {};
  const until = performance.now() + forMs;
  let served = 0;
  let left = calls;
  let refusedInARow = 0;
  let longestPauseMs = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    longestPauseMs = Math.max(longestPauseMs, performance.now() - last - 10);
    last = performance.now();
  }, 10);

  const one = async (): Promise<void> => {
    while (left-- > 0 && performance.now() < until && refusedInARow < untilRefused) {
      try {
        await client.chat.completions.create({
          model: 'openai/gpt-oss-20b',
          messages: [{ role: 'user', content: 'hi' }],
          max_completion_tokens: maxTokens,
        });
        served++;
        refusedInARow = 0;
      } catch (error) {
        const code = isGovernanceError(error) ? error.code : error instanceof Error ? error.name : 'unknown';
        failures[code] = (failures[code] ?? 0) + 1;
        refusedInARow++;
        // A refusal is quick; without a breath this would be a busy loop.
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  clearInterval(watch);
  // Settles what has ended; the engine may be away just now.
  await client.governor.report().catch(() => undefined);
  return { served, failures, departures: departures.splice(0), alerts: alerts.splice(0), ungoverned, longestPauseMs };
}

serveOrders(obey, client.governor, opened);
