// What Groq refuses before any limit is looked at.
import { mockModels } from './mock-models';
import { errorReply } from './mock-rendered';
import type { Rendered } from './mock-rendered';
import type { Incoming } from './mock-request';
import type { MockFailure } from './mock-script';
import { asText } from './mock-values';

const withModel: ReadonlySet<string> = new Set([
  'chat.completions',
  'responses',
  'embeddings',
  'audio.transcriptions',
  'audio.translations',
  'audio.speech',
]);

/** Whether requests of the operation run a model, and so count against limits. */
export const usesModel = (operation: string): boolean => withModel.has(operation);

/** The refusal that the request gets, if any. */
export function validate(incoming: Incoming, unknownModels: ReadonlySet<string>): Rendered | undefined {
  const { call, id } = incoming;
  const model = asText(usesModel(call.operation) ? call.body['model'] : id);
  const failure = findFailure(incoming, unknownModels.has(model));
  return failure && errorReply(failure, model);
}

function findFailure({ call, hasKey, malformed }: Incoming, isUnknown: boolean): MockFailure | undefined {
  if (!hasKey) return { error: 'invalid_api_key' };
  if (malformed) return invalid('The request body is not valid JSON.');
  if (isUnknown) return { error: 'model_not_found' };
  return usesModel(call.operation) ? invalidBody(call.operation, call.body) : undefined;
}

function invalidBody(operation: string, body: Readonly<Record<string, unknown>>): MockFailure | undefined {
  if (typeof body['model'] !== 'string' || body['model'] === '') return missing('model');
  if (operation === 'chat.completions') {
    if (!Array.isArray(body['messages'])) return missing('messages');
    if (body['messages'].length === 0) return invalid("'messages' : minimum number of items is 1");
  } else if (!operation.startsWith('audio.tran') && body['input'] === undefined) {
    return missing('input');
  }
  if (body['n'] !== undefined && body['n'] !== null && body['n'] !== 1) return invalid("'n' : value must be 1");
  return tooMuchOutput(body['model'], body);
}

function tooMuchOutput(model: string, body: Readonly<Record<string, unknown>>): MockFailure | undefined {
  const most = mockModels.find(({ id }) => id === model)?.max_completion_tokens ?? Infinity;
  for (const field of ['max_completion_tokens', 'max_tokens', 'max_output_tokens']) {
    const bound = body[field];
    if (bound === undefined || bound === null) continue;
    if (!Number.isInteger(bound) || Number(bound) < 1) return invalid(`'${field}' : value must be an integer of at least 1`);
    if (Number(bound) > most) {
      return invalid(
        `${field} must be less than or equal to ${most}, the maximum value for ${field} is less than the context_window for this model`,
      );
    }
  }
  return undefined;
}

const missing = (field: string): MockFailure => invalid(`'${field}' : property '${field}' is missing`);

const invalid = (message: string): MockFailure => ({ status: 400, error: { message } });
