// Alerts by HTTP: delivered, tried again, or given up, and the URL is never told.
import { createServer } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import type { BudgetThreshold } from '../src/events';
import { Governor } from '../src/governor';
import { type ManualClock, manualClock } from '../src/testing/manual-clock';
import { type WebhookAlerts, type WebhookAlertsOptions, webhookAlerts } from '../src/webhook-alerts';
import { MESSAGES, MODEL, rejection, scene, settle } from './governor/support';

const URL_OF_HOOK = 'https://hooks.example.com/services/T0/B0/SECRETMARKER';

const alertOf = (changes: Partial<BudgetThreshold> = {}): BudgetThreshold => ({
  id: 'team:chatbot/chatbot/month@2026-01/160000000000',
  at: Date.UTC(2026, 0, 20, 12),
  budget: 'chatbot/month',
  account: 'team:chatbot/chatbot/month@2026-01',
  team: 'chatbot',
  level: 0.8,
  thresholdNanos: 160e9,
  spentNanos: 161.5e9,
  limitNanos: 200e9,
  resetsAt: Date.UTC(2026, 1, 1),
  per: undefined,
  of: undefined,
  soft: false,
  runsOutAt: Date.UTC(2026, 0, 25, 6),
  ...changes,
});

interface Sent {
  readonly at: number;
  readonly url: string;
  readonly init: RequestInit;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** How the receiver answers: a response, or what fetch fails with; `hang` for never. */
type Answer = number | [status: number, headers: Record<string, string>] | Error | 'hang';

interface Hook {
  readonly sent: readonly Sent[];
  readonly clock: ManualClock;
  readonly sink: WebhookAlerts;
  readonly failures: readonly (readonly [BudgetThreshold, Error])[];
  /** Gives an alert, and lets time pass until it is delivered or given up. */
  give(alert?: BudgetThreshold): Promise<void>;
  /** Milliseconds between the attempts. */
  readonly waits: () => number[];
}

function hooked(answers: readonly Answer[], options: Partial<WebhookAlertsOptions> = {}): Hook {
  const clock = manualClock(Date.UTC(2026, 0, 20, 12));
  const sent: Sent[] = [];
  const failures: [BudgetThreshold, Error][] = [];
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const answer = answers[sent.length] ?? answers.at(-1) ?? 200;
    const body = JSON.parse(typeof init.body === 'string' ? init.body : '') as Record<string, unknown>;
    sent.push({ at: clock.now(), url, init, body, headers: new Headers(init.headers) });
    if (answer === 'hang') return new Promise<never>(() => {});
    if (answer instanceof Error) throw answer;
    const [status, headers] = typeof answer === 'number' ? [answer, {}] : answer;
    return new Response('x', { status, headers });
  };
  const onFailure = (alert: BudgetThreshold, error: Error): void => void failures.push([alert, error]);
  const sink = webhookAlerts({ url: URL_OF_HOOK, fetch, clock, onFailure, ...options });
  return {
    sent,
    clock,
    sink,
    failures,
    give: (alert = alertOf()) => clock.runUntil(sink(alert)),
    waits: () => sent.slice(1).map(({ at }, index) => at - (sent[index]?.at ?? 0)),
  };
}

describe('an alert', () => {
  it('is posted as Slack takes it, with its own fields for others', async () => {
    const hook = hooked([200]);
    await hook.give();
    expect(hook.sent).toHaveLength(1);
    const [{ url, init, body, headers } = expect.fail()] = hook.sent;
    expect(url).toBe(URL_OF_HOOK);
    expect(init).toMatchObject({ method: 'POST', redirect: 'manual' });
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('idempotency-key')).toBe('team:chatbot/chatbot/month@2026-01/160000000000');
    expect(body).toEqual({
      text:
        'governed-groq: budget "chatbot/month" has reached $161.50 of $200.00 (80 %). ' +
        'At this pace it runs out 2026-01-25T06:00:00Z. Resets 2026-02-01T00:00:00Z.',
      alert: {
        id: 'team:chatbot/chatbot/month@2026-01/160000000000',
        at: '2026-01-20T12:00:00Z',
        budget: 'chatbot/month',
        account: 'team:chatbot/chatbot/month@2026-01',
        team: 'chatbot',
        level: 0.8,
        thresholdUsd: 160,
        spentUsd: 161.5,
        limitUsd: 200,
        soft: false,
        resetsAt: '2026-02-01T00:00:00Z',
        runsOutAt: '2026-01-25T06:00:00Z',
      },
    });
  });

  it('cannot speak to everybody, or make links, by a name', async () => {
    const hook = hooked([200]);
    await hook.give(alertOf({ budget: '<!channel> & <https://evil.example|click>', runsOutAt: undefined, resetsAt: Infinity }));
    const [sent] = hook.sent;
    expect(sent?.body['text']).toContain('budget "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" has reached');
    expect(sent?.body['alert']).toMatchObject({
      budget: '<!channel> & <https://evil.example|click>',
      runsOutAt: null,
      resetsAt: null,
    });
  });

  it('can have another shape, and headers', async () => {
    const hook = hooked([200], {
      headers: { authorization: 'Bearer x', 'Content-Type': 'application/vnd.x+json', 'Idempotency-Key': 'mine' },
      format: ({ budget, level }) => ({ content: `${budget} ${level}` }),
    });
    await hook.give();
    const [{ body, headers } = expect.fail()] = hook.sent;
    expect(body).toEqual({ content: 'chatbot/month 0.8' });
    expect(Object.fromEntries(headers)).toEqual({
      authorization: 'Bearer x',
      'content-type': 'application/vnd.x+json',
      'idempotency-key': alertOf().id,
    });
  });

  it('of any name has an id that a header can carry', async () => {
    const hook = hooked([200]);
    const names = ['équipe', '团队', 'a b\r\nx: y', 'lone \ud800', 'a😀'];
    for (const name of names) await hook.give(alertOf({ id: name }));
    const keys = hook.sent.map(({ headers }) => headers.get('idempotency-key'));
    expect(keys).toEqual(['%C3%A9quipe', '%E5%9B%A2%E9%98%9F', 'a%20b%0D%0Ax:%20y', 'lone%20?', 'a%F0%9F%98%80']);
    expect(hook.sent.map(({ body }) => (body['alert'] as { id: unknown }).id)).toEqual(names);
  });

  it('of a very long name has a short id, and not that of another', async () => {
    const hook = hooked([200]);
    for (const end of ['a', 'b']) await hook.give(alertOf({ id: `${'x'.repeat(20_000)}${end}` }));
    const keys = hook.sent.map(({ headers }) => headers.get('idempotency-key') ?? '');
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(key.length).toBeLessThan(300);
  });

  it('is not sent as nothing because format() returned none', async () => {
    for (const made of [undefined, 'text', null]) {
      const hook = hooked([200], { format: () => made as never });
      await hook.give();
      expect([hook.sent.length, hook.failures.length]).toEqual([0, 1]);
    }
    const later = hooked([200], { format: async () => ({ text: 'later' }) });
    await later.give();
    expect(later.sent.map(({ body }) => body)).toEqual([{ text: 'later' }]);
  });

  it('below the level that is asked for is not sent', async () => {
    const hook = hooked([200], { minLevel: 0.8 });
    for (const level of [0.5, 0.79, 0.8, 0.95]) await hook.give(alertOf({ level }));
    expect(hook.sent.map(({ body }) => (body['alert'] as { level: unknown }).level)).toEqual([0.8, 0.95]);
  });
});

describe('what passes is tried again', () => {
  const refused = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });

  it.each<[string, Answer]>([
    ['no connection', refused],
    ['408', 408],
    ['429', 429],
    ['500', 500],
    ['503', 503],
  ])('%s, under the same id, at growing intervals', async (_, answer) => {
    const hook = hooked([answer, answer, answer, answer, 200]);
    await hook.give();
    expect(hook.failures).toEqual([]);
    expect(hook.sent).toHaveLength(5);
    expect(new Set(hook.sent.map(({ headers }) => headers.get('idempotency-key'))).size).toBe(1);
    expect(new Set(hook.sent.map(({ init }) => init.body)).size).toBe(1);
    for (const [index, wait] of hook.waits().entries()) {
      expect(wait).toBeLessThanOrEqual(1_000 * 4 ** index);
      expect(wait).toBeGreaterThanOrEqual(750 * 4 ** index);
    }
  });

  it('after as long as the answer says', async () => {
    const date = new Date(Date.UTC(2026, 0, 20, 12, 1)).toUTCString();
    const hook = hooked([[429, { 'retry-after': '30' }], [503, { 'retry-after': date }], [429, { 'retry-after': '0' }], 200]);
    await hook.give();
    const [first, second, third = 0] = hook.waits();
    expect([first, second]).toEqual([30_000, 30_000]);
    // No sooner than without it.
    expect(third).toBeGreaterThanOrEqual(12_000);
  });

  it('but no later than after five minutes', async () => {
    const hook = hooked([[429, { 'retry-after': '86400' }], 200]);
    await hook.give();
    expect(hook.waits()).toEqual([300_000]);
    expect(hook.failures).toHaveLength(0);
  });

  it('for thirty seconds once somebody flushes, and is then given up', async () => {
    for (const answer of [500, 'hang', [429, { 'retry-after': '299' }]] as const) {
      const clock = manualClock();
      const failures: string[] = [];
      const fetch = (): Promise<Response> =>
        answer === 'hang'
          ? new Promise<Response>(() => {})
          : Promise.resolve(
              typeof answer === 'number'
                ? new Response('', { status: answer })
                : new Response('', { status: answer[0], headers: answer[1] }),
            );
      const sink = webhookAlerts({
        url: URL_OF_HOOK,
        clock,
        fetch,
        onFailure: (_, { message }) => void failures.push(message),
      });
      const begun = clock.now();
      void sink(alertOf());
      await clock.runUntil(sink.flush());
      expect(clock.now() - begun).toBe(30_000);
      expect(failures).toEqual([expect.stringMatching(/flush\(\) waits no longer/)]);
      // And what comes later is tried as before.
      void sink(alertOf());
      await settle();
      expect(failures).toHaveLength(1);
      await clock.runUntil(sink.flush());
    }
  });

  it('when an answer takes too long', async () => {
    const hook = hooked(['hang', 200], { timeoutMs: 3_000 });
    await hook.give();
    const [first, second] = hook.sent;
    expect(first?.init.signal?.aborted).toBe(true);
    expect(second?.init.signal?.aborted).toBe(false);
    expect(hook.waits()[0]).toBeGreaterThanOrEqual(3_750);
    expect(hook.waits()[0]).toBeLessThanOrEqual(4_000);
    expect(hook.clock.sleeping).toBe(0);
  });

  it('so many times and no more', async () => {
    const hook = hooked([500]);
    await hook.give();
    expect(hook.sent).toHaveLength(5);
    const once = hooked([500], { maxAttempts: 1 });
    await once.give();
    expect(once.sent).toHaveLength(1);
    const often = hooked([500], { maxAttempts: 9 });
    await often.give();
    expect(often.sent).toHaveLength(9);
    expect(Math.max(...often.waits())).toBeLessThanOrEqual(5 * 60_000);
  });

  it('unless the answer is final', async () => {
    for (const status of [400, 401, 403, 404, 410, 301, 302, 307, 308]) {
      const hook = hooked([[status, { location: 'https://elsewhere.example/' }]]);
      await hook.give();
      expect([status, hook.sent.length, hook.failures.length]).toEqual([status, 1, 1]);
    }
  });
});

describe('what is given up', () => {
  it.each<[string, Answer, Partial<WebhookAlertsOptions>, string]>([
    ['at once', 404, {}, 'it answered with status 404, after 1 attempt'],
    ['at the end', 503, { maxAttempts: 2 }, 'it answered with status 503, after 2 attempts'],
    ['for a redirect', 302, {}, 'it answered with a redirect, which is not followed, after 1 attempt'],
    ['for time', 'hang', { maxAttempts: 1, timeoutMs: 50 }, 'no answer within 50 ms, after 1 attempt'],
    [
      'for its connection',
      Object.assign(new TypeError(`fetch ${URL_OF_HOOK} failed`), { cause: { code: 'ECONNRESET', message: URL_OF_HOOK } }),
      { maxAttempts: 1 },
      'no answer (ECONNRESET), after 1 attempt',
    ],
    [
      'for reasons of its own',
      Object.assign(new Error(URL_OF_HOOK), { cause: { code: URL_OF_HOOK } }),
      { maxAttempts: 1 },
      'no answer, after 1 attempt',
    ],
  ])('%s is told with its alert, and no more of the URL than its origin', async (_, answer, options, reason) => {
    const hook = hooked([answer], options);
    const alert = alertOf();
    await hook.give(alert);
    const [[given, error] = expect.fail()] = hook.failures;
    expect(given).toBe(alert);
    expect(error.message).toBe(
      `Alert "team:chatbot/chatbot/month@2026-01/160000000000" was not delivered to https://hooks.example.com: ${reason}.`,
    );
    expect(error.cause).toBeUndefined();
    expect(String(error.stack)).not.toContain('SECRETMARKER');
  });

  it('rejects where nobody listens, and never the flush', async () => {
    const hook = hooked([404], { onFailure: undefined });
    await expect(hook.sink(alertOf())).rejects.toThrow('it answered with status 404');
    const given = rejection(hook.sink(alertOf()));
    await expect(hook.sink.flush()).resolves.toBeUndefined();
    await given;
  });

  it('is told of a body that cannot be made', async () => {
    const cause = new Error('no');
    const hook = hooked([200], {
      format: () => {
        throw cause;
      },
    });
    await hook.give();
    expect(hook.sent).toEqual([]);
    expect(hook.failures[0]?.[1]).toMatchObject({ message: expect.stringMatching(/format\(\) failed\.$/) as string, cause });
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('x');
      },
    ],
    ['rejects', () => Promise.reject(new Error('x'))],
  ])('hurts nobody if the listener %s', async (_, onFailure) => {
    const hook = hooked([404], { onFailure });
    await expect(hook.sink(alertOf())).resolves.toBeUndefined();
    await settle();
  });

  it('does not pile up', async () => {
    const hook = hooked(['hang'], { maxAttempts: 1 });
    const all = Promise.all(Array.from({ length: 1_005 }, (_, index) => hook.sink(alertOf({ id: String(index) }))));
    await settle();
    expect(hook.sent).toHaveLength(1_000);
    expect(hook.failures.map(([{ id }]) => id)).toEqual(['1000', '1001', '1002', '1003', '1004']);
    expect(hook.failures[0]?.[1].message).toContain('1000 others are under way');
    await hook.clock.runUntil(all);
    expect(hook.failures).toHaveLength(1_005);
  });
});

describe('waiting', () => {
  /** Sees which sleeps keep the process. */
  function watchedClock(): { clock: ManualClock; keeping: () => number } {
    const clock = manualClock();
    let keeping = 0;
    const sleep: ManualClock['sleep'] = async (ms, signal, background) => {
      if (!background) keeping++;
      try {
        await clock.sleep(ms, signal);
      } finally {
        if (!background) keeping--;
      }
    };
    return { clock: { ...clock, now: () => clock.now(), sleep }, keeping: () => keeping };
  }

  it('is in the background until somebody flushes, and takes no longer for it', async () => {
    const { clock, keeping } = watchedClock();
    const hook = hooked([500, 500, 200], { clock });
    const at: number[] = [];
    const fetch = vi.fn(async () => {
      at.push(clock.now());
      return new Response('', { status: at.length < 3 ? 500 : 200 });
    });
    const sink = webhookAlerts({ url: URL_OF_HOOK, clock, fetch, onFailure: () => expect.fail('given up') });
    const start = clock.now();
    void sink(alertOf());
    await settle();
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(keeping()).toBe(0);
    await clock.advance(400);
    let flushed = false;
    const flushing = sink.flush().then(() => void (flushed = true));
    await settle();
    expect(keeping()).toBe(1);
    await clock.advance(350 + 250);
    expect(at[1]).toBeLessThanOrEqual(start + 1_000);
    expect([flushed, keeping()]).toEqual([false, 1]);
    await clock.advance(4_000);
    await flushing;
    expect(fetch).toHaveBeenCalledTimes(3);
    expect(keeping()).toBe(0);
    // And from then on in the background again.
    at.length = 0;
    void sink(alertOf());
    await settle();
    expect([at.length, keeping()]).toEqual([1, 0]);
    await clock.advance(10_000);
    expect(hook.failures).toEqual([]);
  });

  it('flush with nothing to do resolves at once', async () => {
    await hooked([200]).sink.flush();
  });
});

describe('a governor', () => {
  it('gives it each alert once, by event or by option', async () => {
    const here = scene({ teams: { a: { monthlyBudgetUsd: 0.00001 } } }, { team: 'a' });
    const hook = hooked([200], { clock: here.clock });
    here.governor.on('budget-threshold', hook.sink);
    here.mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 1, completion_tokens: 33 } });
    await here.client.chat.completions
      .create({ model: MODEL, messages: MESSAGES, max_completion_tokens: 1 })
      .then(null, () => {});
    await here.governor.close();
    await hook.sink.flush();
    const levels = hook.sent.map(({ body }) => (body['alert'] as { level: unknown }).level);
    expect(levels).toEqual([0.5, 0.8, 0.95]);
    expect(new Set(hook.sent.map(({ headers }) => headers.get('idempotency-key'))).size).toBe(3);
  });

  it('waits for it when it closes', async () => {
    const clock = manualClock();
    const hook = hooked([500, 200], { clock });
    const governor = new Governor({ clock, alerts: [hook.sink] });
    void hook.sink(alertOf());
    await clock.runUntil(governor.close());
    expect(hook.sent).toHaveLength(2);
  });
});

it('reaches a real server, and no redirect of it', async () => {
  const seen: { url: string | undefined; key: unknown; body: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      seen.push({ url: request.url, key: request.headers['idempotency-key'], body: Buffer.concat(parts).toString() });
      if (request.url?.startsWith('/away')) response.writeHead(307, { location: '/hook' }).end();
      else response.writeHead(seen.length === 1 ? 503 : 200, { 'retry-after': '0' }).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const alert = alertOf();
    await webhookAlerts({ url: new URL(`${origin}/hook?token=SECRETMARKER`) })(alert);
    expect(seen.map(({ url, key }) => [url, key])).toEqual([
      ['/hook?token=SECRETMARKER', alert.id],
      ['/hook?token=SECRETMARKER', alert.id],
    ]);
    expect(JSON.parse(seen[1]?.body ?? '')).toMatchObject({ alert: { id: alert.id } });
    const error = await rejection(webhookAlerts({ url: `${origin}/away?token=SECRETMARKER` })(alert));
    expect(error.message).toContain(`${origin}: it answered with a redirect`);
    expect(error.message).not.toContain('SECRETMARKER');
    expect(seen).toHaveLength(3);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

describe('options', () => {
  it.each<[string, object, RegExp]>([
    ['no URL', {}, /url: Expected an absolute URL with http or https, e\.g\. https:\/\/hooks\.slack\.com/],
    ['a URL that is none', { url: 'SECRETMARKER' }, /url: Expected an absolute URL/],
    ['another protocol', { url: 'ftp://x/SECRETMARKER' }, /url: Expected an absolute URL with http or https/],
    ['a password', { url: 'https://user:SECRETMARKER@x/' }, /url: Expected no user name or password in it; set headers/],
    ['a header that cannot be', { url: 'https://x', headers: { a: 'SECRETMARKER\n' + 'x\ny' } }, /headers: Expected names and/],
    ['a level below 0', { url: 'https://x', minLevel: -1 }, /minLevel: Expected a share of the limit/],
    ['a level that is none', { url: 'https://x', minLevel: NaN }, /minLevel: Expected/],
    ['no attempt', { url: 'https://x', maxAttempts: 0 }, /maxAttempts: Expected a whole number of 1 or more/],
    ['half an attempt', { url: 'https://x', maxAttempts: 1.5 }, /maxAttempts: Expected/],
    ['no time', { url: 'https://x', timeoutMs: 0 }, /timeoutMs: Expected milliseconds above 0/],
    ['all time', { url: 'https://x', timeoutMs: Infinity }, /timeoutMs: Expected/],
    ['a format that is none', { url: 'https://x', format: 'slack' }, /format: Expected a function/],
    ['one that is unknown', { url: 'https://x', retries: 3 }, /retries: Unknown option\. Known options: url, headers, /],
  ])('%s is refused, and the URL not told', (_, options, message) => {
    const make = (): unknown => webhookAlerts(options as WebhookAlertsOptions);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'invalid-config' }) as Error);
    expect(make).not.toThrow('SECRETMARKER');
  });
});
