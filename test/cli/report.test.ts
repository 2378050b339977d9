// The report command: which log, which period, which groups, which form, and where to.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { UsageRecord } from '../../src/usage/usage-log';
import { usageRecord } from '../usage/records';
import { NOW, SOURCE, folder } from './support';

const DAY = 86_400_000;

const lines = (...records: readonly Partial<UsageRecord>[]): string =>
  records.map((record, index) => `${JSON.stringify(usageRecord({ id: `call-${index}`, at: NOW - 1, ...record }))}\n`).join('');

const LOG = lines(
  { team: 'chatbot', user: 'ana', tags: { feature: 'search' }, costNanos: 12_345_678_901, latencyMs: 800 },
  { team: 'chatbot', user: 'bob', at: NOW - 2 * DAY, costNanos: 1_000, model: 'openai/gpt-oss-120b', latencyMs: 400 },
  { team: 'analytics', operation: 'embeddings', at: NOW - 20 * DAY, costNanos: 5_000_000, completionTokens: 0 },
  {
    team: '=cmd()',
    outcome: 'denied',
    code: 'budget-exceeded',
    costNanos: 0,
    promptTokens: 0,
    completionTokens: 0,
    cachedTokens: 0,
    reasoningTokens: 0,
  },
);

interface Told {
  readonly from: number;
  readonly to: number;
  readonly timeZone: string;
  readonly by: readonly unknown[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly total: { readonly calls: number; readonly costNanos: number };
}

const here = () => folder({ 'usage.jsonl': LOG });

describe('report', () => {
  it('reads a log without any configuration', async () => {
    const { code, out, err } = await here().run('report --log usage.jsonl');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    // How it is laid out is tested with the formats.
    const words = out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3).join(' '));
    expect(words.slice(1, 2)).toEqual(['2026-10-22 12:00 to 2026-11-21 12:00 (UTC)']);
    for (const row of ['team cost calls', 'chatbot $12.35 2', 'analytics $0.01 1', '=cmd() $0.00 0', 'total $12.35 3'])
      expect(words).toContain(row);
  });

  it.each([60, 80, 120])('fits a terminal of %i columns', async (columns) => {
    const { out } = await here().run('report --log usage.jsonl --by team,model', {
      columns,
      isTTY: true,
      env: { NO_COLOR: '1' },
    });
    expect(out.split('\n').filter((line) => line.length > columns)).toEqual([]);
    expect(out).toContain('chatbot');
  });

  it.each([
    ['table', '─'],
    ['csv', "'=cmd()"],
    ['json', '"costNanos"'],
    ['markdown', '| --'],
    ['html', '<!doctype html>'],
  ])('writes %s', async (format, mark) => {
    const place = here();
    const { code, out } = await place.run(['report', '--log', 'usage.jsonl', '--format', format.toUpperCase()]);
    expect(code).toBe(0);
    expect(out.toLowerCase()).toContain(mark.toLowerCase());
    const ending = { markdown: 'md', table: 'txt' }[format] ?? format;
    expect(await place.run(['report', '--log', 'usage.jsonl', '-o', `out.${ending}`])).toMatchObject({
      code: 0,
      out: '',
      err: `Wrote out.${ending}.\n`,
    });
    expect(readFileSync(`${place.path}/out.${ending}`, 'utf8')).toBe(out);
  });

  it('makes one page of HTML with several sections, unless it is told by what', async () => {
    const place = here();
    const sections = async (args: string): Promise<number> =>
      (await place.run(`report --log usage.jsonl --format html ${args}`)).out.match(/<section/g)?.length ?? 0;
    const [all, one] = [await sections(''), await sections('--by team')];
    expect(all).toBeGreaterThan(one);
    expect(one).toBeGreaterThan(0);
  });

  it('is JSON with --json, alone on the standard output', async () => {
    const ran = await here().run('report --log usage.jsonl --by team,tag:feature --json');
    expect(ran).toMatchObject({ code: 0, err: '' });
    const told = ran.json<Told>();
    expect(told.by).toEqual(['team', { tag: 'feature' }]);
    expect(told.rows.map(({ team, tags }) => [team, tags])).toEqual([
      ['chatbot', { feature: 'search' }],
      ['analytics', { feature: '' }],
      ['chatbot', { feature: '' }],
      ['=cmd()', { feature: '' }],
    ]);
    expect(told.total).toMatchObject({ calls: 3, costNanos: 12_350_679_901 });
    const place = here();
    const written = await place.run('report --log usage.jsonl --json -o out.csv');
    expect(written.json()).toEqual({ output: `${place.path}/out.csv`, format: 'csv', rows: 3 });
  });

  it('colours for a terminal, and never in a file', async () => {
    const place = here();
    expect((await place.run('report --log usage.jsonl', { isTTY: true, columns: 100 })).out).toContain('\u001B[');
    await place.run('report --log usage.jsonl -o out.txt', { isTTY: true, columns: 40 });
    const text = readFileSync(`${place.path}/out.txt`, 'utf8');
    expect(text).not.toContain('\u001B[');
    expect(text).not.toContain('No room for');
  });

  it('tells of lines that are no records', async () => {
    const { code, err } = await folder({ 'usage.jsonl': `${LOG}{"torn": \nnonsense\n` }).run('report --log usage.jsonl');
    expect({ code, err }).toEqual({ code: 0, err: '2 lines of usage.jsonl are no usage records.\n' });
  });

  it('tells of them with the log of the configuration too, and with --json', async () => {
    const place = folder({ 'usage.jsonl': `${LOG}nonsense\n` });
    const path = `${place.path}/usage.jsonl`;
    place.write('governed-groq.config.yaml', `usageLog: { jsonl: ${path} }\n`);
    const told = { code: 0, err: `1 line of ${path} is no usage record.\n` };
    expect(await place.run('report')).toMatchObject(told);
    const ran = await place.run('report --json');
    expect(ran).toMatchObject(told);
    expect(ran.json()).toMatchObject({ skippedLines: 1, total: { calls: 3 } });
    const written = await place.run('report --json -o out.csv');
    expect(written.json()).toMatchObject({ format: 'csv', skippedLines: 1 });
    place.write('usage.jsonl', LOG);
    const sound = await place.run('report --json');
    expect(sound.err).toBe('');
    expect(sound.json()).not.toHaveProperty('skippedLines');
  });

  it.each(['json', 'html'])('reads a pipe once for all sections, as %s', async (format) => {
    const place = here();
    const whole = await place.run(`report --log usage.jsonl --format ${format}`);
    const text = readFileSync(`${place.path}/usage.jsonl`, 'utf8');
    expect(await place.run(`report --log - --format ${format}`, { stdin: text })).toEqual({
      ...whole,
      json: expect.anything() as unknown,
    });
    if (spawnSync('mkfifo', [`${place.path}/pipe`]).status !== 0) return;
    const [piped] = await Promise.all([
      place.run(`report --log pipe --format ${format}`),
      writeFile(`${place.path}/pipe`, text, { flag: 'w' }).then(() => undefined),
    ]);
    expect(piped.out).toBe(whole.out);
  });

  it('is JSON with --json and --output -', async () => {
    const ran = await here().run('report --log usage.jsonl --json --output -');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.json()).toMatchObject({ total: { calls: 3 } });
  });
});

describe('the period', () => {
  const asked = async (args: string): Promise<Told> =>
    (await here().run(`report --log usage.jsonl --json ${args}`)).json<Told>();

  it('is the last 30 days, or as long as asked', async () => {
    expect(await asked('')).toMatchObject({ from: NOW + 1 - 30 * DAY, to: NOW + 1, total: { calls: 3 } });
    expect(await asked('--last 36h')).toMatchObject({ from: NOW + 1 - 36 * 3_600_000, total: { calls: 1 } });
  });

  it('is whole days of the time zone, the last one included', async () => {
    expect(await asked('--from 2026-11-01 --to 2026-11-19')).toMatchObject({
      from: Date.UTC(2026, 10, 1),
      to: Date.UTC(2026, 10, 20),
      total: { calls: 2 },
    });
    expect(await asked('--from 2026-11-01 --to 2026-11-19 --time-zone Europe/Berlin')).toMatchObject({
      from: Date.parse('2026-11-01T00:00:00+01:00'),
      to: Date.parse('2026-11-20T00:00:00+01:00'),
      timeZone: 'Europe/Berlin',
    });
    // The day on which the clocks go forward, and zones at the ends of the world.
    expect(await asked('--from 2026-03-29 --to 2026-03-29 --time-zone Europe/Berlin')).toMatchObject({
      from: Date.parse('2026-03-29T00:00:00+01:00'),
      to: Date.parse('2026-03-30T00:00:00+02:00'),
    });
    for (const [zone, offset] of [
      ['Pacific/Kiritimati', '+14:00'],
      ['Pacific/Pago_Pago', '-11:00'],
    ])
      expect(await asked(`--from 2026-11-01 --time-zone ${zone}`)).toMatchObject({
        from: Date.parse(`2026-11-01T00:00:00${offset}`),
      });
  });

  it('may be instants, of which the last is not included', async () => {
    expect(await asked('--from 2026-11-01T08:00:00Z --to 2026-11-21T13:00+01:00')).toMatchObject({
      from: Date.UTC(2026, 10, 1, 8),
      to: NOW,
    });
  });

  it.each([
    [
      '--from yesterday',
      '--from is no time: expected a day such as 2026-11-01, or an instant such as 2026-11-01T08:00:00Z, got "yesterday".',
    ],
    [
      '--from 2026-02-30',
      '--from is no time: expected a day such as 2026-11-01, or an instant such as 2026-11-01T08:00:00Z, got "2026-02-30".',
    ],
    [
      '--from 2026-11-01T08:00:00',
      '--from is no time: expected a day such as 2026-11-01, or an instant such as 2026-11-01T08:00:00Z, got "2026-11-01T08:00:00".',
    ],
    ['--from 2026-11-02 --to 2026-11-01', '--to is not after --from, so there is nothing between.'],
    ['--to 2026-11-01', '--to needs --from: the time at which the report begins.'],
    ['--last 7d --from 2026-11-01', '--last is up to now, so it does not go with --from and --to.'],
    ['--format csv --json', '--json and --format csv exclude each other.'],
  ])('%s is a mistake', async (args, told) => {
    expect(await here().run(`report --log usage.jsonl ${args}`)).toMatchObject({
      code: 2,
      err: args.includes('--json') ? '' : `error: ${told}\n`,
    });
  });

  it.each(['7', '1y', 'week', '-1d'])('--last %s is a mistake', async (last) => {
    const { code, err } = await here().run(['report', '--log', 'usage.jsonl', `--last=${last}`]);
    expect(code).toBe(2);
    expect(err).toContain("is invalid. Expected a number and m, h, d or w, e.g. '7d'.");
  });

  it('has a time zone that exists', async () => {
    expect((await here().run('report --log usage.jsonl --time-zone Mars/Base')).err).toContain(
      "Expected an IANA name, e.g. 'Europe/Berlin'.",
    );
  });
});

describe('the source', () => {
  it('is the usage log of the configuration', async () => {
    const place = here();
    place.write(
      'governed-groq.config.ts',
      `import { jsonlUsageLog } from '${SOURCE}/usage/jsonl.ts';\nexport default { timeZone: 'Europe/Berlin', usageLog: jsonlUsageLog('${place.path}/usage.jsonl'), teams: { chatbot: { monthlyBudgetUsd: 5 } } };`,
    );
    const told = (await place.run('report --json --last 7d')).json<Told>();
    expect(told).toMatchObject({ timeZone: 'Europe/Berlin', total: { calls: 2 } });
    // Without a shared budget store nothing is known of the budget.
    expect(told.rows[0]).toMatchObject({ team: 'chatbot', calls: 2 });
    expect(told.rows[0]).not.toHaveProperty('budgetUsed');
  });

  it('shows budgets where there is a store to ask', async () => {
    const place = here();
    place.write(
      'governed-groq.config.ts',
      `import { jsonlUsageLog } from '${SOURCE}/usage/jsonl.ts';
import { memoryBudgetStore } from '${SOURCE}/budget/memory.ts';
export default { usageLog: jsonlUsageLog('${place.path}/usage.jsonl'), budgetStore: memoryBudgetStore(), teams: { chatbot: { monthlyBudgetUsd: 5 } } };`,
    );
    expect((await place.run('report --json')).json<Told>().rows[0]).toMatchObject({
      team: 'chatbot',
      budgetUsd: 5,
      budgetUsed: 0,
    });
  });

  it('has to be there', async () => {
    const place = folder({ 'governed-groq.config.yaml': 'teams: { a: {} }', 'logs/x.jsonl': '' });
    const told = async (args: string): Promise<string> => {
      const { code, err } = await place.run(args);
      expect(code).toBe(2);
      return err;
    };
    expect(await told('report')).toBe(
      'error: governed-groq.config.yaml has no usageLog to report on. Give it one, or name a file with --log usage.jsonl.\n',
    );
    expect(await told('report --log nowhere.jsonl')).toBe('error: There is no file nowhere.jsonl.\n');
    expect(await told('report --log logs')).toBe('error: logs is a folder. Name the file of a usage log.\n');
    expect(await told('report --time-zone UTC')).toBe(
      'error: --time-zone goes with --log only: the days of a configuration are those of its budgets.\n',
    );
  });

  it('takes the time zone of a configuration that is named beside a log', async () => {
    const place = here();
    place.write('rules.yaml', 'timeZone: Asia/Tokyo');
    expect((await place.run('report --log usage.jsonl -c rules.yaml --json')).json()).toMatchObject({ timeZone: 'Asia/Tokyo' });
    place.write('governed-groq.config.yaml', 'mode: broken');
    expect(await place.run('report --log usage.jsonl')).toMatchObject({ code: 0 });
  });

  it('that fails is no mistake of the user', async () => {
    const text = `export default { usageLog: { record() {}, summarize: () => Promise.reject(new Error('connect ECONNREFUSED postgres://u:hunter22@db')) } };`;
    const place = folder({ 'governed-groq.config.mjs': text });
    expect(await place.run('report')).toEqual(
      expect.objectContaining({ code: 3, out: '', err: 'error: connect ECONNREFUSED postgres://…@db.\n' }),
    );
    expect((await place.run('report --json')).json()).toEqual({
      error: { kind: 'outside', exitCode: 3, message: 'connect ECONNREFUSED postgres://…@db' },
    });
  });

  it('that cannot be written to is told', async () => {
    const { code, err } = await here().run('report --log usage.jsonl -o nowhere/x.html');
    expect(code).toBe(3);
    expect(err).toContain('error: nowhere/x.html cannot be written: ENOENT');
  });
});
