// The program as a person runs it: a process of its own, on a terminal, in pipes, ended by Ctrl-C. From the source, and from the
// bundle if there is one.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { usageRecord } from '../usage/records';
import { RULES, folder } from './support';

const BUNDLE = resolve(process.env['CLI_BUNDLE'] ?? 'dist/cli.cjs');
const PROGRAMS: readonly (readonly [name: string, command: string])[] = [
  ['the source', `${process.execPath} --import ${resolve('node_modules/tsx/dist/esm/index.mjs')} ${resolve('src/cli.ts')}`],
  ...(existsSync(BUNDLE) ? [['the bundle', `${process.execPath} ${BUNDLE}`] as const] : []),
];
// A terminal can be made with the script of util-linux; that of other systems takes other options.
const canMakeTerminals = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;
const ENV = { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm-256color', LANG: 'C.UTF-8' };
const TIMEOUT_MS = 30_000;

interface Running {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves when the output has such a text, to what matched. */
  seen(text: RegExp): Promise<string>;
  readonly ended: Promise<number | null>;
}

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function start(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(command, args, { cwd, env: { ...ENV, ...env } });
  started.push(child);
  let [out, err] = ['', ''];
  let look = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text));
  const ended = new Promise<number | null>((finish) =>
    // As a shell tells of a signal.
    child.on('close', (code, signal) => finish(code ?? (signal ? 128 + constants.signals[signal] : null))),
  );
  const seen = (text: RegExp): Promise<string> =>
    new Promise((found, reject) => {
      look = () => {
        const match = text.exec(out)?.[0];
        if (match !== undefined) found(match);
      };
      look();
      void ended.then(() => reject(new Error(`ended without ${text}: ${out}${err}`)));
    });
  return { child, out: () => out, err: () => err, seen, ended };
}

/** A shell command, piped. */
const shell = (command: string, cwd: string, env?: NodeJS.ProcessEnv): Running => start('sh', ['-c', command], cwd, env);

/** A command on a terminal of so many columns. */
const onTerminal = (command: string, columns: number, cwd: string, env?: NodeJS.ProcessEnv): Running =>
  start('script', ['-qec', `stty cols ${columns} rows 24; exec ${command}`, '/dev/null'], cwd, env);

const ESCAPE = '\u001B';
const plain = (text: string): string => text.replaceAll('\r\n', '\n').replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), '');
const widest = (text: string): number =>
  Math.max(
    ...plain(text)
      .split('\n')
      .map((line) => line.length),
  );

describe.each(PROGRAMS)('%s', (_, program) => {
  const rules = () => folder({ 'governed-groq.config.yaml': RULES });

  describe.skipIf(!canMakeTerminals)('on a terminal', { timeout: TIMEOUT_MS }, () => {
    it.each([60, 120])('fits %i columns, in colour', async (columns) => {
      const { path } = rules();
      const models = onTerminal(`${program} models`, columns, path);
      expect(await models.ended).toBe(0);
      expect(models.out()).toContain('\u001B[1mmodel\u001B[22m');
      expect(models.out().includes('\u001B[32mproduction\u001B[39m')).toBe(columns === 120);
      expect(plain(models.out())).toContain('$0.075');
      expect(widest(models.out())).toBeLessThanOrEqual(columns);
      expect(widest(models.out())).toBeGreaterThan(columns - 25);
      const help = onTerminal(`${program} explain --help`, columns, path);
      expect(await help.ended).toBe(0);
      expect(help.out()).toContain('\u001B[1mUsage:\u001B[22m');
    });

    it('marks what binds, and tells the exit code', async () => {
      const { path } = rules();
      const allowed = onTerminal(`${program} explain -t chatbot -m openai/gpt-oss-20b --max-tokens 9`, 100, path);
      expect(await allowed.ended).toBe(0);
      expect(allowed.out()).toContain('\u001B[1m\u001B[32mAllowed\u001B[39m\u001B[22m');
      expect(plain(allowed.out())).toMatch(/\n→ {2}chatbot\/concurrency/);
      const refused = onTerminal(`${program} explain -t chatbot -m openai/gpt-oss-20b --max-tokens 9999`, 100, path, {
        NO_COLOR: '1',
      });
      expect(await refused.ended).toBe(1);
      expect(refused.out()).toContain('Refused: max-tokens-exceeded\r\n');
      expect(refused.out()).not.toContain('\u001B[');
    });

    it('serves a mock until Ctrl-C', async () => {
      const { path } = rules();
      const mock = onTerminal(`${program} mock --port 0`, 80, path);
      const url = await mock.seen(/http:\/\/127\.0\.0\.1:\d+/);
      await mock.seen(/Ctrl-C ends it/);
      const answer = await fetch(`${url}/openai/v1/models`, { headers: { authorization: 'Bearer gsk_x' } });
      expect(answer.status).toBe(200);
      mock.child.stdin?.write('\u0003');
      expect(await mock.ended).toBe(0);
      expect(plain(mock.out())).toContain('Served 1 requests; the limits refused 0 of them.\n');
      await expect(fetch(`${url}/openai/v1/models`)).rejects.toThrow('fetch failed');
    });

    it('ends by Ctrl-C while it is at work', async () => {
      const here = folder({
        'governed-groq.config.mjs': 'console.log("waiting"); export default () => new Promise((r) => setTimeout(r, 1e9));',
      });
      const run = onTerminal(`${program} keys`, 80, here.path);
      await run.seen(/waiting/);
      run.child.stdin?.write('\u0003');
      expect(await run.ended).toBe(130);
      expect(plain(run.out()).replace('^C', '')).toBe('waiting\n');
    });
  });

  describe('in a pipe', { timeout: TIMEOUT_MS }, () => {
    it('is plain, and as wide as it has to be', async () => {
      const run = shell(`${program} models --all`, rules().path);
      expect(await run.ended).toBe(0);
      expect(run.out()).not.toContain('\u001B[');
      expect(widest(run.out())).toBeGreaterThan(110);
      expect(run.err()).toBe('');
    });

    it('ends quietly when the reader leaves', async () => {
      const log = Array.from(
        { length: 20_000 },
        (__, index) =>
          `${JSON.stringify(usageRecord({ id: `call-${index}`, user: `user-${index}`, at: Date.now() - 1000 }))}\n`,
      ).join('');
      const here = folder({ 'usage.jsonl': log });
      const run = shell(`${program} report --log usage.jsonl --by user --format csv | head -n 1`, here.path);
      expect(await run.ended).toBe(0);
      expect(run.out().split('\n')).toHaveLength(2);
      expect(run.err()).toBe('');
      // All of it comes where somebody reads on.
      const all = shell(`${program} report --log usage.jsonl --by user --format csv | wc -l`, here.path);
      expect(await all.ended).toBe(0);
      expect(Number(all.out())).toBe(20_001);
    });

    it.skipIf(!existsSync('/dev/full'))('tells when its output cannot be written', async () => {
      const run = shell(`${program} models > /dev/full`, rules().path);
      expect(await run.ended).toBe(3);
      expect(run.err()).toMatch(/^error: The output cannot be written: ENOSPC.*\n$/);
    });

    it('reads what is piped into it', async () => {
      const { path } = rules();
      const run = shell(`printf hello | ${program} explain -t chatbot -m openai/gpt-oss-20b -p - --json`, path);
      expect(await run.ended).toBe(0);
      expect(JSON.parse(run.out())).toMatchObject({ allowed: true });
    });

    it.each([
      ['a pipe', 'cat usage.jsonl |', ''],
      ['a file', '', '< usage.jsonl'],
    ])('reports on its standard input, %s', async (_what, before, after) => {
      const here = folder({ 'usage.jsonl': `${JSON.stringify(usageRecord({ team: 'piped', at: Date.now() - 1000 }))}\n` });
      for (const log of ['/dev/stdin', '-']) {
        const run = shell(`${before} ${program} report --log ${log} --format csv ${after}`, here.path);
        expect({ code: await run.ended, err: run.err() }).toEqual({ code: 0, err: '' });
        expect(run.out()).toContain('\npiped,');
      }
    });

    it('has its own version', async () => {
      const run = shell(`${program} --version`, '/');
      expect(await run.ended).toBe(0);
      expect(run.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
    });
  });

  describe('with a configuration that is a program', { timeout: TIMEOUT_MS }, () => {
    it.each([
      ['mjs', 'export default', ''],
      ['cjs', 'module.exports =', ''],
      ['ts', 'export default', ': number'],
    ])('in %s, ends although it keeps something open, and keeps its words off the answer', async (ending, assign, type) => {
      const here = folder({
        [`governed-groq.config.${ending}`]: `const every${type} = 1000;
setInterval(() => {}, every);
console.log('starting', every);
${assign} { teams: { chatbot: { monthlyBudgetUsd: 7 } } };`,
      });
      const run = shell(`${program} explain -t chatbot -m openai/gpt-oss-20b --json`, here.path);
      expect(await run.ended).toBe(0);
      expect(JSON.parse(run.out())).toMatchObject({ allowed: true });
      expect(run.err()).toContain('starting 1000\n');
    });

    it('that fails later tells why, without a page of stack', async () => {
      const here = folder({
        'governed-groq.config.mjs': `import { EventEmitter } from 'node:events';
export default () => { setTimeout(() => new EventEmitter().emit('error', new Error('redis went away')), 10); return new Promise(() => {}); };`,
      });
      const run = shell(`${program} keys`, here.path);
      expect(await run.ended).toBe(3);
      expect(run.err()).toBe('error: redis went away.\n');
    });

    it.each(['SIGINT', 'SIGTERM'] as const)('ends at %s', async (signal) => {
      const here = folder({
        'governed-groq.config.mjs':
          'console.error("waiting"); setInterval(() => {}, 1000); export default () => new Promise(() => {});',
      });
      const run = shell(`exec ${program} keys 2>&1`, here.path);
      await run.seen(/waiting/);
      run.child.kill(signal);
      expect(await run.ended).toBe(signal === 'SIGINT' ? 130 : 143);
    });

    it.each(['SIGINT', 'SIGTERM'] as const)('that never stops ends at %s', async (signal) => {
      const here = folder({ 'governed-groq.config.mjs': 'console.log("turning"); for (;;);' });
      const run = shell(`exec ${program} keys 2>&1`, here.path);
      await run.seen(/turning/);
      run.child.kill(signal);
      expect(await run.ended).toBe(signal === 'SIGINT' ? 130 : 143);
    });

    const never = 'const never = () => new Promise(() => {});\n';
    it.each([
      ['itself', 'check', 'await never(); export default {};'],
      ['its function', 'keys', 'export default never;'],
      [
        'a policy',
        'explain -t a -m openai/gpt-oss-20b',
        "export default { teams: { a: {} }, policies: [{ name: 'p', check: never }] };",
      ],
      [
        'a store',
        'explain -t a -m openai/gpt-oss-20b',
        'export default { teams: { a: { monthlyBudgetUsd: 1 } }, budgetStore: { reserve: never, settle: never, read: never } };',
      ],
      ['a log', 'report', 'export default { usageLog: { record: never, summarize: never } };'],
      ['a secret', 'check', "export default { teams: { a: {} }, keys: { 'a-prod': never } };"],
    ])('in which %s never answers is told to wait in vain', async (_what, args, text) => {
      const here = folder({ 'governed-groq.config.mjs': never + text });
      const told = 'The configuration waits for something that never comes';
      const run = shell(`${program} ${args}`, here.path);
      expect({ code: await run.ended, out: run.out(), err: run.err() }).toEqual({ code: 3, out: '', err: `error: ${told}.\n` });
      const json = shell(`${program} ${args} --json`, here.path);
      expect({ code: await json.ended, err: json.err() }).toEqual({ code: 3, err: '' });
      expect(JSON.parse(json.out())).toEqual({ error: { kind: 'outside', exitCode: 3, message: told } });
    });

    it.each([
      ['never ends', '() => new Promise(() => {})'],
      ['ends the program', '() => process.exit(0)'],
    ])('whose close() %s leaves the exit code as it is', async (_what, close) => {
      const here = folder({ 'governed-groq.config.mjs': `export default { governance: { mode: 'x' }, close: ${close} };` });
      const run = shell(`${program} check --offline`, here.path);
      expect(await run.ended).toBe(1);
      expect(run.out()).toContain('1 error\n');
    });

    it('that ends the program is told, and is no answer', async () => {
      const told = 'The configuration has ended the program (process.exit) before there was an answer';
      for (const text of [
        'process.exit(0);',
        'export default () => { setTimeout(() => process.exit(0), 9); return new Promise(() => {}); };',
      ]) {
        const here = folder({ 'governed-groq.config.mjs': text });
        const run = shell(`${program} check`, here.path);
        expect({ code: await run.ended, out: run.out(), err: run.err() }).toEqual({
          code: 2,
          out: '',
          err: `error: ${told}.\n`,
        });
        const json = shell(`${program} check --json`, here.path);
        expect(await json.ended).toBe(2);
        expect(JSON.parse(json.out())).toEqual({ error: { kind: 'configuration', exitCode: 2, message: told } });
      }
    });

    it('keeps its words off the answer, whichever way they are written', async () => {
      const here = folder({
        'governed-groq.config.mjs':
          "process.stdout.write('raw\\n'); console.dir({ dir: 1 }); console.table(['table']); export default { teams: { a: {} } };",
      });
      const run = shell(`${program} check --offline --json`, here.path);
      expect(await run.ended).toBe(0);
      expect(JSON.parse(run.out())).toMatchObject({ ok: true });
      for (const word of ['raw', 'dir', 'table']) expect(run.err()).toContain(word);
    });

    it.each([
      ['mjs', '\nexport const a = 1;\nconst b = ;\n', 3],
      ['cjs', '\nconst b = ;\n', 2],
    ])('with a mistake in its syntax is told with the line, in %s', async (ending, text, line) => {
      const name = `governed-groq.config.${ending}`;
      const run = shell(`${program} keys`, folder({ [name]: text }).path);
      expect(await run.ended).toBe(2);
      expect(run.err()).toMatch(new RegExp(`^error: ${name}:${line}: `));
    });
  });

  it('asks the provider over HTTP', { timeout: TIMEOUT_MS }, async () => {
    const server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ data: [{ id: 'openai/gpt-oss-20b', active: true, key: request.headers.authorization }] }));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    try {
      const run = shell(`${program} check --json`, rules().path, {
        GROQ_API_KEY: 'gsk_x',
        GROQ_BASE_URL: `http://127.0.0.1:${port}`,
      });
      expect(await run.ended).toBe(0);
      expect(JSON.parse(run.out())).toMatchObject({ ok: true, provider: { offered: 1 } });
    } finally {
      server.close();
    }
  });
});
