// Rules from a file that is edited while calls go on.
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BudgetStore, Hold } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import { BudgetExceededError, GovernanceConfigError } from '../../src/errors';
import type { GovernanceChanged } from '../../src/events';
import type { Governance } from '../../src/governance';
import { governanceFromFile } from '../../src/governance-file';
import { Governor } from '../../src/governor';
import { governedFetch } from '../../src/fetch';
import { GovernedGroq } from '../../src/client';
import { type ManualClock, manualClock } from '../../src/testing/manual-clock';
import { mockGroq } from '../../src/testing/mock-groq';
import { MESSAGES, MODEL, type Scene, holdOf, rejection, scene, until } from './support';

const OTHER = 'openai/gpt-oss-120b';
const params = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rules-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name = 'rules.yaml'): string => join(folder, name);

interface Watched extends Scene {
  readonly changes: GovernanceChanged[];
  /** Writes the file, lets it be looked at, and waits until something came of it. */
  readonly edit: (text: string | undefined, isTold?: boolean) => Promise<void>;
}

function watched(text: string, beside: Governance = {}, team = 'chatbot'): Watched {
  writeFileSync(file(), text);
  const clock: ManualClock = manualClock(Date.parse('2026-11-10T12:00:00Z'));
  const governance = { ...governanceFromFile(file(), { watch: true, clock }), ...beside, clock };
  const made = scene(governance, { team });
  const changes: GovernanceChanged[] = [];
  made.governor.on('governance-changed', (change) => void changes.push(change));
  return {
    ...made,
    clock,
    changes,
    async edit(edited, isTold = true) {
      const before = changes.length;
      if (edited === undefined) unlinkSync(file());
      else writeFileSync(file(), edited);
      for (let looks = 0; looks < 3; looks++) await clock.advance(500);
      if (isTold) await until(() => changes.length > before);
    },
  };
}

const CHATBOT = `teams:\n  chatbot:\n    allowedModels: ['${MODEL}']\n    monthlyBudgetUsd: 0.01\n`;

describe('an edit', () => {
  it('is in force for calls that begin after it', async () => {
    const { client, edit, changes } = watched(CHATBOT);
    await client.chat.completions.create(params);
    expect((await rejection(client.chat.completions.create({ ...params, model: OTHER }))).message).toMatch(
      /not in allowedModels/,
    );
    await edit(CHATBOT.replace(`['${MODEL}']`, `['${MODEL}', '${OTHER}']`));
    await client.chat.completions.create({ ...params, model: OTHER });
    expect(changes).toMatchObject([{ source: file(), accepted: true, issues: [] }]);
  });

  it('adds and removes teams', async () => {
    const { client, edit } = watched(CHATBOT);
    expect(await rejection(client.withTeam('new').chat.completions.create(params))).toMatchObject({ code: 'unknown-team' });
    await edit('teams: { new: { rateLimitRPM: 10 } }');
    await client.withTeam('new').chat.completions.create(params);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'unknown-team' });
  });

  it('of a limit keeps what was spent', async () => {
    const { client, edit, governor, mock } = watched(CHATBOT);
    mock.reply('chat.completions', { usage: { prompt_tokens: 100, completion_tokens: 100 } }).times(2);
    await client.chat.completions.create(params);
    const spent = 100 * 75 + 100 * 300;
    await edit(CHATBOT.replace('0.01', String((spent + holdOf(100)) / 1e9)));
    await client.chat.completions.create(params);
    await edit(CHATBOT.replace('0.01', String((2 * spent + holdOf(100) - 1) / 1e9)));
    const error = await rejection(client.chat.completions.create(params));
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(error).toMatchObject({ spentNanos: 2 * spent, limitNanos: 2 * spent + holdOf(100) - 1 });
    expect(await governor.reconcile()).toMatchObject({ gaps: [], live: [], expired: [] });
  });

  it('that lowers a limit below what was spent tells the highest level that is passed, also if nothing goes through', async () => {
    const { client, edit, governor, mock } = watched(CHATBOT);
    const levels: number[] = [];
    governor.on('budget-threshold', ({ level }) => void levels.push(level));
    mock.reply('chat.completions', { usage: { prompt_tokens: 0, completion_tokens: 100 } }).persist();
    await client.chat.completions.create(params);
    await governor.report();
    expect(levels).toEqual([]);
    await edit(CHATBOT.replace('0.01', '0.00003'));
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'budget-exceeded' });
    await rejection(client.chat.completions.create(params));
    expect(levels).toEqual([0.95]);
    await edit(CHATBOT.replace('0.01', '0.00002'));
    await rejection(client.chat.completions.create(params));
    expect(levels).toEqual([0.95]);
  });

  it('of a rate limit counts what was used', async () => {
    const limited = 'teams: { chatbot: { rateLimitRPM: 1 } }\nqueueTimeoutMs: 0\n';
    const { client, edit } = watched(limited);
    await client.chat.completions.create(params);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'rate-limit-wait' });
    await edit(limited.replace('1 }', '2 }'));
    await client.chat.completions.create(params);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'rate-limit-wait' });
  });

  it('of a rate limit lets those go that wait already', async () => {
    const limited = 'teams: { chatbot: { rateLimitRPM: 1, concurrency: 50 } }\n';
    const { client, edit, mock, governor, clock } = watched(limited);
    const begun = clock.now();
    const waiting = Array.from({ length: 6 }, () => client.chat.completions.create(params));
    await clock.advance(2_000);
    expect(mock.calls).toHaveLength(1);
    expect((await governor.explain(params, { team: 'chatbot' })).waitMs).toBe(6 * 60_000 - 2_000);
    await edit(limited.replace('1,', '1000,'));
    expect((await governor.explain(params, { team: 'chatbot' })).waitMs).toBe(0);
    await clock.runUntil(client.chat.completions.create(params));
    await clock.runUntil(Promise.all(waiting));
    expect(clock.now() - begun).toBeLessThan(10_000);
  });

  it('changes nothing for a call under way', async () => {
    const { client, edit, mock, governor, records } = watched(CHATBOT);
    let answer = (): void => {};
    mock.reply('chat.completions', async () => {
      await new Promise<void>((resolve) => (answer = resolve));
      return { usage: { prompt_tokens: 10, completion_tokens: 10 } };
    });
    const call = client.chat.completions.create(params).then((completion) => completion.model);
    await until(() => mock.calls.length === 1);
    await edit(`teams: { chatbot: { allowedModels: ['${OTHER}'], monthlyBudgetUsd: 0 } }`);
    answer();
    expect(await call).toBe(MODEL);
    await governor.report();
    expect(records).toMatchObject([{ costNanos: 10 * 75 + 10 * 300 }]);
    expect(await governor.reconcile()).toMatchObject({ gaps: [], live: [] });
  });

  it.each([
    ['that is no YAML', 'teams: [', /cannot be read at line/],
    ['that is empty', '\n', /is empty/],
    ['that is no object', 'teams', /Expected an object/],
    ['with an unknown field', 'team: {}', /Unknown field/],
    ['with a limit below 0', 'teams: { chatbot: { monthlyBudgetUsd: -1 } }', /Expected an amount/],
    ['with a model that has no price', "teams: { chatbot: { allowedModels: ['no/model'] } }", /has no price/],
    ['of what a governor keeps', `${CHATBOT}storeTimeoutMs: 5`, /Cannot change while the program runs/],
    ['that removes the file', undefined, /cannot be read/],
  ])('%s keeps the old rules and says so', async (_, text, message) => {
    const { client, edit, changes, lines } = watched(CHATBOT);
    await client.chat.completions.create(params);
    await edit(text);
    expect(changes).toMatchObject([{ accepted: false, issues: [{ message: expect.stringMatching(message) as string }] }]);
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { text: expect.stringMatching(/cannot be used, so those before stay in force/) as string },
    ]);
    await client.chat.completions.create(params);
    expect(await rejection(client.chat.completions.create({ ...params, model: OTHER }))).toMatchObject({
      code: 'model-not-allowed',
    });
    await edit(CHATBOT.replace(`['${MODEL}']`, `['${OTHER}']`));
    await client.chat.completions.create({ ...params, model: OTHER });
    expect(changes.map(({ accepted }) => accepted)).toEqual([false, true]);
  });

  it('leaves alone what the program itself has set', async () => {
    const { client, edit } = watched(`${CHATBOT}mode: enforce\n`, { mode: 'observe' });
    await client.chat.completions.create({ ...params, model: OTHER });
    await edit(`${CHATBOT}mode: enforce\norganization: { monthlyBudgetUsd: 0 }\n`);
    await client.chat.completions.create({ ...params, model: OTHER });
  });

  it('may go from no rules to rules, and back', async () => {
    const { client, edit, mock } = watched('holdTimeoutMs: 60000\n', {}, 'anybody');
    await client.chat.completions.create(params);
    await edit('organization: { monthlyBudgetUsd: 0 }');
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'budget-exceeded' });
    await edit('holdTimeoutMs: 60000\n');
    await client.chat.completions.create(params);
    expect(mock.calls).toHaveLength(2);
  });

  describe('of the keys in the file', () => {
    const withKeys = (...names: readonly string[]): string =>
      `teams: { chatbot: { keys: [${names.join(', ')}] } }\nkeys:\n${names
        .map((name) => `  - { name: ${name}, secret: gsk_SECRET_${name.replaceAll('-', '_')} }\n`)
        .join('')}`;

    it('adds and removes them, and what those that stay have proved stays', async () => {
      const { client, edit, records, governor } = watched(withKeys('chatbot-prod-old'));
      await client.chat.completions.create(params);
      await edit(withKeys('chatbot-prod-old', 'chatbot-prod-new'));
      // The first call tries the new one, and then it takes them all.
      await client.chat.completions.create(params);
      await client.chat.completions.create(params);
      await edit(withKeys('chatbot-prod-new', 'chatbot-prod-newest'));
      await client.chat.completions.create(params);
      const keys = ['chatbot-prod-old', 'chatbot-prod-new', 'chatbot-prod-new', 'chatbot-prod-newest'];
      expect(records.map(({ keyId }) => keyId)).toEqual(keys);
      expect((await governor.keys()).map(({ id }) => id).sort()).toEqual([...new Set(keys)].sort());
    });

    it('that one of two governors cannot use leaves that one alone', async () => {
      const team = (names: string): string => `teams: { a: { monthlyBudgetUsd: 1 }${names} }\nkeys: { a: gsk_SECRET_a`;
      writeFileSync(file(), `${team(', b: { keys: [b] }')}, b: gsk_SECRET_b }`);
      const clock = manualClock();
      const rules = { ...governanceFromFile(file(), { watch: true, clock }), clock };
      const whole = new Governor(rules);
      // The program's own rules need the key that the edit takes away.
      const pinned = new Governor({ ...rules, teams: { a: {}, b: { keys: ['b'] } } });
      const told: boolean[] = [];
      for (const governor of [whole, pinned]) governor.on('governance-changed', ({ accepted }) => void told.push(accepted));
      writeFileSync(file(), `${team('')} }`);
      for (let looks = 0; looks < 3; looks++) await clock.advance(500);
      expect(told).toEqual([true, false]);
      expect((await whole.keys()).map(({ id }) => id)).toEqual(['a']);
      expect((await pinned.keys()).map(({ id }) => id)).toEqual(['a', 'b']);
      await whole.close();
      await pinned.close();
    });

    it('keeps what they have proved, so that none is tried again', async () => {
      const keys = withKeys('chatbot-prod-1', 'chatbot-prod-2');
      const { client, edit, records } = watched(keys);
      await client.chat.completions.create(params);
      await edit(keys.replace('chatbot-prod-1, secret', 'chatbot-prod-1, rateLimitRPM: 100, secret'));
      await Promise.all([1, 2, 3].map(() => client.chat.completions.create(params)));
      expect(records.map(({ keyId }) => keyId?.at(-1))).toEqual(['2', '2', '2', '2']);
    });

    it('leaves their budgets where reconcile() looks at them', async () => {
      const keys = withKeys('chatbot-prod-1').replace('chatbot-prod-1, secret', 'chatbot-prod-1, monthlyBudgetUsd: 1, secret');
      const store = memoryBudgetStore();
      const holds: Hold[] = [];
      const budgetStore: BudgetStore = {
        reserve: (hold) => (holds.push(hold), store.reserve(hold)),
        settle: store.settle.bind(store),
        read: store.read.bind(store),
      };
      const { client, edit, governor } = watched(keys, { budgetStore });
      await client.chat.completions.create(params);
      await edit(`${keys}holdTimeoutMs: 60000\n`);
      expect(await governor.reconcile()).toMatchObject({ gaps: [] });
      // Somebody else books what nobody records.
      for (const hold of holds.splice(0)) {
        await budgetStore.reserve({ ...hold, id: 'other' });
        await budgetStore.settle({ id: 'other', spentNanos: 5, at: hold.at });
      }
      expect(await governor.reconcile()).toMatchObject({ gaps: [{ budget: 'key chatbot-prod-1/month', gapNanos: 5 }] });
    });

    it('takes their order', async () => {
      const { client, edit, records } = watched(withKeys('chatbot-prod-1', 'chatbot-prod-2'));
      for (let calls = 0; calls < 2; calls++) await client.chat.completions.create(params);
      await edit(withKeys('chatbot-prod-2', 'chatbot-prod-1'));
      for (let calls = 0; calls < 2; calls++) await client.chat.completions.create(params);
      expect(records.map(({ keyId }) => keyId?.at(-1))).toEqual(['2', '2', '1', '1']);
    });

    it('that cannot be used leaves them as they were', async () => {
      const { client, edit, records, changes } = watched(withKeys('chatbot-prod-old'));
      await edit(`${withKeys('chatbot-prod-new')}storeTimeoutMs: 5\n`);
      await edit(`${withKeys('chatbot-prod-newer').replace('secret: gsk_', 'secret: { file: 5 } #')}`);
      await edit('teams: { chatbot: {} }');
      expect(changes.map(({ accepted }) => accepted)).toEqual([false, false, false]);
      await client.chat.completions.create(params);
      expect(records.map(({ keyId }) => keyId)).toEqual(['chatbot-prod-old']);
    });
  });

  it('of what a governor keeps can be undone', async () => {
    const { edit, changes, client } = watched(`${CHATBOT}storeTimeoutMs: 1000\n`);
    const log = (name: string): string => `${CHATBOT}storeTimeoutMs: ${name}\n`;
    await edit(log('2000'));
    await edit(log('1000'));
    await edit(log('1000').replace('0.01', '0'));
    expect(changes.map(({ accepted }) => accepted)).toEqual([false, true, true]);
    expect(await rejection(client.chat.completions.create(params))).toMatchObject({ code: 'budget-exceeded' });
  });

  it('of a usage log can be undone', async () => {
    const rules = (name: string, usd = 1): string =>
      `usageLog: { jsonl: ${file(name)} }\nteams: { a: { monthlyBudgetUsd: ${usd} } }\n`;
    writeFileSync(file(), rules('one.jsonl'));
    const clock = manualClock();
    const governor = new Governor({ ...governanceFromFile(file(), { watch: true, clock }), clock });
    const accepted: boolean[] = [];
    governor.on('governance-changed', (change) => void accepted.push(change.accepted));
    for (const text of [rules('two.jsonl'), rules('one.jsonl'), rules('one.jsonl', 0)]) {
      writeFileSync(file(), text);
      for (let looks = 0; looks < 3; looks++) await clock.advance(500);
    }
    expect(accepted).toEqual([false, true, true]);
    expect(governor.governance.teams).toEqual({ a: { monthlyBudgetUsd: 0 } });
    await governor.close();
  });

  it('is known to a governor that begins after it, and to one that begins when nobody looked', async () => {
    writeFileSync(file(), 'teams: { a: { monthlyBudgetUsd: 100 } }');
    const clock = manualClock();
    const rules = { ...governanceFromFile(file(), { watch: true, clock }), clock };
    const first = new Governor(rules);
    const budgetOf = ({ governance: { teams } }: Governor): number | undefined => teams?.['a']?.monthlyBudgetUsd;
    writeFileSync(file(), 'teams: { a: { monthlyBudgetUsd: 1 } }');
    for (let looks = 0; looks < 3; looks++) await clock.advance(500);
    const second = new Governor(rules);
    expect([budgetOf(first), budgetOf(second)]).toEqual([1, 1]);
    await first.close();
    await second.close();
    writeFileSync(file(), 'teams: { a: { monthlyBudgetUsd: 2 } }');
    const third = new Governor(rules);
    expect(budgetOf(third)).toBe(2);
    writeFileSync(file(), 'broken: [');
    for (let looks = 0; looks < 3; looks++) await clock.advance(500);
    const fourth = new Governor(rules);
    expect([budgetOf(third), budgetOf(fourth)]).toEqual([2, 2]);
    await third.close();
    await fourth.close();
  });

  it('is not stopped by a budget that was raised and is gone', async () => {
    const { governor, edit, changes, clock } = watched(
      'teams: { chatbot: { monthlyBudgetUsd: 1 }, old: { monthlyBudgetUsd: 1 } }',
    );
    governor.increaseBudget({ budget: 'old/month', byUsd: 1, until: clock.now() + 3_600_000 });
    await edit('teams: { chatbot: { monthlyBudgetUsd: 0.5 } }');
    expect(changes).toMatchObject([{ accepted: true }]);
  });

  it('goes on whatever the logger does', async () => {
    const { governor, edit, changes } = watched(CHATBOT, {});
    const fails = (): never => {
      throw new Error('EPIPE');
    };
    const silent = new Governor({ ...governanceFromFile(file(), { watch: true }) });
    silent.useLogger({ info: fails, warn: fails, error: fails });
    silent.increaseBudget({ budget: 'chatbot/month', byUsd: 1, until: Date.now() + 60_000 });
    await silent.close();
    governor.useLogger({ info: fails, warn: fails, error: fails });
    await edit(CHATBOT.replace('0.01', '0.02'));
    await edit(CHATBOT.replace('0.01', '0.03'));
    expect(changes.map(({ accepted }) => accepted)).toEqual([true, true]);
  });

  it('reaches a governed fetch that began without rules', async () => {
    writeFileSync(file(), 'holdTimeoutMs: 60000\n');
    const clock = manualClock();
    const mock = mockGroq({ clock });
    const governance = { ...governanceFromFile(file(), { watch: true, clock }), clock };
    const fetch = governedFetch({ governance, team: 'a', fetch: mock.fetch });
    const chat = (): Promise<Response> =>
      fetch('https://api.groq.com/openai/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer gsk_x' },
        body: JSON.stringify({ model: MODEL, messages: MESSAGES }),
      });
    expect((await chat()).status).toBe(200);
    writeFileSync(file(), 'teams: { a: { monthlyBudgetUsd: 0.0001 } }\n');
    for (let looks = 0; looks < 3; looks++) await clock.advance(500);
    expect((await chat()).status).toBe(200);
    const [first, second] = mock.calls.map(({ body }) => (body as { max_completion_tokens?: number }).max_completion_tokens);
    expect(first).toBeUndefined();
    expect(second).toBeGreaterThan(0);
    writeFileSync(file(), 'teams: { a: { monthlyBudgetUsd: 0 } }\n');
    for (let looks = 0; looks < 3; looks++) await clock.advance(500);
    expect((await chat()).status).toBe(403);
  });

  it('that changes nothing is not told', async () => {
    const { edit, changes } = watched(CHATBOT);
    await edit(CHATBOT, false);
    expect(changes).toEqual([]);
  });

  it('is not followed once the governor is closed', async () => {
    const { edit, changes, governor } = watched(CHATBOT);
    await governor.close();
    await edit('teams: {}', false);
    expect(changes).toEqual([]);
  });
});

describe('governanceFromFile()', () => {
  it('reads JSON, with prices and a usage log in their plain forms', async () => {
    const log = file('usage.jsonl');
    const row = { inputPerMillionUsd: 1, outputPerMillionUsd: 2 };
    const rules = { teams: { a: { allowedModels: ['own/model'] } }, prices: { overrides: { 'own/model': row } } };
    writeFileSync(file('rules.json'), JSON.stringify({ ...rules, usageLog: { jsonl: log } }));
    const { fetch } = mockGroq();
    const client = new GovernedGroq({
      apiKey: 'gsk_client',
      fetch,
      team: 'a',
      governance: governanceFromFile(file('rules.json')),
    });
    await client.chat.completions.create({ ...params, model: 'own/model' });
    await client.governor.close();
    const again = new Governor(governanceFromFile(file('rules.json')));
    expect((await again.report({ from: 0 })).total).toMatchObject({ calls: 1, topModel: 'own/model' });
  });

  it.each([
    ['rules.toml', '', /\.json, \.yaml or \.yml/],
    ['rules.json', '[]', /Expected an object/],
    ['rules.json', '{"teams": {"a": {"rateLimitRPM": "60"}}}', /teams\.a\.rateLimitRPM/],
    ['rules.json', '{"prices": {"override": {}}}', /prices: In a file: unknown option/],
    ['missing.json', undefined, /cannot be read/],
  ])('says of %s what is wrong: %s', (name, text, message) => {
    if (text !== undefined) writeFileSync(file(name), text);
    const read = (): Governance => governanceFromFile(file(name));
    expect(read).toThrow(GovernanceConfigError);
    expect(read).toThrow(message);
  });

  it('does not quote the file when it cannot be read', () => {
    writeFileSync(file('rules.json'), '{"secret": gsk_SECRET}');
    expect(() => governanceFromFile(file('rules.json'))).toThrow(/^(?!.*gsk_)/s);
  });

  it('leaves what prices and keys of the program decide to where both are there', () => {
    writeFileSync(file(), "teams: { a: { allowedModels: ['own/model'], keys: [k] } }");
    const fields = governanceFromFile(file());
    expect(() => new Governor(fields)).toThrow(/has no price[\s\S]*Needs governance\.keys/);
  });
});
