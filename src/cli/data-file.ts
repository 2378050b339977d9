// Configurations that are data: what `governanceFromFile` makes of them, and as much of it as can be had where that refuses.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseConfig } from '../config-text';
import type { ConfigIssue } from '../errors';
import { governanceFromFile } from '../governance-file';
import { governanceIssues } from '../options';
import { groqPrices } from '../price/groq-prices';
import { type PriceRow, priceBook } from '../price/price-book';
import { jsonlUsageLog } from '../usage/jsonl';
import { configLines } from './config-lines';
import { Failure, isConfigError, messageOf } from './failure';

/** What stands in a file of data. */
export interface DataFile {
  /** With the objects that its plain forms mean; as yet unchecked. */
  readonly rules: unknown;
  /** What is wrong with the plain forms, and so left out of the rules. */
  readonly issues: readonly ConfigIssue[];
  /** Where a path of the rules is written, counted from 1. */
  readonly lineOf: (path: string) => number | undefined;
  /** The file that its `usageLog: { jsonl }` names; absolute. */
  readonly logPath: string | undefined;
}

/** Reads a file of data; `shown` is its name in messages. Throws a `Failure` if it cannot be read, or is no JSON or YAML. */
export async function readDataFile(path: string, shown: string): Promise<DataFile> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Failure('usage', `${shown} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const written = parsed(text, shown);
  return { ...rulesOf(path, written), lineOf: configLines(text), logPath: logPathOf(written) };
}

function parsed(text: string, shown: string): unknown {
  try {
    const written = parseConfig(text, shown);
    // An empty file is not a governance without rules, but one that somebody has yet to write.
    if (written === undefined || written === null) throw new Failure('configuration', `${shown} is empty`);
    return written;
  } catch (error) {
    if (!isConfigError(error)) throw error;
    throw new Failure('configuration', error.issues.map((issue) => `${issue.path}: ${issue.message}`).join('\n'), {
      cause: error,
    });
  }
}

type Rules = Pick<DataFile, 'rules' | 'issues'>;

function rulesOf(path: string, written: unknown): Rules {
  try {
    const governance = governanceFromFile(path);
    // A list of keys stays one: who makes a registry of it decides on the clock, and problems are told with their places in it.
    return { rules: isRecord(written) && written['keys'] ? { ...governance, keys: written['keys'] } : governance, issues: [] };
  } catch (error) {
    if (!isConfigError(error)) throw error;
    const own = soundForms(written);
    const isTold = own.issues.length > 0 || governanceIssues(own.rules).length > 0;
    return isTold ? own : { ...own, issues: error.issues };
  }
}

const FORMS: readonly (readonly [field: string, make: (written: Readonly<Record<string, unknown>>) => unknown])[] = [
  ['prices', ({ overrides, version }) => pricesOf(overrides as Readonly<Record<string, PriceRow>> | undefined, version)],
  ['usageLog', ({ jsonl }) => jsonlUsageLog(jsonl as string)],
];
const MEMBERS: Readonly<Record<string, readonly string[]>> = { prices: ['overrides', 'version'], usageLog: ['jsonl'] };

const pricesOf = (overrides: Readonly<Record<string, PriceRow>> = {}, version: unknown): unknown =>
  priceBook({ base: groqPrices, overrides, ...(typeof version === 'string' && { version }) });

/** The rules without those plain forms that nothing can be made of. */
function soundForms(written: unknown): Rules {
  if (!isRecord(written)) return { rules: written, issues: [] };
  const rules: Record<string, unknown> = { ...written };
  const issues: ConfigIssue[] = [];
  for (const [field, make] of FORMS) {
    const form = written[field];
    if (form === undefined) continue;
    delete rules[field];
    const known = MEMBERS[field] ?? [];
    try {
      if (!isRecord(form)) throw new TypeError(`Expected { ${known.join(', ')} }`);
      const unknown = Object.keys(form).find((name) => !known.includes(name));
      if (unknown !== undefined)
        issues.push({ path: `${field}.${unknown}`, message: `Unknown field. Known: ${known.join(', ')}` });
      rules[field] = make(form);
    } catch (error) {
      issues.push({ path: field, message: messageOf(error) });
    }
  }
  return { rules, issues };
}

function logPathOf(written: unknown): string | undefined {
  const log = isRecord(written) ? written['usageLog'] : undefined;
  return isRecord(log) && typeof log['jsonl'] === 'string' ? resolve(log['jsonl']) : undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
