// A governance, checked, with every default filled in and every rule in the form that the hot path wants.

import type { BudgetPeriod } from './budget/window';
import type { BudgetOptions, Governance, LimitOptions, Per, RuleOptions, TeamOptions } from './governance';
import { raisedBy } from './increases';
import type { LimitDemand, LimitKind } from './limit/rate-limiter';
import type { KeyRules } from './keys/key-provider';
import { MAX_NANOS, nanosOfUsd } from './money';
import { type Matcher, matcher } from './wildcards';

export { type Matcher, matcher };

/** A budget of a team or of the organisation. */
export interface BudgetRule {
  readonly name: string;
  /** `team:chatbot`, `key:chatbot-prod-web` or `organization`. */
  readonly scope: string;
  /** With what it is raised by when the rules are made. */
  readonly limitNanos: number;
  readonly period: BudgetPeriod;
  readonly per: Per | { readonly tag: string } | undefined;
  readonly soft: boolean;
  /** Amounts at which an alert is given, ascending. */
  readonly alerts: readonly AlertLevel[];
}

export interface AlertLevel {
  readonly nanos: number;
  /** Share of the limit; `nanos / limitNanos` for levels given in USD. */
  readonly level: number;
}

/** A rate limit whose key is complete only with the call's user, key or model. */
export interface LimitRule extends LimitDemand {
  readonly per: Per | undefined;
}

/** What decides about one call of a team: its own rules and the organisation's. */
export interface TeamRules {
  readonly name: string;
  /** The team's own rules first. */
  readonly rules: readonly NamedRules[];
  readonly budgets: readonly BudgetRule[];
  /** Limits that count the team or the organisation as a whole. */
  readonly sharedLimits: readonly LimitDemand[];
  /** Limits that count each user, key or model apart. */
  readonly splitLimits: readonly LimitRule[];
  readonly concurrency: readonly { readonly key: string; readonly name: string; readonly max: number }[];
  readonly priority: number;
  readonly weight: number;
  /** True if a request's output must be bounded, because money or tokens are counted. */
  readonly needsBound: boolean;
  readonly clampToBudget: boolean;
  /** Rises with each edit of the rules in this process. */
  readonly edition: number;
  /** The only keys that may be used; undefined if any may. */
  readonly keys: ReadonlySet<string> | undefined;
}

/** The rules that look at one request alone. */
export interface NamedRules {
  /** `chatbot` or `organization`. */
  readonly owner: string;
  readonly allowedModels: Matcher | undefined;
  readonly deniedModels: Matcher | undefined;
  readonly maxTokensPerRequest: number | undefined;
  readonly defaultMaxTokens: number | undefined;
  readonly allowedTools: Matcher | undefined;
  readonly allowedServiceTiers: Matcher | undefined;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const SHORT_LIMITS: readonly (readonly [field: keyof RuleOptions, kind: LimitKind, windowMs: number])[] = [
  ['rateLimitRPM', 'requests', MINUTE_MS],
  ['rateLimitRPD', 'requests', DAY_MS],
  ['rateLimitTPM', 'tokens', MINUTE_MS],
  ['rateLimitTPD', 'tokens', DAY_MS],
  ['rateLimitITPM', 'inputTokens', MINUTE_MS],
  ['rateLimitOTPM', 'outputTokens', MINUTE_MS],
  ['rateLimitASH', 'audioSeconds', HOUR_MS],
  ['rateLimitASD', 'audioSeconds', DAY_MS],
];

const KIND_NAMES: Readonly<Record<LimitKind, string>> = {
  requests: 'requests',
  tokens: 'tokens',
  inputTokens: 'input tokens',
  outputTokens: 'output tokens',
  audioSeconds: 'seconds of audio',
};

const DEFAULT_ALERTS = [0.5, 0.8, 0.95];
const DEFAULT_TEAM_CONCURRENCY = 5;

/** The rules of one team, or of calls without one, under this governance at an instant. The governance has been checked. */
export function teamRules(name: string, team: TeamOptions, governance: Governance, at: number, edition = 0): TeamRules {
  const organization = governance.organization ?? {};
  const scope = `team:${name}`;
  const raised = raisedBy(governance, at);
  const budgets = [
    ...budgetRules(name, scope, team, raised),
    ...budgetRules('organization', 'organization', organization, raised),
  ];
  const limits = [...limitRules(name, scope, team), ...limitRules('organization', 'organization', organization)];
  const rules = [requestRules(name, team), requestRules('organization', organization)].filter(hasRules);
  const concurrency = Object.freeze(
    [
      { key: scope, name: `${name}/concurrency`, max: team.concurrency ?? DEFAULT_TEAM_CONCURRENCY },
      { key: 'organization', name: 'organization/concurrency', max: organization.concurrency ?? Infinity },
    ].filter(({ max }) => max !== Infinity),
  );
  return {
    name,
    rules,
    budgets,
    sharedLimits: Object.freeze(limits.filter(({ per }) => per === undefined)),
    splitLimits: limits.filter(({ per }) => per !== undefined),
    concurrency,
    priority: team.priority ?? 0,
    weight: team.weight ?? 1,
    needsBound:
      budgets.length > 0 ||
      limits.some(({ kind }) => kind === 'tokens' || kind === 'outputTokens') ||
      rules.some((rule) => rule.maxTokensPerRequest !== undefined || rule.defaultMaxTokens !== undefined),
    clampToBudget: team.clampToBudget ?? organization.clampToBudget ?? false,
    edition,
    keys: team.keys && new Set(team.keys),
  };
}

/** The same rules, and those of a key beside them. */
export function withKeyRules(rules: TeamRules, key: KeyBound): TeamRules {
  const { budgets, limits, rules: own } = key;
  return {
    ...rules,
    rules: hasRules(own) ? [...rules.rules, own] : rules.rules,
    budgets: [...rules.budgets, ...budgets],
    sharedLimits: Object.freeze([...rules.sharedLimits, ...limits]),
    needsBound: rules.needsBound || budgets.length > 0 || limits.some(({ kind }) => kind === 'tokens'),
  };
}

/** What a key counts for itself, whichever team uses it. */
export interface KeyBound {
  readonly rules: NamedRules;
  readonly budgets: readonly BudgetRule[];
  readonly limits: readonly LimitDemand[];
}

export function keyBound(keyId: string, rules: KeyRules): KeyBound {
  const [owner, scope] = [`key ${keyId}`, `key:${keyId}`];
  const { allowedModels } = rules;
  return {
    rules: requestRules(owner, allowedModels ? { allowedModels } : {}),
    budgets: budgetRules(owner, scope, rules),
    limits: limitRules(owner, scope, rules),
  };
}

function requestRules(owner: string, options: RuleOptions): NamedRules {
  const { allowedModels, deniedModels, allowedTools, allowedServiceTiers } = options;
  return {
    owner,
    allowedModels: allowedModels && matcher(allowedModels),
    deniedModels: deniedModels && matcher(deniedModels),
    maxTokensPerRequest: options.maxTokensPerRequest,
    defaultMaxTokens: options.defaultMaxTokens,
    allowedTools: allowedTools && matcher(allowedTools),
    allowedServiceTiers: allowedServiceTiers && matcher(allowedServiceTiers),
  };
}

function hasRules(rules: NamedRules): boolean {
  return Object.entries(rules).some(([field, rule]) => field !== 'owner' && rule !== undefined);
}

/** The budgets of a team or of the organisation, the monthly one first. */
export function budgetRules(
  owner: string,
  scope: string,
  options: RuleOptions,
  raised: (budget: string) => number = () => 0,
): BudgetRule[] {
  const { monthlyBudgetUsd, budgets = [], alertsAt = DEFAULT_ALERTS, alertsAtUsd } = options;
  const all: BudgetOptions[] = [...budgets];
  if (monthlyBudgetUsd !== undefined) all.unshift({ limitUsd: monthlyBudgetUsd, window: 'month' });
  const names = new Set<string>();
  return all.map((budget, index) => {
    const name = uniqueName(budget.name ?? budgetName(owner, budget), names);
    const limitNanos = Math.min(MAX_NANOS, nanosOfUsd(budget.limitUsd) + raised(name));
    const monthly = index === 0 && monthlyBudgetUsd !== undefined;
    const inUsd = monthly ? (alertsAtUsd ?? []) : [];
    // Absolute amounts stand instead of the default shares, and beside shares that were asked for.
    const shares = inUsd.length > 0 && options.alertsAt === undefined ? [] : alertsAt;
    const given = [
      ...shares.map((level) => ({ level, nanos: Math.ceil(limitNanos * level) })),
      ...inUsd.map((usd) => ({ level: limitNanos === 0 ? 0 : nanosOfUsd(usd) / limitNanos, nanos: nanosOfUsd(usd) })),
    ].sort((a, b) => a.nanos - b.nanos);
    // A share and an amount may be the same level.
    const alerts = given.filter(({ nanos }, at) => nanos !== given[at - 1]?.nanos);
    return {
      name,
      scope,
      limitNanos,
      period: budget.window,
      per: budget.per === 'team' && scope !== 'organization' ? undefined : budget.per,
      soft: budget.soft ?? false,
      alerts,
    };
  });
}

// Accounts are named after their budget, so two budgets over the same spending need two names.
function uniqueName(name: string, taken: Set<string>): string {
  let unique = name;
  for (let number = 2; taken.has(unique); number++) unique = `${name} ${number}`;
  taken.add(unique);
  return unique;
}

function budgetName(owner: string, { window, per }: BudgetOptions): string {
  const period = typeof window === 'string' ? window : `${window.rollingMs}ms`;
  const isWhole = per === undefined || (per === 'team' && owner !== 'organization');
  const split = isWhole ? '' : typeof per === 'string' ? `/${per}` : `/tag ${per.tag}`;
  return `${owner}${split}/${period}`;
}

function limitRules(owner: string, scope: string, options: RuleOptions): LimitRule[] {
  const all: LimitOptions[] = [...(options.limits ?? [])];
  for (const [field, kind, windowMs] of SHORT_LIMITS) {
    const max = options[field];
    if (typeof max === 'number') all.push({ kind, max, windowMs });
  }
  const byKey = new Map<string, LimitRule>();
  for (const { kind, max, windowMs, per } of all) {
    const split = per === 'team' && scope !== 'organization' ? undefined : per;
    const suffix = split === undefined ? '' : `/${split}`;
    const key = `${scope}${suffix}/${kind}/${windowMs}`;
    const name = `${owner}${suffix}/${KIND_NAMES[kind]} per ${windowName(windowMs)}`;
    // Two limits on the same count: the lower one holds.
    byKey.set(key, { key, name, kind, max: Math.min(max, byKey.get(key)?.max ?? max), windowMs, per: split });
  }
  return [...byKey.values()];
}

function windowName(windowMs: number): string {
  if (windowMs === 1000) return 'second';
  if (windowMs === MINUTE_MS) return 'minute';
  if (windowMs === HOUR_MS) return 'hour';
  return windowMs === DAY_MS ? 'day' : `${windowMs} ms`;
}
