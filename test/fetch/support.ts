import { type GovernedFetch, type GovernedFetchOptions, governedFetch } from '../../src/fetch';
import { type Governance, type UsageRecord, memoryUsageLog } from '../../src/index';
import { type ManualClock, type MockGroq, type MockGroqOptions, manualClock, mockGroq } from '../../src/testing';
import { CHAT, MESSAGES, MODEL } from '../governor/support';

export const URL_OF_CHAT = `https://api.groq.com${CHAT}`;
export const PARAMS = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };

export interface FetchScene {
  readonly fetch: GovernedFetch;
  readonly mock: MockGroq;
  readonly clock: ManualClock;
  /** One per ended call, denied ones too. */
  readonly records: readonly UsageRecord[];
  /** What the transport was handed. */
  readonly handed: readonly (readonly [input: string | URL | Request, init: RequestInit | undefined])[];
  /** A chat request of the usual kind. */
  readonly chat: (changes?: object, init?: RequestInit) => Promise<Response>;
}

/** A governed fetch in front of a mock, on one manual clock. */
export function fetchScene(
  governance: Governance | undefined = { teams: { a: { monthlyBudgetUsd: 1 } } },
  options: Omit<GovernedFetchOptions, 'governance'> & { readonly mock?: MockGroqOptions } = {},
): FetchScene {
  const { mock: mockOptions, ...rest } = options;
  const clock = manualClock();
  const mock = mockGroq({ clock, ...mockOptions });
  const records: UsageRecord[] = [];
  const log = memoryUsageLog();
  const usageLog = {
    record(usage: UsageRecord) {
      records.push(usage);
      return log.record(usage);
    },
    summarize: log.summarize.bind(log),
  };
  const handed: (readonly [string | URL | Request, RequestInit | undefined])[] = [];
  const transport = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    handed.push([input, init]);
    return mock.fetch(input, init);
  };
  const fetch = governedFetch({
    governance: { clock, ...governance, usageLog },
    team: governance.teams ? 'a' : undefined,
    fetch: transport,
    ...rest,
  });
  const chat = (changes: object = {}, init: RequestInit = {}): Promise<Response> =>
    fetch(URL_OF_CHAT, { ...post({ ...PARAMS, ...changes }), ...init });
  return { fetch, mock, clock, records, handed, chat };
}

export const HEADERS = { authorization: 'Bearer gsk_caller', 'content-type': 'application/json' };

/** The second argument of fetch for a JSON body. */
export const post = (body: object): RequestInit => ({ method: 'POST', headers: HEADERS, body: JSON.stringify(body) });

/** What a refusal looks like to a client. */
export async function refusal(
  response: Response,
): Promise<{ readonly status: number; readonly code: string; readonly message: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, ...error };
}
