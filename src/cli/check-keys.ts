// The keys that the rules name, and those that there are.
import type { Governance } from '../governance';
import type { KeyEntry } from '../keys/key-entry';
import type { ListedKey } from '../keys/key-provider';
import { type KeysOption, isProvider, providerOf } from '../keys/keys-option';
import { allowedProblems } from './check-models';
import { readSecrets } from './key-readings';
import { suggestion } from './option-values';
import type { Problem, ProblemCode } from './problem';

/** A provider may tell which models a key is for. */
type Key = ListedKey & { readonly allowedModels?: readonly string[] | undefined };

/** What is wrong with the keys of rules that are sound; empty without a provider that lists its keys. Reads secrets only if `mayRead`. */
export async function keyProblems(governance: Governance, now: number, mayRead: boolean): Promise<Problem[]> {
  const { keys: option, teams = {}, clock } = governance;
  const provider = option && providerOf(option, clock ? { clock } : {});
  const unread = mayRead ? await readSecrets(provider) : [];
  const keys: readonly Key[] | undefined = provider?.list?.(now);
  if (option === undefined || keys === undefined) return [];
  return [
    ...Object.entries(teams).flatMap(([team, rules]) => teamProblems(team, rules.keys, keys)),
    ...keys.flatMap((key) => ownProblems(key, placeOf(option, key.id), governance, now)),
    ...unread.map(({ keyId, message }) => problem('error', 'unreadable-key', placeOf(option, keyId).path, message)),
  ];
}

interface Place {
  readonly path: string;
  /** As they are written. */
  readonly allowedModels?: readonly string[] | undefined;
}

/** Where a key stands in the rules. */
function placeOf(option: KeysOption, id: string): Place {
  if (isProvider(option) || !Array.isArray(option)) return { path: `keys.${id}` };
  const entries: readonly KeyEntry[] = option;
  const index = entries.findIndex(({ name }) => name === id);
  return { path: `keys.${index}`, allowedModels: entries[index]?.allowedModels };
}

// That a name of `keys` is none has been found with the other rules.
function teamProblems(team: string, among: readonly string[] | undefined, keys: readonly Key[]): Problem[] {
  const own = keys.filter((key) => (key.team === undefined || key.team === team) && (among?.includes(key.id) ?? true));
  if (own.some(({ state }) => state !== 'retired' && state !== 'waiting')) return [];
  const why = own.length === 0 ? 'There is no key for this team' : 'The keys for this team are retired, or not yet in use';
  return [problem('error', 'no-key', `teams.${team}`, `${why}, so every call is refused`)];
}

function ownProblems(key: Key, { path, ...written }: Place, governance: Governance, now: number): Problem[] {
  const { team, allowedModels = written.allowedModels } = key;
  const teams = Object.keys(governance.teams ?? {});
  const strange = team !== undefined && teams.length > 0 && !teams.includes(team);
  const message = `It is for team ${JSON.stringify(team)}, which has no rules.${suggestion(team ?? '', teams)}`;
  return [
    ...(strange ? [problem('warning', 'unknown-team', path, message)] : []),
    ...(allowedModels ? allowedProblems({ path, rules: { allowedModels } }, governance, now) : []),
  ];
}

const problem = (severity: Problem['severity'], code: ProblemCode, path: string, message: string): Problem => ({
  severity,
  code,
  path,
  message,
});
