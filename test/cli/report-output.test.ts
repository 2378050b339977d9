// A report never takes the place of what it is made of.
import { linkSync, readFileSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { usageRecord } from '../usage/records';
import { NOW, SOURCE, folder } from './support';

const LOG = `${JSON.stringify(usageRecord({ at: NOW - 1 }))}\n`;

const here = () => folder({ 'usage.jsonl': LOG });

describe('the file to be written', () => {
  const refused = async (place: ReturnType<typeof here>, args: string, output: string): Promise<void> => {
    const before = readFileSync(`${place.path}/${output}`, 'utf8');
    const { code, out, err } = await place.run(`report ${args} --format csv -o ${output}`);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(new RegExp(`^error: ${output} is a (usage log|configuration), which the report would overwrite`));
    expect(readFileSync(`${place.path}/${output}`, 'utf8')).toBe(before);
  };

  it('is not the log that is read, by whatever name', async () => {
    const place = here();
    linkSync(`${place.path}/usage.jsonl`, `${place.path}/hard.csv`);
    symlinkSync('usage.jsonl', `${place.path}/soft.csv`);
    for (const output of ['usage.jsonl', 'hard.csv', 'soft.csv']) await refused(place, '--log usage.jsonl', output);
    // An empty log is one too.
    place.write('empty.csv', '');
    await refused(place, '--log empty.csv', 'empty.csv');
  });

  it('is not the configuration', async () => {
    const place = here();
    place.write('governed-groq.config.yaml', 'teams: {}\n');
    await refused(place, '--log usage.jsonl', 'governed-groq.config.yaml');
    place.write('rules.json', '{}');
    await refused(place, '--log usage.jsonl -c rules.json', 'rules.json');
    const other = await place.run('report --log usage.jsonl -o governed-groq.config.json');
    expect(other).toMatchObject({ code: 2 });
  });

  it('is not the log of the configuration, be that data or a program', async () => {
    const place = here();
    place.write('empty.jsonl', '');
    place.write('rules.yaml', `usageLog: { jsonl: ${place.path}/empty.jsonl }\n`);
    await refused(place, '-c rules.yaml', 'empty.jsonl');
    place.write(
      'rules.ts',
      `import { jsonlUsageLog } from '${SOURCE}/usage/jsonl.ts';\nexport default { usageLog: jsonlUsageLog('${place.path}/usage.jsonl') };`,
    );
    await refused(place, '-c rules.ts', 'usage.jsonl');
  });

  it('may be an earlier report', async () => {
    const place = here();
    for (const name of ['out.csv', 'out.json', 'out.html', 'out.txt', 'out.md'])
      for (let time = 0; time < 2; time++)
        expect(await place.run(`report --log usage.jsonl -o ${name}`)).toMatchObject({ code: 0 });
  });

  it.each(['report.xls', 'report', '.csv'])('has an ending that tells a format, which %s has not', async (output) => {
    const place = here();
    for (const more of ['', ' --json']) expect((await place.run(`report --log usage.jsonl -o ${output}${more}`)).code).toBe(2);
    expect((await place.run(`report --log usage.jsonl -o ${output}`)).err).toBe(
      `error: The ending of ${output} tells no format. Name one with --format, or use .csv, .json, .md, .markdown, .html, .htm, .txt.\n`,
    );
    expect(() => readFileSync(`${place.path}/${output}`)).toThrow('ENOENT');
    expect(await place.run(`report --log usage.jsonl -f csv -o ${output}`)).toMatchObject({ code: 0 });
  });
});
