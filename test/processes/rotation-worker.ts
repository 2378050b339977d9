// One of several processes that go through a rotation of keys, each with a clock that the test moves.
import { readFile } from 'node:fs/promises';
import { GovernedGroq } from '../../src/client';
import { isGovernanceError } from '../../src/errors';
import type { KeyReport } from '../../src/key-report';
import type { KeyEntry } from '../../src/keys/key-entry';
import { keyRegistry } from '../../src/keys/key-registry';
import { manualClock } from '../../src/testing/manual-clock';
import { type Place, open } from './engines';
import { serveOrders } from './orders';

export interface RotationSetup {
  readonly place: Place;
  readonly baseURL: string;
  readonly name: string;
  readonly startAt: number;
  /** `fileThroughFunction` is read by a function, as a secret manager would be. */
  readonly keys: readonly (Omit<KeyEntry, 'secret'> & {
    readonly secret: string | { readonly file: string } | { readonly fileThroughFunction: string };
  })[];
}

/** Sets the clock and makes calls, all at once. `prompt` marks those that the test holds. */
export interface RotationOrder {
  readonly at: number;
  readonly calls: number;
  readonly prompt: string;
  /** Told at once, without waiting for the calls to end. */
  readonly goOn?: boolean;
  /** Waits for the calls of earlier orders too. */
  readonly finish?: boolean;
  /** Whether to tell of the keys, once the calls have ended. */
  readonly tell?: boolean;
}

export interface RotationReport {
  /** Calls that have failed since the last report, with any order. */
  readonly failures: readonly string[];
  /** Calls that have been answered since. */
  readonly answered: number;
  readonly keys: readonly KeyReport[];
}

const { place, baseURL, name, startAt, keys } = JSON.parse(process.argv[2] ?? '{}') as RotationSetup;
const clock = manualClock(startAt);
const opened = await open(place);
const registry = keyRegistry(
  keys.map((entry) => ({
    ...entry,
    secret:
      typeof entry.secret === 'object' && 'fileThroughFunction' in entry.secret
        ? throughFunction(entry.secret.fileThroughFunction)
        : entry.secret,
  })),
);

function throughFunction(path: string): ({ signal }: { readonly signal: AbortSignal }) => Promise<string> {
  return ({ signal }) => readFile(path, { encoding: 'utf8', signal });
}

const client = new GovernedGroq({
  baseURL,
  timeout: 60_000,
  logLevel: 'off',
  governance: { teams: { chatbot: { monthlyBudgetUsd: 100, concurrency: 100 } }, keys: registry, clock, ...opened.stores },
  team: 'chatbot',
});

const underWay: Promise<void>[] = [];
const failures: string[] = [];
let answered = 0;

async function call(prompt: string): Promise<void> {
  try {
    await client.chat.completions.create({
      model: 'openai/gpt-oss-20b',
      messages: [{ role: 'user', content: prompt }],
      max_completion_tokens: 10,
      user: name,
    });
    answered++;
  } catch (error) {
    failures.push(isGovernanceError(error) ? error.code : String(error));
  }
}

async function obey({ at, calls, prompt, goOn = false, finish = false, tell = false }: RotationOrder): Promise<RotationReport> {
  clock.set(at);
  const all = Array.from({ length: calls }, () => call(prompt));
  underWay.push(...all);
  if (!goOn) await Promise.all(finish ? underWay : all);
  const told = tell ? await client.governor.keys() : [];
  const report = { failures: failures.splice(0), answered, keys: told };
  answered = 0;
  return report;
}

serveOrders(obey, client.governor, opened);
