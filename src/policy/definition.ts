import type { Governance, OrganizationOptions, TeamOptions, usable } from '../governance';
import type { Allowed, At, Denied, TeamNames } from './usable-models';

/** A governance as `defineGovernance()` takes it: each type parameter is what the compiler reads off one of its lists. */
export interface GovernanceDefinition<TeamAllowed, TeamDenied, OrganizationAllowed, OrganizationDenied, Known> extends Omit<
  Governance,
  'teams' | 'organization' | 'defaultTeam' | typeof usable
> {
  /** Rules per team, by name. Names are own keys: `constructor` is an unknown team unless it is written here. */
  readonly teams?: { readonly [name in keyof TeamAllowed]: TeamOptions & Allowing<TeamAllowed[name]> } & {
    readonly [name in keyof TeamDenied]: Denying<TeamDenied[name]>;
  };
  /** Rules over all teams together. */
  readonly organization?: OrganizationOptions & Allowing<OrganizationAllowed> & Denying<OrganizationDenied>;
  /** The team of a client that is bound to none. Default: such a client refuses to send, if there are teams. */
  readonly defaultTeam?: NoInfer<TeamNames<TeamAllowed>>;
  /** What is known already, if it has been defined before. */
  readonly [usable]?: Known;
}

interface Allowing<Model> {
  readonly allowedModels?: readonly Model[];
}

interface Denying<Model> {
  readonly deniedModels?: readonly Model[];
}

/** The models that a team may use by its own rules and the organisation's. */
export type UsableModels<Name, TeamAllowed, TeamDenied, OrganizationAllowed, OrganizationDenied, Known> = Exclude<
  Allowed<At<TeamAllowed, Name>> & Allowed<OrganizationAllowed> & Allowed<At<Known, Name>>,
  Denied<At<TeamDenied, Name>> | Denied<OrganizationDenied>
>;
