import { EVENT_ID, type Event, getScalarValue, parseEvents } from 'js-yaml';

/**
 * Finds the line, counted from 1, on which a path such as `teams.chatbot.rateLimitRPM` is written in a text of JSON or YAML; for
 * a field that is missing, the line of what it is missing in.
 */
export function configLines(text: string): (path: string) => number | undefined {
  let lines: ReadonlyMap<string, number> | undefined;
  return (path) => {
    lines ??= linesOf(text);
    for (let part = path; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('.')))) {
      const line = lines.get(part);
      if (line !== undefined) return line;
    }
    return undefined;
  };
}

// JSON is read as YAML here, which it is but for oddities that at worst leave an issue without its line.
function linesOf(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  try {
    const walk = new Walk(text, lines);
    for (const event of parseEvents(text, {})) walk.take(event);
  } catch {
    return lines;
  }
  return lines;
}

interface Open {
  readonly kind: 'document' | 'list' | 'record';
  readonly path: string;
  /** In a record, the key whose value comes next. */
  key: string | undefined;
  index: number;
}

/** Goes through the parser's events in the order of the text, and notes where each path begins. */
class Walk {
  readonly #text: string;
  readonly #lines: Map<string, number>;
  readonly #open: Open[] = [];
  #position = 0;
  #line = 1;

  constructor(text: string, lines: Map<string, number>) {
    this.#text = text;
    this.#lines = lines;
  }

  take(event: Event): void {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        return this.#enter('document', '');
      case EVENT_ID.POP:
        return void this.#open.pop();
      case EVENT_ID.SCALAR:
        return this.#scalar(getScalarValue(this.#text, event), event.valueStart);
      case EVENT_ID.ALIAS:
        return void this.#next(event.anchorStart);
      default:
        return this.#enter(event.type === EVENT_ID.SEQUENCE ? 'list' : 'record', this.#next(event.start));
    }
  }

  #scalar(value: string, start: number): void {
    const parent = this.#open.at(-1);
    if (parent?.kind === 'record' && parent.key === undefined) {
      parent.key = value;
      this.#note(join(parent.path, value), start);
    } else this.#next(start);
  }

  /** The path of the value that begins here. */
  #next(start: number): string {
    const parent = this.#open.at(-1);
    if (parent === undefined || parent.kind === 'document') return '';
    if (parent.kind === 'list') {
      const path = join(parent.path, String(parent.index++));
      this.#note(path, start);
      return path;
    }
    // A key that is no text cannot be in a path, but its value has to be passed over.
    const path = join(parent.path, parent.key ?? '');
    parent.key = parent.key === undefined ? '' : undefined;
    return path;
  }

  #enter(kind: Open['kind'], path: string): void {
    this.#open.push({ kind, path, key: undefined, index: 0 });
  }

  #note(path: string, start: number): void {
    for (; this.#position < start; this.#position++) if (this.#text[this.#position] === '\n') this.#line++;
    if (!this.#lines.has(path)) this.#lines.set(path, this.#line);
  }
}

const join = (path: string, step: string): string => (path === '' ? step : `${path}.${step}`);
