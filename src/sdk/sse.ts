// The few things that must be known of a stream of server-sent events when nobody else parses it.

/** The JSON of one event's `data` lines, or undefined: comments, `[DONE]`, other text. */
export function eventData(event: string): unknown {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:'));
  if (lines.length === 0) return undefined;
  try {
    return JSON.parse(lines.map((line) => line.slice(5)).join('\n')) as unknown;
  } catch {
    return undefined;
  }
}

/** The JSON of all events in a whole text, as a caller gets it who did not ask the SDK to parse a stream; undefined if it is none. */
export function eventsInText(text: string): readonly unknown[] | undefined {
  if (!/^\s*(?:data|event|id|retry)?:/.test(text)) return undefined;
  return text.split(/\r\n\r\n|\n\n|\r\r/).flatMap((event) => eventData(event) ?? []);
}

/** Cuts bytes into events: each call returns the events that are complete, with the blank line that ends them. */
export class EventSplitter {
  #rest: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): Uint8Array[] {
    const data = this.#rest.length === 0 ? bytes : concat(this.#rest, bytes);
    const events: Uint8Array[] = [];
    let start = 0;
    for (let end = endOfEvent(data, start); end !== -1; end = endOfEvent(data, start)) {
      events.push(data.subarray(start, end));
      start = end;
    }
    // A copy: whoever gets the bytes next may take their buffer away.
    this.#rest = data.slice(start);
    return events;
  }

  /** What is left when the bytes end. */
  flush(): Uint8Array {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    return rest;
  }
}

const LF = 10;
const CR = 13;

function endOfEvent(data: Uint8Array, from: number): number {
  for (let index = data.indexOf(LF, from); index !== -1; index = data.indexOf(LF, index + 1)) {
    if (data[index + 1] === LF) return index + 2;
    if (data[index + 1] === CR && data[index + 2] === LF) return index + 3;
  }
  return -1;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
