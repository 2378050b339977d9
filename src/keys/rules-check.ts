// The limits and budgets of a key, as they are written.

import type { ConfigIssue } from '../errors';
import type { BudgetOptions } from '../governance';
import { MAX_NANOS, NANOS_PER_USD } from '../money';
import { type Expectation, type FieldChecks, expectationIssues, fieldIssues, kindOf, listIssues } from './field-check';
import { isPlain } from '../plain';
import type { KeyRules } from './key-provider';

const MAX_USD = Math.floor(MAX_NANOS / NANOS_PER_USD);

const isNumber = (value: unknown): value is number => typeof value === 'number';
const count: Expectation = {
  what: 'a whole number of 0 or more',
  holds: (value) => isNumber(value) && Number.isSafeInteger(value) && value >= 0,
};
const usd: Expectation = {
  what: `an amount in USD from 0 to ${MAX_USD}`,
  holds: (value) => isNumber(value) && value >= 0 && value <= MAX_USD,
};
const share: Expectation = {
  what: 'a share of the budget above 0 and up to 10, e.g. 0.8 for 80 %',
  holds: (value) => isNumber(value) && value > 0 && value <= 10,
};
const period: Expectation = {
  what: "'day', 'week', 'month' or { rollingMs: milliseconds }",
  holds: (value) => value === 'day' || value === 'week' || value === 'month' || isRolling(value),
};
const per: Expectation = {
  what: "'team', 'user', 'key', 'model' or { tag: name }",
  holds: (value) => ['team', 'user', 'key', 'model'].includes(value as string) || isTag(value),
};

const BUDGET_CHECKS = {
  limitUsd: usd,
  window: period,
  per,
  soft: { what: 'true or false', holds: (value) => typeof value === 'boolean' },
  name: { what: 'a name that is not empty', holds: (value) => typeof value === 'string' && value !== '' },
} satisfies Record<keyof BudgetOptions, Expectation>;

const model: Expectation = {
  what: 'the name of a model',
  holds: (value) => typeof value === 'string' && value !== '',
};

/** What each rule of a key must be. */
export const RULE_CHECKS = {
  allowedModels: (path: string, value: unknown) =>
    listIssues(path, value, 'a list of models', (at, member) => expectationIssues(at, member, model)),
  rateLimitRPM: count,
  rateLimitTPM: count,
  monthlyBudgetUsd: usd,
  budgets: (path: string, value: unknown) => listIssues(path, value, 'a list of budgets', budgetIssues),
  alertsAt: (path: string, value: unknown) =>
    listIssues(path, value, 'a list of shares of the budget', (at, member) => expectationIssues(at, member, share)),
} satisfies FieldChecks & Record<keyof KeyRules, unknown>;

function budgetIssues(path: string, value: unknown): ConfigIssue[] {
  if (!isPlain(value))
    return [{ path, message: `Expected a budget, an object with limitUsd and window, got ${kindOf(value)}` }];
  const missing = ['limitUsd', 'window'].filter((field) => Reflect.get(value, field) === undefined);
  return [
    ...missing.map((field) => ({ path: `${path}.${field}`, message: 'Is missing' })),
    ...fieldIssues(path, value, BUDGET_CHECKS),
  ];
}

function isRolling(value: unknown): boolean {
  if (!isPlain(value) || Object.keys(value).length !== 1) return false;
  const ms: unknown = Reflect.get(value, 'rollingMs');
  return isNumber(ms) && Number.isFinite(ms) && ms >= 1;
}

function isTag(value: unknown): boolean {
  if (!isPlain(value)) return false;
  const tag: unknown = Reflect.get(value, 'tag');
  return typeof tag === 'string' && tag !== '';
}

/** The limits and budgets among an entry's fields; undefined if it has none. The entry has been checked. */
export function rulesOf(entry: KeyRules): KeyRules | undefined {
  const given = (Object.keys(RULE_CHECKS) as (keyof KeyRules)[]).filter((field) => entry[field] !== undefined);
  if (!given.some((field) => field !== 'alertsAt')) return undefined;
  return Object.freeze(structuredClone(Object.fromEntries(given.map((field) => [field, entry[field]]))));
}
