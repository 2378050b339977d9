// What a key counts for itself: limits and budgets, also when a call is moved to another key.
import { describe, expect, it } from 'vitest';
import type { ApiKey, KeyAttempt, KeyProvider, KeyRequest } from '../../src/keys/key-provider';
import { MESSAGES, MODEL, costOf, holdOf, rejection, scene, settle, until } from '../governor/support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
const USAGE = { usage: { prompt_tokens: 112, completion_tokens: 100 } };
const COST = holdOf(100);
const usd = (calls: number): number => (calls * COST) / 1e9;

const key = (id: string, rules?: ApiKey['rules']): ApiKey => ({ id, secret: `gsk_SECRET_${id}`, ...(rules && { rules }) });
/** Gives out the first key, and the second after a 401. */
const pair = (first: ApiKey, second: ApiKey): KeyProvider => ({
  key: ({ rejectedKeyId }) => (rejectedKeyId === undefined ? first : second),
});

describe('a key', () => {
  it('has a budget of its own, whichever team uses it', async () => {
    const shared = key('shared', { monthlyBudgetUsd: usd(2) });
    const { client, mock, governor } = scene({ teams: { a: {}, b: {} }, keys: { key: () => shared } }, { team: 'a' });
    mock.reply('chat.completions', USAGE).times(3);
    await client.chat.completions.create(params);
    await client.withTeam('b').chat.completions.create(params);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({
      code: 'budget-exceeded',
      budget: 'key shared/month',
      spentNanos: 2 * COST,
    });
    expect(await governor.explain(params, { team: 'b' })).toMatchObject({ allowed: false, code: 'budget-exceeded' });
    expect(await governor.reconcile()).toMatchObject({ gaps: [] });
  });

  it('has rate limits of its own, whichever team uses it', async () => {
    const shared = key('shared', { rateLimitRPM: 2 });
    const governance = { teams: { a: {}, b: {} }, keys: { key: () => shared }, queueTimeoutMs: 0 };
    const { client } = scene(governance, { team: 'a' });
    await client.chat.completions.create(params);
    await client.withTeam('b').chat.completions.create(params);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({
      code: 'rate-limit-wait',
      limit: 'key shared/requests per minute',
    });
  });

  it('with a token limit bounds the answer that nobody has bounded', async () => {
    const { client, mock } = scene({ teams: { a: {} }, keys: { key: () => key('k', { rateLimitTPM: 1000 }) } }, { team: 'a' });
    await client.chat.completions.create({ model: MODEL, messages: MESSAGES });
    const bounds = mock.calls.map(({ body }) => (body as { max_completion_tokens?: number }).max_completion_tokens ?? 0);
    expect(bounds).toHaveLength(1);
    expect(bounds[0]).toBeGreaterThan(0);
    expect(bounds[0]).toBeLessThan(1000);
  });

  it('gives alerts for its budget', async () => {
    const { client, mock, governor } = scene(
      { teams: { a: {} }, keys: { key: () => key('k', { monthlyBudgetUsd: usd(1) }) } },
      { team: 'a' },
    );
    const alerts: unknown[] = [];
    governor.on('budget-threshold', ({ budget, level }) => void alerts.push([budget, level]));
    mock.reply('chat.completions', USAGE);
    await client.chat.completions.create(params);
    await governor.report();
    expect(alerts).toEqual([0.5, 0.8, 0.95].map((level) => ['key k/month', level]));
  });
});

describe('a call that is moved after a 401', () => {
  const refused = { status: 401 };

  it('is booked to the key that it was made with', async () => {
    const [old, next] = [key('old', { monthlyBudgetUsd: usd(1) }), key('next', { monthlyBudgetUsd: usd(1) })];
    const { client, mock, records, governor } = scene(
      { teams: { a: { budgets: [{ limitUsd: 1, window: 'month', per: 'key' }] } }, keys: pair(old, next) },
      { team: 'a', client: { maxRetries: 2 } },
    );
    mock.reply('chat.completions', [refused, USAGE]);
    await client.chat.completions.create(params);
    expect(records).toMatchObject([{ keyId: 'next', costNanos: COST, attempts: 2 }]);
    // The old key's budget has room again, the next one's has none.
    expect(await governor.explain(params, { team: 'a' })).toMatchObject({ allowed: true });
    mock.reply('chat.completions', [refused, USAGE]);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ status: 401 });
    await settle();
    expect(await governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
    expect(records.map(({ costNanos, keyId }) => [keyId, costNanos])).toEqual([
      ['next', COST],
      ['old', 0],
    ]);
  });

  it('may have its answer shortened to what the other key can still pay', async () => {
    const next = key('next', { monthlyBudgetUsd: costOf(112, 40) / 1e9 });
    const { client, mock, records } = scene(
      { teams: { a: { monthlyBudgetUsd: usd(5), defaultMaxTokens: 100 } }, keys: pair(key('old'), next) },
      { team: 'a', client: { maxRetries: 2 } },
    );
    mock.reply('chat.completions', [refused, {}]);
    await client.chat.completions.create({ model: MODEL, messages: MESSAGES });
    expect(mock.calls.map(({ body }) => (body as { max_completion_tokens: number }).max_completion_tokens)).toEqual([100, 40]);
    expect(records).toMatchObject([{ keyId: 'next' }]);
  });

  const boundsOf = (calls: readonly { readonly body: unknown }[]): unknown[] =>
    calls.map(({ body }) => (body as { max_completion_tokens?: number }).max_completion_tokens);

  it('has its answer bounded where only the other key needs it', async () => {
    const { client, mock, governor } = scene(
      { teams: { a: {} }, keys: pair(key('old'), key('next', { monthlyBudgetUsd: usd(1) })) },
      { team: 'a', client: { maxRetries: 2 } },
    );
    mock.reply('chat.completions', [refused, USAGE]);
    await client.chat.completions.create({ model: MODEL, messages: MESSAGES });
    expect(boundsOf(mock.calls)).toEqual([undefined, 100]);
    expect(await governor.reconcile()).toMatchObject({ gaps: [], live: [] });
  });

  it('has its answer bounded by the rate limits of the other key', async () => {
    const { client, mock } = scene(
      { teams: { a: {} }, keys: pair(key('old'), key('next', { rateLimitTPM: 1000 })) },
      { team: 'a', client: { maxRetries: 2 } },
    );
    mock.reply('chat.completions', [refused, {}]);
    await client.chat.completions.create({ model: MODEL, messages: MESSAGES });
    const [, bound] = boundsOf(mock.calls);
    expect(bound).toBeGreaterThan(0);
    expect(bound).toBeLessThan(1000);
  });

  it('needs no room twice in the budgets that both keys count in', async () => {
    const rules = { monthlyBudgetUsd: 1 };
    const { client, mock, records, governor } = scene(
      { teams: { a: { monthlyBudgetUsd: usd(1.5) } }, keys: pair(key('old', rules), key('next', rules)) },
      { team: 'a', client: { maxRetries: 2 } },
    );
    mock.reply('chat.completions', [refused, USAGE]);
    await client.chat.completions.create(params);
    expect(boundsOf(mock.calls)).toEqual([100, 100]);
    expect(records).toMatchObject([{ keyId: 'next', costNanos: COST }]);
    expect(await governor.reconcile()).toMatchObject({ gaps: [], live: [], expired: [] });
  });

  it('goes on with a new secret of the same key', async () => {
    const secrets = ['gsk_SECRET_old', 'gsk_SECRET_new'];
    const { client, mock, records } = scene(
      { teams: { a: {} }, keys: { key: () => ({ id: 'k', secret: secrets.shift() ?? '' }) } },
      { team: 'a', client: { maxRetries: 2 } },
    );
    mock.reply('chat.completions', [refused, {}]);
    await client.chat.completions.create(params);
    expect(new Set(mock.calls.map(({ headers }) => headers['authorization'])).size).toBe(2);
    expect(records).toMatchObject([{ keyId: 'k', attempts: 2 }]);
  });

  it('that is aborted meanwhile is booked once, and leaves nothing held', async () => {
    let give: (key: ApiKey) => void = () => {};
    const next = key('next', { monthlyBudgetUsd: usd(1) });
    const keys: KeyProvider = {
      key: ({ rejectedKeyId }) =>
        rejectedKeyId === undefined ? key('old') : new Promise<ApiKey>((resolve) => (give = resolve)),
    };
    let asked = false;
    const { client, mock, records, governor } = scene(
      {
        teams: { a: { monthlyBudgetUsd: usd(5) } },
        keys: { ...keys, key: (request: KeyRequest) => ((asked ||= request.rejectedKeyId !== undefined), keys.key(request)) },
      },
      { team: 'a', client: { maxRetries: 2 } },
    );
    mock.reply('chat.completions', [refused, {}]);
    const abort = new AbortController();
    const call = client.chat.completions.create(params, { signal: abort.signal });
    call.catch(() => {});
    await until(() => asked);
    abort.abort();
    await rejection(call);
    give(next);
    await settle();
    expect(await governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
    expect(records).toHaveLength(1);
    expect(mock.calls).toHaveLength(1);
  });
});

describe('a team with keys of its own', () => {
  it('tells the provider which, and is refused another', async () => {
    const among: unknown[] = [];
    const keys: KeyProvider = { key: (request) => (among.push(request.among), key('b')) };
    const { client, mock } = scene({ teams: { a: { keys: ['a', 'c'] } }, keys }, { team: 'a' });
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'no-key' });
    expect(among).toEqual([['a', 'c']]);
    expect(mock.calls).toHaveLength(0);
  });
});

describe('attempted()', () => {
  it('is told of every attempt, answered or not, with the very key', async () => {
    const told: KeyAttempt[] = [];
    const only = key('k');
    const keys: KeyProvider = { key: () => only, attempted: (attempt) => void told.push(attempt) };
    const { client, mock, records } = scene({ teams: { a: {} }, keys }, { team: 'a', client: { maxRetries: 3 } });
    mock.reply('chat.completions', [{ cutAfter: 0 }, { status: 500 }, { status: 429, retryAfter: 2 }, {}]);
    const call = client.chat.completions.create(params);
    await call.catch(() => {});
    expect(told.map(({ result, status }) => [result, status]).slice(-1)).toEqual([['ok', 200]]);
    for (const attempt of told) expect(attempt).toMatchObject({ callId: records[0]?.id, key: only });
    expect(told.some(({ key: { secret } }) => secret === only.secret)).toBe(true);
  });

  it('is told of a call that never left', async () => {
    const told: KeyAttempt[] = [];
    const keys: KeyProvider = { key: () => key('k'), attempted: (attempt) => void told.push(attempt) };
    const { client, mock } = scene({ teams: { a: { monthlyBudgetUsd: 0 } }, keys }, { team: 'a' });
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'budget-exceeded' });
    expect(told).toMatchObject([{ result: 'unanswered', status: undefined, key: { id: 'k' } }]);
    expect(mock.calls).toHaveLength(0);
  });

  it('is told nothing when explain() asks, which says so', async () => {
    const asked: unknown[] = [];
    const keys: KeyProvider = { key: ({ dryRun }) => (asked.push(dryRun), key('k')) };
    const { governor, client } = scene({ teams: { a: {} }, keys }, { team: 'a' });
    await governor.explain(params, { team: 'a' });
    await client.chat.completions.create(params);
    expect(asked).toEqual([true, undefined]);
  });
});

describe('a key for some models only', () => {
  const OTHER = 'openai/gpt-oss-120b';
  const only = key('k', { allowedModels: [OTHER] });

  it('is used for no other, whoever gave it out', async () => {
    const { client, mock } = scene({ teams: { a: {} }, keys: { key: () => only } }, { team: 'a' });
    await client.chat.completions.create({ ...params, model: OTHER });
    const error = await rejection(client.chat.completions.create(params));
    expect(error).toMatchObject({ code: 'model-not-allowed', rule: 'allowedModels' });
    expect(error.message).toMatch(/not in allowedModels of key k/);
    expect(mock.calls).toHaveLength(1);
  });

  it('is used for no line of a batch with another', async () => {
    const { client, mock } = scene({ teams: { a: {} }, keys: { key: () => only } }, { team: 'a' });
    const line = (model: string): string =>
      JSON.stringify({ custom_id: model, method: 'POST', url: '/v1/chat/completions', body: { ...params, model } });
    const upload = (...models: readonly string[]): Promise<unknown> =>
      client.files.create({ purpose: 'batch', file: new File([models.map(line).join('\n')], 'lines.jsonl') });
    await upload(OTHER);
    expect(await rejection(upload(OTHER, MODEL))).toMatchObject({ code: 'model-not-allowed' });
    expect(mock.calls).toHaveLength(1);
  });
});
