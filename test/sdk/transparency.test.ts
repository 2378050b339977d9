// Each scenario on plain Groq and on GovernedGroq: whatever a caller can observe must be the same. The differences that are
// meant are the ones written down here, and nowhere else:
//  1. the User-Agent names the client;
//  2. with governance, a request that no method of the client has made is not sent;
//  3. with governance, an output bound and a request for the stream's usage may be written into the body, an Authorization
//     header of one request does not replace the key, and POSTs to unknown endpoints and other origins are refused;
//  4. with governance, the wait before a retry is the call's own, so the SDK is told not to wait: its debug log shows that.
import { describe, expect, it } from 'vitest';
import { Groq } from 'groq-sdk';
import * as library from '../../src/index';
import { GovernedGroq, UngovernedRequestError } from '../../src/index';
import { clients } from './transparency-clients';
import { failures } from './transparency-failures';
import { requests } from './transparency-requests';
import { streams } from './transparency-streams';
import { values } from './transparency-values';
import {
  ASK,
  COMPLETION,
  type GovernedName,
  type Outcome,
  type Scenario,
  type Sent,
  json,
  observe,
  sse,
} from './transparency-world';

const VARIANTS: readonly GovernedName[] = ['ungoverned', 'generous', 'observing'];
const INJECTED = ['max_completion_tokens', 'max_output_tokens', 'stream_options'];

const groups: Readonly<Record<string, readonly Scenario[]>> = { values, failures, streams, requests, clients };

describe.each(Object.entries(groups))('%s', (_group, scenarios) => {
  describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_name, scenario) => {
    let plain: Promise<Outcome> | undefined;

    it.each(VARIANTS)('%s', async (variant) => {
      plain ??= observe(scenario, 'plain');
      const expected = await plain;
      const actual = await observe(scenario, variant);
      if (scenario.except?.variants.includes(variant)) {
        expect(comparable(actual, expected, variant, scenario)).not.toEqual(comparable(expected, expected, variant, scenario));
        return;
      }
      expect(comparable(actual, expected, variant, scenario)).toEqual(comparable(expected, expected, variant, scenario));
    });
  });
});

function isLeftOut(
  [note, index]: readonly unknown[],
  variant: GovernedName,
  { anyPulls, firstRefusalRead }: Scenario,
): boolean {
  if (anyPulls) return note === 'pull';
  return firstRefusalRead === true && variant !== 'ungoverned' && index === 0 && (note === 'pull' || note === 'body cancelled');
}

function comparable(
  { journal, sent, logged, ...outcome }: Outcome,
  expected: Outcome,
  variant: GovernedName,
  scenario: Scenario,
): Outcome {
  return {
    ...outcome,
    journal: journal.filter((line) => !isLeftOut(line as readonly unknown[], variant, scenario)),
    sent: sent.map((request, index) => comparableRequest(request, expected.sent[index], variant, scenario)),
    logged: logged
      .map((line) => (scenario.keyDiffers ? withoutKey(line) : line))
      .map((line) => (variant === 'generous' ? withoutPacing(line) : line)),
  };
}

function comparableRequest(request: Sent, expected: Sent | undefined, variant: GovernedName, { keyDiffers }: Scenario): Sent {
  const { 'user-agent': _agent, ...headers } = request.headers;
  if (keyDiffers && variant !== 'ungoverned') delete headers['authorization'];
  return { ...request, headers, body: variant === 'generous' ? withoutInjected(request.body, expected?.body) : request.body };
}

// What was written into the body must stand behind what the caller wrote, and leave that as it is.
function withoutInjected(body: unknown, expected: unknown): unknown {
  if (typeof body !== 'string' || typeof expected !== 'string' || body === expected) return body;
  const [fields, wanted] = [parsed(body), parsed(expected)];
  if (typeof fields !== 'object' || fields === null || typeof wanted !== 'object' || wanted === null) return body;
  for (const name of INJECTED) {
    if (!(name in wanted)) Reflect.deleteProperty(fields, name);
    else if (name === 'stream_options') Reflect.set(fields, name, Reflect.get(wanted, name));
  }
  return JSON.stringify(fields);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

// A removed header is back, which the log shows.
function withoutKey(line: unknown): unknown {
  const [level, message, details] = line as [string, string, { headers?: Record<string, string> } | undefined];
  if (details?.headers === undefined) return line;
  const { authorization: _key, ...headers } = details.headers;
  return [level, message, { ...details, headers }];
}

function withoutPacing(line: unknown): unknown {
  const [level, message, details] = line as [string, string, { headers?: Record<string, string> } | undefined];
  if (level !== 'debug' || !message.includes('retrying, ') || details?.headers === undefined) return line;
  const { 'retry-after': _seconds, 'retry-after-ms': _ms, 'x-should-retry': _told, ...headers } = details.headers;
  return [level, message, { ...details, headers }];
}

describe('the differences that are meant', () => {
  const transport = (): { fetch: typeof globalThis.fetch; sent: (RequestInit & { url: string })[] } => {
    const sent: (RequestInit & { url: string })[] = [];
    const fetch = async (url: string, init: RequestInit): Promise<Response> => {
      sent.push({ url, ...init });
      return (init.body as string | undefined)?.includes('"stream":true')
        ? new Response('data: [DONE]\n\n', { headers: { 'content-type': 'text/event-stream' } })
        : Response.json(COMPLETION);
    };
    return { fetch: Object.assign(fetch, { Response }) as unknown as typeof globalThis.fetch, sent };
  };
  const governance = { teams: { t: { monthlyBudgetUsd: 1 } }, defaultTeam: 't' } as const;
  const authorization = (request: RequestInit | undefined): string | null => new Headers(request?.headers).get('authorization');

  it('the User-Agent names the client', async () => {
    const { fetch, sent } = transport();
    await new Groq({ apiKey: 'k', fetch }).models.list();
    await new GovernedGroq({ apiKey: 'k', fetch }).models.list();
    await new GovernedGroq({ apiKey: 'k', fetch, governance }).withTeam('t').models.list();
    const [plain, ...governed] = sent.map(({ headers }) => new Headers(headers).get('user-agent') ?? '');
    expect(plain).toMatch(/^Groq\/JS \d/);
    for (const agent of governed) expect(agent).toBe(plain?.replace('Groq/', 'GovernedGroq/'));
  });

  it('a fetchWithTimeout with no call behind it is not sent, with governance', async () => {
    const { fetch, sent } = transport();
    const direct = (client: Groq): Promise<unknown> =>
      client.fetchWithTimeout('https://api.groq.com/openai/v1/models', { method: 'get' }, 1000, new AbortController());
    await direct(new GovernedGroq({ apiKey: 'k', fetch }));
    expect(sent).toHaveLength(1);
    await expect(direct(new GovernedGroq({ apiKey: 'k', fetch, governance }))).rejects.toThrow(UngovernedRequestError);
    expect(sent).toHaveLength(1);
  });

  it('an output bound and the stream’s usage are asked for, with governance that needs them', async () => {
    const { fetch, sent } = transport();
    const groq = new GovernedGroq({ apiKey: 'k', fetch, governance });
    await groq.chat.completions.create(ASK);
    const stream = await groq.chat.completions.create({ ...ASK, stream: true });
    for await (const _ of stream);
    const bodies = sent.map(({ body }) => JSON.parse(body as string) as Record<string, unknown>);
    expect(bodies[0]).toEqual({ ...ASK, max_completion_tokens: expect.any(Number) });
    expect(bodies[1]).toEqual({
      ...ASK,
      stream: true,
      max_completion_tokens: expect.any(Number),
      stream_options: { include_usage: true },
    });
  });

  it('an Authorization header of one request does not replace the key, with governance', async () => {
    const { fetch, sent } = transport();
    const other = { headers: { Authorization: 'Bearer other' } };
    await new GovernedGroq({ apiKey: 'k', fetch }).chat.completions.create(ASK, other);
    const groq = new GovernedGroq({ apiKey: 'k', fetch, governance });
    await groq.chat.completions.create(ASK, other);
    await groq.chat.completions.create(ASK, { headers: { authorization: null } });
    await groq.chat.completions.create(ASK, { headers: [['AUTHORIZATION', 'Bearer other']] });
    await groq.chat.completions.create(ASK, { headers: new Headers(other.headers) });
    await groq.models.list({ fetchOptions: { headers: { authorization: 'Bearer other' } } as never });
    expect(sent.map(authorization)).toEqual(['Bearer other', 'Bearer k', 'Bearer k', 'Bearer k', 'Bearer k', 'Bearer k']);
  });

  it.each([
    ['post', '/openai/v1/new/endpoint'],
    ['post', '/openai/v1/chat/completions/'],
    ['post', '/openai/v1//chat/completions'],
    ['post', '/openai/v1/chat%2Fcompletions'],
    ['put', '/openai/v1/files'],
    ['patch', '/openai/v1/models/m'],
    ['delete', '/openai/v1/new/endpoint'],
    ['get', 'https://other.example/openai/v1/models'],
    ['post', 'https://other.example/openai/v1/chat/completions'],
    ['post', '//other.example/openai/v1/chat/completions'],
  ] as const)('%s %s is refused, with governance', async (method, path) => {
    const { fetch, sent } = transport();
    const groq = new GovernedGroq({ apiKey: 'k', fetch, governance });
    await expect(groq[method](path, { body: ASK })).rejects.toThrow(UngovernedRequestError);
    expect(sent).toEqual([]);
  });

  it('the library’s default export is the class', () => {
    expect(library.default).toBe(GovernedGroq);
    expect(Object.getPrototypeOf(GovernedGroq)).toBe(Groq);
  });
});

describe('the comparison itself', () => {
  it('sees a pull too many', async () => {
    const scenario = (count: number): Scenario => ({
      name: 'reading',
      async run(w) {
        w.reply(sse([{ a: 1 }, { a: 2 }]));
        const iterator = (await w.groq.chat.completions.create({ ...ASK, stream: true }))[Symbol.asyncIterator]();
        for (let index = 0; index < count; index++) await iterator.next();
      },
    });
    expect((await observe(scenario(1), 'plain')).journal).not.toEqual((await observe(scenario(2), 'plain')).journal);
  });

  it('sees a rejection that nobody handles', async () => {
    const { unhandled } = await observe({ name: 'floating', run: () => void Promise.reject(new Error('mine')) }, 'plain');
    expect(unhandled).toMatchObject([{ class: 'Error', message: 'mine' }]);
  });

  it('sees a field that was changed', () => {
    const body = JSON.stringify({ ...ASK, seed: 1, max_completion_tokens: 5 });
    expect(withoutInjected(body, JSON.stringify({ ...ASK, seed: 1 }))).toBe(JSON.stringify({ ...ASK, seed: 1 }));
    expect(withoutInjected(body, JSON.stringify({ ...ASK, seed: 2 }))).not.toBe(JSON.stringify({ ...ASK, seed: 2 }));
    expect(json(COMPLETION).body).toBe(JSON.stringify(COMPLETION));
  });
});
