// No other spelling of an endpoint, and no other place, gets past the checks.
import { describe, expect, it } from 'vitest';
import { UngovernedRequestError } from '../../src/errors';
import { CHAT, MESSAGES, MODEL, rejection, scene } from './support';

const body = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const governance = { teams: { a: { monthlyBudgetUsd: 1 } } };

describe('other spellings of a known endpoint', () => {
  it.each([
    ['trailing slash', `${CHAT}/`],
    ['double slash', '/openai/v1//chat/completions'],
    ['leading double slash', '//openai/v1/chat/completions'],
    ['percent-encoded letter', '/openai/v1/%63hat/completions'],
    ['percent-encoded slash', '/openai/v1/chat%2Fcompletions'],
    ['upper case', '/openai/v1/CHAT/completions'],
    ['without /openai', '/v1/chat/completions'],
    ['deeper', `/openai${CHAT}`],
    ['with a suffix', `${CHAT}.json`],
    ['with a matrix parameter', `${CHAT};x=1`],
    ['with a trailing space', `${CHAT}%20`],
    ['unknown', '/openai/v1/videos'],
    ['completions', '/openai/v1/completions'],
  ])('%s is refused', async (_, path) => {
    const { client, mock, records } = scene(governance, { team: 'a' });
    const error = await rejection(client.post(path, { body }));
    expect(error).toBeInstanceOf(UngovernedRequestError);
    expect(mock.calls).toHaveLength(0);
    expect(records.map(({ outcome, costNanos, code }) => ({ outcome, costNanos, code }))).toEqual([
      { outcome: 'denied', costNanos: 0, code: 'ungoverned-request' },
    ]);
  });

  it.each([
    ['dot segments', '/openai/v1/files/../chat/completions'],
    ['encoded dot segments', '/openai/v1/files/%2e%2e/chat/completions'],
    ['a query in the path', `${CHAT}?a=1`],
    ['a fragment', `${CHAT}#a`],
    ['the same origin, absolute', `https://api.groq.com${CHAT}`],
    ['a default port', `https://api.groq.com:443${CHAT}`],
    ['an upper-case host', `HTTPS://API.GROQ.COM${CHAT}`],
    ['backslashes', '\\openai\\v1\\chat\\completions'],
    ['a tab inside', '/openai/v1/chat\t/completions'],
  ])('%s is the endpoint that it leads to', async (_, path) => {
    const { client, mock, records, governor } = scene(governance, { team: 'a' });
    await client.post(path, { body });
    await governor.close();
    expect(mock.calls.map(({ operation }) => operation)).toEqual(['chat.completions']);
    expect(records.map(({ operation, accuracy }) => [operation, accuracy])).toEqual([['chat.completions', 'exact']]);
    expect(records[0]?.costNanos).toBeGreaterThan(0);
  });

  it.each([
    ['dot segments', '/openai/v1/files/../chat/completions'],
    ['absolute', `https://api.groq.com${CHAT}`],
  ])('%s meet the same rules', async (_, path) => {
    const { client, mock } = scene({ teams: { a: { allowedModels: ['openai/gpt-oss-120b'] } } }, { team: 'a' });
    expect(await rejection(client.post(path, { body }))).toMatchObject({ code: 'model-not-allowed' });
    expect(mock.calls).toHaveLength(0);
  });
});

describe('another origin', () => {
  it.each([
    ['another host', `https://evil.example${CHAT}`],
    ['http', `http://api.groq.com${CHAT}`],
    ['another port', `https://api.groq.com:8443${CHAT}`],
    ['a user name that looks like the host', `https://api.groq.com@evil.example${CHAT}`],
    ['a path that continues the host name', `.evil.example${CHAT}`],
    ['a path that makes the host a user name', `@evil.example${CHAT}`],
    ['a path that makes the host a port', `:8443${CHAT}`],
  ])('%s is refused, and never sees the key', async (_, path) => {
    const { client, mock } = scene({ ...governance, allowOperations: [`POST ${CHAT}`] }, { team: 'a' });
    for (const call of [client.post(path, { body }), client.get(path), client.request({ method: 'post', path, body })]) {
      expect(await rejection(call)).toMatchObject({ code: 'ungoverned-request' });
    }
    expect(mock.calls).toHaveLength(0);
  });

  it('as defaultBaseURL is refused', async () => {
    const { client, mock } = scene(governance, { team: 'a' });
    const error = await rejection(client.post(CHAT, { body, defaultBaseURL: 'https://evil.example' }));
    expect(error).toMatchObject({ code: 'ungoverned-request' });
    expect(mock.calls).toHaveLength(0);
  });

  it('is not told in a message with its query', async () => {
    const { client } = scene(governance, { team: 'a' });
    const error = await rejection(client.get('https://evil.example/x?secret=MARKER'));
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('MARKER');
  });
});

describe('a base URL with a path', () => {
  it('is not part of the endpoint', async () => {
    const { client, mock, records, governor } = scene(governance, {
      team: 'a',
      client: { baseURL: 'https://proxy.example/groq/' },
    });
    await client.chat.completions.create(body);
    await governor.close();
    expect(mock.calls[0]?.url).toBe(`https://proxy.example/groq${CHAT}`);
    expect(records[0]).toMatchObject({ operation: 'chat.completions', outcome: 'success' });
  });

  it('cannot be left upwards', async () => {
    const { client, mock } = scene(governance, { team: 'a', client: { baseURL: 'https://proxy.example/groq' } });
    expect(await rejection(client.post('/../other/chat', { body }))).toMatchObject({ code: 'ungoverned-request' });
    expect(await rejection(client.post(`https://proxy.example${CHAT}/x`, { body }))).toMatchObject({
      code: 'ungoverned-request',
    });
    expect(mock.calls).toHaveLength(0);
  });

  it('cannot be left upwards to what looks like an endpoint', async () => {
    const { client, mock } = scene(governance, { team: 'a', client: { baseURL: 'https://proxy.example/groq' } });
    const sent = await client.post(`https://proxy.example${CHAT}`, { body: { ...body, model: 'nobody/knows' } }).then(
      () => 'sent',
      (error: unknown) => error,
    );
    expect(sent).toMatchObject({ name: expect.stringMatching(/UnpricedModelError|UngovernedRequestError/) as string });
    expect(mock.calls).toHaveLength(0);
  });
});

describe('methods', () => {
  it('in upper case is the same method', async () => {
    const { client, mock, records, governor } = scene(governance, { team: 'a' });
    await client.request({ method: 'POST' as 'post', path: CHAT, body });
    await governor.close();
    expect(mock.calls[0]).toMatchObject({ method: 'POST', operation: 'chat.completions' });
    expect(records[0]?.operation).toBe('chat.completions');
  });

  it.each(['put', 'patch', 'delete'] as const)('%s to an endpoint that is posted to is refused', async (method) => {
    const { client, mock } = scene(governance, { team: 'a' });
    expect(await rejection(client.request({ method, path: CHAT, body }))).toMatchObject({ code: 'ungoverned-request' });
    expect(mock.calls).toHaveLength(0);
  });

  it('that reads as GET when checked is sent as GET', async () => {
    const { client, mock } = scene(governance, { team: 'a' });
    let reads = 0;
    const options = {
      path: CHAT,
      get method() {
        return reads++ === 0 ? 'get' : 'post';
      },
      body,
    };
    await rejection(client.request(options as never));
    expect(mock.calls.map(({ method }) => method)).toEqual(['GET']);
  });

  it('hidden in a header changes nothing that is checked', async () => {
    const { client, mock, records, governor } = scene(governance, { team: 'a' });
    await rejection(client.get(CHAT, { headers: { 'X-HTTP-Method-Override': 'POST' } }));
    await governor.close();
    expect(
      mock.calls.every(
        ({ headers }) => headers['x-http-method-override'] === undefined || headers['authorization'] !== undefined,
      ),
    ).toBe(true);
    expect(records[0]?.operation).toBe('read');
  });
});

describe('allowOperations', () => {
  it('lets an unknown endpoint through, unmetered, and that one only', async () => {
    const { client, mock, records, governor } = scene(
      { ...governance, allowOperations: ['POST /openai/v1/videos'] },
      { team: 'a' },
    );
    mock.reply('*', { json: { ok: true } });
    expect(await client.post('/openai/v1/videos', { body: { a: 1 } })).toEqual({ ok: true });
    expect(await rejection(client.post('/openai/v1/videos/', { body: { a: 1 } }))).toMatchObject({
      code: 'ungoverned-request',
    });
    await governor.close();
    expect(records.map(({ operation, costNanos, outcome }) => [operation, costNanos, outcome])).toEqual([
      ['POST /openai/v1/videos', 0, 'success'],
      ['unknown', 0, 'denied'],
    ]);
  });
});
