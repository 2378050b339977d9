import type { Meter } from './meter';
import { isAbortError } from './metered-iterator';
import { EventSplitter, eventData } from './sse';

// Beyond this a JSON answer is not kept for its usage; the hold is booked.
const MAX_JSON_BYTES = 16_000_000;

/** Sees a body's bytes go by. */
interface Watcher {
  /** What of these bytes the caller gets. */
  pass(bytes: Uint8Array): readonly Uint8Array[];
  /** The body has ended; what the caller still gets. */
  end(): readonly Uint8Array[];
}

const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/**
 * A response whose body reports to the meter as the caller reads it: no read-ahead, no copy of the bytes. For responses that
 * nobody has seen yet: it is a new one, so that a platform that is handed it and reads it from within is metered too. One
 * of another class than the platform's stays the object that it is.
 */
export function tapNew(response: Response, meter: Meter): Response {
  const body = watchable(response, meter);
  if (!body) return response;
  if (Object.getPrototypeOf(response) !== Response.prototype) {
    tap(response, meter);
    return response;
  }
  meter.tapped(!isEventStream(response));
  return like(response, new Response(watched(body, watcherOf(response, meter), meter), response));
}

/** The same for a response that somebody may hold already: it stays the object that it is, and its body comes from elsewhere. */
export function tap(response: Response, meter: Meter): void {
  const body = watchable(response, meter);
  if (!body) return;
  let reading: Response | undefined;
  const watching = (): Response => (reading ??= new Response(watched(body, watcherOf(response, meter), meter), response));
  Object.defineProperties(response, {
    body: { get: () => watching().body, configurable: true },
    bodyUsed: { get: () => reading?.bodyUsed ?? false, configurable: true },
    clone: { value: () => like(response, watching().clone()), configurable: true, writable: true },
  });
  for (const read of READERS) {
    Object.defineProperty(response, read, { value: () => watching()[read](), configurable: true, writable: true });
  }
  meter.tapped(!isEventStream(response));
}

function watchable(response: Response, meter: Meter): ReadableStream<Uint8Array> | undefined {
  const { body, bodyUsed } = response;
  if (body instanceof ReadableStream && !bodyUsed && !body.locked && Object.isExtensible(response)) return body;
  // Nothing to watch, or no way to: what it cost will not become known. Somebody who reads already books it himself.
  if (body === null) meter.completed(undefined);
  else if (!bodyUsed && !(body instanceof ReadableStream && body.locked)) meter.unreadable('success');
  return undefined;
}

function watcherOf(response: Response, meter: Meter): Watcher {
  return isEventStream(response) ? eventWatcher(meter) : jsonWatcher(meter);
}

/** Whether the body says that it is a stream of events. */
export function isEventStream({ headers }: Response): boolean {
  return headers.get('content-type')?.includes('text/event-stream') ?? false;
}

// A response that was made here does not know where the original came from.
function like(original: Response, copy: Response): Response {
  for (const name of ['url', 'type', 'redirected', 'headers'] as const) {
    Object.defineProperty(copy, name, { value: original[name], configurable: true });
  }
  const clone = copy.clone.bind(copy);
  Object.defineProperty(copy, 'clone', { value: () => like(original, clone()), configurable: true, writable: true });
  return copy;
}

function watched(body: ReadableStream<Uint8Array>, watcher: Watcher, meter: Meter): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const state = { reads: false };
  const open = (controller: ReadableByteStreamController): ReadableStreamDefaultReader<Uint8Array> => {
    if (reader) return reader;
    meter.readIn(watching);
    reader = body.getReader();
    tellFailure(reader.closed, new WeakRef(controller), state, meter);
    return reader;
  };
  const watching: ReadableStream<Uint8Array> = new ReadableStream(
    {
      type: 'bytes',
      async pull(controller) {
        const source = open(controller);
        // A pull that brings nothing would not be followed by another.
        for (let passed = 0; passed === 0;) {
          state.reads = true;
          const { done, value } = await source.read().catch((error: unknown) => {
            meter.broken(isAbortError(error) ? 'aborted' : 'error');
            throw error;
          });
          state.reads = false;
          const out = done ? watcher.end() : watcher.pass(value);
          // A byte stream takes the buffer away from whoever hands it over, and this one is the source's.
          // Nor does it take a chunk of nothing.
          for (const bytes of out) {
            if (bytes.length === 0) continue;
            controller.enqueue(new Uint8Array(bytes));
            passed++;
          }
          if (!done) continue;
          controller.close();
          controller.byobRequest?.respond(0);
          return;
        }
      },
      async cancel(reason) {
        meter.broken('aborted');
        await (reader ? reader.cancel(reason) : body.cancel(reason));
      },
    },
    { highWaterMark: 0 },
  );
  return watching;
}

// An abort between two reads is told at once; a read that is under way is told itself, and may bring something yet. A connection
// lives on without its reader, and must not keep that one alive.
function tellFailure(
  closed: Promise<unknown>,
  controller: WeakRef<ReadableByteStreamController>,
  state: { readonly reads: boolean },
  meter: Meter,
): void {
  closed.catch((error: unknown) => {
    if (state.reads) return;
    meter.broken(isAbortError(error) ? 'aborted' : 'error');
    controller.deref()?.error(error);
  });
}

function jsonWatcher(meter: Meter): Watcher {
  const parts: Uint8Array[] = [];
  let size = 0;
  return {
    pass(bytes) {
      size += bytes.length;
      // The caller may change its bytes later, but not before the next read.
      if (size <= MAX_JSON_BYTES) parts.push(bytes.slice());
      return [bytes];
    },
    end() {
      if (size > MAX_JSON_BYTES) meter.unreadable('success');
      else meter.completed(parsed(parts));
      return [];
    },
  };
}

function parsed(parts: readonly Uint8Array[]): unknown {
  const decoder = new TextDecoder();
  const text = parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function eventWatcher(meter: Meter): Watcher {
  const splitter = new EventSplitter();
  const decoder = new TextDecoder();
  const shown = (event: Uint8Array): boolean => {
    const data = eventData(decoder.decode(event));
    return data === undefined || !meter.chunk(data);
  };
  return {
    pass(bytes) {
      const events = splitter.push(bytes);
      if (meter.hides) return events.filter(shown);
      events.forEach(shown);
      return [bytes];
    },
    end() {
      const rest = splitter.flush();
      const isShown = rest.length > 0 && shown(rest);
      meter.streamEnded(false);
      return isShown && meter.hides ? [rest] : [];
    },
  };
}
