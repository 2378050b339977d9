import { toFile } from 'groq-sdk';
import type { GovernedGroq } from '../../src/client';
import { costNanos, ratesOf } from '../../src/price/cost';
import { groqPrices } from '../../src/price/groq-prices';
import { MODEL, PROMPT_BOUND } from '../governor/support';

/** $0.15 in, $0.60 out per million: 150 and 600 nano-dollars a token. */
export const LARGE = 'openai/gpt-oss-120b';
export const URL = '/v1/chat/completions';
export const DAY_MS = 86_400_000;

export interface Line {
  readonly custom_id?: unknown;
  readonly method?: unknown;
  readonly url?: unknown;
  readonly body?: unknown;
}

/** A line whose prompt is that of `MESSAGES`, so `PROMPT_BOUND` tokens at most. */
export const line = (id: string, body: object = {}): Line => ({
  custom_id: id,
  method: 'POST',
  url: URL,
  body: { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_completion_tokens: 10, ...body },
});

export const lines = (count: number, body?: (index: number) => object): Line[] =>
  Array.from({ length: count }, (_, index) => line(`request-${index + 1}`, body?.(index)));

export const jsonl = (all: readonly unknown[]): string =>
  all.map((each) => `${typeof each === 'string' ? each : JSON.stringify(each)}\n`).join('');

export const fileOf = (all: readonly unknown[]): File => new File([jsonl(all)], 'in.jsonl');

export async function upload(client: GovernedGroq, all: readonly unknown[]): Promise<string> {
  const { id } = await client.files.create({ file: await toFile(fileOf(all)), purpose: 'batch' });
  return id ?? '';
}

export const create = (client: GovernedGroq, fileId: string, completionWindow = '24h', metadata?: Record<string, string>) =>
  client.batches.create({
    input_file_id: fileId,
    endpoint: URL,
    completion_window: completionWindow,
    ...(metadata && { metadata }),
  });

export const start = async (client: GovernedGroq, all: readonly unknown[]): Promise<string> =>
  (await create(client, await upload(client, all))).id;

/** What one line costs at the batch price, whatever of the prompt was cached. */
export function lineCost(prompt: number, output: number, model: string = MODEL): number {
  const row = groqPrices.price(model, Date.UTC(2026, 10, 1));
  if (row === undefined) throw new Error(`no price for ${model}`);
  return costNanos(ratesOf(row), { promptTokens: prompt, cachedTokens: 0, completionTokens: output, batch: true });
}

/** What one such line is held for. */
export const lineHold = (output = 10, model: string = MODEL): number => lineCost(PROMPT_BOUND, output, model);

/** Reads what a batch has answered, as users do. */
export async function readOutput(client: GovernedGroq, batchId: string): Promise<string> {
  const { output_file_id: fileId } = await client.batches.retrieve(batchId);
  return (await client.files.content(fileId ?? '')).text();
}
