// The request as groq-sdk is about to send it, taken once, so that what is checked is what is sent.

import type { Groq } from 'groq-sdk';
import type { GovernedRequest } from '../assessment';
import { mentionsHeader } from './attempt';
import { FormBody, JsonBody, PeekBody } from './body';
import { classify, classifyExact, place } from './operation';

type RequestOptions = Awaited<Parameters<Groq['request']>[0]>;
type Built = Awaited<ReturnType<Groq['buildRequest']>>;

type Build = (options: RequestOptions) => Promise<Built>;

/** Looks at a request that nobody will change or refuse, for its record alone: no getter runs, nothing is written as JSON. */
export function glance(options: RequestOptions): GovernedRequest {
  const { path, body } = options;
  const method = String(options.method).toLowerCase();
  const readable = typeof body === 'object' && body !== null && isFieldBody(body);
  // A form has no getters, and its copy shares the files.
  const view = !readable ? undefined : body instanceof FormData ? FormBody.of(body) : new PeekBody(body);
  return { method, path: String(path), url: undefined, operation: classify(method, String(path)), foreign: false, body: view };
}

/**
 * The request that these options stand for; they are the library's own copy. `build` is the SDK's, for requests whose body
 * cannot be read off the options.
 */
export function snapshot(client: Groq, options: RequestOptions, build: Build): GovernedRequest | Promise<GovernedRequest> {
  const { body } = options;
  if (options.fetchOptions) options.fetchOptions = { ...options.fetchOptions };
  if (options.query) options.query = { ...options.query };
  if (options.headers) options.headers = copyOfHeaders(options.headers);
  const readable = body === undefined || body === null || (typeof body === 'object' && isFieldBody(body));
  const steered =
    decidesRequest(client.fetchOptions) ||
    decidesRequest(options.fetchOptions) ||
    mentionsHeader(options.headers, 'content-type');
  const rewritten =
    typeof body === 'string' ||
    (typeof body === 'object' && body !== null && (Array.isArray(body) || ('toJSON' in body && !(body instanceof FormData))));
  if (steered || rewritten) return snapshotBuilt(client.baseURL, options, build);
  const method = String(options.method).toLowerCase();
  // Streams and bytes pass where nothing has to be read of them, and are refused by the rules where something has.
  const fields = readable && body ? fieldsOf(body) : undefined;
  if (typeof options.path === 'string' && !options.defaultBaseURL) {
    const operation = classifyExact(method, options.path);
    if (operation) return { method, path: options.path, url: undefined, operation, foreign: false, body: fields };
  }
  const url = client.buildURL(
    options.path,
    options.query as Record<string, unknown> | null | undefined,
    options.defaultBaseURL,
  );
  const { path, foreign } = place(new URL(url), new URL(client.baseURL));
  return { method, path, url, operation: foreign ? undefined : classify(method, path), foreign, body: fields };
}

// In the form that they are in, because each form means something else.
function copyOfHeaders(headers: RequestOptions['headers']): RequestOptions['headers'] {
  if (headers === undefined || headers === null) return headers;
  if (headers instanceof Headers) return new Headers(headers);
  if (Array.isArray(headers)) {
    return headers.map((row: unknown) => (Array.isArray(row) ? ([...(row as unknown[])] as never) : (row as never)));
  }
  return Object.assign({}, headers);
}

// Text, lists, `toJSON`, a content type of the caller's, and `fetchOptions` that override method or body: only what the SDK
// makes of them can be checked.
async function snapshotBuilt(baseURL: string, options: RequestOptions, build: Build): Promise<GovernedRequest> {
  const { body } = options;
  const consumable = typeof body === 'object' && body !== null && !Array.isArray(body) && !isFieldBody(body);
  // Building a request from a stream begins to read it.
  const { req, url } = await build(consumable ? { ...options, body: undefined } : options);
  const { path, foreign } = place(new URL(url), new URL(baseURL));
  const method = String(req.method).toLowerCase();
  return { method, path, url, foreign, operation: foreign ? undefined : classify(method, path), body: bodyOf(req.body) };
}

function bodyOf(body: unknown): JsonBody | FormBody | undefined {
  if (body instanceof FormData) return FormBody.of(body);
  return typeof body === 'string' ? JsonBody.parse(body) : undefined;
}

function fieldsOf(body: object): JsonBody | FormBody {
  const isPlain = Object.getPrototypeOf(body) === Object.prototype;
  return !isPlain && body instanceof FormData ? FormBody.of(body) : JsonBody.of(body);
}

function isFieldBody(body: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(body);
  if (prototype === Object.prototype || prototype === null) return !(Symbol.asyncIterator in body || Symbol.iterator in body);
  if (body instanceof FormData) return true;
  if (Array.isArray(body) || ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof URLSearchParams)
    return false;
  if (typeof Blob !== 'undefined' && body instanceof Blob) return false;
  if (typeof ReadableStream !== 'undefined' && body instanceof ReadableStream) return false;
  return !(Symbol.asyncIterator in body || Symbol.iterator in body);
}

// True if there is more in it than how to send.
function decidesRequest(fetchOptions: unknown): boolean {
  return typeof fetchOptions === 'object' && fetchOptions !== null && ('body' in fetchOptions || 'method' in fetchOptions);
}
