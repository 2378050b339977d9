import { describe, expect, it } from 'vitest';
import { groqPrices, toolPrices } from '../../src/price/groq-prices';
import { isPriced, priceBook, type PriceBook, type PriceRow } from '../../src/price/price-book';

const NOW = Date.UTC(2026, 10, 21);

describe('groqPrices', () => {
  // Groq's price page and documentation, 2026-11-13.
  it.each<[string, PriceRow]>([
    [
      'openai/gpt-oss-120b',
      { inputPerMillionUsd: 0.15, cachedInputPerMillionUsd: 0.075, outputPerMillionUsd: 0.6, maxOutputTokens: 65_536 },
    ],
    [
      'openai/gpt-oss-20b',
      { inputPerMillionUsd: 0.075, cachedInputPerMillionUsd: 0.0375, outputPerMillionUsd: 0.3, status: 'production' },
    ],
    ['openai/gpt-oss-safeguard-20b', { inputPerMillionUsd: 0.075, outputPerMillionUsd: 0.3, status: 'preview', kind: 'guard' }],
    ['qwen/qwen3.8-27b', { inputPerMillionUsd: 0.8, outputPerMillionUsd: 4, imageTokens: 2048, contextWindow: 131_072 }],
    ['whisper-large-v3', { audioPerHourUsd: 0.111, minAudioSeconds: 10 }],
    ['whisper-large-v3-turbo', { audioPerHourUsd: 0.04, minAudioSeconds: 10 }],
    ['canopylabs/orpheus-v1-english', { charactersPerMillionUsd: 22 }],
    ['canopylabs/orpheus-arabic-saudi', { charactersPerMillionUsd: 40, kind: 'tts' }],
    [
      'llama-3.3-70b-versatile',
      { inputPerMillionUsd: 0.59, status: 'enterprise-only', shutdownDate: '2026-08-16', replacement: 'openai/gpt-oss-120b' },
    ],
    ['gemma2-9b-it', { inputPerMillionUsd: 0.2, status: 'retired', shutdownDate: '2025-10-08' }],
    ['mixtral-8x7b-32768', { inputPerMillionUsd: 0.24, outputPerMillionUsd: 0.24, status: 'retired' }],
  ])('knows the price of %s', (model, row) => {
    expect(groqPrices.price(model, NOW)).toMatchObject(row);
  });

  it('publishes no cached price for a model that has none', () => {
    expect(groqPrices.price('qwen/qwen3.8-27b', NOW)).not.toHaveProperty('cachedInputPerMillionUsd');
  });

  it.each([
    'allam-2-7b',
    'groq/compound',
    'groq/compound-mini',
    'nomic-embed-text-v1_5',
    'minimaxai/minimax-m2.7',
    'compound-beta',
  ])('has no price for %s, but knows it', (model) => {
    expect(groqPrices.price(model, NOW)).toBe(undefined);
    expect(groqPrices.facts?.(model)?.status).toMatch(/unlisted|retired|enterprise-only/);
  });

  it.each(['__proto__', 'constructor', 'toString', '', 'gpt-4o', 'OpenAI/gpt-oss-20b', 'openai/gpt-oss-20b '])(
    'does not know %j',
    (model) => {
      expect(groqPrices.price(model, NOW)).toBe(undefined);
      expect(groqPrices.facts?.(model)).toBe(undefined);
    },
  );

  it('lists all models, once, and has a price or a reason for each', () => {
    const models = groqPrices.models?.() ?? [];
    expect(models).toHaveLength(44);
    expect(new Set(models).size).toBe(44);
    for (const model of models) {
      const row = groqPrices.facts?.(model) ?? {};
      expect(isPriced(row) || row.status !== 'production').toBe(true);
      expect(row.kind).toBeDefined();
    }
  });

  it('cannot be changed', () => {
    const row = groqPrices.price('openai/gpt-oss-20b', NOW);
    expect(Object.isFrozen(row)).toBe(true);
    expect(Object.isFrozen(groqPrices)).toBe(true);
  });

  it('has a version, which is that of the tools too', () => {
    expect(groqPrices.version).toBe('2026-11-13');
    expect(toolPrices.version).toBe(groqPrices.version);
    expect(toolPrices.tools.get('browser_search')).toEqual({ perThousandUsesUsd: 5 });
    expect(toolPrices.tools.get('python')).toEqual({ perHourUsd: 0.18 });
    expect(toolPrices.tools.get('__proto__')).toBe(undefined);
  });
});

describe('priceBook', () => {
  const base = groqPrices;

  it('replaces a row member by member', () => {
    const book = priceBook({ base, overrides: { 'openai/gpt-oss-20b': { outputPerMillionUsd: 0.25 } } });
    expect(book.price('openai/gpt-oss-20b', NOW)).toEqual({
      ...base.price('openai/gpt-oss-20b', NOW),
      outputPerMillionUsd: 0.25,
    });
    expect(book.price('openai/gpt-oss-120b', NOW)).toBe(base.price('openai/gpt-oss-120b', NOW));
  });

  it('gives the same row each time, so that its rates are computed once', () => {
    const book = priceBook({ base, overrides: { 'openai/gpt-oss-20b': { outputPerMillionUsd: 0.25 } } });
    expect(book.price('openai/gpt-oss-20b', NOW)).toBe(book.price('openai/gpt-oss-20b', NOW + 1));
  });

  it('prices a model that the base knows without a price, and keeps its facts', () => {
    const book = priceBook({ base, overrides: { 'allam-2-7b': { inputPerMillionUsd: 0.1, outputPerMillionUsd: 0.2 } } });
    expect(book.price('allam-2-7b', NOW)).toMatchObject({ inputPerMillionUsd: 0.1, maxOutputTokens: 4096 });
  });

  it('leaves a model unpriced that gets facts only', () => {
    const book = priceBook({ base, overrides: { 'allam-2-7b': { maxOutputTokens: 100 }, new: { kind: 'chat' } } });
    expect(book.price('allam-2-7b', NOW)).toBe(undefined);
    expect(book.facts?.('allam-2-7b')).toMatchObject({ maxOutputTokens: 100, contextWindow: 4096 });
    expect(book.price('new', NOW)).toBe(undefined);
    expect(book.models?.()).toHaveLength(45);
  });

  it('works without a base', () => {
    const book = priceBook({ overrides: { mine: { inputPerMillionUsd: 0, outputPerMillionUsd: 0 } } });
    expect(book.price('mine', NOW)).toEqual({ inputPerMillionUsd: 0, outputPerMillionUsd: 0 });
    expect(book.price('openai/gpt-oss-20b', NOW)).toBe(undefined);
    expect(book.models?.()).toEqual(['mine']);
    expect(priceBook({}).price('mine', NOW)).toBe(undefined);
  });

  it('follows a base whose prices depend on the time', () => {
    const early: PriceRow = { inputPerMillionUsd: 1, outputPerMillionUsd: 2 };
    const late: PriceRow = { inputPerMillionUsd: 3, outputPerMillionUsd: 4 };
    const moving: PriceBook = { version: 'm', price: (_, at) => (at < NOW ? early : late) };
    const book = priceBook({ base: moving, overrides: { a: { outputPerMillionUsd: 9 } } });
    expect(book.price('a', NOW - 1)).toEqual({ inputPerMillionUsd: 1, outputPerMillionUsd: 9 });
    expect(book.price('a', NOW)).toEqual({ inputPerMillionUsd: 3, outputPerMillionUsd: 9 });
    expect(book.price('b', NOW)).toBe(late);
  });

  it('can be stacked, the outer override first', () => {
    const inner = priceBook({ base, overrides: { 'openai/gpt-oss-20b': { inputPerMillionUsd: 1, outputPerMillionUsd: 2 } } });
    const outer = priceBook({ base: inner, overrides: { 'openai/gpt-oss-20b': { outputPerMillionUsd: 3 } } });
    expect(outer.price('openai/gpt-oss-20b', NOW)).toMatchObject({ inputPerMillionUsd: 1, outputPerMillionUsd: 3 });
  });

  it('copies what it is given', () => {
    const row = { inputPerMillionUsd: 1, outputPerMillionUsd: 2 };
    const book = priceBook({ overrides: { mine: row } });
    row.inputPerMillionUsd = 0;
    expect(book.price('mine', NOW)?.inputPerMillionUsd).toBe(1);
  });

  it('takes models by their own names only', () => {
    const overrides = JSON.parse('{"__proto__":{"inputPerMillionUsd":1,"outputPerMillionUsd":1}}') as Record<string, PriceRow>;
    expect(priceBook({ overrides }).price('__proto__', NOW)).toBeDefined();
    expect(priceBook({ base }).price('__proto__', NOW)).toBe(undefined);
    expect(priceBook({ base }).price('constructor', NOW)).toBe(undefined);
  });

  it('ignores members that are undefined', () => {
    const overrides = JSON.parse('{}') as Record<string, PriceRow>;
    Object.assign(overrides, { 'openai/gpt-oss-20b': { outputPerMillionUsd: undefined } });
    expect(priceBook({ base, overrides }).price('openai/gpt-oss-20b', NOW)).toEqual(base.price('openai/gpt-oss-20b', NOW));
  });
});

describe('priceBook version', () => {
  const version = (overrides: Record<string, PriceRow>): string => priceBook({ base: groqPrices, overrides }).version;

  it('is the base’s, with a mark of the overrides', () => {
    expect(version({})).toBe('2026-11-13');
    expect(version({ a: { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } })).toMatch(/^2026-11-13\+[0-9a-f]{6}$/);
    expect(priceBook({ overrides: { a: { audioPerHourUsd: 1 } } }).version).toMatch(/^custom\+[0-9a-f]{6}$/);
    expect(priceBook({ base: groqPrices, version: 'ours-7' }).version).toBe('ours-7');
  });

  it('changes with any price and not with the order', () => {
    const a: PriceRow = { inputPerMillionUsd: 1, outputPerMillionUsd: 2 };
    const same: PriceRow = { outputPerMillionUsd: 2, inputPerMillionUsd: 1 };
    expect(version({ a, b: a })).toBe(version({ b: same, a: same }));
    expect(version({ a, b: a })).not.toBe(version({ a, b: { ...a, outputPerMillionUsd: 2.5 } }));
    expect(version({ a })).not.toBe(version({ b: a }));
  });
});

describe('priceBook refuses', () => {
  it.each<[string, Record<string, unknown>, string]>([
    [
      'a negative price',
      { inputPerMillionUsd: -1 },
      'Price of "m": inputPerMillionUsd must be an amount in USD, finite and 0 or more, got -1',
    ],
    ['NaN', { outputPerMillionUsd: NaN }, 'outputPerMillionUsd must be an amount in USD, finite and 0 or more, got NaN'],
    ['Infinity', { audioPerHourUsd: Infinity }, 'audioPerHourUsd must be'],
    [
      'a price that is text',
      { charactersPerMillionUsd: '22' },
      'charactersPerMillionUsd must be an amount in USD, finite and 0 or more, got "22"',
    ],
    ['a price that cannot be counted', { inputPerMillionUsd: 1e10 }, 'inputPerMillionUsd must be'],
    ['null', { cachedInputPerMillionUsd: null }, 'cachedInputPerMillionUsd must be'],
    ['negative seconds', { minAudioSeconds: -10 }, 'minAudioSeconds must be a number of seconds'],
    ['a fraction of a token', { maxOutputTokens: 0.5 }, 'maxOutputTokens must be a whole number of tokens, 0 or more, got 0.5'],
    ['an unknown status', { status: 'new' }, 'status must be one of production, preview'],
    ['a date that is none', { shutdownDate: '2026-13-01' }, 'shutdownDate must be a date such as'],
    ['a member that does not exist', { inputPerMillion: 1 }, 'unknown member "inputPerMillion"; known are inputPerMillionUsd'],
    ['half a price', { inputPerMillionUsd: 1 }, 'outputPerMillionUsd is missing; write 0 if it costs nothing'],
  ])('%s', (_, row, message) => {
    expect(() => priceBook({ base: groqPrices, overrides: { m: row } })).toThrow(message);
    expect(() => priceBook({ base: groqPrices, overrides: { m: row } })).toThrow(RangeError);
  });

  it('options that do not exist', () => {
    const make = (options: unknown): unknown => Reflect.apply(priceBook, undefined, [options]);
    expect(() => make({ override: {} })).toThrow('priceBook: unknown option "override"; known are base, overrides, version');
    expect(() => make(undefined)).toThrow('priceBook: expected an object with base, overrides, version, got undefined');
  });

  it('a row that is none', () => {
    const overrides = JSON.parse('{"m":null}') as Record<string, PriceRow>;
    expect(() => priceBook({ overrides })).toThrow('Price of "m": expected a row, got null');
  });
});
