// What `GovernedGroq` asks of a governance whose teams and models the compiler knows. Types only.

import type { GovernedGroq } from './client';
import type { Governance, usable } from './governance';
import type { ModelsByTeam } from './policy/usable-models';

/** The models of each team, by a governance. */
type ModelsIn<Rules extends Governance> = Rules extends { readonly [usable]?: infer Models extends ModelsByTeam }
  ? Models
  : ModelsByTeam;

/** The names of the teams of a governance: `TeamOf<typeof governance>`. */
export type TeamOf<Rules extends Governance> = keyof ModelsIn<Rules> & string;

/** The models that a team may use: `ModelOf<typeof governance, 'chatbot'>`; without a team, those that any team may use. */
export type ModelOf<Rules extends Governance, Team extends TeamOf<Rules> = TeamOf<Rules>> = ModelsIn<Rules>[Team];

/** The client of a team: `ClientOf<typeof governance, 'chatbot'>`; without a team, one that is bound to none. */
export type ClientOf<Rules extends Governance, Team extends TeamOf<Rules> | undefined = undefined> = BoundClient<
  ModelsIn<Rules>,
  Team
>;

/** What a client may be bound to. Where the names are not known, clients of all teams are of one type. */
export type Bindable<Models> = string extends keyof Models ? undefined : string | undefined;

/** The team that a client is bound to, as its type tells. */
export type BoundTeam<Models, Team> = string extends keyof Models ? string : Team extends string ? Team : string;

/** The models of a team; of all teams, if the compiler does not know which it is. */
export type ModelFor<Models extends ModelsByTeam, Team> = Models[Team extends keyof Models ? Team : keyof Models];

/** The same for all clients of one governance, and part of it for those of a narrower one. */
export type Comparable<Models, Team> = { readonly [name in (keyof Models | Team) & string]?: unknown };

/** A name that the compiler knows has to be a team's; one that it does not know is looked up when it is used. */
export type NameIn<Models, Name> = string extends Name ? Name : keyof Models & string;

/** A client like this one, for a team. What a class of one's own has beside the client's members comes along. */
export type ViewFor<Client, Models extends ModelsByTeam, Name> = string extends keyof Models
  ? Client
  : keyof Client extends keyof GovernedGroq
    ? BoundClient<Models, Name>
    : BoundClient<Models, Name> & Omit<Client, keyof GovernedGroq>;

// Of several teams that it may be for, it is one client that takes the models of them all, not one of several clients.
type BoundClient<Models extends ModelsByTeam, Name> = string extends Name
  ? GovernedGroq<Models>
  : [Name] extends [Bindable<Models>]
    ? GovernedGroq<Models, Name>
    : GovernedGroq<Models>;
