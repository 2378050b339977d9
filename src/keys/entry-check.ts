// The entries of a registry as people write them, checked. Everything behind may rely on what this has let through.

import type { ConfigIssue } from '../errors';
import { environmentVariable } from '../platform';
import { matcher } from '../wildcards';
import { type Expectation, type FieldChecks, fieldIssues, kindOf } from './field-check';
import { isPlain } from '../plain';
import { instantOf } from '../instant';
import { instantIssues } from './instant-check';
import type { KeyConfig, KeyEntry } from './key-entry';
import { parseKeyName } from './key-name';
import { RULE_CHECKS, rulesOf } from './rules-check';
import { type SecretOrigin, cleanSecret, secretOrigin, variableOf } from './secret-origin';

/** An entry that nothing is wrong with. */
export interface CheckedEntry {
  readonly config: KeyConfig;
  readonly origin: SecretOrigin;
}

const MAX_NAME_LENGTH = 200;
const SOURCES = 'a secret, the name of an environment variable, { env: name }, { file: path } or a function';

const text: Expectation = {
  what: 'text that is not empty',
  holds: (value) => typeof value === 'string' && value.trim() !== '',
};

const CHECKS = {
  name: { what: 'a name', holds: () => true },
  secret: { what: SOURCES, holds: () => true },
  team: text,
  environment: text,
  purpose: text,
  notBefore: instantIssues,
  retireAfter: instantIssues,
  ...RULE_CHECKS,
} satisfies FieldChecks & Record<keyof KeyEntry, unknown>;

/** Checks a list of entries, or a record of secrets by name. `environment` leaves out the keys of other environments. */
export function checkEntries(
  given: unknown,
  environment: string | undefined,
): { readonly entries: readonly CheckedEntry[]; readonly issues: readonly ConfigIssue[] } {
  if (!Array.isArray(given) && !isPlain(given)) {
    const message = `Expected a list of keys, or a record of secrets by name, got ${kindOf(given)}`;
    return { entries: [], issues: [{ path: 'keys', message }] };
  }
  const named: readonly (readonly [path: string, entry: unknown])[] = Array.isArray(given)
    ? given.map((entry: unknown, index) => [`keys.${index}`, entry])
    : Object.entries(given).map(([name, secret]: [string, unknown]) => [`keys.${shownName(name)}`, { name, secret }]);
  const entries: CheckedEntry[] = [];
  const issues: ConfigIssue[] = [];
  const names = new Set<string>();
  for (const [path, entry] of named) {
    const found = entryIssues(path, entry, environment);
    const name = isPlain(entry) ? (entry as { readonly name?: unknown }).name : undefined;
    if (typeof name === 'string' && name !== '' && names.has(name))
      found.push({ path: `${path}.name`, message: `Another key has the name ${JSON.stringify(shownName(name))} already` });
    if (typeof name === 'string') names.add(name);
    issues.push(...found);
    if (found.length === 0 && isMeant(entry as KeyEntry, environment)) entries.push(checkedEntry(entry as KeyEntry));
  }
  return { entries, issues };
}

/** What is wrong with an entry. The secret of a key of another environment need not be there. */
export function entryIssues(path: string, entry: unknown, environment?: string): ConfigIssue[] {
  if (!isPlain(entry)) return [{ path, message: `Expected a key, an object with name and secret, got ${kindOf(entry)}` }];
  const issues = nameIssues(`${path}.name`, Reflect.get(entry, 'name'));
  const elsewhere = issues.length === 0 && !isMeant(entry as KeyEntry, environment);
  const { secret, ...rest } = entry as { readonly secret?: unknown };
  if (!elsewhere) issues.push(...secretIssues(`${path}.secret`, secret));
  issues.push(...fieldIssues(path, rest, CHECKS));
  const { notBefore, retireAfter } = entry as KeyEntry;
  if (
    issues.length === 0 &&
    notBefore !== undefined &&
    retireAfter !== undefined &&
    instantOf(notBefore) >= instantOf(retireAfter)
  )
    issues.push({ path: `${path}.retireAfter`, message: 'Expected a time after notBefore, or the key is never used' });
  return issues;
}

/** Fills in what an entry leaves open. It has been checked. */
export function checkedEntry(entry: KeyEntry): CheckedEntry {
  const { name, secret, allowedModels, notBefore, retireAfter } = entry;
  const parts = parseKeyName(name);
  const team = entry.team ?? parts.team;
  const config: KeyConfig = {
    name,
    team: team === '*' ? undefined : team,
    environment: entry.environment ?? parts.environment,
    purpose: entry.purpose ?? parts.purpose,
    allowedModels: allowedModels && [...allowedModels],
    allows: allowedModels ? matcher(allowedModels) : () => true,
    notBefore: notBefore === undefined ? undefined : instantOf(notBefore),
    retireAfter: retireAfter === undefined ? undefined : instantOf(retireAfter),
    rules: rulesOf(entry),
  };
  return { config, origin: secretOrigin(secret) };
}

/** Whether a registry for an environment is to have the key. */
export function isMeant(entry: KeyEntry, environment: string | undefined): boolean {
  const own = entry.environment ?? parseKeyName(entry.name).environment;
  return environment === undefined || own === undefined || own === environment;
}

function nameIssues(path: string, name: unknown): ConfigIssue[] {
  if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME_LENGTH)
    return [
      {
        path,
        message: `Expected a name like 'chatbot-prod-web', up to ${MAX_NAME_LENGTH} characters long, got ${kindOf(name)}`,
      },
    ];
  if (isSecretLike(name))
    return [
      { path, message: "Expected a name like 'chatbot-prod-web', got what looks like a secret. Names are shown in reports" },
    ];
  // Names are written into logs and tables.
  if (name !== name.trim() || /\p{Cc}/u.test(name))
    return [{ path, message: "Expected a name like 'chatbot-prod-web', without white space around it or control characters" }];
  return [];
}

export const isSecretLike = (name: string): boolean => /^gsk_/i.test(name.trim());

/** A name as a message can show it: secrets are taken for names by mistake. */
export const shownName = (name: string): string => (isSecretLike(name) ? '(name)' : name.slice(0, MAX_NAME_LENGTH));

// Never says what was given, only of which kind it is.
function secretIssues(path: string, source: unknown): ConfigIssue[] {
  const issue = (message: string): ConfigIssue[] => [{ path, message }];
  const variable = variableOf(source);
  if (variable !== undefined) {
    if (variable === '') return issue('Expected the name of an environment variable, got an empty text');
    const value = environmentVariable(variable);
    if (value === undefined || value.trim() === '') return issue(`The environment variable ${variable} is not set`);
    return cleanSecret(value) === undefined ? issue(`The environment variable ${variable} holds ${UNSENDABLE}`) : [];
  }
  if (typeof source === 'function') return [];
  if (typeof source === 'string' && source.trim() !== '')
    return cleanSecret(source) === undefined ? issue(`Expected ${SOURCES}, got ${UNSENDABLE}`) : [];
  if (isPlain(source) && 'file' in source && typeof source.file === 'string' && source.file !== '') return [];
  const hint = source === undefined || source === '' ? '. Is an environment variable missing?' : '';
  return issue(`Expected ${SOURCES}, got ${kindOf(source)}${hint}`);
}

const UNSENDABLE = 'text with white space or other characters that no header can carry';
