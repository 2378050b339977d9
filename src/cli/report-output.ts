// The file that a report is written to, which must be none that it is made of.
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { findConfig } from './config-find';
import { Failure, messageOf } from './failure';
import type { Session } from './session';

/** Throws a `Failure` if the file to be written is the configuration, one of the files read, or any other usage log. */
export function checkOutput(output: string, read: readonly string[], session: Session): void {
  const path = resolve(session.io.cwd, output);
  const config = configOf(session);
  if (basename(path).startsWith('governed-groq.config.') || (config !== undefined && isSame(path, config)))
    throw new Failure('usage', `${output} is a configuration, which the report would overwrite. Name another file`);
  if (read.some((each) => isSame(path, each)) || holdsUsage(path))
    throw new Failure('usage', `${output} is a usage log, which the report would overwrite. Name another file`);
}

/** Writes the report. Throws a `Failure` if that cannot be done. */
export async function writeReport(path: string, output: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new Failure('outside', `${output} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}

function configOf({ options, io }: Session): string | undefined {
  try {
    return findConfig(options.config, io.cwd);
  } catch {
    // There are several; none of them is read.
    return undefined;
  }
}

/** Whether two paths lead to one file, by whatever links. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  return one === other || (a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev);
}

const FIRST_BYTES = 65_536;

/** Whether a file begins with a usage record. A program's log does not tell its path. */
function holdsUsage(path: string): boolean {
  try {
    if (!statSync(path).isFile()) return false;
    const [line = ''] = beginningOf(path).trimStart().split('\n');
    const first: unknown = JSON.parse(line);
    return typeof first === 'object' && first !== null && ['id', 'at', 'team', 'costNanos'].every((field) => field in first);
  } catch {
    return false;
  }
}

function beginningOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(FIRST_BYTES);
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, FIRST_BYTES, 0));
  } finally {
    closeSync(file);
  }
}
