// The request as groq-sdk is about to send it, taken once, so that what is checked is what is sent.

import type { Groq } from 'groq-sdk';
import type { GovernedRequest } from '../assessment';
import { PolicyDeniedError } from '../errors';
import { FormBody, JsonBody, PeekBody } from './body';
import { classify, classifyExact } from './operation';

type RequestOptions = Awaited<Parameters<Groq['request']>[0]>;
type Built = Awaited<ReturnType<Groq['buildRequest']>>;

type Build = (options: RequestOptions) => Promise<Built>;

/** The options to go on with, and the request that they stand for. */
export interface Snapshot {
  readonly options: RequestOptions;
  readonly request: GovernedRequest;
}

/** Looks at a request that nobody will change or refuse, for its record alone: no getter runs, nothing is written as JSON. */
export function glance(options: RequestOptions): Snapshot {
  const { path, body } = options;
  const method = String(options.method).toLowerCase();
  const readable = typeof body === 'object' && body !== null && isFieldBody(body);
  const view = !readable ? undefined : body instanceof FormData ? FormBody.of(body) : new PeekBody(body);
  return { options, request: { method, path: String(path), url: undefined, operation: classify(method, String(path)), foreign: false, body: view } };
}

/** Reads every option once. `build` is the SDK's own, for requests whose body cannot be read off the options. */
export async function snapshot(client: Groq, given: RequestOptions, build: Build): Promise<Snapshot> {
  const options: RequestOptions = { ...given };
  const fetchOptions = mergedFetchOptions(client.fetchOptions, options.fetchOptions);
  if (options.fetchOptions) options.fetchOptions = { ...options.fetchOptions };
  const plainBody = options.body === undefined || options.body === null || (typeof options.body === 'object' && isFieldBody(options.body));
  if (fetchOptions || !plainBody) return snapshotBuilt(client.baseURL, options, build);
  const method = String(options.method).toLowerCase();
  const { body } = options;
  const request = (path: string, foreign: boolean, fullUrl: string | undefined): GovernedRequest => ({
    method,
    path,
    url: fullUrl,
    operation: foreign ? undefined : classify(method, path),
    foreign,
    body: body instanceof FormData ? FormBody.of(body) : body ? JsonBody.of(body) : undefined,
  });
  if (typeof options.path === 'string' && !options.defaultBaseURL && classifyExact(method, options.path)) {
    return { options, request: request(options.path, false, undefined) };
  }
  const url = client.buildURL(options.path, { ...options.query } as Record<string, unknown>, options.defaultBaseURL);
  const { path, foreign } = place(url, client.baseURL);
  return { options, request: request(path, foreign, url) };
}

// Text, streams, bytes, and `fetchOptions` that override method or body: only what the SDK makes of them can be checked.
async function snapshotBuilt(baseURL: string, options: RequestOptions, build: Build): Promise<Snapshot> {
  const { req, url } = await build(options);
  const { path, foreign } = place(url, baseURL);
  const method = String(req.method).toLowerCase();
  return { options, request: { method, path, url, foreign, operation: foreign ? undefined : classify(method, path), body: bodyOf(req.body) } };
}

function bodyOf(body: unknown): JsonBody | FormBody | undefined {
  if (body instanceof FormData) return FormBody.of(body);
  if (typeof body !== 'string') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return JsonBody.of(parsed);
  throw new PolicyDeniedError({ code: 'invalid-request', rule: 'body', reason: 'The body is text that is not a JSON object, so it cannot be checked. Pass an object.' });
}

function isFieldBody(body: object): boolean {
  if (body instanceof FormData) return true;
  if (Array.isArray(body) || ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof URLSearchParams) return false;
  if (typeof Blob !== 'undefined' && body instanceof Blob) return false;
  if (typeof ReadableStream !== 'undefined' && body instanceof ReadableStream) return false;
  return !(Symbol.asyncIterator in body || Symbol.iterator in body);
}

// True if anything in there decides what is sent.
function mergedFetchOptions(ofClient: unknown, ofRequest: unknown): boolean {
  return [ofClient, ofRequest].some((options) => typeof options === 'object' && options !== null && ('body' in options || 'method' in options));
}

/** Where a URL lies: its path below the base URL's own, and whether it is on another origin. */
function place(url: string, baseURL: string): { path: string; foreign: boolean } {
  const target = new URL(url);
  const base = new URL(baseURL);
  const prefix = base.pathname.replace(/\/$/, '');
  const foreign = target.origin !== base.origin;
  // Outside the base path it is no endpoint that anybody knows.
  const path = !foreign && target.pathname.startsWith(`${prefix}/`) ? target.pathname.slice(prefix.length) : target.pathname;
  return { path, foreign };
}
