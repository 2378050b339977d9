#!/usr/bin/env node
// The only file that knows the process: it hands the program what it needs, and ends when the program has.
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { main } from './cli/main';
import type { Output } from './cli/io';
import { systemClock } from './clock';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    // Who asks twice does not want to wait.
    if (interruption.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    interruption.abort(signal);
  });

// What a configuration writes to the console is no part of the answer.
for (const name of ['log', 'info', 'debug'] as const) console[name] = (...values: unknown[]) => console.error(...values);

let unwritten: Error | undefined;
const programPath = realpathSync(process.argv[1] ?? '.');
const stdout = outputTo(process.stdout);
const stderr = outputTo(process.stderr);

// A client of the configuration may fail when nobody listens; that is no reason for a page of stack.
process.on('uncaughtException', (error) => interruption.abort(error));

void main(process.argv.slice(2), {
  stdout,
  stderr,
  readStdin,
  env: process.env,
  cwd: process.cwd(),
  // Some terminals do not tell their size.
  columns: process.stdout.isTTY ? process.stdout.columns || undefined : undefined,
  isTTY: process.stdout.isTTY,
  stderrIsTTY: process.stderr.isTTY,
  clock: systemClock,
  fetch: (input, init) => fetch(input, init),
  interrupted: interruption.signal,
  version: versionBeside(programPath),
  programPath,
  importsTypeScript: importsTypeScript(),
}).then(finish);

/** Ends with this code once all is written; clients that a configuration has opened would keep the process alive. */
async function finish(code: number): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))));
  if (unwritten) process.stderr.write(`error: The output cannot be written: ${unwritten.message}.\n`);
  process.exit(unwritten ? 3 : code);
}

function outputTo(stream: NodeJS.WriteStream): Output {
  let isOpen = true;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    isOpen = false;
    // A reader such as `head` leaves when it has enough; a full disk is another matter.
    if (error.code !== 'EPIPE') unwritten ??= error;
  });
  return {
    write(text) {
      if (isOpen) stream.write(text);
    },
  };
}

async function readStdin(): Promise<string> {
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return text;
}

function versionBeside(program: string): string {
  const text = readFileSync(join(dirname(program), '..', 'package.json'), 'utf8');
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}

function importsTypeScript(): boolean {
  const { features, versions } = process as { features: { typescript?: unknown }; versions: NodeJS.ProcessVersions };
  return Boolean(features.typescript) || versions['bun'] !== undefined || versions['deno'] !== undefined;
}
