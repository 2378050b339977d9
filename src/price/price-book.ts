import { MAX_NANOS, NANOS_PER_USD } from '../money';
import { checkOptionNames } from '../option-names';

/**
 * What one model costs, in USD as Groq publishes it, and what else is known of it. Prices that are missing do not apply;
 * 0 is a price. Rows never change: rates are computed once per row object.
 */
export interface PriceRow {
  /** USD per 1,000,000 input tokens. */
  readonly inputPerMillionUsd?: number;
  /** USD per 1,000,000 input tokens that the provider had cached; default: the input price. */
  readonly cachedInputPerMillionUsd?: number;
  /** USD per 1,000,000 output tokens, reasoning included. */
  readonly outputPerMillionUsd?: number;
  /** USD per hour of audio sent. */
  readonly audioPerHourUsd?: number;
  /** The shortest length of audio that a request is billed for, in seconds; default 0. */
  readonly minAudioSeconds?: number;
  /** USD per 1,000,000 characters of text to be spoken. */
  readonly charactersPerMillionUsd?: number;
  /** `enterprise-only` and `retired` models answer 404 to most keys; `unlisted` ones are not in the provider's documentation. */
  readonly status?: 'production' | 'preview' | 'enterprise-only' | 'retired' | 'unlisted';
  /** The day from which self-serve keys cannot call it, e.g. `2026-09-21`. */
  readonly shutdownDate?: string;
  /** The model that the provider recommends instead. */
  readonly replacement?: string;
  /** The most tokens that one answer can have. */
  readonly maxOutputTokens?: number;
  /** Input and output tokens together. */
  readonly contextWindow?: number;
  /** Input tokens charged per image. */
  readonly imageTokens?: number;
  /** What it is for; a `system` calls other models and tools. */
  readonly kind?: 'chat' | 'vision' | 'guard' | 'transcription' | 'tts' | 'embedding' | 'system';
}

/** Looks prices up. Pure and synchronous. */
export interface PriceBook {
  /** Stored with each usage record, so that a report can be recomputed. Changes whenever a price does. */
  readonly version: string;
  /** The price of a model at a time (epoch milliseconds). `undefined` means unpriced, which is never treated as free. */
  price(model: string, at: number): PriceRow | undefined;
  /** What is known of a model whether or not it has a price, e.g. its `maxOutputTokens`. */
  facts?(model: string): PriceRow | undefined;
  /** The ids of all models that the book knows, priced or not, retired ones included. */
  models?(): readonly string[];
}

/** Price rows by model id. */
export type PriceRows = Readonly<Record<string, PriceRow>>;

/** True if the row says what a call costs: input and output prices, or one for audio, or one for characters. */
export function isPriced(row: PriceRow): boolean {
  if (row.audioPerHourUsd !== undefined || row.charactersPerMillionUsd !== undefined) return true;
  return row.inputPerMillionUsd !== undefined && row.outputPerMillionUsd !== undefined;
}

/**
 * A price book from rows of your own, from another book, or both. An override replaces the base's row member by member;
 * what it leaves out stays as it is in the base, except that a new input price without a cached one is the cached price too. A model that ends up without a price is unpriced.
 *
 * `version` defaults to the base's version (`custom` without a base) and a hash of the overrides: `2026-11-13+a1b2c3`.
 * Throws a `RangeError` that names model and member on a value that cannot be right.
 */
export function priceBook(options: {
  readonly base?: PriceBook;
  readonly overrides?: PriceRows;
  readonly version?: string;
}): PriceBook {
  checkOptionNames('priceBook', options, ['base', 'overrides', 'version']);
  const { base, overrides = {} } = options;
  const own = new Map<string, PriceRow>();
  for (const [model, row] of Object.entries(overrides)) own.set(model, checkedRow(model, row, base));

  // Costs memoise their rates by row, so the same base row must give the same merged row.
  const merged = new WeakMap<PriceRow, Map<string, PriceRow>>();
  const merge = (model: string, override: PriceRow, below: PriceRow | undefined): PriceRow => {
    if (below === undefined) return override;
    const rows = merged.get(below) ?? new Map<string, PriceRow>();
    merged.set(below, rows);
    const row = rows.get(model) ?? Object.freeze({ ...without(below, override), ...override });
    rows.set(model, row);
    return row;
  };
  const facts = (model: string): PriceRow | undefined => {
    const override = own.get(model);
    const below = base?.facts?.(model);
    return override ? merge(model, override, below) : below;
  };

  return {
    version: options.version ?? defaultVersion(base, own),
    price(model, at) {
      const override = own.get(model);
      if (override === undefined) return base?.price(model, at);
      const row = merge(model, override, base?.price(model, at) ?? base?.facts?.(model));
      return isPriced(row) ? row : undefined;
    },
    facts,
    models: () => [...new Set([...(base?.models?.() ?? []), ...own.keys()])],
  };
}

// A cached price belongs to its input price: with a new input price and no word on the cache, cached tokens cost the new one.
function without(below: PriceRow, override: PriceRow): PriceRow {
  if (override.inputPerMillionUsd === undefined) return below;
  const { cachedInputPerMillionUsd: _, ...rest } = below;
  return rest;
}

function defaultVersion(base: PriceBook | undefined, own: ReadonlyMap<string, PriceRow>): string {
  const rows = [...own].map(([model, row]) => [model, Object.entries(row).sort(byName)] as const).sort(byName);
  if (base && rows.length === 0) return base.version;
  return `${base?.version ?? 'custom'}+${shortHash(JSON.stringify(rows))}`;
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** FNV-1a, folded to six hexadecimal digits: tells price lists apart, hides nothing. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return ((hash >>> 24) ^ (hash & 0xffffff)).toString(16).padStart(6, '0');
}

type Check = (value: unknown) => string | undefined;

const usd: Check = (value) =>
  typeof value === 'number' && value >= 0 && value <= MAX_NANOS / NANOS_PER_USD
    ? undefined
    : 'an amount in USD, finite and 0 or more';
const seconds: Check = (value) =>
  typeof value === 'number' && value >= 0 && value <= 1e9 ? undefined : 'a number of seconds, finite and 0 or more';
const whole: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'a whole number of tokens, 0 or more';
const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a model id');
const date: Check = (value) =>
  typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value))
    ? undefined
    : 'a date such as 2026-09-21';
const oneOf =
  (...names: readonly string[]): Check =>
  (value) =>
    names.includes(String(value)) ? undefined : `one of ${names.join(', ')}`;

const checks = new Map<string, Check>(
  Object.entries({
    inputPerMillionUsd: usd,
    cachedInputPerMillionUsd: usd,
    outputPerMillionUsd: usd,
    audioPerHourUsd: usd,
    minAudioSeconds: seconds,
    charactersPerMillionUsd: usd,
    status: oneOf('production', 'preview', 'enterprise-only', 'retired', 'unlisted'),
    shutdownDate: date,
    replacement: text,
    maxOutputTokens: whole,
    contextWindow: whole,
    imageTokens: whole,
    kind: oneOf('chat', 'vision', 'guard', 'transcription', 'tts', 'embedding', 'system'),
  } satisfies Record<keyof PriceRow, Check>),
);

/** A frozen copy without members that are `undefined`, which would hide the base's. */
function checkedRow(model: string, row: PriceRow, base: PriceBook | undefined): PriceRow {
  if (typeof row !== 'object' || row === null) throw new RangeError(`Price of "${model}": expected a row, got ${String(row)}`);
  const members = Object.entries(row).filter(([, value]) => value !== undefined);
  for (const [member, value] of members) {
    const check = checks.get(member);
    if (!check)
      throw new RangeError(`Price of "${model}": unknown member "${member}"; known are ${[...checks.keys()].join(', ')}`);
    const expected = check(value);
    if (expected)
      throw new RangeError(
        `Price of "${model}": ${member} must be ${expected}, got ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`,
      );
  }
  const copy: PriceRow = Object.freeze(Object.fromEntries(members));
  const known = base !== undefined && (base.models?.().includes(model) ?? true);
  const half = (copy.inputPerMillionUsd === undefined) !== (copy.outputPerMillionUsd === undefined);
  if (half && !known && !isPriced(copy)) {
    const missing = copy.inputPerMillionUsd === undefined ? 'inputPerMillionUsd' : 'outputPerMillionUsd';
    throw new RangeError(`Price of "${model}": ${missing} is missing; write 0 if it costs nothing`);
  }
  return copy;
}
