// Runs the program in this process, in a folder of its own, with a world that a test decides.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Io } from '../../src/cli/io';
import { main } from '../../src/cli/main';
import { manualClock } from '../../src/testing/manual-clock';

/** A Saturday noon. */
export const NOW: number = Date.UTC(2026, 10, 21, 12);

/** The sources, for configurations that are programs. */
export const SOURCE: string = resolve('src');

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The standard output as the one JSON document that it must be. */
  readonly json: <T>() => T;
}

/** What a run may be given beside its arguments. */
export interface World extends Partial<Omit<Io, 'stdout' | 'stderr' | 'readStdin'>> {
  readonly stdin?: string;
}

export interface Folder {
  readonly path: string;
  write(name: string, text: string): string;
  /** Runs with arguments as a shell would split them at spaces, or as a list. */
  run(args: string | readonly string[], world?: World): Promise<Ran>;
}

/** A folder with these files, removed when the test has finished. */
export function folder(files: Readonly<Record<string, string>> = {}): Folder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'cli-')));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  const write = (name: string, text: string): string => {
    const target = join(path, name);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    return target;
  };
  // Nothing above is of interest.
  write('package.json', '{ "private": true }');
  for (const [name, text] of Object.entries(files)) write(name, text);
  return {
    path,
    write,
    run: (args, world) => run(path, typeof args === 'string' ? args.split(' ').filter(Boolean) : args, world),
  };
}

async function run(cwd: string, argv: readonly string[], { stdin = '', ...world }: World = {}): Promise<Ran> {
  let out = '';
  let err = '';
  const code = await main(argv, {
    stdout: { write: (text) => void (out += text) },
    stderr: { write: (text) => void (err += text) },
    readStdin: () => Promise.resolve(stdin),
    env: {},
    cwd,
    columns: undefined,
    isTTY: false,
    stderrIsTTY: world.isTTY ?? false,
    clock: manualClock(NOW),
    fetch: () => Promise.reject(new Error('nobody is to be asked')),
    interrupted: new AbortController().signal,
    nodePath: process.execPath,
    unguarded: (work) => work(),
    decided: () => undefined,
    version: '1.2.3',
    programPath: resolve('src/cli.ts'),
    // As the test runner does.
    importsTypeScript: true,
    ...world,
  });
  return { code, out, err, json: <T>() => JSON.parse(out) as T };
}

/** Rules as most people have them. */
export const RULES: string = `timeZone: Europe/Berlin
organization:
  monthlyBudgetUsd: 500
teams:
  chatbot:
    allowedModels: ['openai/*']
    maxTokensPerRequest: 2048
    monthlyBudgetUsd: 200
    rateLimitRPM: 60
  analytics:
    allowedModels: [openai/gpt-oss-20b]
`;
