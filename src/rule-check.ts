// What the rules of a team must be true to beyond the kinds of their fields.

import { systemClock } from './clock';
import type { ConfigIssue } from './errors';
import type { BudgetOptions, Governance, RuleOptions, TeamOptions } from './governance';
import { instantOf } from './instant';
import { isSecretLike } from './keys/entry-check';
import { providerOf } from './keys/keys-option';
import { groqPrices } from './price/groq-prices';
import type { PriceBook } from './price/price-book';
import { budgetRules, matcher } from './settings';

/** What kind of value it is, in words. */
export const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value);
/** A value as a message can show it: texts cut short, objects by their kind. */
export const shown = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60));
  if (typeof value === 'symbol') return value.toString();
  return typeof value === 'object' || typeof value === 'function' ? kindOf(value) : `${value as number}`;
};

const PERIOD_ORDER = { day: 0, week: 1, month: 2 } as const;

/** What is wrong with a team's rules, or the organisation's, whose fields are all of the right kind. */
export function ruleIssues(path: string, options: RuleOptions | TeamOptions, governance: Governance): ConfigIssue[] {
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
  if ('keys' in options) issues.push(...keyIssues(path, options, governance));
  return issues;
}

function keyIssues(path: string, { keys = [] }: TeamOptions, { keys: provider }: Governance): ConfigIssue[] {
  if (provider === undefined)
    return [{ path: `${path}.keys`, message: 'Needs governance.keys, which supplies the keys by their names' }];
  const known = providerOf(provider)
    .list?.()
    .map(({ id }) => id);
  return keys.flatMap((name, index) =>
    known === undefined || known.includes(name)
      ? []
      : [
          {
            path: `${path}.keys.${index}`,
            message: isSecretLike(name)
              ? 'This looks like a secret. Write the name of a key'
              : `No key has the name ${shown(name)}. Known keys: ${known.join(', ')}`,
          },
        ],
  );
}

/** What is wrong with the models that policies may ask for. */
export function policyIssues({
  policies = [],
  prices = groqPrices,
  unpricedModels = 'deny',
  clock = systemClock,
}: Governance): ConfigIssue[] {
  if (unpricedModels !== 'deny') return [];
  return policies.flatMap(({ models = [] }, index) =>
    models
      .filter((model) => !hasPrice(model, prices, clock.now()))
      .map((model) => ({
        path: `policies.${index}`,
        message: `${shown(model)} has no price in price book ${prices.version}, so calls that are sent to it would be refused`,
      })),
  );
}

/** The names of all budgets that can be raised, of teams and of the organisation. */
export function budgetNames({ teams = {}, organization = {} }: Governance): readonly string[] {
  const rules = Object.entries(teams).flatMap(([name, team]) => budgetRules(name, `team:${name}`, team));
  return [...rules, ...budgetRules('organization', 'organization', organization)].map(({ name }) => name);
}

/** What is wrong with the budgets that are raised for a time. */
export function increaseIssues({ increases = [], ...governance }: Governance): ConfigIssue[] {
  if (increases.length === 0) return [];
  const names = budgetNames(governance);
  return increases.flatMap(({ budget, from = -Infinity, until }, index): ConfigIssue[] => {
    const path = `increases.${index}`;
    const found = names.filter((name) => name === budget).length;
    if (instantOf(until) <= instantOf(from))
      return [{ path: `${path}.until`, message: 'Ends before it begins. Write a later time' }];
    if (found === 1) return [];
    const message =
      found === 0
        ? `No budget has the name ${shown(budget)}. Known budgets: ${names.join(', ') || 'none'}`
        : `${found} budgets have the name ${shown(budget)}. Give each a name of its own`;
    return [{ path: `${path}.budget`, message }];
  });
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
