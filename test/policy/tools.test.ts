// Tools that a request offers, in every shape that reaches the provider.
import { describe, expect, it } from 'vitest';
import { CHAT, MESSAGES, MODEL, rejection, scene } from '../governor/support';

const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 10 };
const fn = (name: unknown): object => ({ type: 'function', function: { name } });

async function offer(allowedTools: string[], body: object): Promise<string> {
  const { client, mock } = scene({ teams: { a: { allowedTools } } }, { team: 'a' });
  const code = await client.post(CHAT, { body: { ...params, ...body } }).then(
    () => 'sent',
    (error: { code?: string }) => String(error.code),
  );
  expect(mock.calls.length).toBe(code === 'sent' ? 1 : 0);
  return code;
}

describe('allowedTools', () => {
  it.each<[string[], object, string]>([
    [[], {}, 'sent'],
    [[], { tools: [] }, 'sent'],
    [[], { tools: null }, 'sent'],
    [[], { tools: [fn('f')] }, 'tool-not-allowed'],
    [['function'], { tools: [fn('f')] }, 'sent'],
    [['f'], { tools: [fn('f')] }, 'sent'],
    [['f*'], { tools: [fn('foo')] }, 'sent'],
    [['f'], { tools: [fn('g')] }, 'tool-not-allowed'],
    [['f'], { tools: [fn('f'), fn('g')] }, 'tool-not-allowed'],
    [['browser_search'], { tools: [{ type: 'browser_search' }] }, 'sent'],
    [['function'], { tools: [{ type: 'browser_search' }] }, 'tool-not-allowed'],
    [['browser_search'], { tools: [{ type: 'function', function: { name: 'browser_search' } }] }, 'sent'],
    [['function'], { tools: [{ type: 'mcp', server_url: 'https://x' }] }, 'tool-not-allowed'],
    [['f'], { tools: [{ function: { name: 'g' } }] }, 'tool-not-allowed'],
    [['f'], { functions: [{ name: 'g' }] }, 'tool-not-allowed'],
    [['f'], { tools: null, functions: [{ name: 'g' }] }, 'tool-not-allowed'],
    [['f'], { tools: [], functions: [{ name: 'g' }] }, 'tool-not-allowed'],
    [['f'], { tools: [fn('f')], functions: [{ name: 'g' }] }, 'tool-not-allowed'],
    [['f'], { tools: [fn(['f'])] }, 'tool-not-allowed'],
    [['f'], { tools: [fn({ toString: 'f' })] }, 'tool-not-allowed'],
    [['f'], { tools: 'all' }, 'invalid-request'],
    [['f'], { tools: { 0: fn('g'), length: 1 } }, 'invalid-request'],
    [['f'], { tools: [null] }, 'invalid-request'],
    [['f'], { tools: ['browser_search'] }, 'invalid-request'],
    [['f'], { tools: [[fn('g')]] }, 'tool-not-allowed'],
    [['f'], { tools: [{ type: ['function'] }] }, 'invalid-request'],
    [['f'], { tools: [{ type: 5 }] }, 'invalid-request'],
  ])('%j given %j: %s', async (allowed, body, code) => {
    const got = await offer(allowed, body);
    // A list in the list is neither; whichever refusal is right.
    if (code === 'tool-not-allowed' || code === 'invalid-request')
      expect(['tool-not-allowed', 'invalid-request']).toContain(got);
    else expect(got).toBe(code);
  });

  it('names the tool in the message, shortened', async () => {
    const { client } = scene({ teams: { a: { allowedTools: ['f'] } } }, { team: 'a' });
    const error = await rejection(client.post(CHAT, { body: { ...params, tools: [fn('g'.repeat(5000))] } }));
    expect(error.message.length).toBeLessThan(400);
  });
});

describe('built-in tools', () => {
  it('are held for, so that a budget is not passed by their use', async () => {
    const { client, governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } } }, { team: 'a' });
    const without = await governor.explain(params, { team: 'a' });
    const withTool = await governor.explain({ ...params, tools: [{ type: 'browser_search' }] }, { team: 'a' });
    expect(withTool.upperCostUsd).toBeGreaterThan(without.upperCostUsd);
    await client.post(CHAT, { body: { ...params, tools: [{ type: 'browser_search' }] } });
    expect((await governor.reconcile()).live).toEqual([]);
  });
});
