import type { Block } from './block';
import type { FairLine } from './fair-line';
import type { Heaped } from './heap';
import type { Lane } from './lane';
import type { Demand, LimitKind } from './rate-limiter';

/** Who takes something of a constraint, as far as a constraint needs to know it. */
export interface Holder {
  /** When it stops counting as running, should nobody release it. */
  readonly leaseEndsAt: number;
  readonly isLapsed: boolean;
  /** Ends its running before its release, because its lease is over. */
  lapse(): void;
}

let created = 0;

/**
 * Something that must have room before an attempt may start: a sliding window, a provider's bucket, a number of slots, a pause.
 * All times are those of the limiter's steady clock.
 */
export abstract class Constraint implements Heaped {
  /** Room is only kept back in this order, which rules out that two lanes wait for each other's. */
  readonly rank: number = ++created;
  /** Place among the constraints that the limiter wakes up for. */
  heapIndex: number = -1;
  wakeAt: number = Infinity;
  /** The largest amount that can ever be taken: the newest that a demand brought, or what the provider said. */
  max: number = Infinity;
  /** Of the rules that `max` is from. */
  edition: number = 0;
  /** Which lanes count against it, wherever they stand. While any does it is not forgotten, and with it not its maximum. */
  lanes: Set<Lane> | undefined = undefined;
  /** Who waits here; undefined if nobody does. */
  line: FairLine | undefined = undefined;
  /** Whether it has been forgotten because nothing counted against it. */
  dropped: boolean = false;
  /** Set while an engine that others share is known to have no room, or little. */
  block: Block | undefined = undefined;
  /** Room kept back for a lane that had its turn here and now waits elsewhere; lapses by itself. */
  #kept = 0;
  #keptFor: Lane | undefined;
  #keptUntil = 0;

  /** How long room may be kept back; 0 for never. */
  abstract readonly keepMs: number;
  abstract used(now: number): number;
  /** Whether there is room for `amount` besides `kept`. */
  protected abstract hasRoom(amount: number, max: number, now: number): boolean;
  /** When there will be room, after `now`; `Infinity` if that depends on what others do. Asked only if there is none now. */
  protected abstract roomAt(amount: number, max: number, now: number): number;
  /** Whether `roomAt` is known to be no later than it says, whatever attempts that are out may still give back. */
  abstract isCertain(): boolean;
  abstract take(amount: number, holder: Holder): void;
  /** The attempt departs. Returns a ticket for `settle`. */
  abstract begin(amount: number, now: number): number;
  /** The attempt has ended: `ticket` is undefined if it never departed, `actual` if what it took was right. */
  abstract settle(amount: number, actual: number | undefined, ticket: number | undefined, holder: Holder): void;
  /** The holder's lease is over. */
  abstract lapse(holder: Holder): void;
  /** Whether it can be forgotten. */
  abstract isIdle(now: number): boolean;

  /** Whether nobody waits who counts against it. */
  protected get isUnattended(): boolean {
    return this.lanes === undefined && this.block?.isAsking !== true;
  }

  fits(amount: number, max: number, now: number, lane: Lane | undefined): boolean {
    if (this.block !== undefined && !this.block.isOpen(now)) return false;
    if (this.#kept === 0) return this.hasRoom(amount, max, now);
    return this.hasRoom(amount + this.#keptFrom(lane, now), max, now);
  }

  /** When there will be room for `amount`: `now` if there is, `Infinity` if that depends on what others do. */
  availableAt(amount: number, max: number, now: number, lane: Lane | undefined): number {
    const at = this.#roomAt(amount, max, now, lane);
    // That was for the maximum which the engine was asked with.
    if (this.block === undefined || max > this.max) return at;
    return Math.max(at, now < this.block.expectedAt ? this.block.expectedAt : at);
  }

  /** When it is worth looking again, after `now`; `Infinity` if something will happen here before. Asked only if it does not fit. */
  lookAgainAt(amount: number, max: number, now: number, lane: Lane | undefined): number {
    const at = this.#roomAt(amount, max, now, lane);
    if (at > now && at < Infinity) this.yield(amount, max, at, this.used(now));
    // At once would be now again, for as long as it takes.
    if (this.block === undefined) return at > now ? at : now + 1;
    const reopensAt = this.block.reopensAt(now);
    if (now < reopensAt) return Math.max(at, reopensAt);
    return this.block.isBusy ? Infinity : at > now ? at : now + 1;
  }

  /** Leaves others what will be free at `at`, if they wait for it and this process has `used` more than its share. */
  yield(amount: number, max: number, at: number, used: number): void {
    if (this.block === undefined || this.block.rivals === 0) return;
    const share = max / (this.block.rivals + 1);
    this.block.yield(at, Math.min(1, Math.max(0, (share - used) / amount)));
  }

  #roomAt(amount: number, max: number, now: number, lane: Lane | undefined): number {
    const kept = this.#keptFrom(lane, now);
    if (this.hasRoom(amount + kept, max, now)) return now;
    if (kept === 0) return this.roomAt(amount, max, now);
    return this.hasRoom(amount, max, now) ? this.#keptUntil : this.roomAt(amount, max, now);
  }

  /** Keeps `amount` back for the lane, unless room is kept for another. */
  keep(amount: number, lane: Lane, now: number): boolean {
    if (this.#keptFor !== undefined && this.#keptFor !== lane && this.#keptUntil > now) return false;
    this.#kept = amount;
    this.#keptFor = lane;
    this.#keptUntil = now + this.keepMs;
    return true;
  }

  /** Gives back what is kept for the lane. */
  unkeep(lane: Lane): void {
    if (this.#keptFor !== lane) return;
    this.#kept = 0;
    this.#keptFor = undefined;
  }

  #keptFrom(lane: Lane | undefined, now: number): number {
    return this.#keptFor === lane || this.#keptUntil <= now ? 0 : this.#kept;
  }
}

/** One constraint as a demand meets it. */
export interface Need {
  readonly constraint: Constraint;
  /** Of a limit of the user's; empty for the provider's. */
  readonly key: string;
  /** For messages and reports. */
  readonly name: string;
  /** Undefined if every attempt takes 1. */
  readonly kind: LimitKind | undefined;
  /** The largest amount that can ever be taken, as of now. */
  readonly max: number;
  readonly windowMs: number;
  readonly type: 'limit' | 'learnt' | 'concurrency' | 'pause';
}

/** What the demand takes of each. */
export function amountsOf(needs: readonly Need[], demand: Demand): number[] {
  const amounts: number[] = [];
  for (const need of needs) amounts.push(amountOf(need, demand));
  return amounts;
}

/** What the demand takes of it; 0 if it does not concern the demand. */
export function amountOf(need: Need, demand: Demand): number {
  if (need.kind === undefined) return 1;
  // The provider counts what will most likely be taken, the user's limits what is taken at most.
  return (need.type === 'learnt' && demand.expected !== undefined ? demand.expected : demand.amounts)[need.kind];
}
