// The mock counts four characters as one token. No tokenizer agrees, but it is deterministic and of the right size.
import { asArray, asRecord, asText } from './mock-values';

const CHARACTERS_PER_TOKEN = 4;
const TOKENS_PER_IMAGE = 2048;

export const countTokens = (text: string): number => Math.ceil(text.length / CHARACTERS_PER_TOKEN);

/** The longest start of the text that has at most `tokens` tokens. */
export const firstTokens = (text: string, tokens: number): string => text.slice(0, tokens * CHARACTERS_PER_TOKEN);

/** The text in pieces of `size` characters, by default one token each. Never cuts a surrogate pair. */
export function pieces(text: string, size: number = CHARACTERS_PER_TOKEN): string[] {
  const parts: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(text.length, start + size);
    const last = text.charCodeAt(end - 1);
    if (last >= 0xd800 && last < 0xdc00 && end < text.length) end++;
    parts.push(text.slice(start, end));
    start = end;
  }
  return parts;
}

/** What a chat request's prompt counts, the model's chat template included. */
export function chatPromptTokens(body: Readonly<Record<string, unknown>>): number {
  const harmony = asText(body['model']).startsWith('openai/gpt-oss');
  // The harmony template has a system block of 61 tokens and opens the answer with 2.
  let tokens = harmony ? 63 : 3;
  for (const entry of asArray(body['messages'])) {
    const message = asRecord(entry);
    tokens += 4 + contentTokens(message['content']) + jsonTokens(message['tool_calls']);
    if (harmony && (message['role'] === 'system' || message['role'] === 'developer')) tokens += 3;
  }
  return tokens + jsonTokens(body['tools']) + jsonTokens(asRecord(body['response_format'])['json_schema']);
}

/** What the input of the Responses API, of embeddings or of speech counts: a text, or a list of texts or messages. */
export function inputTokens(input: unknown): number {
  if (typeof input === 'string') return countTokens(input);
  return asArray(input).reduce<number>((sum, entry) => {
    if (typeof entry === 'number') return sum + 1;
    if (typeof entry === 'string' || Array.isArray(entry)) return sum + inputTokens(entry);
    return sum + 4 + contentTokens(asRecord(entry)['content']);
  }, 0);
}

/** The bound that the request sets on its output, if it sets one. */
export function requestedOutput(body: Readonly<Record<string, unknown>>): number | undefined {
  const bound = body['max_completion_tokens'] ?? body['max_tokens'] ?? body['max_output_tokens'];
  return typeof bound === 'number' ? bound : undefined;
}

function contentTokens(content: unknown): number {
  if (typeof content === 'string') return countTokens(content);
  return asArray(content).reduce<number>((sum, entry) => {
    const part = asRecord(entry);
    if (part['type'] === 'image_url' || part['type'] === 'input_image') return sum + TOKENS_PER_IMAGE;
    return sum + (typeof part['text'] === 'string' ? countTokens(part['text']) : jsonTokens(part));
  }, 0);
}

const jsonTokens = (value: unknown): number => (value === undefined || value === null ? 0 : countTokens(JSON.stringify(value)));
