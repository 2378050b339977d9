import type { GovernedRequest } from '../assessment';
import { JsonBody } from '../sdk/body';
import { classifyExact } from '../sdk/operation';
import { hasTwinNames } from './twin-names';

/** One line of a batch's input file: a request that the provider will make later. */
export interface BatchLine {
  readonly customId: string;
  /** The endpoint, e.g. `/v1/chat/completions`. */
  readonly url: string;
  readonly request: GovernedRequest;
}

/** Why a line is none; never quotes it. */
export interface BadLine {
  readonly customId: string | undefined;
  readonly reason: string;
}

const MAX_CUSTOM_ID = 512;

/** Reads one line. */
export function batchLine(text: string): BatchLine | BadLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What the parser says quotes the text.
    return bad(undefined, 'It is not JSON. Write one request per line, as JSON without line breaks.');
  }
  if (hasTwinNames(text)) return bad(undefined, 'It has the same name twice in one object. Leave one of them out.');
  if (!isObject(value)) return bad(undefined, `Expected an object, got ${Array.isArray(value) ? 'a list' : typeof value}.`);
  const { custom_id: customId, method, url, body } = value;
  if (typeof customId !== 'string' || customId === '' || customId.length > MAX_CUSTOM_ID) {
    return bad(undefined, `Expected custom_id to be a name of 1 to ${MAX_CUSTOM_ID} characters.`);
  }
  if (method !== 'POST') return bad(customId, 'Expected method to be "POST".');
  // Below the base URL's path, as the client's own endpoints are.
  const path = typeof url === 'string' ? `/openai${url}` : '';
  const operation = classifyExact('post', path);
  if (typeof url !== 'string' || operation === undefined || operation.kind === 'free') {
    return bad(customId, 'Expected url to be an endpoint that batches can use, e.g. "/v1/chat/completions".');
  }
  if (!isObject(body)) return bad(customId, 'Expected body to be the request, an object.');
  return {
    customId,
    url,
    request: { method: 'post', path, url: undefined, operation, foreign: false, body: JsonBody.of(body) },
  };
}

const bad = (customId: string | undefined, reason: string): BadLine => ({ customId, reason });

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
