/** What the provider says that a call used. Whole numbers. */
export interface TokenUsage {
  /** Includes `cachedTokens`. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** Includes `reasoningTokens`. */
  readonly completionTokens: number;
  readonly reasoningTokens: number;
}

/**
 * The usage in a response body or a stream chunk, or undefined. Streams carry it up to three times, so the caller keeps one
 * and never adds them up. Numbers that cannot be are as good as none.
 */
export function usageOf(value: unknown): TokenUsage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { usage, x_groq: groq, response } = value as { usage?: unknown; x_groq?: unknown; response?: unknown };
  if (usage !== undefined && usage !== null) {
    const own = tokens(usage);
    if (own) return own;
  }
  // Outside streams `x_groq.usage` counts cache hardware, which has no `prompt_tokens`.
  if (typeof groq === 'object' && groq !== null) return tokens((groq as { usage?: unknown }).usage);
  // The Responses endpoint wraps the whole answer in its last event.
  return response === undefined ? undefined : tokens((response as { usage?: unknown } | null)?.usage);
}

function tokens(usage: unknown): TokenUsage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const fields = usage as Record<string, unknown>;
  const prompt = fields['prompt_tokens'] ?? fields['input_tokens'];
  const completion = fields['completion_tokens'] ?? fields['output_tokens'] ?? 0;
  if (!isCount(prompt) || !isCount(completion)) return undefined;
  const cached = detail(fields['prompt_tokens_details'] ?? fields['input_tokens_details'], 'cached_tokens');
  const reasoning = detail(fields['completion_tokens_details'] ?? fields['output_tokens_details'], 'reasoning_tokens');
  return {
    promptTokens: prompt,
    cachedTokens: Math.min(cached, prompt),
    completionTokens: completion,
    reasoningTokens: Math.min(reasoning, completion),
  };
}

function detail(details: unknown, field: string): number {
  const value: unknown = typeof details === 'object' && details !== null ? Reflect.get(details, field) : undefined;
  return isCount(value) ? value : 0;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** True for the chunk that only `stream_options.include_usage` brings: no choices, but usage. */
export function isUsageChunk(chunk: unknown): boolean {
  if (typeof chunk !== 'object' || chunk === null) return false;
  const { choices, usage } = chunk as { choices?: unknown; usage?: unknown };
  return usage !== undefined && usage !== null && Array.isArray(choices) && choices.length === 0;
}

/** How many tokens a streamed chunk brings, at least: one per delta that says anything, and one per four bytes of it. */
export function chunkTokens(chunk: unknown): number {
  if (typeof chunk !== 'object' || chunk === null) return 0;
  const { choices, delta } = chunk as { choices?: unknown; delta?: unknown };
  if (typeof delta === 'string') return textTokens(delta);
  if (!Array.isArray(choices)) return 0;
  let sum = 0;
  for (const choice of choices as readonly unknown[]) {
    const part: unknown = typeof choice === 'object' && choice !== null ? (choice as { delta?: unknown }).delta : undefined;
    if (typeof part !== 'object' || part === null) continue;
    const { content, reasoning, tool_calls: calls } = part as { content?: unknown; reasoning?: unknown; tool_calls?: unknown };
    if (typeof content === 'string') sum += textTokens(content);
    if (typeof reasoning === 'string') sum += textTokens(reasoning);
    if (Array.isArray(calls)) sum += textTokens(JSON.stringify(calls));
  }
  return sum;
}

/** A usual count of tokens for a text; for estimates only, never for bounds. */
export function textTokens(text: string): number {
  return text === '' ? 0 : Math.ceil(text.length / 4);
}

/** Tokens of a text that was generated and then refused; one of which nothing is shown may have been as long as allowed. */
export function generatedTokens(text: string): number {
  return text === '' ? Infinity : textTokens(text);
}

/** What one of several models used that answered together. */
export interface ModelUsage {
  readonly model: string;
  readonly usage: TokenUsage;
}

/** The usage per model, in a response body or a stream chunk of a system that calls models; undefined unless all of it can be read. */
export function usageBreakdown(value: unknown): readonly ModelUsage[] | undefined {
  const { usage_breakdown: own, x_groq: groq } = fieldsOf(value);
  const models = fieldsOf(own ?? fieldsOf(groq)['usage_breakdown'])['models'];
  if (!Array.isArray(models) || models.length === 0) return undefined;
  const parts: ModelUsage[] = [];
  for (const entry of models as readonly unknown[]) {
    const { model, usage } = fieldsOf(entry);
    const counted = tokens(usage);
    if (typeof model !== 'string' || !counted) return undefined;
    parts.push({ model, usage: counted });
  }
  return parts;
}

/** The sum over all models. */
export function totalUsage(parts: readonly ModelUsage[]): TokenUsage {
  const total = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
  for (const { usage } of parts) {
    total.promptTokens += usage.promptTokens;
    total.cachedTokens += usage.cachedTokens;
    total.completionTokens += usage.completionTokens;
    total.reasoningTokens += usage.reasoningTokens;
  }
  return total;
}

/** How a stream says that it ends: done, or failed; undefined in a chunk that does not say so. */
export function endTold(chunk: unknown): 'success' | 'error' | undefined {
  if (typeof chunk !== 'object' || chunk === null) return undefined;
  const { choices, error, x_groq: groq, type } = chunk as Record<string, unknown>;
  if (error || type === 'error' || type === 'response.failed' || fieldsOf(groq)['error']) return 'error';
  if (type === 'response.completed' || type === 'response.incomplete') return 'success';
  const [first] = Array.isArray(choices) ? (choices as readonly unknown[]) : [];
  return typeof fieldsOf(first)['finish_reason'] === 'string' ? 'success' : undefined;
}

/** One use of a built-in tool. Two with the same `key` are one, told twice. */
interface ToolUse {
  readonly name: string;
  readonly key: string | undefined;
}

const NO_USES: readonly ToolUse[] = Object.freeze([]);
const NONE: readonly string[] = Object.freeze([]);

/** Uses of built-in tools in a response body or in one stream chunk, by the provider's name of the tool. */
export function executedTools(value: unknown): readonly string[] {
  const uses = toolUses(value);
  return uses.length === 0 ? NONE : new ToolUses().add(uses).names;
}

/** Gathers the uses of built-in tools over the chunks of a stream, where some are told more than once. */
export class ToolUses {
  readonly #names: string[] = [];
  readonly #keys: Set<string> = new Set();

  get names(): readonly string[] {
    return this.#names;
  }

  add(uses: readonly ToolUse[]): this {
    for (const { name, key } of uses) {
      if (key !== undefined && this.#keys.has(key)) continue;
      if (key !== undefined) this.#keys.add(key);
      this.#names.push(name);
    }
    return this;
  }
}

/** The uses in a response body or in one stream chunk, to be gathered. */
export function toolUses(value: unknown): readonly ToolUse[] {
  if (typeof value !== 'object' || value === null) return NO_USES;
  const { choices, output, item, response } = value as Record<string, unknown>;
  if (Array.isArray(choices)) return usesOfChoices(choices as readonly unknown[]);
  const items = output ?? fieldsOf(response)['output'];
  if (Array.isArray(items)) return (items as readonly unknown[]).flatMap(usesOfItem);
  return item === undefined ? NO_USES : usesOfItem(item);
}

function usesOfChoices(choices: readonly unknown[]): readonly ToolUse[] {
  let uses: ToolUse[] | undefined;
  for (const choice of choices) {
    const { message, delta } = fieldsOf(choice);
    const tools = fieldsOf(message ?? delta)['executed_tools'];
    if (!Array.isArray(tools)) continue;
    for (const tool of tools as readonly unknown[]) {
      const { type, index, arguments: given } = fieldsOf(tool);
      const name = typeof type === 'string' ? type : '';
      // Told once as it begins and once with its result; another with the same arguments has another index.
      const isNumbered = typeof index === 'number' && typeof given === 'string';
      (uses ??= []).push({ name, key: isNumbered ? `${index} ${name} ${given}` : undefined });
    }
  }
  return uses ?? NO_USES;
}

// Calls that the caller answers, and what costs nothing.
const NO_TOOL: ReadonlySet<unknown> = new Set(['function_call', 'custom_tool_call', 'local_shell_call', 'computer_call']);

// The Responses endpoint lists what was done among what was said.
function usesOfItem(item: unknown): readonly ToolUse[] {
  const { type, id } = fieldsOf(item);
  if (typeof type !== 'string' || !type.endsWith('_call') || NO_TOOL.has(type)) return NO_USES;
  return [{ name: type, key: typeof id === 'string' ? id : undefined }];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : EMPTY;
}

const EMPTY: Readonly<Record<string, unknown>> = Object.freeze({});
