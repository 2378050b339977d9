// Configurations that are programs: run, and asked for what they export.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Failure, isConfigError, messageOf } from './failure';
import type { Io } from './io';

const TYPESCRIPT = new Set(['.ts', '.mts', '.cts']);
// What Node says of TypeScript that it cannot merely strip of its types, and of imports that only a bundler understands.
const BEYOND_STRIPPING = new Set(['ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', 'ERR_MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT']);

const CHECK_MS = 5000;

type Runtime = Pick<Io, 'importsTypeScript' | 'programPath' | 'nodePath'>;

/** The default export of a program file. Throws a `Failure` on one that cannot be run, or exports nothing by default. */
export async function importConfig(path: string, shown: string, runtime: Runtime): Promise<unknown> {
  let module: unknown;
  try {
    module = await load(path, shown, runtime);
  } catch (error) {
    throw failedToLoad(error, path, shown, runtime);
  }
  return defaultOf(module, shown);
}

async function load(path: string, shown: string, { importsTypeScript, programPath }: Runtime): Promise<unknown> {
  const url = pathToFileURL(path).href;
  if (!TYPESCRIPT.has(extname(path))) return import(url);
  const jiti = [path, programPath].map(jitiBeside).find((found) => found !== undefined);
  if (importsTypeScript) {
    try {
      return await import(url);
    } catch (error) {
      if (jiti === undefined || !BEYOND_STRIPPING.has(codeOf(error))) throw error;
    }
  }
  if (jiti === undefined) {
    throw new Failure(
      'usage',
      `${shown} is TypeScript, which this runtime does not read by itself. Run npm install --save-dev jiti, use Node 22.18 or later, or write the configuration in JavaScript, JSON or YAML`,
    );
  }
  // A copy of it on the disk would be one more place for what it holds.
  const module = await jiti(path, { fsCache: false }).import(path);
  // What it translated has its mark; `module.exports` is handed out as it is.
  return isObject(module) && !('__esModule' in module) && !('default' in module) ? { default: module } : module;
}

type JitiMaker = (path: string, options: { readonly fsCache: boolean }) => Jiti;

interface Jiti {
  import(path: string): Promise<unknown>;
}

function jitiBeside(path: string): JitiMaker | undefined {
  try {
    const { createJiti } = createRequire(path)('jiti') as { readonly createJiti: JitiMaker };
    return createJiti;
  } catch {
    return undefined;
  }
}

function failedToLoad(error: unknown, path: string, shown: string, { nodePath }: Runtime): Failure {
  if (error instanceof Failure) return error;
  if (isConfigError(error))
    return new Failure('configuration', `${shown}: the governance is not valid`, { cause: error, issues: error.issues });
  const place = lineIn(path, error) || syntaxErrorLine(path, error, nodePath);
  return new Failure('configuration', `${shown}${place}: ${messageOf(error)}`, { cause: error });
}

/** Where in the file it went wrong, as far as the stack tells. */
function lineIn(path: string, error: unknown): string {
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : '';
  for (const name of [pathToFileURL(path).href, path]) {
    const start = stack.indexOf(`${name}:`);
    const line = start < 0 ? undefined : /^\d+/.exec(stack.slice(start + name.length + 1))?.[0];
    if (line !== undefined) return `:${line}`;
  }
  return '';
}

/** The same of a syntax error in a module, of which Node tells the line only where nobody catches it. */
function syntaxErrorLine(path: string, error: unknown, nodePath: string | undefined): string {
  if (nodePath === undefined || !(error instanceof SyntaxError) || TYPESCRIPT.has(extname(path))) return '';
  try {
    const check = ['--input-type=module', '--check', '-'];
    const { stderr } = spawnSync(nodePath, check, { input: readFileSync(path), encoding: 'utf8', timeout: CHECK_MS });
    const line = /^\[stdin\]:(\d+)$/m.exec(stderr)?.[1];
    return line === undefined ? '' : `:${line}`;
  } catch {
    return '';
  }
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

function defaultOf(module: unknown, shown: string): unknown {
  let value = module;
  // A module that was translated to CommonJS has its default export one level deeper.
  for (let depth = 0; depth < 2; depth++) {
    if (!isObject(value) || !('default' in value) || (depth > 0 && !('__esModule' in value))) break;
    value = value['default'];
  }
  const isNothing = value === undefined || (isObject(value) && value === module);
  if (!isNothing && !isEmptyExports(value)) return value;
  const names = isObject(module)
    ? Object.keys(module)
        .filter((name) => name !== 'default' && name !== 'module.exports')
        .sort()
    : [];
  throw new Failure(
    'configuration',
    `${shown} has no default export${names.length > 0 ? `, only ${names.join(', ')}` : ''}. Write export default (or module.exports =) a governance, a Governor, { governance }, or a function that returns one of these`,
  );
}

// What `require` gives of a file that exports nothing.
const isEmptyExports = (value: unknown): boolean =>
  isObject(value) && Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
