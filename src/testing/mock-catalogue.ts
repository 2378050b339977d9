// Default answers of the endpoints for models and embeddings.
import { hashOf } from './mock-hash';
import { mockModel, mockModels } from './mock-models';
import { jsonReply } from './mock-rendered';
import type { Rendered } from './mock-rendered';
import type { Incoming } from './mock-request';
import type { MockAnswer } from './mock-script';
import { inputTokens } from './mock-tokens';

const DIMENSIONS = 768;

export function answerModels({ call, id }: Incoming): Rendered {
  if (call.operation === 'models.list') return jsonReply({ object: 'list', data: mockModels });
  if (call.operation === 'models.delete') return jsonReply({ id, object: 'model', deleted: true });
  return jsonReply(mockModel(id));
}

export function answerEmbeddings(body: Readonly<Record<string, unknown>>, script: MockAnswer): Rendered {
  const inputs: readonly unknown[] = Array.isArray(body['input']) ? body['input'] : [body['input']];
  const dimensions = typeof body['dimensions'] === 'number' ? body['dimensions'] : DIMENSIONS;
  const data = inputs.map((input, index) => {
    const vector = vectorOf(JSON.stringify(input), dimensions);
    return { object: 'embedding', index, embedding: body['encoding_format'] === 'base64' ? base64Of(vector) : [...vector] };
  });
  const tokens = script.usage?.prompt_tokens ?? inputTokens(body['input']);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return { ...jsonReply({ object: 'list', data, model: body['model'], usage }), took: { input: tokens, output: 0 } };
}

/** A vector of length 1 that depends on the text only. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  let state = hashOf(text) || 1;
  let squares = 0;
  for (let index = 0; index < dimensions; index++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const value = (state >>> 0) / 2 ** 31 - 1;
    vector[index] = value;
    squares += value * value;
  }
  return vector.map((value) => value / Math.sqrt(squares));
}

function base64Of(vector: Float32Array): string {
  const bytes = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, index) => bytes.setFloat32(index * 4, value, true));
  return btoa(String.fromCharCode(...new Uint8Array(bytes.buffer)));
}
