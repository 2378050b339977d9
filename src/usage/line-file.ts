// Lines in a file: appended in batches, read in bounded memory. No `node:` import at load, so that edge runtimes can load it.
import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../clock';

/** Lines per write, so that a long backlog does not become one huge buffer. */
const MAX_BATCH = 10_000;
const MAX_LINE_LENGTH = 1_048_576;
const CHUNK_BYTES = 262_144;
const NEWLINE = 10;

const encoder = new TextEncoder();

interface Waiter {
  /** How many lines must be on disk. */
  readonly count: number;
  resolve(): void;
  reject(reason: unknown): void;
}

/** How a `LineFile` appends. */
export interface LineFileOptions {
  readonly path: string;
  /** Wait for `fdatasync` after each batch. */
  readonly fsync: boolean;
  /** How long a line may wait for others to be written with it. */
  readonly flushMs: number;
  readonly clock: Clock;
}

/**
 * Appends lines in order, one batch at a time; lines that arrive meanwhile make up the next batch. A batch that fails is
 * kept and written again with the next line or `flush`, so a line can be in the file twice but is never missing. The file
 * is open only while there is something to write.
 */
export class LineFile {
  readonly #options: LineFileOptions;
  #waiting: string[] = [];
  #waiters: Waiter[] = [];
  #added = 0;
  #written = 0;
  #running: Promise<void> | undefined;
  #linger: AbortController | undefined;
  #urgent = false;
  /** The file may end in the middle of a line. */
  #midLine = false;

  constructor(options: LineFileOptions) {
    this.#options = options;
  }

  /** Queues a line; it must not contain a newline. */
  add(line: string): void {
    this.#waiting.push(line);
    this.#added++;
    this.#start();
  }

  /** Resolves when all lines added so far are written. Rejects if the attempt fails. */
  written(): Promise<void> {
    if (this.#written === this.#added) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ count: this.#added, resolve, reject });
      this.#start();
    });
  }

  /** As `written`, without waiting for more lines to come. */
  flush(): Promise<void> {
    if (this.#written < this.#added) this.#urgent = true;
    this.#linger?.abort();
    return this.written();
  }

  /** Flushes and resolves when the file is closed. */
  async close(): Promise<void> {
    await this.flush();
    while (this.#running !== undefined) await this.#running;
  }

  #start(): void {
    this.#running ??= this.#run().then((succeeded) => {
      this.#running = undefined;
      // Somebody may have begun to wait since the failure was told.
      if (this.#waiters.length > 0 || (succeeded && this.#waiting.length > 0)) this.#start();
    });
  }

  /** Never rejects: a failure goes to those who wait. */
  async #run(): Promise<boolean> {
    try {
      await this.#pause();
      const file = await this.#open();
      try {
        while (this.#waiting.length > 0) {
          await this.#append(file);
          if (this.#waiting.length > 0) await this.#pause();
        }
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      const waiters = this.#waiters;
      this.#waiters = [];
      this.#urgent = false;
      for (const waiter of waiters) waiter.reject(error);
      return false;
    }
  }

  async #pause(): Promise<void> {
    const { flushMs, clock } = this.#options;
    if (!(flushMs > 0) || this.#urgent) return;
    this.#linger = new AbortController();
    await clock.sleep(flushMs, this.#linger.signal).catch(() => undefined);
    this.#linger = undefined;
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    const { open } = await fileSystem();
    const file = await open(path, 'a+', 0o600).catch((error: unknown) => {
      const missing = codeOf(error) === 'ENOENT';
      throw missing ? new Error(`Cannot write ${path}: its directory does not exist`, { cause: error }) : error;
    });
    try {
      // This process or another one may have died in the middle of a line.
      const { size } = await file.stat();
      const last = new Uint8Array(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      if (size > 0 && last[0] !== NEWLINE) this.#midLine = true;
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  async #append(file: FileHandle): Promise<void> {
    const batch = this.#waiting.slice(0, MAX_BATCH);
    const bytes = encoder.encode(`${this.#midLine ? '\n' : ''}${batch.join('\n')}\n`);
    // One write for whole lines: with O_APPEND, those of other processes cannot come in between.
    this.#midLine = true;
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten < bytes.length) {
      throw new Error(`Cannot write ${this.#options.path}: ${bytesWritten} of ${bytes.length} bytes were written`);
    }
    if (this.#options.fsync) await file.datasync();
    this.#midLine = false;
    this.#waiting.splice(0, batch.length);
    this.#written += batch.length;
    if (this.#waiting.length === 0) this.#urgent = false;
    const done = this.#waiters.filter(({ count }) => count <= this.#written);
    this.#waiters = this.#waiters.filter(({ count }) => count > this.#written);
    for (const waiter of done) waiter.resolve();
  }
}

/**
 * The lines that a file has now, some at a time; none if there is no such file. A last line without a newline is a line
 * too. Of a line longer than 1 MiB only the beginning is returned.
 */
export async function* readLines(path: string): AsyncGenerator<readonly string[], void, undefined> {
  const { open } = await fileSystem();
  const file = await open(path, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(CHUNK_BYTES);
    let rest = '';
    // Up to the present end, or a busy writer could keep the reader for ever.
    for (let left = (await file.stat()).size; left > 0;) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(left, CHUNK_BYTES), null);
      if (bytesRead === 0) break;
      left -= bytesRead;
      const lines = decoder.decode(chunk.subarray(0, bytesRead), { stream: true }).split('\n');
      lines[0] = rest + (lines[0] ?? '');
      rest = (lines.pop() ?? '').slice(0, MAX_LINE_LENGTH);
      yield lines;
    }
    rest += decoder.decode();
    if (rest !== '') yield [rest];
  } finally {
    await file.close();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

// Not written out, so that bundlers for places without files leave it alone.
const FILE_SYSTEM = 'node:fs/promises';

async function fileSystem(): Promise<typeof import('node:fs/promises')> {
  return (await import(FILE_SYSTEM)) as typeof import('node:fs/promises');
}
