// A request as a caller hands it to fetch, taken at once: whatever changes afterwards in the caller's objects, what was taken
// here is what is checked and what is sent.

import { type BodyFields, FormBody, JsonBody } from '../sdk/body';

/** What sends a request: the platform's `fetch`, or anything that can be called like it. */
export type Transport = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What governance puts in place of the caller's own. */
export interface Replacement {
  /** Undefined leaves the body as it is. */
  readonly body: string | FormData | undefined;
  /** The API key; undefined leaves the caller's. */
  readonly secret: string | undefined;
}

type Fields = BodyFields | undefined;

/** A body that nobody can change from outside. */
type Taken = Exclude<BodyInit, ArrayBuffer | ArrayBufferView> | Uint8Array<ArrayBuffer>;

/** A request that can be read, and then sent once. */
export class Outgoing {
  readonly url: URL;
  /** As the caller wrote it. */
  readonly method: string;
  readonly signal: AbortSignal | undefined;
  /** Holds its own headers and body, unless `#body` says otherwise. */
  readonly #request: Request | undefined;
  readonly #headers: Headers | undefined;
  readonly #init: RequestInit;
  #body: Taken | null | undefined;

  /** Throws what fetch rejects with when it is handed something that is no request. */
  constructor(input: string | URL | Request, init: RequestInit | null | undefined) {
    const own = copyOfInit(init);
    const { method, headers, body, signal, ...rest } = own;
    if (input instanceof Request) {
      const request = new Request(input, own);
      this.#request = request;
      this.url = new URL(request.url);
      this.method = request.method;
      // Not the new request's: that follows the caller's only for as long as somebody keeps it.
      this.signal = (signal === undefined ? input.signal : signal) ?? undefined;
      this.#headers = request.headers;
      this.#init = { ...rest, ...(this.signal && { signal: this.signal }) };
      return;
    }
    this.url = urlOf(input);
    this.method = method === undefined ? 'GET' : String(method);
    this.signal = signal ?? undefined;
    this.#headers = headers === undefined ? undefined : new Headers(headers);
    this.#init = { ...rest, ...(method !== undefined && { method: this.method }), ...(signal !== undefined && { signal }) };
    this.#body = copyOfBody(body);
  }

  /**
   * What rules can look at; undefined if that cannot be known. With `consume` also what can be read only once; it is kept, to be
   * sent.
   */
  read(consume: boolean): Fields | Promise<Fields> {
    const body = this.#body;
    const type = this.#contentType;
    if (body === undefined && this.#request && consume) return this.#consume(this.#request);
    if (typeof body === 'string') return isMultipart(type) ? formIn(body, type) : JsonBody.parse(body);
    if (body instanceof FormData) return FormBody.of(body);
    if (body instanceof Blob) return body.arrayBuffer().then((bytes) => fieldsIn(new Uint8Array(bytes), type || body.type));
    if (body instanceof ReadableStream) return consume ? this.#consume(new Response(body)) : undefined;
    return body instanceof Uint8Array ? fieldsIn(body, type) : undefined;
  }

  /** Hands the request to the transport, with what has been decided in place of what was asked. */
  async send(transport: Transport, { body: decided, secret }: Replacement): Promise<Response> {
    const headers = this.#headersWith(decided, secret);
    const body = decided === undefined ? this.#body : sameKind(this.#body, decided);
    const init = { ...this.#init, ...(headers && { headers }), ...(body !== undefined && { body }) };
    return transport(this.#request ?? this.url.href, init);
  }

  /** True if it can be sent a second time as it is. */
  get isRepeatable(): boolean {
    return !(this.#body instanceof ReadableStream) && !this.#request?.body;
  }

  /** For requests of the same caller. */
  get authorization(): string | undefined {
    return this.#headers?.get('authorization') ?? undefined;
  }

  get #contentType(): string {
    return this.#headers?.get('content-type') ?? '';
  }

  async #consume(source: Body): Promise<Fields> {
    const bytes = new Uint8Array(await source.arrayBuffer());
    this.#body = bytes;
    return fieldsIn(bytes, this.#contentType);
  }

  #headersWith(body: string | FormData | undefined, secret: string | undefined): Headers | undefined {
    if (body === undefined && secret === undefined) return this.#request ? undefined : this.#headers;
    const headers = new Headers(this.#headers);
    if (secret !== undefined) headers.set('authorization', `Bearer ${secret}`);
    if (body !== undefined) headers.delete('content-length');
    // It names the boundary between the parts, which is another one with each writing.
    if (body instanceof FormData) headers.delete('content-type');
    return headers;
  }
}

const isMultipart = (contentType: string): boolean => /^\s*multipart\/form-data\b/i.test(contentType);

// All that the platforms know; what else there is belongs to somebody's own fetch, and is passed on.
const MEMBERS = [
  'body',
  'cache',
  'credentials',
  'dispatcher',
  'duplex',
  'headers',
  'integrity',
  'keepalive',
  'method',
  'mode',
  'priority',
  'redirect',
  'referrer',
  'referrerPolicy',
  'signal',
  'window',
] as const;

function copyOfInit(init: RequestInit | null | undefined): RequestInit {
  const own: RequestInit = { ...init };
  if (!init || Object.getPrototypeOf(init) === Object.prototype) return own;
  // Fetch looks for its members in prototypes too.
  for (const name of MEMBERS) if (!(name in own) && name in init) Reflect.set(own, name, Reflect.get(init, name));
  return own;
}

function urlOf(input: string | URL): URL {
  const text = String(input);
  try {
    return new URL(text);
  } catch {
    // A page's own relative URL, or what fetch rejects with.
    return new URL(new Request(text).url);
  }
}

function copyOfBody(body: BodyInit | null | undefined): Taken | null | undefined {
  if (typeof body !== 'object' || body === null) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  return body instanceof FormData ? FormBody.of(body).encode() : body;
}

function fieldsIn(bytes: Uint8Array<ArrayBuffer>, contentType: string): Fields | Promise<Fields> {
  if (isMultipart(contentType)) return formIn(bytes, contentType);
  return JsonBody.parse(new TextDecoder().decode(bytes));
}

function formIn(body: string | Uint8Array<ArrayBuffer>, contentType: string): Promise<Fields> {
  return new Response(body, { headers: { 'content-type': contentType } }).formData().then(
    (form) => FormBody.of(form),
    () => undefined,
  );
}

const encoder = new TextEncoder();

// In another kind of body the same text would get another content type.
function sameKind(body: Taken | null | undefined, text: string | FormData): Taken {
  if (typeof text !== 'string' || typeof body === 'string') return text;
  return body instanceof Blob ? new Blob([text], { type: body.type }) : encoder.encode(text);
}
