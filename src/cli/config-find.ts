import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Failure } from './failure';

const NAMES = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json', 'yaml', 'yml'].map((ending) => `governed-groq.config.${ending}`);

/**
 * The configuration file: the one named, else the one in the current folder or the nearest above it, up to the folder of the
 * project's `package.json`. Undefined if there is none; throws a `Failure` if the one named does not exist or there are several.
 */
export function findConfig(named: string | undefined, cwd: string): string | undefined {
  if (named !== undefined) return namedConfig(named, cwd);
  for (let folder = cwd; ; folder = dirname(folder)) {
    const found = configsIn(folder);
    if (found.length > 1)
      throw new Failure('usage', `There are several configurations in ${folder}: ${found.join(', ')}. Name one with --config`);
    if (found[0] !== undefined) return join(folder, found[0]);
    if (existsSync(join(folder, 'package.json')) || folder === dirname(folder)) return undefined;
  }
}

/** What to say where a configuration is needed and there is none. */
export function noConfig(cwd: string): Failure {
  return new Failure(
    'usage',
    `There is no configuration: no governed-groq.config.{ts,js,mjs,cjs,json,yaml} in ${cwd} or above, up to its package.json. Name a file with --config`,
  );
}

function namedConfig(named: string, cwd: string): string {
  const path = resolve(cwd, named);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new Failure('usage', `There is no file ${named}`);
  if (stats.isDirectory()) throw new Failure('usage', `${named} is a folder. Name the file of a configuration`);
  return path;
}

function configsIn(folder: string): string[] {
  try {
    const files = new Set(readdirSync(folder));
    return NAMES.filter((name) => files.has(name));
  } catch {
    // A folder above that may not be read holds nothing for us.
    return [];
  }
}

/** A path as it is shown: short, where it lies below the current folder. */
export function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}
