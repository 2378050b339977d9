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

type Scalar = string | number | boolean | null;

/** A JSON body: each field is read once and written as JSON once, in the caller's order. */
export class JsonBody implements BodyFields {
  // Requests have a handful of fields, so lists beat maps. For objects and arrays the text is the truth and the scalar unset.
  readonly #names: string[] = [];
  readonly #texts: string[] = [];
  readonly #scalars: (Scalar | undefined)[] = [];
  #encoded: string | undefined;

  /** Throws a TypeError on what JSON cannot hold (cycles, BigInt), as the SDK does. */
  static of(body: object): JsonBody {
    const prototype: unknown = Object.getPrototypeOf(body);
    const plain = (prototype === Object.prototype || prototype === null) && !('toJSON' in body);
    const source: unknown = plain ? body : JSON.parse(JSON.stringify(body) ?? 'null');
    const json = new JsonBody();
    if (typeof source === 'object' && source !== null) {
      for (const field of Object.keys(source)) json.#append(field, (source as Record<string, unknown>)[field]);
    }
    return json;
  }

  /** The body in a text, or undefined if the text is not that of a JSON object. */
  static parse(text: string): JsonBody | undefined {
    try {
      const parsed: unknown = JSON.parse(text);
      return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? JsonBody.of(parsed) : undefined;
    } catch {
      return undefined;
    }
  }

  get(field: string): unknown {
    const index = this.#names.indexOf(field);
    if (index === -1) return undefined;
    const scalar = this.#scalars[index];
    return scalar === undefined ? JSON.parse(this.#texts[index] ?? 'null') : scalar;
  }

  set(field: string, value: unknown): void {
    this.#encoded = undefined;
    const index = this.#names.indexOf(field);
    if (index === -1) {
      this.#append(field, value);
      return;
    }
    const text = jsonText(field, value);
    if (text === undefined) {
      for (const list of [this.#names, this.#texts, this.#scalars]) list.splice(index, 1);
      return;
    }
    this.#texts[index] = text;
    this.#scalars[index] = isScalar(value) ? value : undefined;
  }

  toObject(): Record<string, unknown> {
    return JSON.parse(this.encode()) as Record<string, unknown>;
  }

  promptBytes(): number {
    let bytes = 0;
    for (let index = 0; index < this.#names.length; index++) {
      if (!NOT_PROMPT.has(this.#names[index] ?? '')) bytes += utf8Bytes(this.#texts[index] ?? '');
    }
    return bytes;
  }

  /** The JSON text of one field. */
  text(field: string): string | undefined {
    return this.#texts[this.#names.indexOf(field)];
  }

  encode(): string {
    return (this.#encoded ??= this.#write());
  }

  #write(): string {
    let out = '{';
    for (let index = 0; index < this.#names.length; index++) {
      out += `${index === 0 ? '' : ','}${quoted(this.#names[index] ?? '')}:${this.#texts[index] ?? 'null'}`;
    }
    return `${out}}`;
  }

  #append(field: string, value: unknown): void {
    const text = jsonText(field, value);
    if (text === undefined) return;
    this.#names.push(field);
    this.#texts.push(text);
    this.#scalars.push(isScalar(value) ? value : undefined);
  }
}

function isScalar(value: unknown): value is Scalar {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

// Undefined for what JSON leaves out: undefined, functions, symbols.
function jsonText(field: string, value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value !== 'object' || value === null || !('toJSON' in value)) return JSON.stringify(value) as string | undefined;
  // It is told the name that it stands under.
  const member = JSON.stringify({ [field]: value });
  return member === '{}' ? undefined : member.slice(JSON.stringify(field).length + 2, -1);
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
    for (const [field, value] of form) {
      if (typeof value === 'string') copy.append(field, value);
      else copy.append(field, value, value.name);
    }
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

  /** The file, if there is exactly one. */
  onlyFile(): Blob | undefined {
    const files = [...this.#form].flatMap(([, value]) => (typeof value === 'string' ? [] : [value]));
    return files.length === 1 ? files[0] : undefined;
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
