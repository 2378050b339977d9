// Every mistake of a governance, also those that its own check does not come to because of others.
import type { ConfigIssue } from '../errors';
import type { Governance, TeamOptions } from '../governance';
import { MAX_NANOS, NANOS_PER_USD } from '../money';
import { governanceIssues } from '../options';
import { modelProblems } from './check-models';
import type { Problem } from './problem';

/** The problems of rules that nobody has checked yet, as of `now`. */
export function ruleProblems(rules: unknown, now: number): Problem[] {
  const sound = soundParts(rules);
  const models = modelProblems(sound, now);
  const told = new Set(models.filter(({ severity }) => severity === 'error').map(({ path }) => path));
  const keys = isRecord(rules) && rules['keys'] !== undefined ? governanceIssues({ keys: rules['keys'] }) : [];
  const issues = [...governanceIssues(rules), ...keys, ...ownersOf(rules).flatMap((owner) => ownIssues(owner, sound))];
  return [...unique(issues.filter(({ path }) => !told.has(path))).map(invalid), ...models];
}

/** What is wrong with a governance, as a problem of it. */
export const invalid = (issue: ConfigIssue): Problem => ({ severity: 'error', code: 'invalid', ...issue });

function unique(issues: readonly ConfigIssue[]): ConfigIssue[] {
  return [...new Map(issues.map((issue) => [`${issue.path}\n${issue.message}`, issue])).values()];
}

/** Those parts of the rules that can be looked at further, because they are of the right kind. */
export function soundParts(rules: unknown): Governance {
  if (!isRecord(rules)) return {};
  const { prices, unpricedModels, clock, keys } = rules;
  const common = Object.fromEntries(
    Object.entries({ prices, unpricedModels, clock, keys }).filter(
      ([name, value]) => value !== undefined && isSound({ [name]: value }),
    ),
  ) as Governance;
  const owners = ownersOf(rules);
  const soundOf = ({ name, options }: Owner): [string, TeamOptions] => [name, soundFields(options, common)];
  return {
    ...common,
    ...Object.fromEntries(owners.filter(({ isTeam }) => !isTeam).map(soundOf)),
    teams: Object.fromEntries(owners.filter(({ isTeam }) => isTeam).map(soundOf)),
  };
}

/** A team, or the organisation, with rules of which nothing is known yet. */
interface Owner {
  readonly name: string;
  readonly isTeam: boolean;
  readonly options: Readonly<Record<string, unknown>>;
}

function ownersOf(rules: unknown): Owner[] {
  if (!isRecord(rules)) return [];
  const { organization, teams } = rules;
  return [
    ...(isRecord(organization) ? [{ name: 'organization', isTeam: false, options: organization }] : []),
    ...(isRecord(teams) ? Object.entries(teams) : []).flatMap(([name, options]) =>
      isRecord(options) ? [{ name, isTeam: true, options }] : [],
    ),
  ];
}

/** What is wrong with an owner's rules one by one, and with those together that are of the right kind. */
function ownIssues({ name, isTeam, options }: Owner, { prices, unpricedModels, clock, keys }: Governance): ConfigIssue[] {
  const common = {
    ...(prices && { prices }),
    ...(unpricedModels && { unpricedModels }),
    ...(clock && { clock }),
    ...(keys && { keys }),
  };
  const issuesOf = (some: object): ConfigIssue[] =>
    governanceIssues({ ...common, ...(isTeam ? { teams: { [name]: some } } : { organization: some }) });
  // Other rules are about the monthly budget; one that is wrong itself must not make them so.
  const month = monthOf(options);
  const alone = Object.entries(options).flatMap(([field, value]) => issuesOf({ ...month, [field]: value }));
  return [...alone, ...issuesOf(soundFields(options, common))];
}

const LARGEST_USD = Math.floor(MAX_NANOS / NANOS_PER_USD);

function monthOf({ monthlyBudgetUsd }: Owner['options']): TeamOptions {
  if (monthlyBudgetUsd === undefined) return {};
  const isAmount = isSound({ organization: { monthlyBudgetUsd } });
  return { monthlyBudgetUsd: isAmount ? Number(monthlyBudgetUsd) : LARGEST_USD };
}

function soundFields(options: Owner['options'], { keys }: Governance): TeamOptions {
  const month = monthOf(options);
  return Object.fromEntries(
    Object.entries(options).filter(
      ([field, value]) =>
        value !== undefined && isSound({ ...(keys && { keys }), teams: { any: { ...month, [field]: value } } }),
    ),
  ) as TeamOptions;
}

/** Whether nothing is wrong but for models without a price, which are looked at elsewhere. */
const isSound = (part: object): boolean =>
  governanceIssues({ unpricedModels: { inputPerMillionUsd: 0, outputPerMillionUsd: 0 }, ...part }).length === 0;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
