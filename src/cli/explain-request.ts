import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseConfig } from '../config-text';
import { Failure, isConfigError, messageOf } from './failure';
import type { Io } from './io';
import { suggestion } from './option-values';

/** What a request is made of on the command line. */
export interface RequestOptions {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly prompt?: string;
  readonly request?: string;
  readonly operation: string;
}

type Source = Pick<Io, 'readStdin' | 'cwd'>;

const OPERATIONS = [
  'chat.completions',
  'responses',
  'embeddings',
  'audio.speech',
  'audio.transcriptions',
  'audio.translations',
] as const;
type KnownOperation = (typeof OPERATIONS)[number];

/** Where a text goes in each operation that takes one. */
const WITH_PROMPT: Readonly<Partial<Record<KnownOperation, (prompt: string) => object>>> = {
  'chat.completions': (prompt) => ({ messages: [{ role: 'user', content: prompt }] }),
  responses: (prompt) => ({ input: prompt }),
  embeddings: (prompt) => ({ input: prompt }),
  'audio.speech': (prompt) => ({ input: prompt, voice: 'any' }),
};
const OUTPUT_FIELD: Readonly<Partial<Record<KnownOperation, string>>> = {
  'chat.completions': 'max_completion_tokens',
  responses: 'max_output_tokens',
};

/** The parameters to explain. Throws a `Failure` on what makes no request; never with a word of it. */
export async function requestOf(options: RequestOptions, source: Source): Promise<Readonly<Record<string, unknown>>> {
  const { model, maxTokens, prompt, request } = options;
  const operation = knownOperation(options.operation);
  if (prompt !== undefined && request !== undefined)
    throw new Failure('usage', '--prompt and --request exclude each other: the prompt is in the request');
  if (request === undefined && model === undefined)
    throw new Failure('usage', 'Say what to explain: --model (with --prompt), or --request with a file of JSON');
  const output = OUTPUT_FIELD[operation];
  if (maxTokens !== undefined && output === undefined)
    throw new Failure('usage', `--max-tokens does not go with --operation ${operation}, whose answers are no tokens`);
  const params = request === undefined ? await ofPrompt(operation, prompt ?? '', source) : await ofFile(request, source);
  const { max_tokens: _other, ...bounded } = params;
  return {
    ...(maxTokens === undefined ? params : bounded),
    ...(model !== undefined && { model }),
    ...(maxTokens !== undefined && output !== undefined && { [output]: maxTokens }),
  };
}

function knownOperation(name: string): KnownOperation {
  const known = OPERATIONS.find((each) => each === name);
  if (known !== undefined) return known;
  throw new Failure(
    'usage',
    `Unknown operation ${JSON.stringify(name)}.${suggestion(name, OPERATIONS)} Known: ${OPERATIONS.join(', ')}`,
  );
}

async function ofPrompt(operation: KnownOperation, prompt: string, source: Source): Promise<Readonly<Record<string, unknown>>> {
  const make = WITH_PROMPT[operation];
  if (make === undefined) throw new Failure('usage', `--operation ${operation} needs --request: its input is no text`);
  return { ...make(prompt === '-' ? await source.readStdin() : prompt) };
}

async function ofFile(name: string, { readStdin, cwd }: Source): Promise<Readonly<Record<string, unknown>>> {
  const shown = name === '-' ? 'the standard input' : name;
  const text = await (name === '-' ? readStdin() : readFile(resolve(cwd, name), 'utf8')).catch((error: unknown) => {
    throw new Failure('usage', `${shown} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  let value: unknown;
  try {
    value = parseConfig(text, 'request.json');
  } catch (error) {
    if (!isConfigError(error)) throw error;
    throw new Failure('usage', `${shown}: ${error.issues.map(({ message }) => message).join('. ')}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Failure('usage', `${shown}: expected a request, an object with model and messages`);
  return { ...value };
}
