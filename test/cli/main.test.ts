// What holds for every command: help, colours, JSON, mistakes, signals.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock';
import { RULES, folder } from './support';

const ESCAPE = '\u001B[';

describe('help', () => {
  it('lists the commands, and fits a narrow terminal', async () => {
    const { code, out, err } = await folder().run('--help', { columns: 60 });
    expect(code).toBe(0);
    expect(err).toBe('');
    expect(out).toMatchInlineSnapshot(`
      "Usage: governed-groq [options] [command]

      Budgets, rate limits and policies for Groq: check the rules,
      ask what they would decide, see what was spent.

      Options:
        -V, --version             the version of this program
        -c, --config <file>       the configuration (default:
                                  governed-groq.config.* of this
                                  folder or above)
        --json                    one JSON document on the
                                  standard output, and nothing
                                  else
        --no-color                no colours; NO_COLOR and
                                  FORCE_COLOR are heeded too
        --debug                   with the stack of errors
        -h, --help                this help, or that of a command

      Commands:
        check [options] [config]  find every problem of a
                                  configuration
        explain [options]         what would happen to a request,
                                  for a team, now
        report [options]          calls, tokens and cost of a
                                  period
        keys [options]            the keys, their use today, and
                                  which can be deleted
        models [options] [name]   catalogue, prices and shutdown
                                  dates
        mock [options]            serve a stand-in for Groq on
                                  this machine
        help [command]            the help of a command

      Exit codes: 0 fine; 1 the answer is no; 2 wrong usage or configuration;
      3 something outside failed; 130 interrupted.

      Examples:
        $ governed-groq check
        $ governed-groq explain --team chatbot --model openai/gpt-oss-20b --max-tokens 500
        $ governed-groq report --last 7d --by team,model
        $ governed-groq help report
      "
    `);
  });

  it.each(['check', 'explain', 'report', 'keys', 'models', 'mock'])(
    '%s has examples, exit codes and the global options',
    async (name) => {
      const here = folder();
      const asked = await here.run([name, '--help']);
      expect(asked.code).toBe(0);
      expect(asked.out).toContain(`Usage: governed-groq ${name}`);
      expect(asked.out).toContain(`\nExamples:\n  $ `);
      expect(asked.out).toMatch(/\nExit code/);
      expect(asked.out).toContain('--json');
      expect(asked.out.split('\n').filter((line) => line.length > 98)).toEqual([]);
      expect(await here.run(['help', name])).toMatchObject({ code: 0, out: asked.out });
    },
  );

  it('without a command is a mistake, told on the standard error', async () => {
    const { code, out, err } = await folder().run('');
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: governed-groq');
  });

  it('tells the version', async () => {
    expect(await folder().run('--version')).toMatchObject({ code: 0, out: '1.2.3\n', err: '' });
  });
});

describe('a mistake', () => {
  it.each([
    ['chekc', "error: unknown command 'chekc'. Did you mean check?\nSee governed-groq --help.\n"],
    ['explain --taem a', "error: unknown option '--taem'. Did you mean --team?\nSee governed-groq explain --help.\n"],
    ['explain --team', "error: option '-t, --team <name>' argument missing.\nSee governed-groq explain --help.\n"],
    [
      'mock --port 70000',
      "error: option '-p, --port <number>' argument '70000' is invalid. Expected a whole number from 0 to 65535.\nSee governed-groq mock --help.\n",
    ],
    [
      'mock --port abc',
      "error: option '-p, --port <number>' argument 'abc' is invalid. Expected a whole number from 0 to 65535.\nSee governed-groq mock --help.\n",
    ],
    [
      'mock --rpm 0',
      "error: option '--rpm <number>' argument '0' is invalid. Expected a whole number of 1 or more.\nSee governed-groq mock --help.\n",
    ],
    ['check a b', "error: too many arguments for 'check'. Expected 1 argument but got 2.\nSee governed-groq check --help.\n"],
    [
      'report --by taem',
      "error: option '--by <groups>' argument 'taem' is invalid. Expected team, user, key, model, endpoint, operation, day or tag:name.\nSee governed-groq report --help.\n",
    ],
    [
      'report --format xml',
      "error: option '-f, --format <format>' argument 'xml' is invalid. Expected table, csv, json, markdown, html.\nSee governed-groq report --help.\n",
    ],
  ])('in `%s` is told with what to write instead', async (args, told) => {
    expect(await folder({ 'governed-groq.config.yaml': RULES }).run(args)).toMatchObject({ code: 2, out: '', err: told });
  });

  it('is one JSON document with --json, and nothing else', async () => {
    const here = folder();
    const wrong = await here.run('explain --taem a --json');
    expect(wrong).toMatchObject({ code: 2, err: '' });
    expect(wrong.json()).toEqual({
      error: { kind: 'usage', exitCode: 2, message: "unknown option '--taem'. Did you mean --team?" },
    });
    const missing = await here.run('keys --json');
    expect(missing).toMatchObject({ code: 2, err: '' });
    expect(missing.json()).toMatchObject({ error: { kind: 'usage', exitCode: 2 } });
  });

  it.each([
    ['--json', 'Name a command: check, explain, report, keys, models, mock'],
    ['help chek --json', "unknown command 'chek'. Did you mean check? Known: check, explain, report, keys, models, mock"],
  ])('is a document with `%s` too', async (args, message) => {
    const ran = await folder().run(args);
    expect(ran).toMatchObject({ code: 2, err: '' });
    expect(ran.json()).toEqual({ error: { kind: 'usage', exitCode: 2, message } });
  });

  it('in `help chek` is told after the help', async () => {
    const { code, out, err } = await folder().run('help chek');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^Usage: governed-groq .*error: unknown command 'chek'\. Did you mean check\? Known: .*\.\n$/s);
  });

  it('has no secret in its paths', async () => {
    const here = folder({ 'governed-groq.config.yaml': 'teams: { gsk_abcdefgh: { rateLimitRPM: -1 } }' });
    for (const args of ['keys', 'keys --json']) {
      const { out, err } = await here.run(args);
      expect(out + err).toContain('teams.gsk_….rateLimitRPM');
    }
  });

  it('comes without a stack, unless it is asked for', async () => {
    const here = folder({ 'governed-groq.config.mjs': 'throw new Error("no database");' });
    const plain = await here.run('keys');
    expect(plain).toMatchObject({ code: 2, out: '', err: 'error: governed-groq.config.mjs:1: no database.\n' });
    const long = await here.run('keys --debug');
    expect(long.err).toContain('error: governed-groq.config.mjs:1: no database.\nError: no database\n');
    expect(long.err).toContain('    at ');
    const json = await here.run('keys --debug --json');
    expect(json.json()).toMatchObject({
      error: { kind: 'configuration', stack: expect.stringContaining('    at ') as string },
    });
  });
});

describe('colour', () => {
  const coloured = async (args: string, world: object): Promise<boolean> => {
    const { out } = await folder({ 'governed-groq.config.yaml': RULES }).run(args, world);
    expect(out).toContain('openai/gpt-oss-20b');
    return out.includes(ESCAPE);
  };

  it('is for terminals, and as the environment and the option say', async () => {
    expect(await coloured('models', { isTTY: true })).toBe(true);
    expect(await coloured('models', { isTTY: false })).toBe(false);
    expect(await coloured('models', { isTTY: true, env: { NO_COLOR: '1' } })).toBe(false);
    expect(await coloured('models', { isTTY: true, env: { NO_COLOR: '' } })).toBe(true);
    expect(await coloured('models', { isTTY: true, env: { TERM: 'dumb' } })).toBe(false);
    expect(await coloured('models', { isTTY: false, env: { FORCE_COLOR: '1' } })).toBe(true);
    expect(await coloured('models', { isTTY: true, env: { FORCE_COLOR: '0' } })).toBe(false);
    expect(await coloured('models --no-color', { isTTY: true, env: { FORCE_COLOR: '1' } })).toBe(false);
    expect(await coloured('--no-color models', { isTTY: true })).toBe(false);
    expect(await coloured('models --json', { isTTY: true, env: { FORCE_COLOR: '1' } })).toBe(false);
  });

  it('marks help and mistakes too', async () => {
    const here = folder();
    expect((await here.run('--help', { isTTY: true })).out).toContain(`${ESCAPE}1mUsage:${ESCAPE}22m`);
    expect((await here.run('--help')).out).not.toContain(ESCAPE);
    expect((await here.run('nonsense', { isTTY: true })).err).toContain(`${ESCAPE}31merror:${ESCAPE}39m`);
    expect((await here.run('nonsense --no-color', { isTTY: true })).err).not.toContain(ESCAPE);
    // Each stream for itself.
    expect((await here.run('nonsense', { isTTY: true, stderrIsTTY: false })).err).not.toContain(ESCAPE);
    expect((await here.run('nonsense', { isTTY: false, stderrIsTTY: true })).err).toContain(ESCAPE);
  });
});

describe('a signal', () => {
  const slow = 'export default () => new Promise(() => setInterval(() => {}, 1e9).unref());';

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('%s ends a command that is at work with %i', async (signal, code) => {
    const interruption = new AbortController();
    const ran = folder({ 'governed-groq.config.mjs': slow }).run('keys', { interrupted: interruption.signal });
    interruption.abort(signal);
    expect(await ran).toMatchObject({ code, out: '', err: '' });
  });

  it('that is an error nobody caught is told', async () => {
    for (const args of ['keys', 'mock --port 0']) {
      const interruption = new AbortController();
      const here = folder({ 'governed-groq.config.mjs': slow });
      const ran = here.run(args, { interrupted: interruption.signal, clock: systemClock });
      interruption.abort(new Error('redis://u:hunter22@h went away'));
      expect(await ran).toMatchObject({ code: 3, err: 'error: redis://…@h went away.\n' });
    }
  });

  it('that came before the start ends it too', async () => {
    const { code } = await folder({ 'governed-groq.config.mjs': slow }).run('keys', {
      interrupted: AbortSignal.abort('SIGINT'),
    });
    expect(code).toBe(130);
  });
});
