// Checks of the fields of an object that somebody wrote. What is wrong is told with its path, and without the value where that
// could be a secret.

import type { ConfigIssue } from '../errors';

/** What a field must be, in words, and whether a value is that. */
export interface Expectation {
  readonly what: string;
  holds(value: unknown): boolean;
}

/** An object's fields; a check of a field that is more than one value adds issues of its own. */
export type FieldChecks = Readonly<Record<string, Expectation | ((path: string, value: unknown) => readonly ConfigIssue[])>>;

/** The issues of an object's fields. Fields that are undefined are as good as missing. */
export function fieldIssues(path: string, value: object, checks: FieldChecks): ConfigIssue[] {
  return Object.entries(value).flatMap(([field, given]: [string, unknown]) => {
    const at = `${path}.${field}`;
    const check = Object.hasOwn(checks, field) ? checks[field] : undefined;
    if (check === undefined) return [{ path: at, message: unknownField(field, Object.keys(checks)) }];
    if (given === undefined) return [];
    return typeof check === 'function' ? check(at, given) : expectationIssues(at, given, check);
  });
}

/** One issue if the value is not what is expected. */
export function expectationIssues(path: string, value: unknown, expected: Expectation): ConfigIssue[] {
  return expected.holds(value) ? [] : [{ path, message: `Expected ${expected.what}, got ${described(value)}` }];
}

/** The issues of the members of a list. */
export function listIssues(
  path: string,
  value: unknown,
  what: string,
  each: (path: string, member: unknown) => readonly ConfigIssue[],
): ConfigIssue[] {
  if (!Array.isArray(value)) return [{ path, message: `Expected ${what}, got ${kindOf(value)}` }];
  return value.flatMap((member: unknown, index) => each(`${path}.${index}`, member));
}

/** What kind of value it is, in words, and nothing of the value. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === '') return 'an empty text';
  if (value instanceof Promise) return 'a promise (is an await missing?)';
  return Array.isArray(value) ? 'a list' : typeof value;
}

// Texts are told by their kind alone: one may be a secret in the wrong place.
function described(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? `${value} (${typeof value})` : kindOf(value);
}

function unknownField(field: string, known: readonly string[]): string {
  const near = known.find((name) => name.toLowerCase() === field.toLowerCase());
  return `Unknown field.${near === undefined ? ` Known fields: ${known.join(', ')}` : ` Did you mean ${near}?`}`;
}
