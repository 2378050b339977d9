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

/**
 * A response with the same status, headers, URL and bytes, whose body reports to the meter as the caller reads it: no read-ahead,
 * no copy, and the original stays unlocked until somebody reads. The response itself where there is nothing to watch, or no
 * way to.
 */
export function tap(response: Response, meter: Meter): Response {
  const body: unknown = response.body;
  if (body === null || body === undefined) {
    meter.completed(undefined);
    return response;
  }
  if (!(body instanceof ReadableStream)) return response;
  const events = response.headers.get('content-type')?.includes('text/event-stream') ?? false;
  const watcher = events ? eventWatcher(meter) : jsonWatcher(meter);
  const { status, statusText, headers } = response;
  const tapped = new Response(watched(body, watcher, meter), { status, statusText, headers });
  // A rebuilt response loses these.
  for (const name of ['url', 'redirected', 'type'] as const)
    Object.defineProperty(tapped, name, { value: response[name], configurable: true });
  return tapped;
}

function watched(body: ReadableStream<Uint8Array>, watcher: Watcher, meter: Meter): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        meter.reading();
        reader ??= body.getReader();
        try {
          // A pull that brings nothing would not be followed by another.
          for (let passed = 0; passed === 0;) {
            const { done, value } = await reader.read();
            const out = done ? watcher.end() : watcher.pass(value);
            for (const bytes of out) controller.enqueue(bytes);
            passed = out.length;
            if (done) return controller.close();
          }
        } catch (error) {
          meter.broken(isAbortError(error) ? 'aborted' : 'error');
          controller.error(error);
        }
      },
      async cancel(reason) {
        meter.reading();
        meter.broken('aborted');
        await (reader ? reader.cancel(reason) : body.cancel(reason));
      },
    },
    { highWaterMark: 0 },
  );
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
    pass: (bytes) => splitter.push(bytes).filter(shown),
    end() {
      const rest = splitter.flush();
      const out = rest.length > 0 && shown(rest) ? [rest] : [];
      meter.streamEnded(false);
      return out;
    },
  };
}
