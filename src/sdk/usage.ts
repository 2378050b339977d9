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

/** Uses of built-in tools in a response body or in one stream chunk, by the provider's name of the tool. */
export function executedTools(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null || !Array.isArray((value as { choices?: unknown }).choices)) return NONE;
  let names: string[] | undefined;
  for (const choice of (value as { choices: readonly unknown[] }).choices) {
    if (typeof choice !== 'object' || choice === null) continue;
    const { message, delta } = choice as { message?: unknown; delta?: unknown };
    const holder: unknown = message ?? delta;
    const tools: unknown =
      typeof holder === 'object' && holder !== null ? (holder as { executed_tools?: unknown }).executed_tools : undefined;
    if (!Array.isArray(tools)) continue;
    for (const tool of tools as readonly unknown[]) {
      const type: unknown = typeof tool === 'object' && tool !== null ? (tool as { type?: unknown }).type : undefined;
      (names ??= []).push(typeof type === 'string' ? type : '');
    }
  }
  return names ?? NONE;
}

const NONE: readonly string[] = Object.freeze([]);
