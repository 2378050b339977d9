// What the compiler can know of a policy. Types only: what holds is decided when a call is made.

/** For each team, by name, the models that it may use; `string` where the compiler does not know them. */
export type ModelsByTeam<Team extends string = string> = { readonly [name in Team]: string };

/** The names of the teams; any text if the compiler does not know them. */
export type TeamNames<Teams> = unknown extends Teams ? string : keyof Teams & string;

/** What a record says of a name; `unknown` if nothing. */
export type At<Entries, Name> = Name extends keyof Entries ? Entries[Name] : unknown;

/** The models that are on a list of allowed ones, `*` being anything. A list that is not known allows every text. */
export type Allowed<Listed> = [Listed] extends [string] ? Pattern<Listed> : string;

/** The models that are on a list of denied ones, as far as the compiler knows it. */
export type Denied<Listed> = Listed extends string ? (string extends Listed ? never : Pattern<Listed>) : never;

// `openai/*` becomes `openai/${string}`.
type Pattern<Text extends string> = Text extends `${infer Head}*${infer Tail}` ? `${Head}${string}${Pattern<Tail>}` : Text;
