import { Block } from './block';
import type { Constraint, Need } from './constraint';
import { portable } from './shared-demand';
import type { SharedEngine } from './shared-engine';
import type { SharedDemand } from './shared-limits';

// Shorter waits are nobody else's business.
const SETTLED_MS = 200;
const LOOK_EVERY_MS = 1000;
const LEASE_MS = 2500;

/**
 * Tells other processes where this one has somebody waiting, and finds out how many of them do, so that none of them takes
 * everything that becomes free. Each counts in the engine like a slot, under a key that stands for waiting.
 */
export class Rivals {
  readonly #engine: SharedEngine;
  readonly #newId: () => string;
  /** Whether it was used since the last look. */
  readonly #watched: WeakMap<Constraint, boolean> = new WeakMap();

  constructor(engine: SharedEngine, newId: () => string) {
    this.#engine = engine;
    this.#newId = newId;
  }

  /** To be called when somebody waits for it or takes of it: watches until that has not happened for a while. */
  watch(need: Need, now: number): void {
    const { constraint, type, max } = need;
    if (type !== 'limit' && type !== 'concurrency') return;
    const isWatched = this.#watched.has(constraint);
    // Whoever uses little of it takes nothing away from others.
    if (!isWatched && constraint.line === undefined && constraint.used(now) <= max / 4) return;
    this.#watched.set(constraint, true);
    if (isWatched) return;
    const end = (): void => {
      this.#watched.delete(constraint);
      if (constraint.block) constraint.block.rivals = 0;
    };
    this.#watch(need).then(end, end);
  }

  async #watch({ constraint, type, key, windowMs }: Need): Promise<void> {
    const marks: SharedDemand[] = [];
    const unmark = (): void => {
      for (let mark = marks.pop(); mark; mark = marks.pop()) {
        this.#engine.change({ demand: mark, begun: false, released: true });
      }
    };
    await this.#engine.pause(SETTLED_MS, true);
    try {
      while (constraint.line !== undefined || this.#watched.get(constraint) === true) {
        const demand: SharedDemand = {
          id: this.#newId(),
          needs: [{ type: 'concurrency', key: portable(`waiting for ${type} ${key}`), max: Number.MAX_SAFE_INTEGER }],
          provider: undefined,
          leaseMs: LEASE_MS,
        };
        const waits = constraint.line !== undefined;
        if (waits) await this.#engine.take({ demand: () => demand, settled: () => undefined, onLate: () => undefined });
        unmark();
        if (waits) marks.push(demand);
        const [state] = await this.#engine.look(demand);
        const rivals = Math.max(0, (state?.used ?? 0) - marks.length);
        if (rivals > 0) constraint.block ??= new Block(windowMs);
        if (constraint.block) constraint.block.rivals = rivals;
        this.#watched.set(constraint, false);
        await this.#engine.pause(LOOK_EVERY_MS, true);
      }
    } finally {
      unmark();
    }
  }
}
