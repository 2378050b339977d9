// The only place that checks a governance as people write it. Everything behind it may rely on what it has let through.

import * as z from 'zod/mini';
import { systemClock } from './clock';
import { type ConfigIssue, GovernanceConfigError } from './errors';
import { isTimeZone } from './budget/window';
import type { BudgetOptions, Governance, RuleOptions } from './governance';
import { MAX_NANOS, NANOS_PER_USD } from './money';
import { type PriceBook, type PriceRow, isPriced } from './price/price-book';
import { groqPrices } from './price/groq-prices';
import { matcher } from './settings';

const MAX_USD = Math.floor(MAX_NANOS / NANOS_PER_USD);

const shown = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value.slice(0, 60))
    : typeof value === 'object' || typeof value === 'function'
      ? typeof value
      : `${value as number}`;
const expected = (what: string) => (issue: { readonly input?: unknown }) =>
  `Expected ${what}, got ${shown(issue.input)} (${issue.input === null ? 'null' : typeof issue.input})`;

const number = (what: string, holds: (value: number) => boolean): z.ZodMiniType<number> =>
  z.custom<number>((value) => typeof value === 'number' && holds(value), { error: expected(what) });
const string = (what: string, holds: (value: string) => boolean = (value) => value !== ''): z.ZodMiniType<string> =>
  z.custom<string>((value) => typeof value === 'string' && holds(value), { error: expected(what) });
const oneOf = (...values: readonly string[]): z.ZodMiniType<string> =>
  string(values.map((value) => `'${value}'`).join(' or '), (value) => values.includes(value));
const members = (what: string, ...names: readonly string[]): z.ZodMiniType =>
  z.custom(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      names.every((name) => name in value && typeof Reflect.get(value, name) === 'function'),
    {
      error: expected(`${what}, an object with ${names.join(', ')}`),
    },
  );

const usd = number(`an amount in USD from 0 to ${MAX_USD}`, (value) => value >= 0 && value <= MAX_USD);
const count = number('a whole number of 0 or more', (value) => Number.isSafeInteger(value) && value >= 0);
const positive = number('a whole number of 1 or more', (value) => Number.isSafeInteger(value) && value >= 1);
const positiveOrInfinity = number(
  'a whole number of 1 or more, or Infinity',
  (value) => value === Infinity || (Number.isSafeInteger(value) && value >= 1),
);
const duration = number('milliseconds, a number of 1 or more', (value) => Number.isFinite(value) && value >= 1);
const durationOrInfinity = number('milliseconds, a number of 0 or more, or Infinity', (value) => value >= 0);
const names = z.array(string('a name that is not empty'), { error: expected('a list of names') });

const period = z.custom(
  (value) =>
    value === 'day' ||
    value === 'week' ||
    value === 'month' ||
    (typeof value === 'object' &&
      value !== null &&
      duration.safeParse(Reflect.get(value, 'rollingMs')).success &&
      Object.keys(value).length === 1),
  { error: expected("'day', 'week', 'month' or { rollingMs: milliseconds }") },
);
const per = oneOf('team', 'user', 'key', 'model');
const perOrTag = z.custom(
  (value) =>
    per.safeParse(value).success ||
    (typeof value === 'object' &&
      value !== null &&
      typeof Reflect.get(value, 'tag') === 'string' &&
      Reflect.get(value, 'tag') !== ''),
  { error: expected("'team', 'user', 'key', 'model' or { tag: name }") },
);

const budget = z.strictObject({
  limitUsd: usd,
  window: period,
  per: z.optional(perOrTag),
  soft: z.optional(z.boolean()),
  name: z.optional(string('a name that is not empty')),
});
const limit = z.strictObject({
  kind: oneOf('requests', 'tokens', 'inputTokens', 'outputTokens', 'audioSeconds'),
  max: count,
  windowMs: duration,
  per: z.optional(per),
});

const rules = {
  allowedModels: z.optional(names),
  deniedModels: z.optional(names),
  maxTokensPerRequest: z.optional(positive),
  defaultMaxTokens: z.optional(positive),
  clampToBudget: z.optional(z.boolean()),
  allowedTools: z.optional(names),
  allowedServiceTiers: z.optional(names),
  monthlyBudgetUsd: z.optional(usd),
  budgets: z.optional(z.array(budget)),
  alertsAt: z.optional(
    z.array(number('a share of the budget above 0, e.g. 0.8', (value) => value > 0 && Number.isFinite(value))),
  ),
  alertsAtUsd: z.optional(z.array(usd)),
  rateLimitRPM: z.optional(count),
  rateLimitRPD: z.optional(count),
  rateLimitTPM: z.optional(count),
  rateLimitTPD: z.optional(count),
  rateLimitITPM: z.optional(count),
  rateLimitOTPM: z.optional(count),
  rateLimitASH: z.optional(count),
  rateLimitASD: z.optional(count),
  limits: z.optional(z.array(limit)),
  concurrency: z.optional(positiveOrInfinity),
};
const organization = z.strictObject(rules);
const team = z.strictObject({
  ...rules,
  priority: z.optional(number('a finite number', Number.isFinite)),
  weight: z.optional(number('a number above 0', (value) => value > 0 && Number.isFinite(value))),
});

const governanceShape = z.strictObject({
  teams: z.optional(z.unknown()),
  organization: z.optional(organization),
  defaultTeam: z.optional(string('the name of a team')),
  policies: z.optional(z.array(members('a policy', 'check'))),
  budgetStore: z.optional(members('a BudgetStore', 'reserve', 'settle', 'read')),
  rateLimiter: z.optional(members('a RateLimiter', 'acquire')),
  usageLog: z.optional(members('a UsageLog', 'record', 'summarize')),
  prices: z.optional(members('a PriceBook', 'price')),
  unpricedModels: z.optional(
    z.custom((value) => value === 'deny' || (typeof value === 'object' && value !== null && isPriced(value as PriceRow)), {
      error: expected("'deny' or a price row with inputPerMillionUsd and outputPerMillionUsd"),
    }),
  ),
  keys: z.optional(members('a KeyProvider', 'key')),
  mode: z.optional(oneOf('enforce', 'observe')),
  onStoreFailure: z.optional(oneOf('deny', 'allow')),
  allowOperations: z.optional(z.array(string("'POST /path'", (value) => /^[A-Z]+ \/\S*$/.test(value)))),
  timeZone: z.optional(string("an IANA time zone, e.g. 'Europe/Berlin'", isTimeZone)),
  holdTimeoutMs: z.optional(duration),
  queueTimeoutMs: z.optional(durationOrInfinity),
  maxQueueSize: z.optional(
    number(
      'a whole number of 0 or more, or Infinity',
      (value) => value === Infinity || (Number.isSafeInteger(value) && value >= 0),
    ),
  ),
  maxRetryAfterMs: z.optional(durationOrInfinity),
  clock: z.optional(members('a Clock', 'now', 'sleep')),
});

/**
 * Checks a governance and returns it, with the names of its teams as types. Throws a `GovernanceConfigError` that lists every
 * mistake with its path and what to write instead.
 */
export function defineGovernance<const Team extends string>(governance: Governance<Team>): Governance<Team> {
  const issues = governanceIssues(governance);
  if (issues.length > 0) throw new GovernanceConfigError(issues);
  return governance;
}

/** Every mistake in a governance, in the order of its fields. */
export function governanceIssues(governance: unknown): ConfigIssue[] {
  const strange = strangeObjects(governance);
  if (strange.length > 0) return strange;
  const shape = governanceShape.safeParse(governance);
  if (!shape.success) return [...issuesOf('', governanceShape, governance), ...teamIssues(governance)];
  const checked = governance as Governance;
  const issues = teamIssues(governance);
  if (issues.length > 0) return issues;
  const { teams = {}, defaultTeam } = checked;
  if (defaultTeam !== undefined && !Object.hasOwn(teams, defaultTeam))
    issues.push({ path: 'defaultTeam', message: `Expected one of the teams, got ${shown(defaultTeam)}` });
  if (checked.organization) issues.push(...ruleIssues('organization', checked.organization, checked));
  for (const [name, options] of Object.entries(teams)) issues.push(...ruleIssues(`teams.${name}`, options, checked));
  return issues;
}

// A promise or a map has no fields to find fault with, and would pass for an empty object: for no rules at all.
function strangeObjects(governance: unknown): ConfigIssue[] {
  if (typeof governance !== 'object' || governance === null) return [];
  const { teams, organization: shared } = governance as { teams?: unknown; organization?: unknown };
  const parts: (readonly [path: string, part: unknown])[] = [
    ['', governance],
    ['teams', teams],
    ['organization', shared],
  ];
  if (isPlain(teams)) for (const [name, options] of Object.entries(teams as object)) parts.push([`teams.${name}`, options]);
  return parts
    .filter(([, part]) => typeof part === 'object' && part !== null && !Array.isArray(part) && !isPlain(part))
    .map(([path]) => ({ path, message: 'Expected a plain object. Is an await missing?' }));
}

function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm have another Object.prototype, which is the end of its chain all the same.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function teamIssues(governance: unknown): ConfigIssue[] {
  const teams: unknown = typeof governance === 'object' && governance !== null ? Reflect.get(governance, 'teams') : undefined;
  if (teams === undefined) return [];
  if (typeof teams !== 'object' || teams === null || Array.isArray(teams))
    return [{ path: 'teams', message: `Expected a record of teams by name, got ${shown(teams)}` }];
  return Object.entries(teams).flatMap(([name, options]) =>
    name === ''
      ? [{ path: 'teams', message: 'A team needs a name that is not empty' }]
      : issuesOf(`teams.${name}`, team, options),
  );
}

function issuesOf(prefix: string, schema: z.ZodMiniType, value: unknown): ConfigIssue[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const path = [prefix, ...issue.path.map(String)].filter((part) => part !== '').join('.');
    if (issue.code !== 'unrecognized_keys')
      return [
        { path, message: issue.message.startsWith('Expected') ? issue.message : `${issue.message}, got ${shown(value)}` },
      ];
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      message: `Unknown field.${suggestion(key, schema)}`,
    }));
  });
}

function suggestion(key: string, schema: z.ZodMiniType): string {
  const known = schema instanceof z.ZodMiniObject ? Object.keys(schema.shape) : [];
  const near =
    known.find((name) => name.toLowerCase() === key.toLowerCase()) ?? known.find((name) => letters(name) === letters(key));
  return near === undefined ? ` Known fields: ${known.join(', ')}` : ` Did you mean ${near}?`;
}

const letters = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z]/g, '')
    .split('')
    .sort()
    .join('');

const binding = z.strictObject({
  team: z.optional(z.custom<string>((value) => typeof value === 'string', { error: expected('the name of a team') })),
  user: z.optional(string('the name of a user')),
  tags: z.optional(z.record(z.string(), z.string({ error: expected('a tag value that is text') }))),
  priority: z.optional(number('a finite number', Number.isFinite)),
});

/** Checks whom a client speaks for. Throws a `GovernanceConfigError` on values of the wrong kind; teams are looked up later. */
export function checkBinding(value: unknown): void {
  const issues = issuesOf('', binding, value);
  if (issues.length > 0) throw new GovernanceConfigError(issues);
}

const PERIOD_ORDER = { day: 0, week: 1, month: 2 } as const;

function ruleIssues(path: string, options: RuleOptions, governance: Governance): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const prices = governance.prices ?? groqPrices;
  const unpriced = governance.unpricedModels ?? 'deny';
  const at = (governance.clock ?? systemClock).now();
  if (unpriced === 'deny') {
    options.allowedModels?.forEach((pattern, index) => {
      if (!hasPrice(pattern, prices, at)) {
        issues.push({
          path: `${path}.allowedModels.${index}`,
          message: `${shown(pattern)} has no price in price book ${prices.version}, so every call would be refused. Add one with priceBook({ base: groqPrices, overrides: { … } })`,
        });
      }
    });
  }
  issues.push(...budgetIssues(path, options));
  if (options.alertsAtUsd !== undefined && options.monthlyBudgetUsd === undefined) {
    issues.push({ path: `${path}.alertsAtUsd`, message: 'Needs monthlyBudgetUsd: the amounts are of the monthly budget' });
  }
  return issues;
}

function hasPrice(pattern: string, prices: PriceBook, at: number): boolean {
  if (!pattern.includes('*')) return prices.price(pattern, at) !== undefined;
  const models = prices.models?.();
  const matches = matcher([pattern]);
  return models === undefined || models.some((model) => matches(model) && prices.price(model, at) !== undefined);
}

function budgetIssues(path: string, { monthlyBudgetUsd, budgets = [] }: RuleOptions): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const hard: (BudgetOptions & { readonly at: string })[] = budgets.map((entry, index) => ({
    ...entry,
    at: `${path}.budgets.${index}`,
  }));
  if (monthlyBudgetUsd !== undefined)
    hard.push({ limitUsd: monthlyBudgetUsd, window: 'month', at: `${path}.monthlyBudgetUsd` });
  for (const short of hard) {
    for (const long of hard) {
      if (short.soft || long.soft || typeof short.window !== 'string' || typeof long.window !== 'string') continue;
      if (JSON.stringify(short.per ?? 'team') !== JSON.stringify(long.per ?? 'team')) continue;
      if (PERIOD_ORDER[short.window] < PERIOD_ORDER[long.window] && short.limitUsd > long.limitUsd) {
        issues.push({
          path: `${short.at}.limitUsd`,
          message: `A ${short.window} budget of $${short.limitUsd} is above the ${long.window}'s $${long.limitUsd} (${long.at}). Lower it, or raise the other`,
        });
      }
    }
  }
  const seen = new Set<string>();
  for (const { name, at } of hard) {
    if (name !== undefined && seen.has(name))
      issues.push({ path: `${at}.name`, message: `Another budget has the name ${shown(name)} already` });
    if (name !== undefined) seen.add(name);
  }
  return issues;
}
