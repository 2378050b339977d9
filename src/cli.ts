#!/usr/bin/env node
// The only file that knows the process: it hands the program what it needs, and ends when the program has.
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT } from './cli/failure';
import { main } from './cli/main';
import type { Output } from './cli/io';
import { systemClock } from './clock';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const WAITS_IN_VAIN = 'The configuration waits for something that never comes';
const ENDED_EARLY = 'The configuration has ended the program (process.exit) before there was an answer';

const interruption = new AbortController();
let isFinished = false;
let decided: number | undefined;
let unwritten: Error | undefined;

const writeOut = process.stdout.write.bind(process.stdout);
const stdout = outputTo(process.stdout, (text) => writeOut(text));
const stderr = outputTo(process.stderr, (text) => process.stderr.write(text));
keepForeignWordsOffTheAnswer();

// A client of the configuration may fail when nobody listens; that is no reason for a page of stack.
process.on('uncaughtException', (error) => interruption.abort(error));
process.on('beforeExit', endOfEvents);
process.on('exit', endedByOthers);
guard();

const programPath = realpathSync(process.argv[1] ?? '.');
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
  unguarded,
  decided: (exitCode) => void (decided = exitCode),
  version: versionBeside(programPath),
  programPath,
  nodePath: isNode() ? process.execPath : undefined,
  importsTypeScript: importsTypeScript(),
}).then(finish);

function onSignal(signal: NodeJS.Signals): void {
  // Who asks twice does not want to wait.
  if (interruption.signal.aborted) {
    isFinished = true;
    process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
  }
  interruption.abort(signal);
}

function guard(): void {
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

async function unguarded<Result>(work: () => Promise<Result>): Promise<Result> {
  for (const signal of SIGNALS) process.off(signal, onSignal);
  try {
    return await work();
  } finally {
    guard();
  }
}

/** Nothing is under way any more, and there is no answer: what was waited for cannot come. */
function endOfEvents(): void {
  if (isFinished) return;
  if (!interruption.signal.aborted) interruption.abort(new Error(WAITS_IN_VAIN));
  // It was told already, and has not ended by that.
  else process.exit(decided ?? EXIT.outside);
}

function endedByOthers(): void {
  if (isFinished) return;
  process.exitCode = decided ?? EXIT.usage;
  if (decided !== undefined || interruption.signal.aborted) return;
  const error = { kind: 'configuration', exitCode: EXIT.usage, message: ENDED_EARLY };
  if (process.argv.includes('--json')) stdout.write(`${JSON.stringify({ error }, undefined, 2)}\n`);
  else stderr.write(`error: ${ENDED_EARLY}.\n`);
}

/** Ends with this code once all is written; clients that a configuration has opened would keep the process alive. */
async function finish(code: number): Promise<void> {
  await Promise.all(
    [writeOut, process.stderr.write.bind(process.stderr)].map((write) => new Promise((resolve) => write('', resolve))),
  );
  isFinished = true;
  if (unwritten) process.stderr.write(`error: The output cannot be written: ${unwritten.message}.\n`);
  process.exit(unwritten ? EXIT.outside : code);
}

/** What a configuration writes is no part of the answer. */
function keepForeignWordsOffTheAnswer(): void {
  Reflect.set(process.stdout, 'write', process.stderr.write.bind(process.stderr));
  // Not every runtime's console writes by way of that.
  for (const name of ['log', 'info', 'debug'] as const) console[name] = (...values: unknown[]) => console.error(...values);
}

function outputTo(stream: NodeJS.WriteStream, write: (text: string) => unknown): Output {
  let isOpen = true;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    isOpen = false;
    // A reader such as `head` leaves when it has enough; a full disk is another matter.
    if (error.code !== 'EPIPE') unwritten ??= error;
  });
  return {
    write(text) {
      if (isOpen) write(text);
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
  const { features } = process as { features: { typescript?: unknown } };
  return Boolean(features.typescript) || !isNode();
}

function isNode(): boolean {
  return process.versions['bun'] === undefined && process.versions['deno'] === undefined;
}
