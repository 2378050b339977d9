import { describe, expect, it } from 'vitest';
import { GovernedGroq } from '../../src/index';
import { mockGroq } from '../../src/testing';

const MODEL = 'openai/gpt-oss-20b';
const MESSAGES = [{ role: 'user' as const, content: 'hi' }];
const governance = { teams: { a: { monthlyBudgetUsd: 10 } }, defaultTeam: 'a' };

const bounds = (mock: ReturnType<typeof mockGroq>): unknown[] =>
  mock.calls.map(({ status, body }) => [status, (body as { max_completion_tokens?: number }).max_completion_tokens]);

describe('an output bound that the provider finds too large', () => {
  it('is lowered to what fits and tried again, if it was set here', async () => {
    const mock = mockGroq({ limits: { tpm: 8000 } });
    const groq = new GovernedGroq({ apiKey: 'k', fetch: mock.fetch, governance });
    await groq.chat.completions.create({ model: MODEL, messages: MESSAGES });
    await groq.chat.completions.create({ model: MODEL, messages: MESSAGES });
    const [first, second, third] = bounds(mock);
    expect(first).toEqual([413, 65_536]);
    expect(second).toEqual([200, expect.any(Number)]);
    expect((second as number[])[1]).toBeGreaterThan(7500);
    expect((second as number[])[1]).toBeLessThan(8000);
    // Once learnt, it is right at once.
    expect(third).toEqual([200, expect.any(Number)]);
    const { live, gaps } = await groq.governor.reconcile();
    expect({ live, gaps }).toEqual({ live: [], gaps: [] });
    expect((await groq.governor.report()).total).toMatchObject({ calls: 2, denied: 0 });
  });

  it.each([
    ['asked for by the caller', { max_completion_tokens: 60_000 }, {}],
    ['left without a retry', {}, { maxRetries: 0 }],
  ])('surfaces, if it was %s', async (_, params, options) => {
    const mock = mockGroq({ limits: { tpm: 8000 } });
    const groq = new GovernedGroq({ apiKey: 'k', fetch: mock.fetch, governance });
    const failed = groq.chat.completions.create({ model: MODEL, messages: MESSAGES, ...params }, options);
    await expect(failed).rejects.toMatchObject({ status: 413 });
    expect(mock.calls).toHaveLength(1);
    expect((await groq.governor.report()).total.costNanos).toBe(0);
  });

  it('is not touched without governance', async () => {
    const mock = mockGroq({ limits: { tpm: 500 } });
    const groq = new GovernedGroq({ apiKey: 'k', fetch: mock.fetch });
    const failed = groq.chat.completions.create({ model: MODEL, messages: MESSAGES, max_tokens: 600 });
    await expect(failed).rejects.toMatchObject({ status: 413 });
    expect(mock.calls).toHaveLength(1);
  });
});
