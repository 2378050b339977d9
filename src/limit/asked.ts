import type { Block } from './block';
import type { Constraint } from './constraint';
import type { FairLine } from './fair-line';
import type { Team } from './lane';
import type { MemorySlot } from './slot';

/** What a line has counted as given to a team. */
export interface Charge {
  readonly line: FairLine;
  readonly amount: number;
}

/** What a call has taken in this process while an engine is asked for the same. */
export class Asked {
  readonly slot: MemorySlot;
  /** Where the call waited before; undefined if it never had to. */
  readonly from: Constraint | undefined;
  /** It waits again, or was granted, refused or given up: what the engine says comes too late. */
  isOver: boolean = false;
  #isUndone = false;
  readonly #charges: readonly Charge[];
  /** Those that let it ask. */
  readonly #blocks: ReadonlySet<Block>;

  constructor(slot: MemorySlot, from?: Constraint, charges: readonly Charge[] = []) {
    this.slot = slot;
    this.from = from;
    this.#charges = charges;
    const blocks = new Set<Block>();
    for (const [index, { constraint }] of slot.needs.entries()) {
      if ((slot.amounts[index] ?? 0) > 0 && constraint.block !== undefined) blocks.add(constraint.block);
    }
    for (const block of blocks) block.ask();
    this.#blocks = blocks;
  }

  /** Whether the block has come up since. */
  isHeldBackBy(block: Block): boolean {
    return !this.#blocks.has(block);
  }

  /** Gives back what it took; a second call changes nothing. */
  undo(team: Team, weight: number): void {
    if (this.#isUndone) return;
    this.#isUndone = true;
    this.slot.giveBack();
    for (const { line, amount } of this.#charges) line.refund(team, amount, weight);
  }

  /** The engine has answered. */
  answered(granted: boolean, now: number): void {
    for (const block of this.#blocks) block.answered(granted);
    if (!granted) return;
    for (const { constraint, max } of this.slot.needs) {
      constraint.yield(1, max, now, constraint.used(now));
      if (constraint.block?.isOver) constraint.block = undefined;
    }
  }
}
