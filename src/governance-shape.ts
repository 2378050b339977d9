// What a governance may be made of, field by field. Rules that look at several fields are in rule-check.ts.

import * as z from 'zod/mini';
import { isTimeZone } from './budget/window';
import type { ConfigIssue } from './errors';
import { instantOf } from './instant';
import { MAX_NANOS, NANOS_PER_USD } from './money';
import { type PriceRow, isPriced, priceBook } from './price/price-book';
import { isPlain } from './plain';
import { kindOf, shown } from './rule-check';

const MAX_USD = Math.floor(MAX_NANOS / NANOS_PER_USD);

const expected =
  (what: string) =>
  (issue: { readonly input?: unknown }): string =>
    `Expected ${what}, got ${shown(issue.input)} (${kindOf(issue.input)})`;
// Where an object belongs, a text may be an address or a key: that it is one is all that is told.
export const expectedObject =
  (what: string) =>
  (issue: { readonly input?: unknown }): string =>
    typeof issue.input === 'string' ? `Expected ${what}, got text` : expected(what)(issue);

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
      error: expectedObject(`${what}, an object with ${names.join(', ')}`),
    },
  );

const flag = z.boolean({ error: expected('true or false') });
const usd = number(`an amount in USD from 0 to ${MAX_USD}`, (value) => value >= 0 && value <= MAX_USD);
const count = number('a whole number of 0 or more', (value) => Number.isSafeInteger(value) && value >= 0);
const positive = number('a whole number of 1 or more', (value) => Number.isSafeInteger(value) && value >= 1);
const positiveOrInfinity = number(
  'a whole number of 1 or more, or Infinity',
  (value) => value === Infinity || (Number.isSafeInteger(value) && value >= 1),
);
const duration = number('milliseconds, a number of 1 or more', (value) => Number.isFinite(value) && value >= 1);
const durationOrInfinity = number('milliseconds, a number of 0 or more, or Infinity', (value) => value >= 0);
const names = z.array(string('a name that is not empty'), { error: expectedObject('a list of names') });

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

const budget = z.strictObject(
  {
    limitUsd: usd,
    window: period,
    per: z.optional(perOrTag),
    soft: z.optional(flag),
    name: z.optional(string('a name that is not empty')),
  },
  { error: expectedObject('a budget, an object with limitUsd and window') },
);
const limit = z.strictObject(
  {
    kind: oneOf('requests', 'tokens', 'inputTokens', 'outputTokens', 'audioSeconds'),
    max: count,
    windowMs: duration,
    per: z.optional(per),
  },
  { error: expectedObject('a limit, an object with kind, max and windowMs') },
);

const rules = {
  allowedModels: z.optional(names),
  deniedModels: z.optional(names),
  maxTokensPerRequest: z.optional(positive),
  defaultMaxTokens: z.optional(positive),
  clampToBudget: z.optional(flag),
  allowedTools: z.optional(names),
  allowedServiceTiers: z.optional(names),
  monthlyBudgetUsd: z.optional(usd),
  budgets: z.optional(z.array(budget, { error: expectedObject('a list of budgets') })),
  alertsAt: z.optional(
    z.array(
      number('a share of the budget above 0 and up to 10, e.g. 0.8 for 80 %', (value) => value > 0 && value <= 10),
      {
        error: expectedObject('a list of shares of the budget'),
      },
    ),
  ),
  alertsAtUsd: z.optional(z.array(usd, { error: expectedObject('a list of amounts in USD') })),
  rateLimitRPM: z.optional(count),
  rateLimitRPD: z.optional(count),
  rateLimitTPM: z.optional(count),
  rateLimitTPD: z.optional(count),
  rateLimitITPM: z.optional(count),
  rateLimitOTPM: z.optional(count),
  rateLimitASH: z.optional(count),
  rateLimitASD: z.optional(count),
  limits: z.optional(z.array(limit, { error: expectedObject('a list of limits') })),
  concurrency: z.optional(positiveOrInfinity),
};
const organization = z.strictObject(rules, { error: expectedObject('an object with rules') });
export const teamShape = z.strictObject(
  {
    ...rules,
    priority: z.optional(number('a finite number', Number.isFinite)),
    weight: z.optional(number('a number above 0', (value) => value > 0 && Number.isFinite(value))),
    keys: z.optional(names),
  },
  { error: expectedObject('an object with rules') },
);

const toolAllowance = z.strictObject(
  {
    uses: z.optional(
      number('a whole number from 0 to 10000', (value) => Number.isSafeInteger(value) && value >= 0 && value <= 10_000),
    ),
    secondsPerUse: z.optional(number('seconds, from 0 to 86400', (value) => value >= 0 && value <= 86_400)),
  },
  { error: expectedObject('an object with uses and secondsPerUse') },
);

const instant = z.custom<number | string>(
  (value) => (typeof value === 'number' || typeof value === 'string') && Number.isFinite(instantOf(value)),
  { error: expected("a time: epoch milliseconds, or ISO 8601 with a time zone, e.g. '2026-12-24T18:00:00Z'") },
);
const increase = z.strictObject(
  {
    budget: string('the name of a budget, e.g. chatbot/month'),
    byUsd: number(`an amount in USD above 0 and up to ${MAX_USD}`, (value) => value > 0 && value <= MAX_USD),
    until: instant,
    from: z.optional(instant),
    reason: z.optional(string('a text that is not empty')),
  },
  { error: expectedObject('an object with budget, byUsd and until') },
);
const callback = (what: string): z.ZodMiniType => z.custom((value) => typeof value === 'function', { error: expected(what) });

export const governanceShape = z.strictObject(
  {
    teams: z.optional(z.unknown()),
    organization: z.optional(organization),
    defaultTeam: z.optional(string('the name of a team')),
    policies: z.optional(z.array(members('a policy', 'check'), { error: expectedObject('a list of policies') })),
    budgetStore: z.optional(members('a BudgetStore', 'reserve', 'settle', 'read')),
    rateLimiter: z.optional(members('a RateLimiter', 'acquire')),
    usageLog: z.optional(members('a UsageLog', 'record', 'summarize')),
    prices: z.optional(members('a PriceBook', 'price')),
    toolAllowance: z.optional(toolAllowance),
    audioDuration: z.optional(callback('a function that returns seconds')),
    unpricedModels: z.optional(
      z.custom((value) => value === 'deny' || isPriceRow(value), {
        error: expected("'deny' or a price row with inputPerMillionUsd and outputPerMillionUsd"),
      }),
    ),
    keys: z.optional(z.unknown()),
    increases: z.optional(z.array(increase, { error: expectedObject('a list of increases') })),
    alerts: z.optional(
      z.array(callback('a function that takes an alert, e.g. of webhookAlerts()'), {
        error: expectedObject('a list of functions'),
      }),
    ),
    mode: z.optional(oneOf('enforce', 'observe')),
    onStoreFailure: z.optional(oneOf('deny', 'allow')),
    allowOperations: z.optional(
      z.array(
        string("'POST /path'", (value) => /^[A-Z]+ \/\S*$/.test(value)),
        { error: expectedObject("a list of 'POST /path'") },
      ),
    ),
    timeZone: z.optional(string("an IANA time zone, e.g. 'Europe/Berlin'", isTimeZone)),
    holdTimeoutMs: z.optional(duration),
    storeTimeoutMs: z.optional(duration),
    queueTimeoutMs: z.optional(durationOrInfinity),
    maxQueueSize: z.optional(
      number(
        'a whole number of 0 or more, or Infinity',
        (value) => value === Infinity || (Number.isSafeInteger(value) && value >= 0),
      ),
    ),
    maxRetryAfterMs: z.optional(durationOrInfinity),
    clock: z.optional(members('a Clock', 'now', 'sleep')),
  },
  { error: expectedObject('an object with teams, organization and the like') },
);

export const bindingShape = z.strictObject({
  team: z.optional(z.custom<string>((value) => typeof value === 'string', { error: expected('the name of a team') })),
  user: z.optional(string('the name of a user')),
  tags: z.optional(z.record(z.string(), z.string({ error: expected('a tag value that is text') }))),
  priority: z.optional(number('a finite number', Number.isFinite)),
});

function isPriceRow(value: unknown): boolean {
  if (!isPlain(value) || !isPriced(value as PriceRow)) return false;
  try {
    priceBook({ overrides: { any: value as PriceRow } });
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with a value, with the path of each mistake below `prefix`. */
export function issuesOf(prefix: string, schema: z.ZodMiniType, value: unknown): ConfigIssue[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const path = [prefix, ...issue.path.map(String)].filter((part) => part !== '').join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
    const known = fieldsAt(schema, issue.path);
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      message: `Unknown field.${suggestion(key, known)}`,
    }));
  });
}

// The fields that an object at this place may have.
function fieldsAt(schema: z.core.$ZodType, [step, ...rest]: readonly PropertyKey[]): readonly string[] {
  if (schema instanceof z.ZodMiniOptional)
    return fieldsAt(schema._zod.def.innerType, step === undefined ? [] : [step, ...rest]);
  if (schema instanceof z.ZodMiniArray) return fieldsAt(schema._zod.def.element, rest);
  if (!(schema instanceof z.ZodMiniObject)) return [];
  const shape = schema.shape as Readonly<Record<string, z.core.$ZodType>>;
  const next = typeof step === 'string' ? shape[step] : undefined;
  return next ? fieldsAt(next, rest) : Object.keys(shape);
}

function suggestion(key: string, known: readonly string[]): string {
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
