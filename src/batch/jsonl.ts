/** A line that is longer than anything the provider takes. */
export class LineTooLongError extends Error {
  override readonly name = 'LineTooLongError';
}

// Whole requests with pictures in them stay below this; without a bound one line could fill the memory.
const MAX_LINE_CHARACTERS = 64_000_000;

/** Cuts UTF-8 text that comes in pieces into lines. Throws a `LineTooLongError`. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  /** The pieces of the line that has begun, so that none is looked through twice. */
  #begun: string[] = [];
  #length = 0;

  /** The lines that have ended with these bytes, without their line breaks. */
  push(bytes: Uint8Array): readonly string[] {
    return this.#cut(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What is left when the text has ended: one line, or none. */
  end(): readonly string[] {
    const lines = this.#cut(this.#decoder.decode());
    const last = this.#begun.join('');
    this.#begun = [];
    return last === '' ? lines : [...lines, last];
  }

  #cut(text: string): readonly string[] {
    const parts = text.split('\n');
    const rest = parts.pop() ?? '';
    const [first] = parts;
    if (first !== undefined) {
      parts[0] = this.#begun.join('') + first;
      this.#begun = [];
      this.#length = 0;
    }
    this.#length += rest.length;
    if (this.#length > MAX_LINE_CHARACTERS) throw new LineTooLongError('The line is too long.');
    if (rest !== '') this.#begun.push(rest);
    return parts;
  }
}

/** The lines of a body, as it is read. Rejects as the body does, or with a `LineTooLongError`. */
export async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const splitter = new LineSplitter();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      yield* done ? splitter.end() : splitter.push(value);
      if (done) return;
    }
  } finally {
    // Whoever stops early does not want the rest.
    await reader.cancel().catch(() => {});
  }
}
