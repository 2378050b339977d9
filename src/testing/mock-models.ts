/** One row of `GET /openai/v1/models`, as Groq really answers it. */
export interface MockModel {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
  readonly active: boolean;
  readonly context_window: number;
  readonly max_completion_tokens: number;
  readonly input_modalities: readonly string[];
  readonly output_modalities: readonly string[];
  readonly supported_features: readonly string[];
  readonly public_apps: null;
}

type Kind = 'chat' | 'vision' | 'guard' | 'transcription' | 'speech' | 'embedding';

const input: Readonly<Record<Kind, readonly string[]>> = {
  chat: ['text'],
  vision: ['text', 'image'],
  guard: ['text'],
  transcription: ['audio'],
  speech: ['text'],
  embedding: ['text'],
};

function row(id: string, owner: string, kind: Kind, contextWindow: number, maxOutput: number): MockModel {
  const answers = kind === 'chat' || kind === 'vision';
  return {
    id,
    object: 'model',
    created: 1_754_400_000,
    owned_by: owner,
    active: true,
    context_window: contextWindow,
    max_completion_tokens: maxOutput,
    input_modalities: input[kind],
    output_modalities: [kind === 'speech' || kind === 'transcription' || kind === 'embedding' ? kind : 'text'],
    supported_features: answers ? ['tools', 'json_mode', 'structured_outputs', 'reasoning'] : [],
    public_apps: null,
  };
}

/** What a self-serve key can call, as of 2026-11. */
export const mockModels: readonly MockModel[] = [
  row('openai/gpt-oss-120b', 'OpenAI', 'chat', 131_072, 65_536),
  row('openai/gpt-oss-20b', 'OpenAI', 'chat', 131_072, 65_536),
  row('openai/gpt-oss-safeguard-20b', 'OpenAI', 'chat', 131_072, 65_536),
  row('qwen/qwen3.8-27b', 'Alibaba Cloud', 'vision', 131_072, 16_384),
  row('meta-llama/llama-prompt-guard-2-22m', 'Meta', 'guard', 512, 512),
  row('meta-llama/llama-prompt-guard-2-86m', 'Meta', 'guard', 512, 512),
  row('whisper-large-v3', 'OpenAI', 'transcription', 448, 448),
  row('whisper-large-v3-turbo', 'OpenAI', 'transcription', 448, 448),
  row('canopylabs/orpheus-v1-english', 'Canopy Labs', 'speech', 4_000, 50_000),
  row('canopylabs/orpheus-arabic-saudi', 'Canopy Labs', 'speech', 4_000, 50_000),
  row('allam-2-7b', 'SDAIA', 'chat', 4_096, 4_096),
];

/** The row of a model; one made up for an id that is not in the catalogue. */
export function mockModel(id: string): MockModel {
  return mockModels.find((model) => model.id === id) ?? row(id, 'mock', 'chat', 131_072, 131_072);
}
