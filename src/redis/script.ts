import type { Send } from './client';

/** A Lua script that the server keeps by its SHA-1 and is sent only when the server does not have it. */
export class Script {
  readonly #text: string;
  #sha: string | undefined;

  constructor(...parts: readonly string[]) {
    this.#text = parts.join('\n');
  }

  /** Runs it once; `root` is its only declared key, from which it makes all others. */
  async run(send: Send, root: string, args: readonly string[]): Promise<unknown> {
    const sha = this.#sha;
    if (sha === undefined) {
      // Alongside, so that the first call waits for one trip only.
      void this.#learnSha(send, root);
      return send('EVAL', [this.#text, '1', root, ...args], root);
    }
    try {
      return await send('EVALSHA', [sha, '1', root, ...args], root);
    } catch (error) {
      // Nothing was run: the server was restarted, replaced or flushed. EVAL runs it and keeps it.
      if (!isNoScript(error)) throw error;
      return send('EVAL', [this.#text, '1', root, ...args], root);
    }
  }

  async #learnSha(send: Send, root: string): Promise<void> {
    try {
      this.#sha ??= String(await send('EVAL', ['return redis.sha1hex(ARGV[1])', '1', root, this.#text], root));
    } catch {
      // The next call will ask again.
    }
  }
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

/** Reads the flat array that a script answers with, one value after the other. */
export class Reply {
  readonly #values: readonly unknown[];
  #next = 0;

  constructor(values: unknown) {
    if (!Array.isArray(values)) throw new TypeError(`Expected Redis to answer with an array, got ${typeof values}`);
    this.#values = values;
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#values.length;
  }

  // Whatever types the client was told to answer with.
  number(): number {
    const value = this.#take();
    return typeof value === 'number' ? value : numberOf(String(value));
  }

  text(): string {
    return String(this.#take());
  }

  #take(): unknown {
    if (this.isAtEnd) throw new RangeError('Redis answered with less than was asked for');
    return this.#values[this.#next++];
  }
}

function numberOf(text: string): number {
  return text === 'inf' ? Infinity : Number(text);
}
