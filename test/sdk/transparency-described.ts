// Turns what was observed into plain data, so that two runs can be compared with one `toEqual`.
import * as sdk from 'groq-sdk';
import { APIPromise } from 'groq-sdk';
import { Stream } from 'groq-sdk/core/streaming';

const errorClasses = (Object.entries(sdk) as [string, unknown][]).filter(
  (entry): entry is [string, new (...args: never[]) => Error] => entry[0].endsWith('Error'),
);

// Where an error was made, which Bun writes on it beside the stack.
const PLACE = new Set(['line', 'column', 'sourceURL', 'originalLine', 'originalColumn']);

/** A value as plain data: classes by identity, errors and responses with all that they show. */
export function described(value: unknown, seen: readonly unknown[] = []): unknown {
  if (typeof value === 'function') return `[function ${value.name}]`;
  if (typeof value === 'symbol' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return value.replaceAll('GovernedGroq/JS', 'Groq/JS');
  if (typeof value !== 'object' || value === null) return value;
  if (seen.includes(value)) return '[circular]';
  const inside = [...seen, value];
  if (value instanceof Headers) return { headers: withoutAgent(Object.fromEntries(value)) };
  if (value instanceof AbortSignal) return { signal: value.aborted };
  if (value instanceof AbortController) return { controller: value.signal.aborted };
  if (value instanceof Error || value instanceof DOMException) return describedError(value, inside);
  if (value instanceof Response) return describedResponse(value);
  if (value instanceof APIPromise) return '[APIPromise]';
  if (value instanceof Stream) return { stream: Object.keys(value), controller: described(value.controller, inside) };
  if (value instanceof ReadableStream) return { readable: value.locked };
  if (value instanceof FormData) return '[FormData]';
  if (value instanceof Blob) return { blob: value.type, size: value.size };
  if (ArrayBuffer.isView(value))
    return { [value.constructor.name]: [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] };
  if (value instanceof ArrayBuffer) return { ArrayBuffer: [...new Uint8Array(value)] };
  if (Array.isArray(value)) return value.map((each) => described(each, inside));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && Symbol.asyncIterator in value) return '[async iterable]';
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, described(each, inside)]));
}

function describedError(error: Error, seen: readonly unknown[]): unknown {
  const own = Object.getOwnPropertyNames(error)
    .filter((name) => name !== 'stack' && name !== 'message')
    .filter((name) => Object.prototype.propertyIsEnumerable.call(error, name) || !PLACE.has(name));
  return {
    instanceOf: errorClasses.filter(([, type]) => error instanceof type).map(([name]) => name),
    class: error.constructor.name,
    name: error.name,
    message: error.message,
    ...Object.fromEntries(own.map((name) => [`.${name}`, described(Reflect.get(error, name), seen)])),
  };
}

function describedResponse(response: Response): unknown {
  const { status, statusText, ok, url, redirected, type, headers, bodyUsed, body } = response;
  return {
    response: response.constructor.name,
    status,
    statusText,
    ok,
    url,
    redirected,
    type,
    headers: Object.fromEntries(headers),
    bodyUsed,
    body: described(body),
  };
}

// The client's name is in there, and it differs on purpose.
function withoutAgent({ 'user-agent': agent, ...rest }: Record<string, string>): Record<string, string> {
  return { ...rest, ...(agent !== undefined && { 'user-agent': agent.replace(/^\w+\//, '…/') }) };
}

/** Log lines without what no two runs share: ids and times. */
export function unlogged(lines: readonly unknown[]): readonly unknown[] {
  const ids = new Map<string, string>();
  const text = JSON.stringify(lines, (_key, value: unknown) => (value === undefined ? '[undefined]' : value))
    .replaceAll(/log_[0-9a-f]{6}/g, (id) => {
      if (!ids.has(id)) ids.set(id, `log #${ids.size + 1}`);
      return ids.get(id) ?? '';
    })
    .replaceAll(/ in \d+ms/g, ' in … ms')
    .replaceAll(/"durationMs":\d+/g, '"durationMs":"…"');
  return JSON.parse(text) as readonly unknown[];
}
