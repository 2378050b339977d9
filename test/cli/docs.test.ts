// What the page on the command line shows is what the program prints.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { groqPrices } from '../../src/price/groq-prices';
import type { UsageRecord } from '../../src/usage/usage-log';
import { usageRecord } from '../usage/records';
import { NOW, folder } from './support';

const page = readFileSync('docs/command-line.md', 'utf8');
const rules = /^```yaml\n(.*?)^```/ms.exec(page)?.[1] ?? '';
const shown = [...page.matchAll(/^```console\n\$ governed-groq ([^\n]*)\n(.*?)^```/gms)].map(([, args = '', text = '']) => ({
  args,
  text,
}));

const LOG = (
  [
    { costNanos: 12_345_600_000, promptTokens: 1_200_000, completionTokens: 310_000, latencyMs: 810 },
    { costNanos: 2_100_000_000, promptTokens: 90_000, completionTokens: 41_000, model: 'openai/gpt-oss-120b', waitMs: 1200 },
    { costNanos: 870_000_000, promptTokens: 700_000, completionTokens: 12_000, team: 'analytics' },
    { costNanos: 0, promptTokens: 0, completionTokens: 0, team: 'analytics', outcome: 'denied', code: 'budget-exceeded' },
  ] satisfies Partial<UsageRecord>[]
)
  .map(
    (record, index) =>
      `${JSON.stringify(usageRecord({ cachedTokens: 0, reasoningTokens: 0, ...record, id: `call-${index}`, at: NOW - 3_600_000 }))}\n`,
  )
  .join('');

it('has examples of most commands', () => {
  expect(shown.map(({ args }) => args.split(' ')[0])).toEqual(['check', 'explain', 'report', 'models']);
});

it.each(shown)('governed-groq $args', async ({ args, text }) => {
  const here = folder({ 'governed-groq.config.yaml': rules, 'usage.jsonl': LOG });
  const { out, err } = await here.run(args.replaceAll("'", ''), { columns: 100 });
  expect(out + err).toBe(text);
});

it('goes with advice for newcomers that names no model which is gone', async () => {
  const advice = readFileSync('docs/migrating.md', 'utf8');
  const named = (groqPrices.models?.() ?? []).filter((model) => advice.includes(`'${model}'`));
  expect(named.length).toBeGreaterThan(1);
  const here = folder({ 'rules.json': JSON.stringify({ organization: { allowedModels: named } }) });
  expect(await here.run('check rules.json --offline --strict')).toMatchObject({ code: 0 });
});

it('has a configuration beside the examples that is good', async () => {
  expect(await folder().run(['check', '--offline', '--strict', resolve('examples/governed-groq.config.ts')])).toMatchObject({
    code: 0,
  });
});
