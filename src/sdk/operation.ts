/** How an operation is priced and what its request looks like. */
export type OperationKind = 'chat' | 'responses' | 'embeddings' | 'audio' | 'speech' | 'free';

/** An endpoint that this library knows. */
export interface Operation {
  /** As it appears in records, e.g. `chat.completions`. */
  readonly name: string;
  /** `free` operations cost nothing by themselves; what a batch costs comes later. */
  readonly kind: OperationKind;
}

const operation = (name: string, kind: OperationKind = 'free'): Operation => Object.freeze({ name, kind });

// Exact paths, so that another spelling of a known endpoint is an unknown one.
const POSTS: ReadonlyMap<string, Operation> = new Map([
  ['/openai/v1/chat/completions', operation('chat.completions', 'chat')],
  ['/openai/v1/responses', operation('responses', 'responses')],
  ['/openai/v1/embeddings', operation('embeddings', 'embeddings')],
  ['/openai/v1/audio/transcriptions', operation('audio.transcriptions', 'audio')],
  ['/openai/v1/audio/translations', operation('audio.translations', 'audio')],
  ['/openai/v1/audio/speech', operation('audio.speech', 'speech')],
  ['/openai/v1/batches', operation('batches.create')],
  ['/openai/v1/files', operation('files.create')],
]);
const GETS: ReadonlyMap<string, Operation> = new Map([
  ['/openai/v1/models', operation('models.list')],
  ['/openai/v1/batches', operation('batches.list')],
  ['/openai/v1/files', operation('files.list')],
]);

const PATTERNS: readonly (readonly [method: string, path: RegExp, Operation])[] = [
  ['get', /^\/openai\/v1\/models\/[^/]+(\/[^/]+)?$/, operation('models.retrieve')],
  ['delete', /^\/openai\/v1\/models\/[^/]+(\/[^/]+)?$/, operation('models.delete')],
  ['get', /^\/openai\/v1\/batches\/[^/]+$/, operation('batches.retrieve')],
  ['post', /^\/openai\/v1\/batches\/[^/]+\/cancel$/, operation('batches.cancel')],
  ['get', /^\/openai\/v1\/files\/[^/]+$/, operation('files.retrieve')],
  ['delete', /^\/openai\/v1\/files\/[^/]+$/, operation('files.delete')],
  ['get', /^\/openai\/v1\/files\/[^/]+\/content$/, operation('files.content')],
];

const READ = operation('read');

/**
 * The operation behind a lower-case method and a path below the base URL. Unknown endpoints that only read (`get`, `head`,
 * `options`) are `read`; `undefined` means that the request may spend or change something in a way nobody here knows.
 */
export function classify(method: string, path: string): Operation | undefined {
  const known = classifyExact(method, path);
  if (known) return known;
  for (const [wanted, pattern, match] of PATTERNS) if (wanted === method && pattern.test(path)) return match;
  return method === 'get' || method === 'head' || method === 'options' ? READ : undefined;
}

/** The exact match only: cheap, and certain without building a URL. */
export function classifyExact(method: string, path: string): Operation | undefined {
  return method === 'post' ? POSTS.get(path) : method === 'get' ? GETS.get(path) : undefined;
}

/** Where a URL lies: its path below the base URL's own, and whether it is on another origin. */
export function place(target: URL, base: URL): { readonly path: string; readonly foreign: boolean } {
  const prefix = base.pathname.replace(/\/$/, '');
  const foreign = target.origin !== base.origin;
  // Outside the base path it is no endpoint that anybody knows.
  const path = !foreign && target.pathname.startsWith(`${prefix}/`) ? target.pathname.slice(prefix.length) : target.pathname;
  return { path, foreign };
}

/** The known operation of that name, for `explain()`. */
export function operationNamed(name: string): Operation | undefined {
  for (const known of [...POSTS.values(), ...GETS.values()]) if (known.name === name) return known;
  return undefined;
}
