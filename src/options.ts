// The only place that checks a governance as people write it. Everything behind it may rely on what it has let through.

import { type ConfigIssue, GovernanceConfigError } from './errors';
import type { Governance } from './governance';
import { bindingShape, expectedObject, governanceShape, issuesOf, teamShape } from './governance-shape';
import { isProvider, providerOf } from './keys/keys-option';
import { isPlain } from './plain';
import type { GovernanceDefinition, UsableModels } from './policy/definition';
import type { TeamNames } from './policy/usable-models';
import { increaseIssues, kindOf, policyIssues, ruleIssues, shown } from './rule-check';

/**
 * Checks a governance and returns it, with the names of its teams and the models of each as types. Throws a
 * `GovernanceConfigError` that lists every mistake with its path and what to write instead.
 */
export function defineGovernance<
  const TeamAllowed,
  const TeamDenied,
  const OrganizationAllowed,
  const OrganizationDenied,
  const Known,
>(
  governance: GovernanceDefinition<TeamAllowed, TeamDenied, OrganizationAllowed, OrganizationDenied, Known>,
): Governance<
  TeamNames<TeamAllowed>,
  // Written out, so that editors show the models themselves.
  {
    readonly [name in TeamNames<TeamAllowed>]: UsableModels<
      name,
      TeamAllowed,
      TeamDenied,
      OrganizationAllowed,
      OrganizationDenied,
      Known
    >;
  }
>;
export function defineGovernance(governance: Governance): Governance {
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
  const issues = [...teamIssues(governance), ...keysIssues(checked)];
  if (issues.length > 0) return issues;
  const { teams = {}, defaultTeam } = checked;
  if (defaultTeam !== undefined && !Object.hasOwn(teams, defaultTeam))
    issues.push({ path: 'defaultTeam', message: `Expected one of the teams, got ${shown(defaultTeam)}` });
  if (checked.organization) issues.push(...ruleIssues('organization', checked.organization, checked));
  issues.push(...increaseIssues(checked), ...policyIssues(checked));
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

function teamIssues(governance: unknown): ConfigIssue[] {
  const teams: unknown = typeof governance === 'object' && governance !== null ? Reflect.get(governance, 'teams') : undefined;
  if (teams === undefined) return [];
  if (typeof teams !== 'object' || teams === null || Array.isArray(teams))
    return [{ path: 'teams', message: `Expected a record of teams by name, got ${kindOf(teams)}` }];
  return Object.entries(teams).flatMap(([name, options]) =>
    name === ''
      ? [{ path: 'teams', message: 'A team needs a name that is not empty' }]
      : issuesOf(`teams.${name}`, teamShape, options),
  );
}

function keysIssues({ keys }: Governance): readonly ConfigIssue[] {
  if (keys === undefined) return [];
  if (typeof keys !== 'object' || keys === null || !(Array.isArray(keys) || isPlain(keys) || 'key' in keys))
    return [
      {
        path: 'keys',
        message: expectedObject('a KeyProvider, a list of keys, or a record of secrets by name')({ input: keys }),
      },
    ];
  // Nothing can be added to these later, so every call would be refused.
  if (!isProvider(keys) && Object.keys(keys).length === 0)
    return [{ path: 'keys', message: 'Expected at least one key, got none' }];
  try {
    providerOf(keys);
    return [];
  } catch (error) {
    if (error instanceof GovernanceConfigError) return error.issues;
    throw error;
  }
}

/** Throws on what belongs into `governance` or looks like it: the SDK takes no notice, and nothing would be governed. */
export function checkPlaces(options: object): void {
  const issues = Object.keys(options).flatMap((path): ConfigIssue[] => {
    if (/^govern/i.test(path)) return [{ path, message: 'Unknown option. Did you mean governance?' }];
    return Object.hasOwn(governanceShape.shape, path) ? [{ path, message: `Write it as governance: { ${path}: … }` }] : [];
  });
  if (issues.length > 0) throw new GovernanceConfigError(issues);
}

/** Checks whom a client speaks for. Throws a `GovernanceConfigError` on values of the wrong kind; teams are looked up later. */
export function checkBinding(value: unknown): void {
  const issues = issuesOf('', bindingShape, value);
  if (issues.length > 0) throw new GovernanceConfigError(issues);
}
