// What a batch has used, read from its output file, whose lines alone say it.

import type { Context } from '../context';
import { type Rates, costOfAllNanos, ratesOf } from '../price/cost';
import { arePricedExactly, usedToolNanos } from '../sdk/tools';
import { type ModelUsage, executedTools, totalUsage, usageBreakdown, usageOf } from '../sdk/usage';
import { LineSplitter } from './jsonl';

/** The sums of one model's lines. */
export interface ModelSums {
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  reasoningTokens: number;
  /** Each line rounded up at the batch price. */
  costNanos: number;
}

/** Adds the lines of an output file up as its bytes come. */
export class OutputReader {
  readonly #splitter = new LineSplitter();
  readonly #context: Context;
  /** Per model that answered. */
  readonly byModel: Map<string, ModelSums> = new Map();
  /** Lengths of what was transcribed, in seconds, where answers say so. They do not say by which model. */
  readonly audioSeconds: number[] = [];
  /** All lines. */
  lines = 0;
  /** Answered lines that do not say what they used. */
  unmetered = 0;
  /** True if a tool ran whose price the answer does not tell. */
  isEstimated = false;
  /** True if the first line is an answer; undefined before it. */
  isOutput: boolean | undefined;
  #failed = false;

  constructor(context: Context) {
    this.#context = context;
  }

  /** True if every line could be read and priced, and none is anything but an answer. */
  get isReadable(): boolean {
    return this.isOutput !== false && !this.#failed;
  }

  /** Never throws. */
  push(bytes: Uint8Array): void {
    this.#read(() => this.#splitter.push(bytes));
  }

  /** The file has been read to its end. Never throws. */
  end(): void {
    this.#read(() => this.#splitter.end());
  }

  #read(lines: () => readonly string[]): void {
    if (!this.isReadable) return;
    try {
      for (const line of lines()) if (line.trim() !== '' && this.isReadable) this.#add(JSON.parse(line));
    } catch {
      this.#failed = true;
    }
  }

  #add(line: unknown): void {
    const { custom_id: customId, response } = Object(line) as { custom_id?: unknown; response?: unknown };
    // The first line tells an answer from a request, and from any other file.
    this.isOutput ??= typeof customId === 'string' && response !== undefined;
    this.lines++;
    if (!this.isOutput || typeof response !== 'object' || response === null) return;
    const { status_code: status, body } = response as { status_code?: unknown; body?: unknown };
    const usage = usageOf(body);
    if (usage === undefined) {
      // The provider does not charge what it refuses.
      if (typeof status === 'number' && (status < 200 || status >= 300)) return;
      const { duration } = Object(body) as { readonly duration?: unknown };
      if (typeof duration === 'number' && duration >= 0 && duration < 1e9) this.audioSeconds.push(duration);
      else this.unmetered++;
      return;
    }
    const { model: named } = body as { model?: unknown };
    const model = typeof named === 'string' ? named : '';
    this.#count(model, usageBreakdown(body) ?? [{ model, usage }], executedTools(body));
  }

  // A system says what each model that it called has used.
  #count(model: string, parts: readonly ModelUsage[], tools: readonly string[]): void {
    const usage = totalUsage(parts);
    const { promptTokens, completionTokens } = usage;
    const cost = costOfAllNanos(
      parts.map(({ model: called, usage: { promptTokens, completionTokens } }) => ({
        rates: batchRates(this.#context, called, model),
        used: { promptTokens, cachedTokens: 0, completionTokens, batch: true },
      })),
    );
    let sums = this.byModel.get(model);
    if (!arePricedExactly(tools)) this.isEstimated = true;
    if (sums === undefined) this.byModel.set(model, (sums = noTokens()));
    sums.promptTokens += promptTokens;
    sums.cachedTokens += usage.cachedTokens;
    sums.completionTokens += completionTokens;
    sums.reasoningTokens += usage.reasoningTokens;
    sums.costNanos += cost + usedToolNanos(tools, this.#context.toolAllowance);
  }
}

/**
 * The rates of a model, also of one that is retired by now; without a price, those of the other. Throws a `RangeError` if that
 * has none either.
 */
export function batchRates(context: Context, model: string, other = model): Rates {
  const { prices, unpriced, clock } = context;
  const row = prices.price(model, clock.now()) ?? prices.facts?.(model) ?? unpriced;
  if (row === undefined && other !== model) return batchRates(context, other);
  if (row === undefined) throw new RangeError('The model has no price');
  return ratesOf(row);
}

/** Sums of nothing. */
export const noTokens = (): ModelSums => ({
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0,
  costNanos: 0,
});
