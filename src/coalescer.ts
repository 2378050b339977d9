import { TimeLimit } from './time-limit';

/** How a `Coalescer` makes its trips. */
export interface CoalescerOptions<Item, Answer> {
  /** Makes one trip for all items, in order, and answers with as many answers. An `Error` among them rejects its own item only. */
  readonly run: (items: readonly Item[]) => Promise<readonly (Answer | Error)[]>;
  /** At most so many items per trip; default 256. */
  readonly maxItems?: number;
  /** A trip that takes longer than this many milliseconds of real time is given up: its items reject. Default 5,000. */
  readonly timeoutMs?: number;
  /** What is asked for, for the message of such a rejection. */
  readonly name: string;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Turns what is asked for at the same time, and while a trip to an engine is under way, into one trip. There is one trip at a
 * time, so that items reach the engine in the order in which they came.
 */
export class Coalescer<Item, Answer> {
  readonly #options: CoalescerOptions<Item, Answer>;
  readonly #limit: TimeLimit;
  #queue: Waiting<Item, Answer>[] = [];
  #travelling = false;

  constructor(options: CoalescerOptions<Item, Answer>) {
    this.#options = options;
    // An engine takes real time, whatever clock the calls go by.
    this.#limit = new TimeLimit(options.timeoutMs ?? 5_000, `The ${options.name}`);
  }

  ask(item: Item): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      if (this.#travelling) return;
      this.#travelling = true;
      // Others that ask in the same tick come along.
      queueMicrotask(() => void this.#travel());
    });
  }

  async #travel(): Promise<void> {
    const { maxItems = 256 } = this.#options;
    while (this.#queue.length > 0) {
      const aboard = this.#queue.length > maxItems ? this.#queue.splice(0, maxItems) : this.#queue;
      if (aboard === this.#queue) this.#queue = [];
      try {
        const answers = await this.#limit.within(this.#options.run(aboard.map(({ item }) => item)));
        for (const [index, { resolve, reject }] of aboard.entries()) {
          const answer = answers[index];
          if (answer === undefined || answer instanceof Error) {
            reject(answer ?? new Error(`The ${this.#options.name} gave no answer.`));
          } else resolve(answer);
        }
      } catch (error) {
        for (const { reject } of aboard) reject(error);
      }
    }
    this.#travelling = false;
  }
}
