import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costNanos, ratesOf, toolNanos, type Quantities } from '../../src/price/cost';
import { groqPrices, toolPrices } from '../../src/price/groq-prices';
import type { PriceRow } from '../../src/price/price-book';

const none = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };

function cost(model: string, used: Partial<Quantities>): number {
  const row = groqPrices.price(model, 0);
  if (row === undefined) throw new Error(`no price for ${model}`);
  return costNanos(ratesOf(row), { ...none, ...used });
}

describe('costNanos, worked by hand', () => {
  it.each<[string, string, Partial<Quantities>, number]>([
    [
      'cached tokens at their own price',
      'openai/gpt-oss-20b',
      { promptTokens: 1000, cachedTokens: 400, completionTokens: 500 },
      210_000,
    ],
    [
      '600 × 75 + 400 × 37.5 + 500 × 300, in a batch: (1000 × 75 + 500 × 300) / 2',
      'openai/gpt-oss-20b',
      { promptTokens: 1000, cachedTokens: 400, completionTokens: 500, batch: true },
      112_500,
    ],
    ['a batch of nothing cached', 'openai/gpt-oss-20b', { promptTokens: 1000, completionTokens: 500, batch: true }, 112_500],
    ['one cached token: 37.5 rounded up', 'openai/gpt-oss-20b', { promptTokens: 1, cachedTokens: 1 }, 38],
    ['two cached tokens: 75, rounded once', 'openai/gpt-oss-20b', { promptTokens: 2, cachedTokens: 2 }, 75],
    ['one token in a batch: 37.5 rounded up', 'openai/gpt-oss-20b', { promptTokens: 1, batch: true }, 38],
    ['more cached than sent', 'openai/gpt-oss-20b', { promptTokens: 10, cachedTokens: 999 }, 375],
    [
      'cached tokens without a price of their own',
      'qwen/qwen3.8-27b',
      { promptTokens: 100, cachedTokens: 50, completionTokens: 1 },
      84_000,
    ],
    ['nothing', 'openai/gpt-oss-120b', {}, 0],
    ['a million in and out', 'openai/gpt-oss-120b', { promptTokens: 1_000_000, completionTokens: 1_000_000 }, 750_000_000],
    ['4.9 s of audio, billed as 10: $0.000111', 'whisper-large-v3-turbo', { audioSeconds: 4.9 }, 111_112],
    ['1 ms of audio', 'whisper-large-v3-turbo', { audioSeconds: 0.001 }, 111_112],
    ['less than a millisecond', 'whisper-large-v3-turbo', { audioSeconds: 1e-9 }, 111_112],
    ['10.001 s of audio', 'whisper-large-v3-turbo', { audioSeconds: 10.001 }, 111_123],
    ['no audio', 'whisper-large-v3-turbo', { audioSeconds: 0 }, 0],
    ['an hour of audio', 'whisper-large-v3', { audioSeconds: 3600 }, 111_000_000],
    ['an hour of audio in a batch', 'whisper-large-v3', { audioSeconds: 3600, batch: true }, 55_500_000],
    ['speech', 'canopylabs/orpheus-v1-english', { characters: 1_234 }, 27_148_000],
    ['tools on top', 'openai/gpt-oss-20b', { promptTokens: 1, toolNanos: 5_000_000 }, 5_000_075],
    ['tools in a batch, at full price', 'openai/gpt-oss-20b', { promptTokens: 2, toolNanos: 10, batch: true }, 85],
  ])('%s', (_, model, used, nanos) => {
    expect(cost(model, used)).toBe(nanos);
  });
});

describe('costNanos refuses', () => {
  it.each<[Partial<Quantities>, string]>([
    [{ promptTokens: -1 }, 'promptTokens must be a whole number of 0 or more, got -1'],
    [{ promptTokens: NaN }, 'promptTokens must be a whole number of 0 or more, got NaN'],
    [{ promptTokens: Infinity }, 'promptTokens'],
    [{ promptTokens: 1.5 }, 'promptTokens'],
    [{ promptTokens: 5, cachedTokens: -5 }, 'cachedTokens'],
    [{ promptTokens: 5, cachedTokens: NaN }, 'cachedTokens'],
    [{ promptTokens: 5, cachedTokens: Infinity }, 'cachedTokens'],
    [{ completionTokens: -1 }, 'completionTokens'],
    [{ completionTokens: 2 ** 53 }, 'completionTokens'],
    [{ toolNanos: -1 }, 'toolNanos'],
    [{ toolNanos: NaN }, 'toolNanos'],
    [{ characters: -1 }, 'characters'],
    [{ audioSeconds: -1 }, 'audioSeconds must be a finite number of 0 or more, got -1'],
    [{ audioSeconds: NaN }, 'audioSeconds'],
    [{ audioSeconds: Infinity }, 'audioSeconds'],
    [{ promptTokens: Number.MAX_SAFE_INTEGER, completionTokens: Number.MAX_SAFE_INTEGER }, 'too large to be counted exactly'],
  ])('%j', (used, message) => {
    expect(() => cost('openai/gpt-oss-120b', used)).toThrow(message);
    expect(() => cost('openai/gpt-oss-120b', used)).toThrow(RangeError);
  });

  it('what has no price', () => {
    expect(() => cost('openai/gpt-oss-20b', { audioSeconds: 1 })).toThrow('The model has no price for audio');
    expect(() => cost('openai/gpt-oss-20b', { characters: 1 })).toThrow('The model has no price for characters');
    expect(() => cost('whisper-large-v3', { promptTokens: 1 })).toThrow('The model has no price for input tokens');
    expect(() => cost('whisper-large-v3', { completionTokens: 1 })).toThrow('The model has no price for output tokens');
    expect(cost('whisper-large-v3', {})).toBe(0);
  });
});

describe('costNanos without a minimum length', () => {
  it('counts audio by the millisecond, and never as nothing', () => {
    const rates = ratesOf({ audioPerHourUsd: 3.6 });
    expect(costNanos(rates, { ...none, audioSeconds: 1.2345 })).toBe(1_235_000);
    expect(costNanos(rates, { ...none, audioSeconds: 1e-9 })).toBe(1_000);
    expect(costNanos(rates, { ...none, audioSeconds: 0 })).toBe(0);
  });
});

describe('ratesOf', () => {
  it('is whole nano-dollars, once per row', () => {
    const row: PriceRow = { inputPerMillionUsd: 0.1 + 0.2, outputPerMillionUsd: 0.0375 };
    expect(ratesOf(row)).toMatchObject({
      inputPerMillion: 300_000_000,
      cachedInputPerMillion: 300_000_000,
      outputPerMillion: 37_500_000,
    });
    expect(ratesOf(row)).toBe(ratesOf(row));
    expect(ratesOf({ ...row })).not.toBe(ratesOf(row));
  });

  it('never makes a small price free', () => {
    expect(ratesOf({ inputPerMillionUsd: 1e-12, outputPerMillionUsd: 0 })).toMatchObject({
      inputPerMillion: 1,
      outputPerMillion: 0,
    });
  });

  it('refuses prices that are none', () => {
    for (const inputPerMillionUsd of [-1, NaN, Infinity]) expect(() => ratesOf({ inputPerMillionUsd })).toThrow(RangeError);
  });
});

describe('toolNanos', () => {
  const price = (tool: string, used: { uses: number; seconds?: number }): number =>
    toolNanos(toolPrices.tools.get(tool) ?? {}, used);

  it('is per use or per hour', () => {
    expect(price('browser_search', { uses: 3 })).toBe(15_000_000);
    expect(price('browser.open', { uses: 1 })).toBe(1_000_000);
    expect(price('code_interpreter', { uses: 1, seconds: 3600 })).toBe(180_000_000);
    expect(price('code_interpreter', { uses: 1, seconds: 1 })).toBe(50_000);
    expect(toolNanos({ perThousandUsesUsd: 0.000_000_001 }, { uses: 1 })).toBe(1);
    expect(price('browser_search', { uses: 0 })).toBe(0);
  });

  it('refuses quantities that are none', () => {
    expect(() => price('browser_search', { uses: -1 })).toThrow(RangeError);
    expect(() => price('browser_search', { uses: 0.5 })).toThrow(RangeError);
    expect(() => price('python', { uses: 0, seconds: NaN })).toThrow(RangeError);
  });
});

describe('costNanos against arbitrary precision', () => {
  const nanos = fc.oneof(fc.nat(10_000), fc.integer({ min: 0, max: 2 ** 40 }));
  const usd = nanos.map((value) => value / 1e9);
  const tokens = fc.oneof(fc.nat(100), fc.nat(10_000_000), fc.integer({ min: 0, max: 2 ** 44 }));
  const rows = fc.record({
    inputPerMillionUsd: usd,
    cachedInputPerMillionUsd: fc.option(usd, { nil: undefined }),
    outputPerMillionUsd: usd,
    audioPerHourUsd: usd,
    charactersPerMillionUsd: usd,
    minAudioSeconds: fc.constantFrom(0, 10, 0.5),
  });
  const usages = fc.record(
    {
      promptTokens: tokens,
      cachedTokens: tokens,
      completionTokens: tokens,
      audioMs: fc.nat(100_000_000),
      characters: tokens,
      toolNanos: fc.nat(1_000_000_000),
      batch: fc.boolean(),
    },
    { requiredKeys: ['promptTokens', 'cachedTokens', 'completionTokens'] },
  );

  const big = (usd: number): bigint => BigInt(Math.round(usd * 1e9));

  it('is the exact fraction, rounded up once', () => {
    fc.assert(
      fc.property(rows, usages, (row, { audioMs, ...used }) => {
        const batch = used.batch ?? false;
        const cached = BigInt(Math.min(used.cachedTokens, used.promptTokens));
        const ms = audioMs ? BigInt(Math.max(audioMs, row.minAudioSeconds * 1000)) : 0n;
        // Everything over 10^6 · 3.6 · 10^6 · 2.
        const perMillion =
          (BigInt(used.promptTokens) - cached) * big(row.inputPerMillionUsd) +
          cached * big(batch ? row.inputPerMillionUsd : (row.cachedInputPerMillionUsd ?? row.inputPerMillionUsd)) +
          BigInt(used.completionTokens) * big(row.outputPerMillionUsd) +
          BigInt(used.characters ?? 0) * big(row.charactersPerMillionUsd);
        const numerator = (perMillion * 7_200_000n + ms * big(row.audioPerHourUsd) * 2_000_000n) / (batch ? 2n : 1n);
        const exact = (numerator + 7_199_999_999_999n) / 7_200_000_000_000n + BigInt(used.toolNanos ?? 0);
        const price: PriceRow = JSON.parse(JSON.stringify(row)) as PriceRow;
        const quantities: Quantities = audioMs === undefined ? used : { ...used, audioSeconds: audioMs / 1000 };
        if (exact > BigInt(Number.MAX_SAFE_INTEGER)) expect(() => costNanos(ratesOf(price), quantities)).toThrow(/too large/);
        else expect(BigInt(costNanos(ratesOf(price), quantities))).toBe(exact);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never costs less for more', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), fc.nat(1_000_000), (promptTokens, cachedTokens, completionTokens) => {
        const used = { promptTokens, cachedTokens, completionTokens };
        const now = cost('openai/gpt-oss-20b', used);
        expect(cost('openai/gpt-oss-20b', { ...used, promptTokens: promptTokens + 1 })).toBeGreaterThanOrEqual(now);
        expect(cost('openai/gpt-oss-20b', { ...used, completionTokens: completionTokens + 1 })).toBeGreaterThan(now);
        expect(cost('openai/gpt-oss-20b', { ...used, batch: true })).toBeLessThanOrEqual(now);
      }),
    );
  });
});
