// A file of data means to the command line what it means to the program.
import { describe, expect, it } from 'vitest';
import { GovernanceConfigError } from '../../src/errors';
import { governanceFromFile } from '../../src/governance-file';
import { governanceIssues } from '../../src/options';
import { usageRecord } from '../usage/records';
import { NOW, folder } from './support';

interface Checked {
  readonly ok: boolean;
  readonly problems: readonly { readonly path: string; readonly line?: number; readonly message: string }[];
}

const WHOLE = `teams:
  chatbot: { allowedModels: [my/model, openai/gpt-oss-20b], monthlyBudgetUsd: 5 }
prices:
  version: mine
  overrides:
    my/model: { inputPerMillionUsd: 1, outputPerMillionUsd: 2 }
keys:
  - { name: chatbot-prod-web, secret: gsk_one_secret }
`;

describe('a file of data', () => {
  it('may hold prices, keys and the path of a log', async () => {
    const here = folder({ 'usage.jsonl': `${JSON.stringify(usageRecord({ keyId: 'chatbot-prod-web', at: NOW - 1 }))}\n` });
    const path = here.write('governed-groq.config.yaml', `${WHOLE}usageLog: { jsonl: ${here.path}/usage.jsonl }\n`);
    expect(governanceFromFile(path)).toHaveProperty('usageLog');
    const checked = await here.run('check --offline --json');
    expect(checked.json()).toMatchObject({ ok: true, errors: 0, priceVersion: 'mine' });
    const models = await here.run('models --json');
    expect(models.json<{ models: object[] }>().models).toContainEqual(
      expect.objectContaining({ id: 'my/model', priced: true }),
    );
    expect((await here.run('report --json')).json()).toMatchObject({ total: { calls: 1 } });
    const keys = await here.run('keys --json');
    expect(keys.json()).toMatchObject({ isUseKnown: true, keys: [{ id: 'chatbot-prod-web', requests: 1 }] });
    const explained = await here.run('explain -t chatbot -m my/model --max-tokens 9 --json');
    expect(explained.json()).toMatchObject({ allowed: true });
    for (const { out, err } of [checked, models, keys, explained]) expect(out + err).not.toContain('one_secret');
  });

  it('has all its problems found, also those of its plain forms, with their lines', async () => {
    const here = folder({
      'rules.yaml': `mode: maybe
prices: { override: {} }
usageLog: usage.jsonl
teams:
  a: { rateLimitRPM: -1, allowedModels: [openai/gpt-oss-20b] }
keys:
  - { name: a-prod-web }
`,
    });
    const { code, json } = await here.run('check rules.yaml --offline --json');
    expect(code).toBe(1);
    const found = json<Checked>().problems.map(({ path, line }) => `${path}@${line}`);
    expect(found).toEqual([
      'mode@1',
      'prices.override@2',
      'usageLog@3',
      'teams.a.rateLimitRPM@5',
      expect.stringMatching(/^keys\..*@7$/),
    ]);
    expect(await here.run('keys -c rules.yaml')).toMatchObject({ code: 2, out: '' });
  });

  it('keeps its prices where something else is wrong', async () => {
    const here = folder({ 'rules.yaml': `${WHOLE}mode: maybe\n` });
    const { json } = await here.run('check rules.yaml --offline --json');
    expect(json<Checked>().problems.map(({ path }) => path)).toEqual(['mode']);
  });

  it.each([
    '{}',
    'teams: { a: {} }',
    'prices: {}',
    'prices: { version: x }',
    'prices: { overrides: { m: { inputPerMillionUsd: -1 } } }',
    'prices: { overrides: 5 }',
    'prices: 5',
    'prices: []',
    'prices: { version: 5 }',
    'usageLog: {}',
    'usageLog: { jsonl: 5 }',
    "usageLog: { jsonl: '' }",
    'usageLog: { jsonl: a.jsonl, fsync: true }',
    'usageLog: { jsonl: a.jsonl }',
    'keys: { a-prod: gsk_x }',
    'keys: [{ name: a-prod }]',
    'keys: 5',
    'budgetStore: redis',
    '[]',
  ])('%s is right for the command line if it is for the program', async (text) => {
    const here = folder();
    const path = here.write('rules.yaml', text);
    let isRight = true;
    try {
      // What a program could still add is missing here.
      isRight = governanceIssues(governanceFromFile(path)).length === 0;
    } catch (error) {
      expect(error).toBeInstanceOf(GovernanceConfigError);
      isRight = false;
    }
    expect((await here.run('check rules.yaml --offline --json')).json()).toMatchObject({ ok: isRight });
    expect((await here.run('models -c rules.yaml')).code).toBe(isRight ? 0 : 2);
  });

  it('in which a key stands twice is refused: one of the two would be lost', async () => {
    const here = folder({ 'rules.json': '{ "teams": { "a": { "monthlyBudgetUsd": 5 },\n "a": {} } }' });
    const { code, out } = await here.run('check rules.json --offline');
    expect(code).toBe(1);
    expect(out).toContain('cannot be read at line 2, column 2: this key is there already');
  });
});
