// A cheaper model once the budget runs low.
import { describe, expect, it } from 'vitest';
import { GovernanceConfigError } from '../../src/errors';
import { Governor } from '../../src/governor';
import { downgradeModel } from '../../src/policy/downgrade-model';
import { groqPrices } from '../../src/price/groq-prices';
import { type PriceRow, priceBook } from '../../src/price/price-book';
import { MESSAGES, MODEL, drain, rejection, scene, until } from '../governor/support';

/** $0.15 in, $0.60 out per million: twice the cheaper one. */
const LARGE = 'openai/gpt-oss-120b';
const params = { model: LARGE, messages: MESSAGES, max_completion_tokens: 1000 };
const CAP = 10_000_000;
const policies = [downgradeModel({ above: 0.8, to: MODEL })];
const teams = { a: { monthlyBudgetUsd: CAP / 1e9 } };
const rowOf = (model: string): PriceRow | undefined => groqPrices.price(model, Date.UTC(2026, 10, 21));
/** An answer that costs so many nano-dollars on the large model. */
const costing = (nanos: number): object => ({ usage: { prompt_tokens: 0, completion_tokens: nanos / 600 } });

describe('downgradeModel()', () => {
  it('keeps the model until the share is passed, and then sends, prices and records the cheaper one', async () => {
    const { client, mock, records, governor } = scene({ teams, policies }, { team: 'a' });
    mock.reply('chat.completions', costing(7_999_800)).times(1);
    await client.chat.completions.create({ ...params, max_completion_tokens: 14_000 });
    mock.reply('chat.completions', costing(600)).times(1);
    await client.chat.completions.create(params);
    expect(await governor.explain(params, { team: 'a' })).toMatchObject({
      allowed: true,
      decisions: expect.arrayContaining([
        { rule: 'downgrade-model', action: 'amend', reason: 'budget "a/month" is 80 % used, above 80 %' },
      ]) as unknown,
    });
    mock.reply('chat.completions', { usage: { prompt_tokens: 100, completion_tokens: 100 } }).times(1);
    const answer = await client.chat.completions.create(params);
    expect(mock.calls.map(({ body }) => (body as { model: string }).model)).toEqual([LARGE, LARGE, MODEL]);
    expect(answer.model).toBe(MODEL);
    expect(records.map(({ model, costNanos }) => [model, costNanos])).toEqual([
      [LARGE, 7_999_800],
      [LARGE, 600],
      [MODEL, 100 * 75 + 100 * 300],
    ]);
    expect(await governor.reconcile()).toMatchObject({ gaps: [], live: [] });
  });

  it('counts what is held for calls under way', async () => {
    const { client, mock } = scene({ teams, policies }, { team: 'a' });
    mock.reply('chat.completions', { hang: true }).times(1);
    void client.chat.completions.create({ ...params, max_completion_tokens: 14_000 }).catch(() => {});
    await until(() => mock.calls.length === 1);
    const second = client.chat.completions.create({ ...params, max_completion_tokens: 100 });
    expect((await second).model).toBe(MODEL);
  });

  it('streams from the cheaper one', async () => {
    const { client, mock } = scene({ teams: { a: { monthlyBudgetUsd: CAP / 1e9 } }, policies }, { team: 'a' });
    mock.reply('chat.completions', costing(9_000_000)).times(1);
    await client.chat.completions.create({ ...params, max_completion_tokens: 15_500 });
    const { chunks } = await drain(await client.chat.completions.create({ ...params, stream: true }));
    expect((chunks[0] as { model: string }).model).toBe(MODEL);
  });

  it('applies the rules to the cheaper one', async () => {
    const strict = { a: { monthlyBudgetUsd: CAP / 1e9, allowedModels: [LARGE] } };
    const { client, mock } = scene({ teams: strict, policies }, { team: 'a' });
    mock.reply('chat.completions', costing(9_000_000)).times(1);
    await client.chat.completions.create({ ...params, max_completion_tokens: 15_500 });
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'model-not-allowed', model: MODEL });
    expect(mock.calls).toHaveLength(1);
  });

  it('holds the cheaper one to its own rate limits', async () => {
    const limits = [{ kind: 'requests' as const, max: 1, windowMs: 60_000, per: 'model' as const }];
    const limited = { a: { monthlyBudgetUsd: CAP / 1e9, limits } };
    const { client, mock } = scene({ teams: limited, policies, queueTimeoutMs: 0 }, { team: 'a' });
    mock.reply('chat.completions', costing(9_000_000)).times(1);
    await client.chat.completions.create({ ...params, max_completion_tokens: 15_500 });
    await client.chat.completions.create(params);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'rate-limit-wait', model: MODEL });
  });

  it('refuses when not even the cheaper one can be paid', async () => {
    const { client, mock } = scene({ teams, policies }, { team: 'a' });
    mock.reply('chat.completions', costing(9_999_600)).times(1);
    await client.chat.completions.create({ ...params, max_completion_tokens: 16_600 });
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'budget-exceeded', model: MODEL });
  });

  it('takes no notice of soft budgets', async () => {
    const soft = { a: { budgets: [{ limitUsd: 0, window: 'day' as const, soft: true }] } };
    const { client } = scene({ teams: soft, policies }, { team: 'a' });
    await client.chat.completions.create(params);
    expect((await client.chat.completions.create(params)).model).toBe(LARGE);
  });

  it('leaves other operations and observed calls as they are, and books what they cost', async () => {
    const empty = { a: { monthlyBudgetUsd: 0.0001 } };
    const { client, mock, records } = scene({ teams: empty, policies, mode: 'observe' }, { team: 'a' });
    mock.reply('chat.completions', costing(600_000)).times(2);
    await client.chat.completions.create(params);
    await client.chat.completions.create(params);
    expect(mock.calls.map(({ body }) => (body as { model: string }).model)).toEqual([LARGE, LARGE]);
    expect(records.map(({ model, costNanos }) => [model, costNanos])).toEqual([
      [LARGE, 600_000],
      [LARGE, 600_000],
    ]);
  });

  it('keeps the model if the budgets cannot be read', async () => {
    const policy = downgradeModel({ above: 0, to: MODEL });
    const call = {
      operation: 'chat.completions',
      model: LARGE,
      budgets: () => Promise.reject(new Error('away')),
      priceOf: rowOf,
    };
    expect(await policy.check(call as never)).toEqual({ action: 'allow' });
  });

  it.each(['meta-llama/llama-prompt-guard-2-22m', 'openai/gpt-oss-safeguard-20b', 'llama-3.1-8b-instant'])(
    'leaves calls of %s alone, which would become no cheaper',
    async (model) => {
      const { client, mock } = scene({ teams, policies: [downgradeModel({ above: 0, to: MODEL })] }, { team: 'a' });
      mock.reply('chat.completions', costing(600)).times(1);
      await client.chat.completions.create(params);
      await client.chat.completions.create({ ...params, model, max_completion_tokens: 100 });
      expect(mock.calls[1]?.body).toMatchObject({ model });
    },
  );

  it('lowers a bound that the cheaper model cannot answer up to', async () => {
    const rows = { 'own/large': { inputPerMillionUsd: 9, outputPerMillionUsd: 9, maxOutputTokens: 200_000 } };
    const prices = priceBook({ base: groqPrices, overrides: rows });
    const rich = { a: { monthlyBudgetUsd: 1000 } };
    const { client, mock } = scene({ teams: rich, prices, policies: [downgradeModel({ above: 0, to: MODEL })] }, { team: 'a' });
    await client.chat.completions.create(params);
    await client.chat.completions.create({ ...params, model: 'own/large', max_completion_tokens: 100_000 });
    expect(mock.calls[1]?.body).toMatchObject({ model: MODEL, max_completion_tokens: rowOf(MODEL)?.maxOutputTokens });
  });

  it('is refused with the governance if the cheaper model has no price', () => {
    const typo = [downgradeModel({ above: 0.8, to: 'openai/gpt-oss-20' })];
    expect(() => new Governor({ teams, policies: typo })).toThrow(/policies\.0: "openai\/gpt-oss-20" has no price/);
  });

  it.each([[{ above: 80, to: MODEL }], [{ above: -0.1, to: MODEL }], [{ above: NaN, to: MODEL }], [{ above: 0.5, to: '' }]])(
    'refuses %j',
    (options) => expect(() => downgradeModel(options)).toThrow(GovernanceConfigError),
  );
});
