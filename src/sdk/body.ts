// A request's body as it was at one instant. Whatever the caller's object does afterwards (getters, proxies, changes), what was
// read here is what is checked and what is sent.

/** Fields of a request that rules can look at. */
export interface BodyFields {
  /** The value of a field, or undefined. Objects come as plain copies of what will be sent. */
  get(field: string): unknown;
  /** Sets a field, or removes it with `undefined`. */
  set(field: string, value: unknown): void;
  /** All fields as plain data, files left out. */
  toObject(): Record<string, unknown>;
  /** UTF-8 bytes of everything that may become prompt. */
  promptBytes(): number;
  /** What to hand to fetch. */
  encode(): string | FormData;
}

/** Fields that steer a request and are never part of the prompt. */
const NOT_PROMPT: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'temperature',
  'top_p',
  'n',
  'seed',
  'user',
  'service_tier',
  'stop',
  'presence_penalty',
  'frequency_penalty',
  'logprobs',
  'top_logprobs',
  'reasoning_effort',
  'reasoning_format',
  'include_reasoning',
  'parallel_tool_calls',
  'metadata',
  'store',
]);

/** A JSON body: each field is read once and written as JSON once, in the caller's order. */
export class JsonBody implements BodyFields {
  // Scalars as they are; for objects and arrays `undefined`, their text being the truth.
  readonly #scalars: Map<string, string | number | boolean | null | undefined> = new Map();
  readonly #texts: Map<string, string> = new Map();

  /** Throws a TypeError on what JSON cannot hold (cycles, BigInt), as the SDK does. */
  static of(body: object): JsonBody {
    const prototype: unknown = Object.getPrototypeOf(body);
    const plain = (prototype === Object.prototype || prototype === null) && !('toJSON' in body);
    const source: unknown = plain ? body : JSON.parse(JSON.stringify(body) ?? 'null');
    const json = new JsonBody();
    if (typeof source === 'object' && source !== null) {
      for (const field of Object.keys(source)) json.set(field, (source as Record<string, unknown>)[field]);
    }
    return json;
  }

  get(field: string): unknown {
    const scalar = this.#scalars.get(field);
    if (scalar !== undefined) return scalar;
    const text = this.#texts.get(field);
    return text === undefined ? undefined : JSON.parse(text);
  }

  set(field: string, value: unknown): void {
    switch (typeof value) {
      case 'boolean':
        this.#scalars.set(field, value);
        this.#texts.set(field, value ? 'true' : 'false');
        return;
      case 'number':
        this.#scalars.set(field, value);
        this.#texts.set(field, Number.isFinite(value) ? `${value}` : 'null');
        return;
      case 'string':
        this.#scalars.set(field, value);
        this.#texts.set(field, JSON.stringify(value));
        return;
      default: {
        this.#scalars.delete(field);
        if (value === null) this.#scalars.set(field, null);
        const text = JSON.stringify(value) as string | undefined;
        if (text === undefined) this.#texts.delete(field);
        else this.#texts.set(field, text);
      }
    }
  }

  toObject(): Record<string, unknown> {
    return JSON.parse(this.encode()) as Record<string, unknown>;
  }

  promptBytes(): number {
    let bytes = 0;
    for (const [field, text] of this.#texts) if (!NOT_PROMPT.has(field)) bytes += utf8Bytes(text);
    return bytes;
  }

  /** The JSON text of one field. */
  text(field: string): string | undefined {
    return this.#texts.get(field);
  }

  encode(): string {
    let out = '';
    for (const [field, text] of this.#texts) out += `${out === '' ? '{' : ','}${quoted(field)}:${text}`;
    return out === '' ? '{}' : `${out}}`;
  }
}

/** The caller's own object, looked at and never changed: for calls that nothing is decided about. */
export class PeekBody implements BodyFields {
  readonly #body: object;

  constructor(body: object) {
    this.#body = body;
  }

  get(field: string): unknown {
    const own = Object.getOwnPropertyDescriptor(this.#body, field);
    return own?.value as unknown;
  }

  set(): void {}

  toObject(): Record<string, unknown> {
    return {};
  }

  promptBytes(): number {
    try {
      return JsonBody.of(this.#body).promptBytes();
    } catch {
      return 0;
    }
  }

  encode(): string {
    return '';
  }
}

/** A multipart body. Files are counted, not read. */
export class FormBody implements BodyFields {
  readonly #form: FormData;

  private constructor(form: FormData) {
    this.#form = form;
  }

  static of(form: FormData): FormBody {
    const copy = new FormData();
    // The two overloads of append do not accept the union.
    for (const [field, value] of form) typeof value === 'string' ? copy.append(field, value) : copy.append(field, value, value.name);
    return new FormBody(copy);
  }

  get(field: string): unknown {
    const values = this.#form.getAll(field);
    // A field given twice is neither of its values: rules that want a string refuse the list.
    return values.length > 1 ? values : (values[0] ?? undefined);
  }

  set(field: string, value: unknown): void {
    if (value === undefined || value === null) this.#form.delete(field);
    else this.#form.set(field, typeof value === 'string' ? value : JSON.stringify(value));
  }

  toObject(): Record<string, unknown> {
    const fields: [string, unknown][] = [];
    for (const [field, value] of this.#form) if (typeof value === 'string') fields.push([field, value]);
    return Object.fromEntries(fields);
  }

  promptBytes(): number {
    let bytes = 0;
    for (const [field, value] of this.#form) if (typeof value === 'string' && !NOT_PROMPT.has(field)) bytes += utf8Bytes(value);
    return bytes;
  }

  /** Bytes of all files, or undefined if there is none. */
  fileBytes(): number | undefined {
    let bytes: number | undefined;
    for (const [, value] of this.#form) if (typeof value !== 'string') bytes = (bytes ?? 0) + value.size;
    return bytes;
  }

  encode(): FormData {
    return this.#form;
  }
}

const quotedFields = new Map<string, string>();

function quoted(field: string): string {
  let text = quotedFields.get(field);
  if (text === undefined) {
    text = JSON.stringify(field);
    // Field names come from the caller; a handful is worth remembering, an endless supply is not.
    if (quotedFields.size < 256) quotedFields.set(field, text);
  }
  return text;
}

const encoder = new TextEncoder();

/** The length of a string in UTF-8. */
export function utf8Bytes(text: string): number {
  // Counting without encoding is ten times faster, where the runtime can.
  return typeof Buffer === 'undefined' ? encoder.encode(text).length : Buffer.byteLength(text);
}
