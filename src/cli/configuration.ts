import { DATA_FILE } from '../config-text';
import type { ConfigIssue } from '../errors';
import type { Governance } from '../governance';
import { Governor } from '../governor';
import type { KeyProvider } from '../keys/key-provider';
import { isProvider, providerOf } from '../keys/keys-option';
import { governanceIssues } from '../options';
import { importConfig } from './config-module';
import { shownPath } from './config-find';
import { readDataFile } from './data-file';
import { Failure, failureOf, isConfigError } from './failure';
import type { Io } from './io';

/** What stands in a configuration file; its rules are as yet unchecked. */
export interface RawConfiguration {
  /** As it is shown. */
  readonly file: string;
  /** The rules as they are written; undefined if the file gives a Governor that does not tell them. */
  readonly rules: unknown;
  /** What has been found wrong with them already. */
  readonly issues: readonly ConfigIssue[];
  /** The file's own, made of these rules. */
  readonly governor: Governor | undefined;
  /** Where a path of the rules is written, counted from 1; undefined in programs. */
  readonly lineOf: (path: string) => number | undefined;
  /** The file of its usage log, as far as it is known; absolute. */
  readonly logPath: string | undefined;
  /** The file's own way to end what it opened. */
  readonly close: (() => unknown) | undefined;
}

/** A configuration that can be worked with. */
export interface Configuration extends RawConfiguration {
  readonly governance: Governance | undefined;
  readonly governor: Governor;
  /** Those of the rules, as the governor asks it. */
  readonly keys: KeyProvider | undefined;
}

/** A mistake, with its line if the file is data. */
export interface PlacedIssue extends ConfigIssue {
  readonly line?: number | undefined;
}

type World = Pick<Io, 'cwd' | 'clock' | 'importsTypeScript' | 'programPath' | 'nodePath'>;

/** Reads a configuration. Throws a `Failure` on a file that holds none. */
export async function readConfiguration(path: string, world: World): Promise<RawConfiguration> {
  const file = shownPath(path, world.cwd);
  if (DATA_FILE.test(path)) return { ...(await readDataFile(path, file)), file, governor: undefined, close: undefined };
  const value = await called(await importConfig(path, file, world), file);
  return { ...partsOf(value, file), file, issues: [], lineOf: () => undefined, logPath: undefined };
}

/** Checks the rules and makes a governor of them. Throws a `Failure` that lists what is wrong. */
export function checkedConfiguration(raw: RawConfiguration, { clock }: World): Configuration {
  const { rules, issues: found, governor, file, lineOf } = raw;
  if (governor !== undefined) {
    const known = rules as Governance | undefined;
    // What the governor itself makes of a list of keys is its own.
    const keys = known?.keys && isProvider(known.keys) ? known.keys : undefined;
    return { ...raw, governor, governance: known, keys };
  }
  const governance = rules as Governance;
  const issues = [...found, ...governanceIssues(governance)];
  if (issues.length > 0) throw invalid(file, issues, lineOf);
  try {
    const keys = governance.keys && providerOf(governance.keys, { clock: governance.clock ?? clock });
    return { ...raw, governance, keys, governor: new Governor({ clock, ...governance, ...(keys && { keys }) }) };
  } catch (error) {
    throw isConfigError(error) ? invalid(file, error.issues, lineOf) : error;
  }
}

function invalid(file: string, issues: readonly ConfigIssue[], lineOf: RawConfiguration['lineOf']): Failure {
  const placed = issues.map((issue): PlacedIssue => ({ ...issue, line: lineOf(issue.path) }));
  return new Failure('configuration', `${file} is not a valid governance`, { issues: placed });
}

async function called(value: unknown, file: string): Promise<unknown> {
  try {
    return await (typeof value === 'function' ? (value as () => unknown)() : value);
  } catch (error) {
    const { issues } = failureOf(error);
    const failure = failureOf(error);
    throw new Failure('configuration', `${file}: ${failure.message}`, { cause: error, ...(issues && { issues }) });
  }
}

type Parts = Pick<RawConfiguration, 'rules' | 'governor' | 'close'>;

function partsOf(value: unknown, file: string): Parts {
  const nothing = { governor: undefined, close: undefined };
  if (isGovernor(value)) return { ...nothing, rules: rulesOf(value), governor: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notOne(file, value);
  if (!('governance' in value || 'governor' in value)) return { ...nothing, rules: value };
  const { governance, governor, close } = value as { governance?: unknown; governor?: unknown; close?: unknown };
  const made = [governor, governance].find(isGovernor);
  const rules = isGovernor(governance) ? undefined : governance;
  if (made === undefined && (typeof rules !== 'object' || rules === null)) throw notOne(file, rules);
  return {
    rules: rules ?? (made && rulesOf(made)),
    governor: made,
    close: typeof close === 'function' ? () => Reflect.apply(close, value, []) as unknown : undefined,
  };
}

const notOne = (file: string, value: unknown): Failure =>
  new Failure(
    'configuration',
    `${file}: expected a governance, a Governor, { governance }, or a function that returns one of these, got ${Array.isArray(value) ? 'a list' : value === null ? 'null' : typeof value}`,
  );

// Governors brand themselves, since one of the package's other copy is no instance of this one's class.
const BRAND = Symbol.for('governed-groq.governor');

const isGovernor = (value: unknown): value is Governor => typeof value === 'object' && value !== null && BRAND in value;

/** The rules behind a governor, if its version tells them. */
const rulesOf = (governor: Governor): unknown => Reflect.get(governor, 'governance');
