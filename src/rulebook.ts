import { Accounts } from './budget/accounts';
import type { Clock } from './clock';
import type { Governance } from './governance';
import { nextIncreaseAt } from './increases';
import type { ApiKey, KeyRules } from './keys/key-provider';
import { type BudgetRule, type KeyBound, type TeamRules, keyBound, teamRules, withKeyRules } from './settings';

const MAX_LABELS = 1000;
// Of the process, so that a governor that is made anew over the same rate limiter has newer rules.
let editions = 0;

/** The rules of one governance, by team and by key, as they are now. An edit of the governance makes a new one. */
export class Rulebook {
  readonly #governance: Governance;
  readonly #clock: Clock;
  readonly #edition: number = ++editions;
  readonly #teams: Map<string, TeamRules> = new Map();
  readonly #accounts: WeakMap<BudgetRule, Accounts> = new WeakMap();
  readonly #keys: WeakMap<KeyRules, Map<string, KeyBound>> = new WeakMap();
  readonly #keyed: WeakMap<TeamRules, Map<KeyBound, TeamRules>> = new WeakMap();
  /** What keys count for themselves, as far as they have been used. */
  readonly #bounds: Map<string, KeyBound> = new Map();
  #from = -Infinity;
  #until: number;

  /** `before` are the rules that these take the place of. */
  constructor(governance: Governance, clock: Clock, before?: Rulebook) {
    if (before) for (const [keyId, bound] of before.#bounds) this.#bounds.set(keyId, bound);
    this.#governance = governance;
    this.#clock = clock;
    this.#until = governance.increases?.length ? -Infinity : Infinity;
    for (const team of Object.keys(governance.teams ?? {})) this.rulesFor(team);
  }

  /** What has been asked for so far, and all teams that the governance names. */
  get all(): readonly TeamRules[] {
    return [...this.#teams.values()];
  }

  /** The budgets of keys that have been used. */
  get keyBudgets(): readonly (readonly [keyId: string, budgets: readonly BudgetRule[]])[] {
    return [...this.#bounds].map(([keyId, { budgets }]) => [keyId, budgets] as const);
  }

  /** The rules for a team's name; undefined if it is unknown, or missing where one is needed. */
  rulesFor(team: string | undefined): TeamRules | undefined {
    const { teams, defaultTeam } = this.#governance;
    const name = team ?? defaultTeam ?? (teams ? undefined : 'default');
    if (name === undefined) return undefined;
    if (this.#until !== Infinity || this.#from !== -Infinity) this.#expire(this.#clock.now());
    let rules = this.#teams.get(name);
    if (rules === undefined) {
      if (teams && !Object.hasOwn(teams, name)) return undefined;
      // Without a list of teams a name is a label, and has no rules of its own.
      rules = teamRules(name, teams?.[name] ?? { concurrency: Infinity }, this.#governance, this.#clock.now(), this.#edition);
      if (this.#teams.size < MAX_LABELS || teams) this.#teams.set(name, rules);
    }
    return rules;
  }

  /** A team's rules with those of the key that a call goes out with. */
  withKey(rules: TeamRules, { id, rules: own }: ApiKey): TeamRules {
    if (own === undefined) return rules;
    const bound = remembered(this.#keys, own, id, () => keyBound(id, own));
    if (this.#bounds.get(id) !== bound) this.#bounds.set(id, bound);
    return remembered(this.#keyed, rules, bound, () => withKeyRules(rules, bound));
  }

  /** The accounts that a budget counts in. */
  accountsOf(rule: BudgetRule): Accounts {
    let accounts = this.#accounts.get(rule);
    if (accounts === undefined) {
      accounts = new Accounts(rule, this.#governance.timeZone ?? 'UTC');
      this.#accounts.set(rule, accounts);
    }
    return accounts;
  }

  // A budget that is raised for a time makes other rules when that begins and when it ends.
  #expire(now: number): void {
    if (now < this.#until && now >= this.#from) return;
    const names = [...this.#teams.keys()];
    this.#teams.clear();
    this.#from = now;
    this.#until = nextIncreaseAt(this.#governance, now);
    for (const name of names) this.rulesFor(name);
  }
}

function remembered<K extends object, S, V>(map: WeakMap<K, Map<S, V>>, key: K, part: S, make: () => V): V {
  let parts = map.get(key);
  if (parts === undefined) map.set(key, (parts = new Map<S, V>()));
  let value = parts.get(part);
  if (value === undefined) parts.set(part, (value = make()));
  return value;
}
