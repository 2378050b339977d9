import { GovernanceConfigError } from '../errors';
import { LAST_REST_MS, REST_MS, choose } from './choice';
import { type CheckedEntry, checkEntries, checkedEntry, entryIssues, isMeant, shownName } from './entry-check';
import { type Instant, instantOf } from '../instant';
import { instantIssues } from './instant-check';
import type { KeyEntry, SecretSource } from './key-entry';
import { listedKey } from './key-listing';
import type { ApiKey, KeyAttempt, KeyProvider, KeyRequest, ListedKey } from './key-provider';
import { type KeyProblem, type ReadSettings, RegisteredKey } from './registered-key';
import { type KeyRegistryOptions, optionIssues, readSettings } from './registry-options';
import type { SecretVersion } from './secret-version';

/** A key provider whose keys can change while it is in use. Every operation may be repeated without harm. */
export interface KeyRegistry extends KeyProvider {
  key(request: KeyRequest): ApiKey | undefined | Promise<ApiKey | undefined>;
  attempted(attempt: KeyAttempt): void;
  list(at?: number): readonly ListedKey[];
  /**
   * Adds a key, or changes the one of that name; another secret then has to prove itself while the one before goes on. Throws a
   * `GovernanceConfigError`.
   */
  add(entry: KeyEntry): void;
  /**
   * Gives a key to no new call from `at` on; default now, unless it is retired already. Throws a `GovernanceConfigError` if there is
   * none of that name.
   */
  retire(name: string, at?: Instant): void;
  /**
   * Makes the keys those of a list, or of a record of secrets by name, in its order. A key that stays keeps what it has proved.
   * Throws a `GovernanceConfigError`, and changes nothing then.
   */
  replace(entries: readonly KeyEntry[] | Readonly<Record<string, SecretSource | undefined>>): void;
  /** Forgets a key and its secret. Calls in flight end with it. False if there was none of that name. */
  remove(name: string): boolean;
  /** Reads all secrets now, those of waiting keys too. Resolves to what was wrong, and never rejects. */
  refresh(): Promise<readonly KeyProblem[]>;
}

/**
 * Keys by name, chosen per call and rotated without a restart. `entries` is a list, or a record of secrets by name. A call gets a
 * key of its team, or of every team, that is allowed for its model and the moment; of several the newest that has proved itself.
 *
 * Throws a `GovernanceConfigError` that lists every mistake; one is an environment variable that is not set. Files and functions
 * are read when the first call wants them, or by `refresh()`.
 */
export function keyRegistry(
  entries: readonly KeyEntry[] | Readonly<Record<string, SecretSource | undefined>>,
  options: KeyRegistryOptions = {},
): KeyRegistry {
  const issues = optionIssues(options);
  const environment = issues.length > 0 ? undefined : options.environment;
  const checked = checkEntries(entries, environment);
  issues.push(...checked.issues);
  if (issues.length > 0) throw new GovernanceConfigError(issues);
  return new Registry(checked.entries, readSettings(options), environment);
}

type Keys = readonly RegisteredKey[];
type Found = ApiKey | undefined | Promise<ApiKey | undefined>;

class Registry implements KeyRegistry {
  readonly #settings: ReadSettings;
  readonly #environment: string | undefined;
  readonly #keys: Map<string, RegisteredKey> = new Map();
  /** The newest first. */
  #ordered: Keys = [];
  /** In the same order; those of every team under undefined. */
  #byTeam: ReadonlyMap<string | undefined, Keys> = new Map();

  constructor(entries: readonly CheckedEntry[], settings: ReadSettings, environment: string | undefined) {
    this.#settings = settings;
    this.#environment = environment;
    for (const entry of entries) this.#keys.set(entry.config.name, new RegisteredKey(entry, settings));
    this.#order();
  }

  key(request: KeyRequest): Found {
    const { rejectedKeyId, at } = request;
    const keys = this.#groups(request).flat();
    // What is old is read in the background: no call waits for it.
    for (const key of keys) if (key.isDue(at)) void key.read(at);
    const waited = new Set<RegisteredKey>();
    // A call whose key was refused waits for the read that this has begun, unless there is a key that is sure to work.
    const pending = rejectedKeyId === undefined ? undefined : this.#keys.get(rejectedKeyId)?.pending;
    if (pending === undefined || keys.some(({ serving }) => serving?.isProved === true)) return this.#find(request, waited);
    return pending.then(() => this.#find(request, waited));
  }

  attempted({ callId, at, key: given, result, status }: KeyAttempt): void {
    const key = this.#keys.get(given.id);
    const version = key?.versions.find((each) => each.key.secret === given.secret);
    if (key === undefined || version === undefined) return;
    if (result === 'unauthorized') {
      key.reject(version, callId, at);
      return;
    }
    const wasTry = version.endTry(callId);
    const isProof = result === 'ok' && (status === undefined || (status < 500 && status !== 403 && status !== 429));
    // A late answer to a call that left before the 401 says nothing of now.
    if (isProof && (wasTry || !version.isRejected)) key.prove(version);
    // The key's project may not allow the model, or its network is not let in: that says nothing of the secret.
    else if (wasTry && status === 403) version.restsUntil = at + REST_MS;
  }

  list(at: number = this.#settings.clock.now()): readonly ListedKey[] {
    return [...this.#keys.values()].map((key) => listedKey(key, this.#ordered.slice(0, this.#ordered.indexOf(key)), at));
  }

  add(entry: KeyEntry): void {
    const issues = entryIssues('entry', entry, this.#environment);
    if (issues.length > 0) throw new GovernanceConfigError(issues);
    if (!isMeant(entry, this.#environment)) {
      this.remove(entry.name);
      return;
    }
    const checked = checkedEntry(entry);
    const key = this.#keys.get(entry.name);
    if (key === undefined) this.#keys.set(entry.name, new RegisteredKey(checked, this.#settings));
    else key.change(checked);
    this.#order();
  }

  retire(name: string, at?: Instant): void {
    const issues = at === undefined ? [] : instantIssues('retire.at', at);
    const key = this.#keys.get(name);
    if (key === undefined) issues.push({ path: 'retire.name', message: `There is no key ${JSON.stringify(shownName(name))}` });
    if (key === undefined || issues.length > 0) throw new GovernanceConfigError(issues);
    key.retire(at === undefined ? Math.min(this.#settings.clock.now(), key.retireAfter ?? Infinity) : instantOf(at));
  }

  replace(entries: readonly KeyEntry[] | Readonly<Record<string, SecretSource | undefined>>): void {
    const checked = checkEntries(entries, this.#environment);
    if (checked.issues.length > 0) throw new GovernanceConfigError(checked.issues);
    const before = new Map(this.#keys);
    this.#keys.clear();
    for (const entry of checked.entries) {
      const key = before.get(entry.config.name);
      key?.change(entry);
      this.#keys.set(entry.config.name, key ?? new RegisteredKey(entry, this.#settings));
    }
    this.#order();
  }

  remove(name: string): boolean {
    const isKnown = this.#keys.delete(name);
    this.#order();
    return isKnown;
  }

  async refresh(): Promise<readonly KeyProblem[]> {
    const at = this.#settings.clock.now();
    const wanted = [...this.#keys.values()].filter(({ retireAfter = Infinity }) => at < retireAfter);
    const problems = await Promise.all(wanted.map((key) => key.readAfresh(at)));
    return problems.filter((problem) => problem !== undefined);
  }

  #order(): void {
    // Of two with the same time the one listed later is the newer; sorting keeps the order of equals.
    this.#ordered = [...this.#keys.values()].reverse().sort(byNewest);
    const byTeam = new Map<string | undefined, RegisteredKey[]>();
    for (const key of this.#ordered) {
      const keys = byTeam.get(key.config.team);
      if (keys === undefined) byTeam.set(key.config.team, [key]);
      else keys.push(key);
    }
    this.#byTeam = byTeam;
  }

  /** The keys that the call may use: its team's own, then those of every team. */
  #groups({ team, among, model, at }: KeyRequest): readonly Keys[] {
    const groups = among
      ? [this.#ordered.filter(({ config }) => among.includes(config.name))]
      : [this.#byTeam.get(team) ?? [], this.#byTeam.get(undefined) ?? []];
    // What has no model, such as a list of files, needs none.
    return groups.map((keys) => keys.filter((key) => key.isLive(at) && (model === '' || key.config.allows(model))));
  }

  /** `waited` are the keys whose secrets this call has waited for, which it does once. */
  #find(request: KeyRequest, waited: Set<RegisteredKey>): Found {
    const groups = this.#groups(request);
    for (const group of groups) {
      const version = choose(versionsOf(group), request, REST_MS);
      if (version) return version.key;
      const unread = group.filter(({ isUnread }) => isUnread);
      const later = this.#afterReading(unread, request, waited);
      if (later) return later;
    }
    const all = groups.flat();
    return this.#afterReading(all, request, waited) ?? choose(versionsOf(all), request, LAST_REST_MS)?.key;
  }

  /** Looks again once the first of the secrets has been read. Undefined if there is nothing to wait for. */
  #afterReading(keys: Keys, request: KeyRequest, waited: Set<RegisteredKey>): Promise<ApiKey | undefined> | undefined {
    const reads = keys
      .filter((key) => !waited.has(key))
      .map((key) => key.readForWant(request.at)?.then(() => waited.add(key)))
      .filter((read) => read !== undefined);
    return reads.length === 0 ? undefined : Promise.race(reads).then(() => this.#find(request, waited));
  }
}

function byNewest(a: RegisteredKey, b: RegisteredKey): number {
  const [one = -Infinity, other = -Infinity] = [a.config.notBefore, b.config.notBefore];
  return Number(one < other) - Number(one > other);
}

const versionsOf = (keys: Keys): readonly SecretVersion[] => keys.flatMap(({ versions }) => versions);
