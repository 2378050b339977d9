/** Remembers at least the last `size` ids and at most twice as many. */
export class RecentIds {
  readonly #size: number;
  #current = new Set<string>();
  #previous = new Set<string>();

  constructor(size: number) {
    this.#size = size;
  }

  /** False if the id is remembered already. */
  add(id: string): boolean {
    if (this.#previous.has(id)) return false;
    const { size } = this.#current;
    if (this.#current.add(id).size === size) return false;
    // Dropping a whole generation is cheaper than deleting the oldest id for each new one.
    if (size + 1 >= this.#size) {
      this.#previous = this.#current;
      this.#current = new Set();
    }
    return true;
  }
}
