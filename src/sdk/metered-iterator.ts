import type { Meter } from './meter';

/** Who reads a stream first; only that one is metered. The SDK refuses the others by itself. */
export interface Reader {
  iterator?: object;
  /** Reads that are under way. */
  pending: number;
}

const NOTHING_READ: Promise<IteratorResult<never>> = Promise.resolve({ done: true, value: undefined });

/** Passes a stream's chunks on as they are asked for, and shows them to the meter. */
export class MeteredIterator<T> implements AsyncIterableIterator<T> {
  readonly #source: AsyncIterator<T>;
  readonly #meter: Meter;
  readonly #reader: Reader;
  readonly #signal: AbortSignal;
  readonly #begin: (iterator: object) => void;
  #last: Promise<IteratorResult<T>> = NOTHING_READ;

  constructor(source: AsyncIterator<T>, meter: Meter, reader: Reader, signal: AbortSignal, begin: (iterator: object) => void) {
    this.#source = source;
    this.#meter = meter;
    this.#reader = reader;
    this.#signal = signal;
    this.#begin = begin;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    if (!this.#owns()) return this.#source.next();
    // A chunk that is left out makes the next one answer the same read, so later reads have to stay behind it.
    this.#last = this.#reader.pending++ === 0 ? this.#read() : this.#last.then(this.#read, this.#read);
    return this.#last;
  }

  async return(value?: unknown): Promise<IteratorResult<T>> {
    const result = await (this.#source.return?.(value) ?? { done: true as const, value });
    if (this.#owns()) this.#meter.broken('aborted');
    return result as IteratorResult<T>;
  }

  async throw(error?: unknown): Promise<IteratorResult<T>> {
    if (this.#owns()) this.#meter.broken('aborted');
    if (this.#source.throw) return this.#source.throw(error);
    throw error;
  }

  #owns(): boolean {
    if (this.#reader.iterator === undefined) {
      this.#reader.iterator = this;
      this.#begin(this);
    }
    return this.#reader.iterator === this;
  }

  readonly #read = (): Promise<IteratorResult<T>> => this.#source.next().then(this.#take, this.#fail);

  readonly #take = (result: IteratorResult<T>): IteratorResult<T> | Promise<IteratorResult<T>> => {
    if (!result.done && this.#meter.chunk(result.value)) return this.#read();
    this.#reader.pending--;
    if (result.done) this.#meter.streamEnded(this.#signal.aborted);
    return result;
  };

  readonly #fail = (error: unknown): never => {
    this.#reader.pending--;
    this.#meter.broken(this.#signal.aborted && isAbortError(error) ? 'aborted' : 'error', error);
    throw error;
  };
}

/** True for what a fetch rejects with when it is aborted. */
export function isAbortError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}
