// The models that the rules name, against what is known of models.
import type { Governance, RuleOptions } from '../governance';
import { groqPrices } from '../price/groq-prices';
import type { PriceBook, PriceRow } from '../price/price-book';
import { type Matcher, matcher } from '../settings';
import { suggestion } from './option-values';
import type { Problem, ProblemCode } from './problem';

const DAY_MS = 86_400_000;
/** How long before its end a model is warned of. */
export const NOTICE_DAYS = 60;

/** One team's rules, or the organisation's, with their path. */
export interface RuledBy {
  readonly path: string;
  readonly rules: RuleOptions;
}

/** Everybody who has rules, the organisation first. */
export function ruledBy({ organization, teams = {} }: Governance): RuledBy[] {
  return [
    ...(organization ? [{ path: 'organization', rules: organization }] : []),
    ...Object.entries(teams).map(([name, rules]) => ({ path: `teams.${name}`, rules })),
  ];
}

/** What is wrong with the models that the rules name, as of `now`. */
export function modelProblems(governance: Governance, now: number): Problem[] {
  const knowledge = new Knowledge(governance, now);
  return ruledBy(governance).flatMap((owner) => [...allowed(owner, knowledge), ...deniedProblems(owner, knowledge)]);
}

/** The same of one list of allowed models. */
export function allowedProblems(owner: RuledBy, governance: Governance, now: number): Problem[] {
  return allowed(owner, new Knowledge(governance, now));
}

/** What the price book knows, as questions about names. */
class Knowledge {
  readonly book: PriceBook;
  readonly now: number;
  readonly charged: boolean;
  readonly organization: RuleOptions;
  readonly models: readonly string[] | undefined;

  constructor({ prices = groqPrices, unpricedModels, organization = {} }: Governance, now: number) {
    this.book = prices;
    this.now = now;
    this.charged = typeof unpricedModels === 'object';
    this.organization = organization;
    this.models = prices.models?.();
  }

  facts(model: string): PriceRow | undefined {
    return this.book.facts?.(model) ?? this.book.price(model, this.now);
  }

  isPriced(model: string): boolean {
    return this.book.price(model, this.now) !== undefined;
  }

  matches(pattern: string): readonly string[] {
    return (this.models ?? []).filter(matcher([pattern]));
  }
}

/** How a model stands on a day. */
export type Standing = 'usable' | 'ending' | 'retired' | 'contract';

/** Whether a model can be called at `now`, and for how long. */
export function standingOf({ status, shutdownDate }: PriceRow, now: number): Standing {
  if (status === 'enterprise-only') return 'contract';
  const endsAt = shutdownDate === undefined ? Infinity : Date.parse(shutdownDate);
  if (status === 'retired' || endsAt <= now) return 'retired';
  return endsAt <= now + NOTICE_DAYS * DAY_MS ? 'ending' : 'usable';
}

function allowed({ path, rules }: RuledBy, knowledge: Knowledge): Problem[] {
  const denied: readonly (readonly [by: string, denies: Matcher])[] = [
    [`${path}.deniedModels denies it`, matcher(rules.deniedModels ?? [])],
    ['organization.deniedModels denies it', matcher(knowledge.organization.deniedModels ?? [])],
    ['organization.allowedModels does not allow it', outside(knowledge.organization.allowedModels)],
  ];
  return (rules.allowedModels ?? []).flatMap((name, index) => {
    const at = `${path}.allowedModels.${index}`;
    if (name.includes('*')) return patternProblems(name, at, knowledge);
    const problems = nameProblems(name, at, knowledge);
    const by = problems.some(({ severity }) => severity === 'error')
      ? undefined
      : denied.find(([, denies]) => denies(name))?.[0];
    if (by !== undefined)
      problems.push(problem('warning', 'unusable-model', at, `${JSON.stringify(name)} cannot be used: ${by}`));
    return problems;
  });
}

const outside = (allowed: readonly string[] | undefined): Matcher => {
  if (allowed === undefined) return () => false;
  const allows = matcher(allowed);
  return (name) => !allows(name);
};

function nameProblems(name: string, at: string, knowledge: Knowledge): Problem[] {
  const facts = knowledge.facts(name);
  const problems = facts ? standingProblems(name, facts, at, knowledge) : [];
  if (knowledge.isPriced(name) || problems.some(({ severity }) => severity === 'error')) return problems;
  return [...problems, unpriced(name, at, knowledge)];
}

function unpriced(name: string, at: string, { book, charged, models = [] }: Knowledge): Problem {
  const none = `${JSON.stringify(name)} has no price in price book ${book.version}`;
  const near = suggestion(name, models);
  if (charged) return problem('warning', 'unpriced-model', at, `${none}, so it is charged at unpricedModels.${near}`);
  const advice = 'Add one with priceBook({ base: groqPrices, overrides: { … } })';
  return problem('error', 'unpriced-model', at, `${none}, so every call would be refused.${near} ${advice}`);
}

/** What the provider names instead of a model; where that is gone too, what it names instead of that, up to one that can be used. */
function replacementOf(facts: PriceRow, knowledge: Knowledge): string | undefined {
  const seen = new Set<string>();
  for (let name = facts.replacement; name !== undefined && !seen.has(name);) {
    const next = knowledge.facts(name);
    if (next && knowledge.isPriced(name) && standingOf(next, knowledge.now) === 'usable') return name;
    seen.add(name);
    name = next?.replacement;
  }
  return undefined;
}

function standingProblems(name: string, facts: PriceRow, at: string, knowledge: Knowledge): Problem[] {
  const { now } = knowledge;
  const { shutdownDate } = facts;
  const model = JSON.stringify(name);
  const replacement = replacementOf(facts, knowledge);
  const instead = replacement === undefined ? '' : `. Use ${JSON.stringify(replacement)} instead`;
  switch (standingOf(facts, now)) {
    case 'retired': {
      const since = shutdownDate === undefined ? 'is shut down' : `was shut down on ${shutdownDate}`;
      return [problem('error', 'retired-model', at, `${model} ${since}, so every call fails${instead}`)];
    }
    case 'contract': {
      const since = shutdownDate === undefined ? '' : ` since ${shutdownDate}`;
      return [
        problem('warning', 'contract-model', at, `${model} is sold by contract only${since}: other keys get a 404${instead}`),
      ];
    }
    case 'ending': {
      const days = Math.ceil((Date.parse(shutdownDate ?? '') - now) / DAY_MS);
      const when = `${shutdownDate ?? ''}, in ${days} ${days === 1 ? 'day' : 'days'}`;
      return [problem('warning', 'ending-model', at, `${model} will be shut down on ${when}${instead}`)];
    }
    case 'usable':
      return [];
  }
}

function patternProblems(pattern: string, at: string, knowledge: Knowledge): Problem[] {
  if (knowledge.models === undefined) return [];
  const known = knowledge.matches(pattern).flatMap((model) => {
    const facts = knowledge.facts(model);
    return facts ? [{ model, facts, standing: standingOf(facts, knowledge.now) }] : [];
  });
  const shown = JSON.stringify(pattern);
  if (known.length === 0) {
    const severity = knowledge.charged ? 'warning' : 'error';
    return [problem(severity, 'unknown-model', at, `${shown} matches no model of price book ${knowledge.book.version}`)];
  }
  if (known.every(({ standing }) => standing === 'retired'))
    return [problem('error', 'retired-model', at, `${shown} matches only models that are shut down, so every call fails`)];
  // What is gone is no news where others are left; what is about to go is.
  return known
    .filter(({ standing }) => standing === 'ending')
    .flatMap(({ model, facts }) => standingProblems(model, facts, at, knowledge));
}

function deniedProblems({ path, rules }: RuledBy, knowledge: Knowledge): Problem[] {
  if (knowledge.models === undefined) return [];
  return (rules.deniedModels ?? []).flatMap((name, index) => {
    const known = name.includes('*') ? knowledge.matches(name).length > 0 : knowledge.facts(name) !== undefined;
    if (known) return [];
    const what = name.includes('*') ? 'matches no model' : 'is no model';
    const near = suggestion(name, knowledge.models ?? []) || ' Is it misspelt?';
    const message = `${JSON.stringify(name)} ${what} of price book ${knowledge.book.version}.${near}`;
    return [problem('warning', 'unknown-model', `${path}.deniedModels.${index}`, message)];
  });
}

const problem = (severity: Problem['severity'], code: ProblemCode, path: string, message: string): Problem => ({
  severity,
  code,
  path,
  message,
});
