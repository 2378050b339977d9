import { type Clock, systemClock } from './clock';
import { DATA_FILE, parseConfig } from './config-text';
import { type ConfigIssue, GovernanceConfigError } from './errors';
import type { Governance } from './governance';
import { type GovernanceEdit, type GovernanceSource, fromSource } from './governance-source';
import type { KeyProvider } from './keys/key-provider';
import { checkOptionNames } from './option-names';
import { defineGovernance } from './options';
import { fileSystem } from './platform';
import { groqPrices } from './price/groq-prices';
import { type PriceBook, type PriceRow, priceBook } from './price/price-book';
import { jsonlUsageLog } from './usage/jsonl';

/** How a governance is read from a file. */
export interface GovernanceFileOptions {
  /** Follow edits of the file for as long as a governor uses it. Default false. */
  readonly watch?: boolean;
  /** How often the file is looked at, in milliseconds. Default 500. */
  readonly intervalMs?: number;
  /** For tests. Default `systemClock`. */
  readonly clock?: Clock;
}

/**
 * Reads a governance from a JSON or YAML file. Beside what is plain data anyway, a file may say `prices: { overrides }` for
 * `priceBook({ base: groqPrices, overrides })`, `usageLog: { jsonl: path }` for `jsonlUsageLog(path)`, and `keys` as `keyRegistry()`
 * takes them. What a file cannot hold (stores, policies, key providers of your own) goes beside
 * it: `{ ...governanceFromFile(path), ...redisBackend({ client }) }`. With `watch`, an edit is in force for calls that begin after
 * it; a broken one changes nothing and is told as a `governance-changed` event and to the client's logger. What was spent stays
 * spent. Throws a `GovernanceConfigError` that lists every mistake, also if the file cannot be read.
 */
export function governanceFromFile(path: string, options: GovernanceFileOptions = {}): Governance {
  checkOptions(path, options);
  return options.watch === true ? fromSource(new WatchedFile(path, options)) : fieldsOf(path, read(path));
}

/** One look at a file: what tells that it has changed. */
type Look = string | undefined;

const DEFAULT_INTERVAL_MS = 500;

/** Looks at a file from time to time, while somebody follows it. */
class WatchedFile implements GovernanceSource {
  readonly name: string;
  readonly fields: Governance;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #listeners: Set<(edit: GovernanceEdit) => void> = new Set();
  readonly #parts: Parts = new Parts();
  #taken: Look;
  #edits: readonly GovernanceEdit[] = [];
  #watching: AbortController | undefined;
  #text: string | undefined;

  constructor(path: string, { intervalMs = DEFAULT_INTERVAL_MS, clock = systemClock }: GovernanceFileOptions) {
    this.name = path;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#taken = lookAt(path);
    const text = read(path);
    this.#text = text;
    this.fields = fieldsOf(path, text, this.#parts);
  }

  follow(listener: (edit: GovernanceEdit) => void): () => void {
    // What was edited before it came it has to know as well.
    if (this.#watching === undefined) this.#takeIfChanged(lookAt(this.name));
    for (const edit of this.#edits) tell(listener, edit);
    this.#listeners.add(listener);
    if (this.#watching === undefined) {
      this.#watching = new AbortController();
      void this.#watch(this.#watching.signal);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#watching?.abort();
      this.#watching = undefined;
    };
  }

  async #watch(signal: AbortSignal): Promise<void> {
    let seen = this.#taken;
    for (;;) {
      try {
        await this.#clock.sleep(this.#intervalMs, signal, true);
      } catch {
        return;
      }
      const look = lookAt(this.name);
      // Taken once it has stood still, so that nobody reads a file that is half written.
      if (look === seen) this.#takeIfChanged(look);
      seen = look;
    }
  }

  #takeIfChanged(look: Look): void {
    if (look === this.#taken) return;
    this.#taken = look;
    let edit: GovernanceEdit;
    try {
      if (look === undefined) throw unreadable(this.name);
      const text = read(this.name);
      if (text === this.#text) return;
      this.#text = text;
      edit = { fields: fieldsOf(this.name, text, this.#parts) };
    } catch (error) {
      this.#text = undefined;
      edit = { issues: error instanceof GovernanceConfigError ? error.issues : [unexpected(this.name)] };
    }
    // The last good one, and what has been wrong since.
    this.#edits = edit.fields ? [edit] : [...this.#edits.filter(({ fields }) => fields), edit];
    for (const listener of this.#listeners) tell(listener, edit);
  }
}

// One that fails must not keep the others, or the file, from being looked at.
function tell(listener: (edit: GovernanceEdit) => void, edit: GovernanceEdit): void {
  try {
    listener(edit);
  } catch {
    // What a governor cannot use it says itself.
  }
}

function checkOptions(path: unknown, { intervalMs }: GovernanceFileOptions): void {
  const issues: ConfigIssue[] = [];
  if (typeof path !== 'string' || !DATA_FILE.test(path)) {
    const message =
      'Expected the path of a .json, .yaml or .yml file. A governance that is a program is imported: import governance from …';
    issues.push({ path: 'path', message });
  }
  if (intervalMs !== undefined && !(Number.isFinite(intervalMs) && intervalMs >= 1))
    issues.push({ path: 'intervalMs', message: 'Expected milliseconds, a number of 1 or more' });
  if (issues.length > 0) throw new GovernanceConfigError(issues);
}

function read(path: string): string {
  const files = fileSystem();
  if (files === undefined) {
    const message = 'This runtime offers no files to read at once. Import the rules, or use Node 20.16 or later, Bun or Deno';
    throw new GovernanceConfigError([{ path, message }]);
  }
  try {
    return files.readFileSync(path, 'utf8');
  } catch {
    throw unreadable(path);
  }
}

// Undefined if there is no such file, or it cannot be looked at.
function lookAt(path: string): Look {
  try {
    const { mtimeNs, ctimeNs, size, ino } = fileSystem()?.statSync(path, { bigint: true }) ?? {};
    return mtimeNs === undefined ? undefined : `${mtimeNs}/${ctimeNs}/${size}/${ino}`;
  } catch {
    return undefined;
  }
}

const unreadable = (path: string): GovernanceConfigError =>
  new GovernanceConfigError([{ path, message: 'The file cannot be read. Does it exist, and may this program read it?' }]);
const unexpected = (path: string): ConfigIssue => ({ path, message: 'The file cannot be used' });

/** What stands in a file, with what programs write as objects made from its plain forms. Throws on every mistake. */
function fieldsOf(path: string, text: string, parts: Parts = new Parts()): Governance {
  const written = parseConfig(text, path);
  if (typeof written !== 'object' || written === null || Array.isArray(written))
    throw new GovernanceConfigError([{ path, message: 'Expected an object with teams, organization and the like' }]);
  const fields = parts.madeFrom(written);
  // Prices and keys may come from the program; what is wrong with them together is found when both are there.
  defineGovernance({ prices: ANY_PRICE, keys: ANY_KEY, ...fields });
  return fields;
}

const ANY_PRICE: PriceBook = { version: 'any', price: () => ({ inputPerMillionUsd: 0, outputPerMillionUsd: 0 }) };
const ANY_KEY: KeyProvider = { key: () => undefined };

type Made = Pick<Governance, 'prices' | 'usageLog'>;
type Making = { readonly [Part in keyof Made]-?: (written: unknown) => Made[Part] };

const MAKING: Making = {
  prices: (written) => {
    const { overrides, version } = only(written, ['overrides', 'version']);
    const rows = overrides as Readonly<Record<string, PriceRow>>;
    return priceBook({ base: groqPrices, overrides: rows ?? {}, ...(typeof version === 'string' && { version }) });
  },
  usageLog: (written) => {
    const { jsonl } = only(written, ['jsonl']);
    return jsonlUsageLog(jsonl as string);
  },
};

const MAX_REMEMBERED = 20;

/** The objects made from the plain forms of one file. The same form is the same object, also after an edit was undone. */
class Parts {
  readonly #made: Map<string, unknown> = new Map();

  /** Throws a `GovernanceConfigError` that names the field. */
  madeFrom(written: object): Governance {
    const fields: Record<string, unknown> = { ...written };
    for (const [field, make] of Object.entries(MAKING)) {
      if (fields[field] !== undefined) fields[field] = this.#part(field, fields[field], make);
    }
    return fields;
  }

  #part(field: string, written: unknown, make: (written: unknown) => unknown): unknown {
    const form = `${field} ${JSON.stringify(written)}`;
    if (this.#made.has(form)) return this.#made.get(form);
    try {
      const part = make(written);
      if (this.#made.size < MAX_REMEMBERED) this.#made.set(form, part);
      return part;
    } catch (error) {
      const message = error instanceof Error ? error.message : 'cannot be used';
      throw new GovernanceConfigError([{ path: field, message }]);
    }
  }
}

function only(written: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  checkOptionNames('In a file', written, names);
  return written as Readonly<Record<string, unknown>>;
}
