// What would happen to a request, told to a person and to a program.
import { describe, expect, it } from 'vitest';
import { RULES, SOURCE, folder } from './support';

const SECRET_PROMPT = 'the merger with Initech';
const CALL = 'explain --team chatbot --model openai/gpt-oss-20b';

describe('explain', () => {
  it('tells what an allowed request meets', async () => {
    const here = folder({ 'governed-groq.config.yaml': RULES });
    const { code, out, err } = await here.run(`${CALL} --max-tokens 500 --user ana --tag feature=search --tag plan=a=b`);
    expect(code).toBe(0);
    expect(err).toBe('The configuration has no budget store, so this process knows of no spending.\n');
    expect(out).toMatchInlineSnapshot(`
      "Allowed

        team      chatbot
        user      ana
        tags      feature=search, plan=a=b
        model     openai/gpt-oss-20b
        endpoint  chat.completions
        output    at most 500 tokens
        cost      up to $0.0001582
        wait      none

      Rules
        ✓ team
        ✓ endpoint
        ✓ model
        ✓ allowedModels
        ✓ body
        ✓ n
        ✓ maxTokensPerRequest
        ✓ allowedTools
        ✓ allowedServiceTiers
        ✓ price
        ✓ measure

      Limits
         limit                         used   held        call      cap     free  room in  at
         ───────────────────────────  ─────  ─────  ──────────  ───────  ───────  ───────  ─────────────────
         chatbot/month                $0.00  $0.00  $0.0001582  $200.00  $200.00  9 days   2026-11-30T23:00Z
         organization/month           $0.00  $0.00  $0.0001582  $500.00  $500.00  9 days   2026-11-30T23:00Z
         chatbot/requests per minute      0                  1       60       60  now
      →  chatbot/concurrency              0                  1        5        5  now
      "
    `);
  });

  it('tells why a request is refused', async () => {
    const here = folder({ 'governed-groq.config.yaml': RULES });
    const { code, out } = await here.run(`${CALL} --max-tokens 5000`);
    expect(code).toBe(1);
    expect(out).toMatchInlineSnapshot(`
      "Refused: max-tokens-exceeded
      The request asks for up to 5000 output tokens; maxTokensPerRequest of chatbot is 2048. Ask for at most that.

        team      chatbot
        model     openai/gpt-oss-20b
        endpoint  chat.completions

      Rules
        ✓ team
        ✓ endpoint
        ✓ model
        ✓ allowedModels
        ✓ body
        ✓ n
        ✗ maxTokensPerRequest: The request asks for up to 5000 output tokens; maxTokensPerRequest of chatbot is 2048. Ask for at most that.

      Limits
         limit                         used   held   call      cap     free  room in  at
         ───────────────────────────  ─────  ─────  ─────  ───────  ───────  ───────  ─────────────────
         chatbot/month                $0.00  $0.00  $0.00  $200.00  $200.00  9 days   2026-11-30T23:00Z
         organization/month           $0.00  $0.00  $0.00  $500.00  $500.00  9 days   2026-11-30T23:00Z
         chatbot/requests per minute      0             1       60       60  now
         chatbot/concurrency              0             1        5        5  now
      "
    `);
  });

  it.each([40, 60, 80, 120])('fits %i columns', async (columns) => {
    const here = folder({ 'governed-groq.config.yaml': RULES });
    const { out } = await here.run(`${CALL} --max-tokens 5000 --tag feature=search-in-documents`, {
      columns,
      isTTY: true,
      env: { NO_COLOR: '1' },
    });
    expect(out.split('\n').filter((line) => line.length > columns)).toEqual([]);
    expect(out).toContain('used');
    expect(out.includes('room in')).toBe(columns >= 80);
    expect(out.includes('chatbot/requests per minute')).toBe(columns >= 60);
  });

  it('is JSON with --json, with all that the library tells', async () => {
    const here = folder({ 'governed-groq.config.yaml': RULES });
    const ran = await here.run(`${CALL} --max-tokens 500 --tag a=b --json`);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.json()).toMatchObject({
      team: 'chatbot',
      tags: { a: 'b' },
      operation: 'chat.completions',
      model: 'openai/gpt-oss-20b',
      mode: 'enforce',
      allowed: true,
      maxCompletionTokens: 500,
      waitMs: 0,
      limits: [{ name: 'chatbot/month', kind: 'budget', cap: 200, used: 0, held: 0, binding: false }, {}, {}, {}],
    });
    expect((await here.run(`${CALL} --max-tokens 5000 --json`)).json()).toMatchObject({
      allowed: false,
      code: 'max-tokens-exceeded',
    });
  });

  it('counts what the configured store knows', async () => {
    const text = `import { memoryBudgetStore } from '${SOURCE}/budget/memory.ts';
import { Governor } from '${SOURCE}/governor.ts';
import { mockGroq } from '${SOURCE}/testing/mock-groq.ts';
import { GovernedGroq } from '${SOURCE}/client.ts';
import { manualClock } from '${SOURCE}/testing/manual-clock.ts';
export default async () => {
  const governance = { clock: manualClock(${Date.UTC(2026, 10, 21, 12)}), budgetStore: memoryBudgetStore(), teams: { chatbot: { budgets: [{ limitUsd: 0.001, window: 'day' }] } } };
  const mock = mockGroq();
  mock.reply('chat.completions', { content: 'x', usage: { prompt_tokens: 1000, completion_tokens: 2000 } });
  const groq = new GovernedGroq({ apiKey: 'gsk_x', fetch: mock.fetch, governance, team: 'chatbot' });
  await groq.chat.completions.create({ model: 'openai/gpt-oss-20b', max_completion_tokens: 2500, messages: [{ role: 'user', content: 'hi' }] });
  await groq.governor.close();
  return governance;
};`;
    const here = folder({ 'governed-groq.config.ts': text });
    const { code, out, err } = await here.run(`${CALL} --max-tokens 2000`);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatchInlineSnapshot(`
      "Refused: budget-exceeded
      Budget "chatbot/day" exceeded: $0.000675 spent + $0.00 held of $0.001; this call needs up to $0.0006082. Resets 2026-11-22T00:00:00Z. Lower max_completion_tokens to 1055 or less to fit the $0.000325 left, or set clampToBudget.

        team      chatbot
        model     openai/gpt-oss-20b
        endpoint  chat.completions
        output    at most 2,000 tokens
        cost      up to $0.0006082

      Rules
        ✓ team
        ✓ endpoint
        ✓ model
        ✓ allowedModels
        ✓ body
        ✓ n
        ✓ maxTokensPerRequest
        ✓ allowedTools
        ✓ allowedServiceTiers
        ✓ price
        ✓ measure

      Limits
         limit                     used   held        call     cap       free  room in  at
         ───────────────────  ─────────  ─────  ──────────  ──────  ─────────  ───────  ─────────────────
      →  chatbot/day          $0.000675  $0.00  $0.0006082  $0.001  $0.000325  12 h     2026-11-22T00:00Z
         chatbot/concurrency          0                  1       5          5  now
      "
    `);
  });

  it('tells of a wait', async () => {
    const text = `import { memoryRateLimiter } from '${SOURCE}/limit/memory.ts';
import { manualClock } from '${SOURCE}/testing/manual-clock.ts';
const clock = manualClock(${Date.UTC(2026, 10, 21, 12)});
const rateLimiter = memoryRateLimiter({ clock });
const { Governor } = await import('${SOURCE}/governor.ts');
const { mockGroq } = await import('${SOURCE}/testing/mock-groq.ts');
const { GovernedGroq } = await import('${SOURCE}/client.ts');
const governance = { clock, rateLimiter, teams: { chatbot: { rateLimitRPM: 1 } } };
const groq = new GovernedGroq({ apiKey: 'gsk_x', fetch: mockGroq({ clock }).fetch, governance, team: 'chatbot' });
await groq.chat.completions.create({ model: 'openai/gpt-oss-20b', max_completion_tokens: 5, messages: [{ role: 'user', content: 'hi' }] });
await clock.advance(15000);
export default governance;`;
    const here = folder({ 'governed-groq.config.mts': text });
    const { code, out } = await here.run(`${CALL} --max-tokens 20`);
    expect(code).toBe(0);
    expect(out).toContain('  wait      45.0 s\n');
    expect(out).toMatch(/→ {2}chatbot\/requests per minute +1 +1 +1 +0 +45.0 s {3}2026-11-21T12:01Z/);
  });
});

describe('the request', () => {
  const here = () => folder({ 'governed-groq.config.yaml': RULES });
  const cost = (json: <T>() => T): number => json<{ upperCostUsd: number }>().upperCostUsd;

  it('may be a prompt, a file, or the standard input, and is never shown', async () => {
    const place = here();
    const file = place.write(
      'request.json',
      `\uFEFF${JSON.stringify({ model: 'openai/gpt-oss-20b', max_completion_tokens: 5000, messages: [{ role: 'user', content: SECRET_PROMPT.repeat(20) }] })}`,
    );
    const short = await place.run(['explain', '-t', 'chatbot', '-m', 'openai/gpt-oss-20b', '-p', 'hi', '--json']);
    const long = await place.run([
      'explain',
      '-t',
      'chatbot',
      '-m',
      'openai/gpt-oss-20b',
      '-p',
      SECRET_PROMPT.repeat(20),
      '--json',
    ]);
    const piped = await place.run('explain -t chatbot -m openai/gpt-oss-20b -p - --json', { stdin: SECRET_PROMPT.repeat(20) });
    expect(cost(long.json)).toBeGreaterThan(cost(short.json));
    expect(piped.json()).toEqual(long.json());
    const whole = await place.run(`explain -t chatbot -r ${file}`);
    expect(whole).toMatchObject({ code: 1 });
    expect(whole.out).toContain('Refused: max-tokens-exceeded');
    // What is given beside the file stands in its place.
    const lowered = await place.run(`explain -t chatbot -r request.json --max-tokens 7 --model openai/gpt-oss-120b --json`);
    expect(lowered.json()).toMatchObject({ allowed: true, maxCompletionTokens: 7, model: 'openai/gpt-oss-120b' });
    expect(await place.run('explain -t chatbot -r -', { stdin: '{"model":"gemma2-9b-it","messages":[]}' })).toMatchObject({
      code: 1,
    });
    for (const { out, err } of [long, piped, whole, lowered]) expect(out + err).not.toContain('Initech');
  });

  it('may be for another endpoint', async () => {
    const place = here();
    const rules = 'teams: { a: {} }';
    place.write('governed-groq.config.yaml', rules);
    const ran = async (...args: string[]) =>
      (await place.run(['explain', '-t', 'a', '--json', ...args])).json<{ allowed: boolean; maxCompletionTokens?: number }>();
    expect(await ran('--operation', 'responses', '-m', 'openai/gpt-oss-20b', '-p', 'hi', '--max-tokens', '9')).toMatchObject({
      allowed: true,
      maxCompletionTokens: 9,
    });
    expect(await ran('--operation', 'audio.speech', '-m', 'canopylabs/orpheus-v1-english', '-p', 'hi')).toMatchObject({
      allowed: true,
    });
    place.write('audio.json', '{"model":"whisper-large-v3","url":"https://example.org/a.mp3"}');
    expect(await ran('--operation', 'audio.transcriptions', '-r', 'audio.json')).toMatchObject({ allowed: true });
  });

  it.each([
    ['explain -t chatbot', 'Say what to explain: --model (with --prompt), or --request with a file of JSON.'],
    ['explain -m m -p a -r b', '--prompt and --request exclude each other: the prompt is in the request.'],
    [
      'explain -m m --operation chat.completion',
      'Unknown operation "chat.completion". Did you mean chat.completions? Known: chat.completions, responses, embeddings, audio.speech, audio.transcriptions, audio.translations.',
    ],
    [
      'explain -m m --operation audio.transcriptions',
      '--operation audio.transcriptions needs --request: its input is no text.',
    ],
    [
      'explain -m m --operation embeddings --max-tokens 4',
      '--max-tokens does not go with --operation embeddings, whose answers are no tokens.',
    ],
    ['explain -r nowhere.json', "nowhere.json cannot be read: ENOENT: no such file or directory, open '"],
    ['explain -r -', 'the standard input: Expected JSON, but it cannot be read at line 1, column 23: a comma too many.'],
    ['explain -r list.json', 'list.json: expected a request, an object with model and messages.'],
  ])('%s is a mistake', async (args, told) => {
    const place = here();
    place.write('list.json', '[]');
    const { code, out, err } = await place.run(args, { stdin: `{"messages":"${'Initech'}",}` });
    expect(err).toContain(`error: ${told}`);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toContain('Initech');
  });

  it.each([
    ['--tag plan', "option '--tag <name=value>' argument 'plan' is invalid. Expected name=value."],
    ['--max-tokens -5', "option '--max-tokens <number>' argument '-5' is invalid. Expected a whole number of 0 or more."],
    ['--max-tokens 1.5', "option '--max-tokens <number>' argument '1.5' is invalid. Expected a whole number of 0 or more."],
  ])('%s is a mistake', async (args, told) => {
    const { code, err } = await here().run(`${CALL} ${args}`);
    expect(err).toContain(told);
    expect(code).toBe(2);
  });
});

describe('the team', () => {
  it('that is unknown is suggested', async () => {
    const here = folder({ 'governed-groq.config.yaml': RULES });
    const wrong = await here.run('explain -t chatbt -m openai/gpt-oss-20b');
    expect(wrong.code).toBe(1);
    expect(wrong.out).toContain('Refused: unknown-team');
    expect(wrong.err).toContain('Known teams: chatbot, analytics. Did you mean chatbot?\n');
    const none = await here.run('explain -m openai/gpt-oss-20b');
    expect(none).toMatchObject({ code: 1 });
    expect(none.err).toContain('Name a team with --team: chatbot, analytics\n');
  });

  it('is that of the configuration by default', async () => {
    const here = folder({ 'governed-groq.config.yaml': `defaultTeam: analytics\n${RULES}` });
    expect((await here.run('explain -m openai/gpt-oss-20b --json')).json()).toMatchObject({ allowed: true, team: 'analytics' });
  });

  it('is told what observing means', async () => {
    const here = folder({ 'governed-groq.config.yaml': `mode: observe\n${RULES}` });
    const { code, err } = await here.run(`${CALL} --max-tokens 5000`);
    expect(code).toBe(1);
    expect(err).toContain("The mode is 'observe': the call would be sent all the same.\n");
  });
});

describe('a store that is away', () => {
  it('is the reason, not a stack', async () => {
    const text = `const gone = () => Promise.reject(new Error('connect ECONNREFUSED redis://u:hunter22@h'));
export default { budgetStore: { reserve: gone, settle: gone, read: gone }, teams: { chatbot: { monthlyBudgetUsd: 5 } } };`;
    const here = folder({ 'governed-groq.config.mjs': text });
    const { code, out, err } = await here.run(CALL);
    expect(out).toContain('Refused: store-unavailable');
    expect(code).toBe(3);
    expect(out).not.toContain('error.cause');
    expect(err).toContain('A store could not be asked: connect ECONNREFUSED redis://…@h\n');
    const ran = await here.run(`${CALL} --json`);
    expect(ran.json()).toMatchObject({ code: 'store-unavailable', cause: 'connect ECONNREFUSED redis://…@h' });
    expect(out + err + ran.out).not.toContain('hunter22');
    expect(ran.out).not.toContain('error.cause');
  });

  it('is no cause of another answer', async () => {
    const here = folder({ 'governed-groq.config.yaml': RULES });
    expect((await here.run(`${CALL} --json`)).json()).not.toHaveProperty('cause');
  });

  it('that tells its reason in a policy is shown without its secrets', async () => {
    const text = `export default { teams: { chatbot: {} }, policies: [{ name: 'mine', check: () => ({ action: 'deny', reason: 'not with gsk_abcdefghi' }) }] };`;
    const { out } = await folder({ 'governed-groq.config.mjs': text }).run(CALL);
    expect(out).not.toContain('abcdefghi');
  });
});
