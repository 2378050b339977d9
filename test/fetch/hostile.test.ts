// What is checked is what is sent, whatever a caller does with the objects that it has handed over.
import { describe, expect, it } from 'vitest';
import { governedFetch } from '../../src/fetch';
import { GovernanceConfigError, deny } from '../../src/index';
import { keyFingerprint } from '../../src/testing';
import { CHAT, MESSAGES, settle } from '../governor/support';
import { HEADERS, PARAMS, URL_OF_CHAT, fetchScene, post, refusal } from './support';

const CHEAP = { teams: { a: { monthlyBudgetUsd: 1, allowedModels: ['openai/gpt-oss-20b'] } } };
const WRONG = { ...PARAMS, model: 'openai/gpt-oss-120b' };
const origin = 'https://api.groq.com';

describe('places', () => {
  it.each([
    ['trailing slash', `${CHAT}/`],
    ['double slash', '/openai/v1//chat/completions'],
    ['leading double slash', `/${CHAT}`],
    ['percent-encoded letter', '/openai/v1/%63hat/completions'],
    ['percent-encoded slash', '/openai/v1/chat%2Fcompletions'],
    ['upper case', '/openai/v1/CHAT/completions'],
    ['without /openai', '/v1/chat/completions'],
    ['unknown', '/openai/v1/videos'],
  ])('%s is refused', async (_, path) => {
    const { fetch, mock, records } = fetchScene();
    expect(await refusal(await fetch(origin + path, post(PARAMS)))).toMatchObject({ status: 403, code: 'ungoverned-request' });
    expect(mock.calls).toHaveLength(0);
    expect(records).toMatchObject([{ outcome: 'denied', costNanos: 0 }]);
  });

  it.each([
    ['dot segments', '/openai/v1/files/../chat/completions'],
    ['encoded dot segments', '/openai/v1/files/%2e%2e/chat/completions'],
    ['a query and a fragment', `${CHAT}?a=1#b`],
    ['backslashes', '\\openai\\v1\\chat\\completions'],
  ])('%s are what they lead to', async (_, path) => {
    const { fetch, mock } = fetchScene(CHEAP);
    await (await fetch(origin + path, post(PARAMS))).text();
    expect(mock.calls.map(({ operation }) => operation)).toEqual(['chat.completions']);
    expect(await refusal(await fetch(origin + path, post(WRONG)))).toMatchObject({ code: 'model-not-allowed' });
  });

  it.each([
    ['another host', `https://evil.example${CHAT}`],
    ['http', `http://api.groq.com${CHAT}`],
    ['another port', `https://api.groq.com:8443${CHAT}`],
    ['a user name that looks like the host', `https://api.groq.com@evil.example${CHAT}`],
    ['a data: URL', 'data:,x'],
  ])('%s is refused, and never sees the key, read or posted', async (_, url) => {
    const { fetch, mock } = fetchScene({ ...CHEAP, keys: { key: () => ({ id: 'k', secret: 'gsk_governed' }) } });
    for (const init of [post(PARAMS), { headers: HEADERS }])
      expect(await refusal(await fetch(url, init))).toMatchObject({ code: 'ungoverned-request' });
    expect(mock.calls).toHaveLength(0);
  });

  it('a base URL with a path cannot be left', async () => {
    const { fetch, mock } = fetchScene(CHEAP, { baseURL: 'https://proxy.example/groq/openai/v1' });
    await (await fetch(`https://proxy.example/groq${CHAT}`, post(PARAMS))).text();
    expect(mock.calls).toHaveLength(1);
    for (const url of [`https://proxy.example/other${CHAT}`, `https://proxy.example/groq/..${CHAT}/x`])
      expect(await refusal(await fetch(url, post(PARAMS)))).toMatchObject({ code: 'ungoverned-request' });
  });

  it('a URL that changes later, or each time that it is read, is the one that was checked', async () => {
    const { fetch, handed } = fetchScene();
    const url = new URL(URL_OF_CHAT);
    const call = fetch(url, post(PARAMS));
    url.host = 'evil.example';
    await (await call).text();
    let reads = 0;
    const shifty = { toString: () => (reads++ === 0 ? URL_OF_CHAT : 'https://evil.example/') };
    await (await fetch(shifty as URL, post(PARAMS))).text();
    expect(handed.map(([input]) => input)).toEqual([URL_OF_CHAT, URL_OF_CHAT]);
  });

  it('no secret, query or prompt is told in a refusal', async () => {
    const { fetch } = fetchScene(CHEAP);
    const told = await Promise.all(
      ['https://evil.example/x?secret=MARKER', `${origin}/openai/v1/x?MARKER`].map(async (url) =>
        (await fetch(url, post({ ...PARAMS, messages: [{ role: 'user', content: 'MARKER' }] }))).text(),
      ),
    );
    expect(told.join()).not.toMatch(/MARKER|gsk_/);
  });
});

describe('methods', () => {
  it.each(['post', 'POST', 'pOsT'])('%s is POST', async (method) => {
    const { fetch, mock } = fetchScene(CHEAP);
    expect(await refusal(await fetch(URL_OF_CHAT, { ...post(WRONG), method }))).toMatchObject({ code: 'model-not-allowed' });
    await (await fetch(URL_OF_CHAT, { ...post(PARAMS), method })).text();
    expect(mock.calls.map(({ operation }) => operation)).toEqual(['chat.completions']);
  });

  it.each(['PUT', 'patch', 'DELETE', 'FOO'])('%s to an endpoint that is posted to is refused', async (method) => {
    const { fetch, mock } = fetchScene();
    expect(await refusal(await fetch(URL_OF_CHAT, { ...post(PARAMS), method }))).toMatchObject({ code: 'ungoverned-request' });
    expect(mock.calls).toHaveLength(0);
  });

  it('that reads as GET when it is checked is sent as GET', async () => {
    const { fetch, handed } = fetchScene();
    let reads = 0;
    const init = {
      ...post(PARAMS),
      get method() {
        return reads++ === 0 ? 'GET' : 'POST';
      },
    };
    await fetch(`${origin}/openai/v1/models`, init).catch(() => {});
    expect(handed[0]?.[1]?.method).toBe('GET');
  });
});

describe('bodies', () => {
  const right = JSON.stringify(PARAMS);
  const wrong = JSON.stringify(WRONG);

  it('a getter that answers differently is read once', async () => {
    const { fetch, mock } = fetchScene(CHEAP);
    let reads = 0;
    const shifty = {
      method: 'POST',
      headers: HEADERS,
      get body() {
        return reads++ === 0 ? right : wrong;
      },
    };
    await (await fetch(URL_OF_CHAT, shifty)).text();
    expect(mock.calls[0]?.body['model']).toBe(PARAMS.model);
  });

  it('an init whose members are inherited is read as fetch reads it', async () => {
    const { fetch, mock } = fetchScene(CHEAP);
    const inherited = (body: string): RequestInit => Object.create({ method: 'POST', headers: HEADERS, body }) as RequestInit;
    expect(await refusal(await fetch(URL_OF_CHAT, inherited(wrong)))).toMatchObject({ code: 'model-not-allowed' });
    await (await fetch(URL_OF_CHAT, inherited(right))).text();
    expect(mock.calls.map(({ body }) => body['model'])).toEqual([PARAMS.model]);
  });

  it('an init whose other members are inherited keeps them', async () => {
    const { fetch, handed } = fetchScene();
    await (await fetch(URL_OF_CHAT, Object.create({ ...post(PARAMS), redirect: 'error' }) as RequestInit)).text();
    expect(handed[0]?.[1]?.redirect).toBe('error');
  });

  it.each<[string, (bytes: Uint8Array<ArrayBuffer>) => BodyInit]>([
    ['a view', (bytes) => bytes],
    ['a buffer', ({ buffer }) => buffer],
  ])('bytes that pass unread are those of the call: %s', async (_, body) => {
    const { fetch, handed } = fetchScene({ teams: { a: {} }, allowOperations: ['POST /openai/v1/videos'] });
    const bytes = new TextEncoder().encode('not JSON');
    const call = fetch(`${origin}/openai/v1/videos`, { method: 'POST', headers: HEADERS, body: body(bytes) });
    bytes.fill(32);
    await call;
    expect(handed[0]?.[1]?.body).toEqual(new TextEncoder().encode('not JSON'));
  });

  it('what is changed after the call changes nothing: bytes, forms, headers, the init itself', async () => {
    const { fetch, mock } = fetchScene({ ...CHEAP, keys: undefined as never });
    const bytes = new TextEncoder().encode(right);
    const headers = new Headers(HEADERS);
    const init: RequestInit = { method: 'POST', headers, body: bytes };
    const call = fetch(URL_OF_CHAT, init);
    bytes.fill(32);
    headers.set('authorization', 'Bearer gsk_other');
    init.body = wrong;
    await (await call).text();
    expect(mock.calls[0]?.body).toEqual(PARAMS);
    expect(mock.calls[0]?.headers['authorization']).toBe(keyFingerprint('gsk_caller'));
    const form = new FormData();
    form.set('model', 'whisper-large-v3');
    form.set('file', new File([new Uint8Array(2000)], 'a.mp3'));
    const spoken = fetchScene({ teams: { a: { monthlyBudgetUsd: 1 } } });
    const second = spoken.fetch(`${origin}/openai/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { authorization: 'Bearer k' },
      body: form,
    });
    form.set('file', new File([new Uint8Array(9_000_000)], 'b.mp3'));
    await (await second).text();
    expect(spoken.mock.calls[0]?.body['file']).toMatchObject({ name: 'a.mp3', size: 2000 });
  });

  it('a key given twice is sent once, as it was checked', async () => {
    const { fetch, handed } = fetchScene(CHEAP);
    const twice = `{"model":"${WRONG.model}",${right.slice(1)}`;
    await (await fetch(URL_OF_CHAT, { method: 'POST', headers: HEADERS, body: twice })).text();
    expect(handed[0]?.[1]?.body).toBe(right);
  });

  it.each<[string, BodyInit]>([
    ['form fields', new URLSearchParams({ model: PARAMS.model })],
    ['text', 'hello'],
    ['a JSON list', `[${right}]`],
    ['compressed bytes', new Uint8Array([31, 139, 8, 0, 0])],
    ['nothing', ''],
  ])('%s, which no rule can read, are refused where one has to', async (_, body) => {
    const { fetch, mock } = fetchScene();
    expect(await refusal(await fetch(URL_OF_CHAT, { method: 'POST', headers: HEADERS, body }))).toMatchObject({
      code: 'invalid-request',
    });
    expect(mock.calls).toHaveLength(0);
  });

  it('JSON behind a multipart content type, and the other way round, are not what they look like', async () => {
    const { fetch, mock } = fetchScene(CHEAP);
    const type = { ...HEADERS, 'content-type': 'multipart/form-data; boundary=x' };
    expect(await refusal(await fetch(URL_OF_CHAT, { method: 'POST', headers: type, body: right }))).toMatchObject({
      code: 'invalid-request',
    });
    expect(mock.calls).toHaveLength(0);
  });

  it('a form’s content type cannot name a boundary that reads it otherwise', async () => {
    const { fetch, handed } = fetchScene({ teams: { a: { monthlyBudgetUsd: 1 } } });
    const form = new FormData();
    form.set('model', 'whisper-large-v3');
    form.set('file', new File(['--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nother\r\n--x--'], 'a.mp3'));
    const headers = { authorization: 'Bearer k', 'content-type': 'multipart/form-data; boundary=x' };
    await fetch(`${origin}/openai/v1/audio/transcriptions`, { method: 'POST', headers, body: form });
    expect(new Headers(handed[0]?.[1]?.headers).get('content-type')).toBeNull();
  });
});

describe('Request objects', () => {
  it('are judged by what fetch makes of them, not by what they say', async () => {
    const { fetch, mock } = fetchScene(CHEAP);
    class Liar extends Request {
      override get method(): string {
        return 'GET';
      }
      override get url(): string {
        return `${origin}/openai/v1/models`;
      }
    }
    // Where the platform believes it as well, it is the harmless request that leaves.
    await fetch(new Liar(URL_OF_CHAT, post(WRONG)));
    expect(mock.calls.filter(({ operation }) => operation === 'chat.completions')).toEqual([]);
    mock.reset();
    expect(await refusal(await fetch(new Request(URL_OF_CHAT, post(PARAMS)), post(WRONG)))).toMatchObject({
      code: 'model-not-allowed',
    });
    expect(mock.calls).toHaveLength(0);
  });

  it('whose body was read are refused as fetch refuses them', async () => {
    const { fetch, records } = fetchScene();
    const request = new Request(URL_OF_CHAT, post(PARAMS));
    await request.text();
    await expect(fetch(request)).rejects.toThrow(TypeError);
    expect(records).toEqual([]);
  });

  it('carry a body that is read once, checked and sent', async () => {
    const { fetch, mock, records } = fetchScene(CHEAP);
    await (await fetch(new Request(URL_OF_CHAT, post({ ...PARAMS, max_completion_tokens: undefined })))).text();
    expect(mock.calls[0]?.body).toEqual({ ...PARAMS, max_completion_tokens: expect.any(Number) as number });
    expect(records).toMatchObject([{ outcome: 'success', accuracy: 'exact' }]);
  });
});

describe('keys', () => {
  it.each<[string, HeadersInit]>([
    ['an object', { Authorization: 'Bearer gsk_own', 'content-type': 'application/json' }],
    ['odd case', { aUTHORIZATION: 'Bearer gsk_own' }],
    [
      'pairs',
      [
        ['Authorization', 'Bearer gsk_own'],
        ['authorization', 'Bearer gsk_other'],
      ],
    ],
    ['none', {}],
  ])('a governed key replaces that of the request: %s', async (_, headers) => {
    const { fetch, mock, records } = fetchScene({
      ...CHEAP,
      keys: { key: () => ({ id: 'governed', secret: 'gsk_governed' }) },
    });
    await (await fetch(URL_OF_CHAT, { ...post(PARAMS), headers })).text();
    await (await fetch(new Request(URL_OF_CHAT, { ...post(PARAMS), headers }))).text();
    const own = keyFingerprint('gsk_governed');
    expect(mock.calls.map(({ headers: sent }) => sent['authorization'])).toEqual([own, own]);
    expect(records).toMatchObject([{ keyId: 'governed' }, { keyId: 'governed' }]);
  });
});

describe('configuration', () => {
  it.each([
    { baseURL: 'api.groq.com' },
    { refusals: 'ignore' as never },
    { team: 5 as never },
    { priority: Number.NaN },
    { tags: { a: 1 as never } },
  ])('%o is refused at once', (options) => {
    expect(() => governedFetch(options)).toThrow(GovernanceConfigError);
  });

  it('a misspelt option is none that is left out', () => {
    const make = (options: unknown): unknown => Reflect.apply(governedFetch, undefined, [options]);
    expect(() => make({ governence: CHEAP })).toThrow('governence: Unknown option. Known options: governance, team, user');
  });

  it('a team that is unknown, or missing, is refused when it is used', async () => {
    for (const team of ['b', '__proto__', undefined]) {
      const { chat } = fetchScene(CHEAP, { team });
      expect(await refusal(await chat())).toMatchObject({ code: 'unknown-team' });
    }
  });
});

it('a policy that answers late does not let a changed request through', async () => {
  let decide: (() => void) | undefined;
  const { fetch, mock } = fetchScene({
    ...CHEAP,
    policies: [{ name: 'late', check: () => new Promise((resolve) => (decide = () => resolve(deny('no')))) }],
  });
  const messages = [...MESSAGES];
  const call = fetch(URL_OF_CHAT, post({ ...PARAMS, messages }));
  await settle();
  decide?.();
  expect(await refusal(await call)).toMatchObject({ code: 'policy-denied' });
  expect(mock.calls).toHaveLength(0);
});
