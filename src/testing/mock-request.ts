// Reads what a client sent: which operation it is, and its body as data.
import { keyFingerprint } from './mock-hash';
import { asArray, asRecord, isRecord } from './mock-values';

/** The endpoints that groq-sdk has, and `responses`. */
export type MockOperation =
  | 'chat.completions'
  | 'responses'
  | 'embeddings'
  | 'audio.transcriptions'
  | 'audio.translations'
  | 'audio.speech'
  | 'models.list'
  | 'models.retrieve'
  | 'models.delete'
  | 'batches.create'
  | 'batches.list'
  | 'batches.retrieve'
  | 'batches.cancel'
  | 'files.create'
  | 'files.list'
  | 'files.retrieve'
  | 'files.delete'
  | 'files.content';

const segment = '([^/]+)';
const routes: readonly (readonly [operation: MockOperation, method: string, path: string])[] = [
  ['chat.completions', 'POST', 'chat/completions'],
  ['responses', 'POST', 'responses'],
  ['embeddings', 'POST', 'embeddings'],
  ['audio.transcriptions', 'POST', 'audio/transcriptions'],
  ['audio.translations', 'POST', 'audio/translations'],
  ['audio.speech', 'POST', 'audio/speech'],
  ['models.list', 'GET', 'models'],
  // An id of a model may contain slashes, escaped or not.
  ['models.retrieve', 'GET', 'models/(.+)'],
  ['models.delete', 'DELETE', 'models/(.+)'],
  ['batches.create', 'POST', 'batches'],
  ['batches.list', 'GET', 'batches'],
  ['batches.retrieve', 'GET', `batches/${segment}`],
  ['batches.cancel', 'POST', `batches/${segment}/cancel`],
  ['files.create', 'POST', 'files'],
  ['files.list', 'GET', 'files'],
  ['files.retrieve', 'GET', `files/${segment}`],
  ['files.delete', 'DELETE', `files/${segment}`],
  ['files.content', 'GET', `files/${segment}/content`],
];

const patterns = routes.map(([operation, method, path]) => ({ operation, method, pattern: new RegExp(`^${path}$`) }));

/** One request that reached the mock. */
export interface MockCall {
  readonly operation: MockOperation | 'unknown';
  readonly method: string;
  /** From `/openai/v1` on, without the query. */
  readonly path: string;
  readonly url: string;
  /** Names in lower case. `authorization` holds only `keyFingerprint(apiKey)`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON object sent, or the fields of a form with each file as `{ name, size, type }`; empty if there was neither. */
  readonly body: Readonly<Record<string, unknown>>;
  /** When it arrived, epoch milliseconds. */
  readonly at: number;
  /** Undefined as long as nothing was answered. */
  readonly status: number | undefined;
  /** How the response body ended; undefined as long as it has not been read to an end. */
  readonly ended: MockEnding | undefined;
}

/**
 * `cut`: the script ended it early; `cancelled`: the reader did, by `cancel()`; `aborted`: the request's signal did, also
 * before the headers.
 */
export type MockEnding = 'complete' | 'cut' | 'cancelled' | 'aborted';

type Mutable<T> = { -readonly [key in keyof T]: T[key] };

/** A file of a form, read in full. */
export interface UploadedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A request with what `mock.calls` does not keep. */
export interface Incoming {
  readonly call: Mutable<MockCall>;
  readonly files: ReadonlyMap<string, UploadedFile>;
  /** The id in the path, if there is one. */
  readonly id: string;
  readonly hasKey: boolean;
  /** Set if the body should have been JSON and is not. */
  readonly malformed: boolean;
}

export async function readRequest(input: string | URL | Request, init: RequestInit | undefined, at: number): Promise<Incoming> {
  const request = input instanceof Request ? input : undefined;
  const url = new URL(addressOf(input));
  const method = (init?.method ?? request?.method ?? 'GET').toUpperCase();
  const headers = new Headers(init?.headers ?? request?.headers);
  const authorization = headers.get('authorization') ?? '';
  const apiKey = authorization.replace(/^Bearer(\s+|$)/i, '').trim();
  if (headers.has('authorization')) headers.set('authorization', keyFingerprint(apiKey));
  const { operation, path, id } = route(method, url.pathname);
  const { body, files, malformed } = await readBody(init?.body ?? request?.body, headers.get('content-type') ?? '');
  return {
    call: {
      operation,
      method,
      path,
      url: url.href,
      headers: Object.fromEntries(headers),
      body,
      at,
      status: undefined,
      ended: undefined,
    },
    files,
    id,
    hasKey: apiKey !== '',
    malformed,
  };
}

export const addressOf = (input: string | URL | Request): string =>
  typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;

function route(method: string, pathname: string): { operation: MockOperation | 'unknown'; path: string; id: string } {
  const start = pathname.indexOf('/openai/v1/');
  const path = start < 0 ? pathname : pathname.slice(start);
  const rest = start < 0 ? '' : path.slice('/openai/v1/'.length);
  for (const { operation, method: wanted, pattern } of patterns) {
    const match = method === wanted ? pattern.exec(rest) : null;
    if (match) return { operation, path, id: decodeURIComponent(match[1] ?? '') };
  }
  return { operation: 'unknown', path, id: '' };
}

interface ReadBody {
  body: Record<string, unknown>;
  files: Map<string, UploadedFile>;
  malformed: boolean;
}

async function readBody(body: BodyInit | null | undefined, contentType: string): Promise<ReadBody> {
  if (body === null || body === undefined) return { body: {}, files: new Map(), malformed: false };
  if (body instanceof FormData) return readForm(body);
  if (contentType.startsWith('multipart/form-data')) {
    return readForm(await new Response(body, { headers: { 'content-type': contentType } }).formData());
  }
  const text = typeof body === 'string' ? body : await new Response(body).text();
  try {
    const value: unknown = text === '' ? {} : JSON.parse(text);
    return { body: asRecord(value), files: new Map(), malformed: !isRecord(value) };
  } catch {
    return { body: {}, files: new Map(), malformed: true };
  }
}

async function readForm(form: FormData): Promise<ReadBody> {
  const read: ReadBody = { body: {}, files: new Map(), malformed: false };
  for (const [name, value] of form) {
    if (typeof value !== 'string') {
      read.files.set(name, { name: value.name, bytes: new Uint8Array(await value.arrayBuffer()) });
      read.body[name] = { name: value.name, size: value.size, type: value.type };
    } else if (name.endsWith('[]')) {
      const list = name.slice(0, -2);
      read.body[list] = [...asArray(read.body[list]), value];
    } else {
      read.body[name] = value;
    }
  }
  return read;
}
