// Groq's published prices, as data with a date. A price changes here together with VERSION, never alone.
import { isPriced, type PriceBook, type PriceRow } from './price-book';

const VERSION = '2026-11-13';

const tokens = (input: number, output: number, cached?: number): PriceRow => ({
  inputPerMillionUsd: input,
  outputPerMillionUsd: output,
  ...(cached === undefined ? {} : { cachedInputPerMillionUsd: cached }),
});
const audio = (perHour: number): PriceRow => ({ audioPerHourUsd: perHour, minAudioSeconds: 10 });
const speech = (perMillion: number): PriceRow => ({ charactersPerMillionUsd: perMillion });
const sizes = (context: number, maxOutput?: number): PriceRow => ({
  contextWindow: context,
  ...(maxOutput === undefined ? {} : { maxOutputTokens: maxOutput }),
});
const gone = (status: 'retired' | 'enterprise-only', shutdownDate?: string, replacement?: string): PriceRow => ({
  status,
  ...(shutdownDate === undefined ? {} : { shutdownDate }),
  ...(replacement === undefined ? {} : { replacement }),
});
const retired = (date?: string, replacement?: string): PriceRow => gone('retired', date, replacement);
const enterprise = (date?: string, replacement?: string): PriceRow => gone('enterprise-only', date, replacement);

const rows = new Map<string, PriceRow>(
  Object.entries({
    'openai/gpt-oss-120b': { kind: 'chat', ...tokens(0.15, 0.6, 0.075), ...sizes(131_072, 65_536), status: 'production' },
    'openai/gpt-oss-20b': { kind: 'chat', ...tokens(0.075, 0.3, 0.0375), ...sizes(131_072, 65_536), status: 'production' },
    'whisper-large-v3': { kind: 'transcription', ...audio(0.111), ...sizes(448, 448), status: 'production' },
    'whisper-large-v3-turbo': { kind: 'transcription', ...audio(0.04), ...sizes(448, 448), status: 'production' },
    'openai/gpt-oss-safeguard-20b': {
      kind: 'guard',
      ...tokens(0.075, 0.3, 0.0375),
      ...sizes(131_072, 65_536),
      status: 'preview',
    },
    'qwen/qwen3.8-27b': { kind: 'vision', ...tokens(0.8, 4), ...sizes(131_072, 16_384), imageTokens: 2048, status: 'preview' },
    'meta-llama/llama-prompt-guard-2-22m': { kind: 'guard', ...tokens(0.03, 0.03), ...sizes(512, 512), status: 'preview' },
    'meta-llama/llama-prompt-guard-2-86m': { kind: 'guard', ...tokens(0.04, 0.04), ...sizes(512, 512), status: 'preview' },
    'canopylabs/orpheus-v1-english': { kind: 'tts', ...speech(22), ...sizes(4000, 50_000), status: 'preview' },
    'canopylabs/orpheus-arabic-saudi': { kind: 'tts', ...speech(40), ...sizes(4000, 50_000), status: 'preview' },
    // No price published: unpriced.
    'allam-2-7b': { kind: 'chat', ...sizes(4096, 4096), status: 'unlisted' },
    'nomic-embed-text-v1_5': { kind: 'embedding', status: 'unlisted' },
    // Sold by contract; the last public prices.
    'llama-3.1-8b-instant': {
      kind: 'chat',
      ...tokens(0.05, 0.08),
      ...sizes(131_072, 131_072),
      ...enterprise('2026-08-16', 'openai/gpt-oss-20b'),
    },
    'llama-3.3-70b-versatile': {
      kind: 'chat',
      ...tokens(0.59, 0.79),
      ...sizes(131_072, 32_768),
      ...enterprise('2026-08-16', 'openai/gpt-oss-120b'),
    },
    'minimaxai/minimax-m2.7': { kind: 'chat', ...sizes(196_608, 131_072), ...enterprise() },
    // Latest shutdown first; kept to price old records. Systems had no token price of their own.
    'groq/compound': { kind: 'system', ...sizes(131_072, 8192), ...retired('2026-09-21') },
    'groq/compound-mini': { kind: 'system', ...sizes(131_072, 8192), ...retired('2026-09-21') },
    'compound-beta': { kind: 'system', ...retired() },
    'compound-beta-mini': { kind: 'system', ...retired() },
    'qwen/qwen3.6-27b': {
      kind: 'vision',
      ...tokens(0.6, 3),
      ...sizes(131_072, 16_384),
      imageTokens: 2048,
      ...retired('2026-09-14', 'qwen/qwen3.8-27b'),
    },
    'qwen/qwen3-32b': {
      kind: 'chat',
      ...tokens(0.29, 0.59),
      ...sizes(131_072, 40_960),
      ...retired('2026-07-17', 'openai/gpt-oss-120b'),
    },
    'meta-llama/llama-4-scout-17b-16e-instruct': {
      kind: 'vision',
      ...tokens(0.11, 0.34),
      ...sizes(131_072, 8192),
      ...retired('2026-07-17', 'openai/gpt-oss-120b'),
    },
    'moonshotai/kimi-k2-instruct-0905': {
      kind: 'chat',
      ...tokens(1, 3, 0.5),
      ...sizes(262_144, 16_384),
      ...retired('2026-04-15', 'openai/gpt-oss-120b'),
    },
    'meta-llama/llama-4-maverick-17b-128e-instruct': {
      kind: 'vision',
      ...tokens(0.2, 0.6),
      ...sizes(131_072, 8192),
      ...retired('2026-03-09', 'openai/gpt-oss-120b'),
    },
    'meta-llama/llama-guard-4-12b': {
      kind: 'guard',
      ...tokens(0.2, 0.2),
      ...sizes(131_072),
      ...retired('2026-03-05', 'openai/gpt-oss-safeguard-20b'),
    },
    'playai-tts': {
      kind: 'tts',
      ...speech(50),
      ...sizes(8192, 8192),
      ...retired('2025-12-31', 'canopylabs/orpheus-v1-english'),
    },
    'playai-tts-arabic': {
      kind: 'tts',
      ...speech(50),
      ...sizes(8192, 8192),
      ...retired('2025-12-31', 'canopylabs/orpheus-arabic-saudi'),
    },
    'moonshotai/kimi-k2-instruct': {
      kind: 'chat',
      ...tokens(1, 3, 0.5),
      ...sizes(131_072, 16_384),
      ...retired('2025-10-10', 'openai/gpt-oss-120b'),
    },
    'gemma2-9b-it': {
      kind: 'chat',
      ...tokens(0.2, 0.2),
      ...sizes(8192, 8192),
      ...retired('2025-10-08', 'llama-3.1-8b-instant'),
    },
    'deepseek-r1-distill-llama-70b': {
      kind: 'chat',
      ...tokens(0.75, 0.99),
      ...sizes(131_072),
      ...retired('2025-10-02', 'openai/gpt-oss-120b'),
    },
    'llama3-70b-8192': { kind: 'chat', ...tokens(0.59, 0.79), ...sizes(8192, 8192), ...retired('2025-08-30') },
    'llama3-8b-8192': { kind: 'chat', ...tokens(0.05, 0.08), ...sizes(8192, 8192), ...retired('2025-08-30') },
    'distil-whisper-large-v3-en': { kind: 'transcription', ...audio(0.02), ...retired('2025-08-23', 'whisper-large-v3-turbo') },
    'mistral-saba-24b': { kind: 'chat', ...tokens(0.79, 0.79), ...sizes(32_768, 32_768), ...retired('2025-07-30') },
    'qwen-qwq-32b': { kind: 'chat', ...tokens(0.29, 0.39), ...sizes(131_072, 16_384), ...retired('2025-07-14') },
    'llama-guard-3-8b': { kind: 'guard', ...tokens(0.2, 0.2), ...sizes(8192, 8192), ...retired('2025-06-06') },
    'llama-3.3-70b-specdec': { kind: 'chat', ...tokens(0.59, 0.99), ...retired('2025-04-14') },
    'llama-3.2-1b-preview': { kind: 'chat', ...tokens(0.04, 0.04), ...retired('2025-04-14') },
    'llama-3.2-3b-preview': { kind: 'chat', ...tokens(0.06, 0.06), ...retired('2025-04-14') },
    'llama-3.2-11b-vision-preview': { kind: 'chat', ...tokens(0.18, 0.18), ...retired('2025-04-14') },
    'llama-3.2-90b-vision-preview': { kind: 'chat', ...tokens(0.9, 0.9), ...retired('2025-04-14') },
    'mixtral-8x7b-32768': { kind: 'chat', ...tokens(0.24, 0.24), ...sizes(32_768, 32_768), ...retired('2025-03-20') },
    'llama-3.1-70b-versatile': { kind: 'chat', ...tokens(0.59, 0.79), ...retired('2025-01-24') },
    'gemma-7b-it': { kind: 'chat', ...tokens(0.07, 0.07), ...sizes(8192, 8192), ...retired('2024-12-18') },
  } satisfies Record<string, PriceRow>),
);

for (const row of rows.values()) Object.freeze(row);

/**
 * Groq's published list prices of 2026-11-13, for self-serve keys: tokens, audio and speech. Models that are retired or
 * sold by contract keep their last public price and are marked by `status`. Prices do not depend on `at`. Use
 * `priceBook({ base: groqPrices, overrides })` for prices of your own.
 */
export const groqPrices: PriceBook = Object.freeze({
  version: VERSION,
  price(model: string) {
    const row = rows.get(model);
    return row !== undefined && isPriced(row) ? row : undefined;
  },
  facts: (model: string) => rows.get(model),
  models: () => [...rows.keys()],
});

/** What a built-in tool costs on top of the tokens, which are billed too. */
export interface ToolPrice {
  /** USD per 1,000 uses. */
  readonly perThousandUsesUsd?: number;
  /** USD per hour of running. Responses do not say how long a tool ran. */
  readonly perHourUsd?: number;
  /** True if only models that are retired could call it. */
  readonly retired?: true;
}

/** Prices of Groq's built-in tools. */
export interface ToolPrices {
  readonly version: string;
  /** By the name in a request's `tools[].type` or in a response's `executed_tools[].type`; a tool not listed has no known price. */
  readonly tools: ReadonlyMap<string, ToolPrice>;
}

/**
 * Groq's published prices of built-in tools. The page they were taken from is older than the shutdown of Compound
 * (2026-09-21), so they are the last known ones. Asking for `browser_search` can lead to several `browser.search` and
 * `browser.open` uses; `python` is how `code_interpreter` is reported.
 */
export const toolPrices: ToolPrices = Object.freeze({
  version: VERSION,
  tools: new Map<string, ToolPrice>([
    ['browser_search', { perThousandUsesUsd: 5 }],
    ['browser.search', { perThousandUsesUsd: 5 }],
    ['browser.open', { perThousandUsesUsd: 1 }],
    ['code_interpreter', { perHourUsd: 0.18 }],
    ['python', { perHourUsd: 0.18 }],
    // Compound's. The advanced search was an option of the same tool: the dearer price is the safe one.
    ['web_search', { perThousandUsesUsd: 8, retired: true }],
    ['visit_website', { perThousandUsesUsd: 1, retired: true }],
    ['browser_automation', { perHourUsd: 0.08, retired: true }],
  ]),
});
