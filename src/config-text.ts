import { YAMLException, load } from 'js-yaml';
import { GovernanceConfigError } from './errors';

/** The kinds of configuration file that are data: no program is run to read them. */
export const DATA_FILE: RegExp = /\.(json|ya?ml)$/i;

/**
 * Parses the text of a configuration file, as JSON or YAML by the ending of its path. Throws a `GovernanceConfigError` with the
 * line and column of what cannot be read, or of a key that is there twice; never with a word of the text.
 */
export function parseConfig(text: string, path: string): unknown {
  if (text.trim() === '') throw new GovernanceConfigError([{ path, message: 'The file is empty' }]);
  return /\.json$/i.test(path) ? parseJson(text, path) : parseYaml(text, path);
}

function parseJson(text: string, path: string): unknown {
  // A byte order mark is what some editors begin a file with.
  const json = text.replace(/^\uFEFF/, '');
  let value: unknown;
  let isJson = true;
  try {
    value = JSON.parse(json);
  } catch {
    isJson = false;
  }
  // The parser takes the last of two equal keys, and does not always tell where it stopped.
  const fault = new JsonScan(json).fault();
  if (fault !== undefined) throw unreadable(path, 'JSON', placeText(json, fault.position), fault.why);
  if (!isJson) throw unreadable(path, 'JSON');
  return value;
}

function parseYaml(text: string, path: string): unknown {
  try {
    return load(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw unreadable(path, 'YAML');
    const { mark, reason } = error;
    throw unreadable(path, 'YAML', mark && `line ${mark.line + 1}, column ${mark.column + 1}`, YAML_REASONS.get(reason));
  }
}

const TWICE = 'this key is there already';

// Those of the parser's reasons that quote nothing of the text, in which a secret may stand.
const YAML_REASONS: ReadonlyMap<string, string> = new Map([
  ['duplicated mapping key', TWICE],
  ['tab characters must not be used in indentation', 'tabs cannot indent; use spaces'],
  ['expected a single document in the stream, but found more', 'it holds several documents (---) where one is expected'],
  ['unexpected end of the stream within a flow collection', 'a [ or { is not closed'],
  ['missed comma between flow collection entries', 'a comma is missing'],
  ['unexpected end of the stream within a double quoted scalar', 'a quotation mark is not closed'],
  ['unexpected end of the stream within a single quoted scalar', 'a quotation mark is not closed'],
  ['unexpected end of the document within a double quoted scalar', 'a quotation mark is not closed'],
  ['unexpected end of the document within a single quoted scalar', 'a quotation mark is not closed'],
  ['bad indentation of a mapping entry', 'the indentation, or a colon in a text without quotation marks'],
  ['bad indentation of a sequence entry', 'the indentation of a list'],
  ['deficient indentation', 'the indentation'],
  ["expected ':' after a mapping key", 'a colon is missing after a key'],
  ['can not read a block mapping entry; a multiline key may not be an implicit key', 'a colon is missing after a key'],
  [
    'a whitespace character is expected after the key-value separator within a block mapping',
    'a space is missing after a colon',
  ],
  ['unknown escape sequence', 'an escape that is none, after a backslash'],
  ['the stream contains non-printable characters', 'a control character'],
  ['end of the stream or a document separator is expected', 'something stands after the end; see the indentation'],
]);

interface Fault {
  readonly position: number;
  readonly why: string | undefined;
}

/** What is open: a list, or a record with the keys so far. */
type Open = { readonly keys: Set<string> | undefined };

/** Goes through a text as JSON, and stops at the first thing that is none, or at a key that its record has already. */
class JsonScan {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  fault(): Fault | undefined {
    try {
      this.#document();
      return undefined;
    } catch (error) {
      if (error instanceof Stop) return { position: error.position, why: error.why };
      throw error;
    }
  }

  // Without recursion: a text may be nested as deeply as it likes.
  #document(): void {
    const open: Open[] = [];
    do {
      const opened = this.#value();
      if (opened) open.push(opened);
      if (!opened || this.#closes(opened)) {
        if (opened) open.pop();
        this.#afterValue(open);
      }
      const inner = open.at(-1);
      if (inner?.keys) this.#key(inner.keys);
    } while (open.length > 0);
    this.#space();
    if (this.#at < this.#text.length) this.#stop('something stands after the end');
  }

  /** A value, or the beginning of a list or a record. */
  #value(): Open | undefined {
    this.#space();
    const character = this.#text[this.#at];
    if (character === '{' || character === '[') {
      this.#at++;
      return { keys: character === '{' ? new Set() : undefined };
    }
    if (character === '"') this.#string();
    else if (!this.#takes(/(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y))
      this.#stop(this.#oddity());
    return undefined;
  }

  /** Whether what was just opened ends at once. */
  #closes({ keys }: Open): boolean {
    this.#space();
    return this.#takes(keys ? /\}/y : /\]/y);
  }

  /** What comes after a value: a comma, or the ends of what is open. */
  #afterValue(open: Open[]): void {
    for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
      this.#space();
      if (this.#takes(/,/y)) return;
      if (!this.#takes(inner.keys ? /\}/y : /\]/y)) this.#stop(this.#isAtEnd() ? 'a [ or { is not closed' : this.#oddity());
      open.pop();
    }
  }

  #key(keys: Set<string>): void {
    this.#space();
    const start = this.#at;
    if (this.#text[start] !== '"') this.#stop(this.#oddity());
    const key = this.#string();
    if (keys.has(key)) throw new Stop(start, TWICE);
    keys.add(key);
    this.#space();
    if (!this.#takes(/:/y)) this.#stop('a colon is missing after a key');
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character < ' ')
        this.#stop(character === undefined || character === '\n' ? 'a quotation mark is not closed' : 'a control character');
      if (character === '"') break;
      if (character !== '\\') this.#at++;
      else if (!this.#takes(/\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y)) this.#stop('an escape that is none, after a backslash');
    }
    this.#at++;
    // So that an escaped letter is the same as the letter.
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #oddity(): string | undefined {
    const rest = this.#text.slice(this.#at, this.#at + 2);
    if (rest === '') return 'it ends too early';
    if (/^(\/\/|\/\*|#)/.test(rest)) return 'JSON has no comments';
    if (rest.startsWith("'")) return 'JSON has double quotation marks only';
    return /^[\]}]/.test(rest) && /,\s*$/.test(this.#text.slice(0, this.#at)) ? 'a comma too many' : undefined;
  }

  #isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  #space(): void {
    this.#takes(/[ \t\n\r]+/y);
  }

  #takes(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #stop(why: string | undefined): never {
    throw new Stop(this.#at, why);
  }
}

class Stop extends Error {
  readonly position: number;
  readonly why: string | undefined;

  constructor(position: number, why: string | undefined) {
    super();
    this.position = position;
    this.why = why;
  }
}

function placeText(text: string, position: number): string {
  const before = text.slice(0, position).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function unreadable(path: string, format: string, place?: string, why?: string): GovernanceConfigError {
  const where = place === undefined ? '' : ` at ${place}`;
  const message = `Expected ${format}, but it cannot be read${where}${why === undefined ? '' : `: ${why}`}`;
  return new GovernanceConfigError([{ path, message }]);
}
