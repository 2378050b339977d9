import type { PriceRow } from '../price/price-book';
import { type BodyFields, FormBody, JsonBody } from './body';
import type { OperationKind } from './operation';

/** What a request sends, before anybody has counted its tokens. */
export interface InputSize {
  /** UTF-8 bytes that may become prompt; a token is at least one byte. */
  readonly bytes: number;
  /** Tokens that are not text: images. */
  readonly imageTokens: number;
  readonly characters: number;
  /** Length of audio in seconds: measured, or what it can be at most. */
  readonly audioSeconds: number;
}

const NOTHING: InputSize = Object.freeze({ bytes: 0, imageTokens: 0, characters: 0, audioSeconds: 0 });

// Groq's documented count for its vision models; facts of a model may say otherwise.
const TOKENS_PER_IMAGE = 2048;
// The poorest speech codecs in use run at 8 kbit/s: hardly any file of so many bytes is longer.
const BYTES_PER_SECOND_OF_AUDIO = 1000;
// Of a file that the provider fetches itself, only the largest that it accepts is known: 100 MB.
const LARGEST_AUDIO_BYTES = 100_000_000;

/** Measures a request's input; `seconds` is how long its audio is, where that is known. */
export function inputSize(
  kind: OperationKind,
  body: BodyFields | undefined,
  row: PriceRow | undefined,
  seconds?: number,
): InputSize {
  if (body === undefined || kind === 'free') return NOTHING;
  if (kind === 'speech') return { ...NOTHING, characters: stringLength(body.get('input')) };
  if (kind === 'audio') {
    return { ...NOTHING, bytes: body.promptBytes(), audioSeconds: seconds ?? longestSeconds(body) };
  }
  const bytes = body.promptBytes();
  const text = body instanceof JsonBody && maySeeImages(row) ? (body.text('messages') ?? body.text('input')) : undefined;
  if (text === undefined || !(text.includes('image_url') || text.includes('input_image'))) return { ...NOTHING, bytes };
  const images = imagesIn(JSON.parse(text) as unknown);
  return { ...NOTHING, bytes: bytes - images.bytes, imageTokens: images.count * (row?.imageTokens ?? TOKENS_PER_IMAGE) };
}

function longestSeconds(body: BodyFields): number {
  const sent = body instanceof FormBody ? body.fileBytes() : undefined;
  const bytes = sent === undefined || body.get('url') !== undefined ? Math.max(sent ?? 0, LARGEST_AUDIO_BYTES) : sent;
  // What is answered is billed, also if there was nothing to hear.
  return Math.max(1, Math.ceil(bytes / BYTES_PER_SECOND_OF_AUDIO));
}

function maySeeImages(row: PriceRow | undefined): boolean {
  return row?.kind === undefined || row.kind === 'vision' || row.kind === 'system';
}

function stringLength(value: unknown): number {
  return typeof value === 'string' ? value.length : 0;
}

// Image data is not text: it is charged per image, however long it is.
function imagesIn(value: unknown): { count: number; bytes: number } {
  const sum = { count: 0, bytes: 0 };
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const part = node as { type?: unknown; image_url?: unknown };
    if (part.type === 'image_url' || part.type === 'input_image') {
      const url: unknown =
        typeof part.image_url === 'object' && part.image_url !== null
          ? (part.image_url as { url?: unknown }).url
          : part.image_url;
      sum.count++;
      sum.bytes += stringLength(url);
    }
    for (const child of Object.values(node)) walk(child);
  };
  walk(value);
  return sum;
}

// What the chat template adds to one message at most: 67 tokens on gpt-oss with its default system block, computed from its
// published template, and some room for a developer message.
const TEMPLATE_TOKENS = 80;
// English runs at about four bytes a token; used until a model has shown its own ratio.
const USUAL_BYTES_PER_TOKEN = 4;
const MAX_MODELS = 1000;

// No context window is larger: what is reported beyond it is a mistake that must not stop every call that follows.
const MOST_TOKENS = 10_000_000;

interface Seen {
  /** Tokens above the bound of requests without images, at most. */
  excess: number;
  /** The same per image token, at most: who sends twice as many images is charged twice as many tokens. */
  imageExcess: number;
  /** Tokens per byte, a moving average. */
  ratio: number;
}

/**
 * Bounds and estimates of input tokens per model. The bound holds because no tokenizer makes more tokens than bytes; what
 * responses report can only raise it. Nothing is kept beyond the process.
 */
export class Calibration {
  readonly #seen: Map<string, Seen> = new Map();

  /** The most input tokens that the request can be charged. */
  bound(model: string, size: InputSize, contextWindow: number | undefined): number {
    const { excess = 0, imageExcess = 0 } = this.#seen.get(model) ?? {};
    const images = Math.ceil(size.imageTokens * (1 + imageExcess));
    const bound = size.bytes + images + TEMPLATE_TOKENS + excess;
    // A longer prompt is refused by the provider.
    return contextWindow === undefined ? bound : Math.min(bound, contextWindow);
  }

  /** The likely number, never above the bound. */
  estimate(model: string, size: InputSize, contextWindow: number | undefined): number {
    // One caller's prompts must not make another's look smaller than they usually are.
    const ratio = Math.max(this.#seen.get(model)?.ratio ?? 0, 1 / USUAL_BYTES_PER_TOKEN);
    const images = size.imageTokens * (1 + (this.#seen.get(model)?.imageExcess ?? 0));
    const estimate = Math.ceil(size.bytes * ratio + images) + TEMPLATE_TOKENS;
    return Math.min(estimate, this.bound(model, size, contextWindow));
  }

  /** Learns from a response. Not for requests whose prompt grows on the way, as with built-in tools. */
  learn(model: string, size: InputSize, promptTokens: number): void {
    if (size.bytes === 0 || promptTokens > MOST_TOKENS) return;
    let seen = this.#seen.get(model);
    if (seen === undefined) {
      if (this.#seen.size >= MAX_MODELS) return;
      seen = { excess: 0, imageExcess: 0, ratio: 1 / USUAL_BYTES_PER_TOKEN };
      this.#seen.set(model, seen);
    }
    const above = promptTokens - size.bytes - size.imageTokens - TEMPLATE_TOKENS;
    if (size.imageTokens > 0) {
      seen.imageExcess = Math.max(seen.imageExcess, above / size.imageTokens);
      // How much of the prompt was text is not known.
      return;
    }
    if (above > seen.excess) seen.excess = above;
    const text = promptTokens - TEMPLATE_TOKENS;
    const ratio = Math.min(1, Math.max(0, text) / size.bytes);
    seen.ratio += (ratio - seen.ratio) / 8;
  }
}
