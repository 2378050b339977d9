import { systemClock, type Clock } from '../clock';
import { idSource } from '../id';
import type { Asked } from './asked';
import { Block } from './block';
import { amountOf, type Constraint, type Need } from './constraint';
import type { Waiting } from './lane';
import { LocalRateLimiter } from './memory';
import type { Demand, LimitKind, LimitSnapshot, LimitState, RateLimiter, Slot } from './rate-limiter';
import { localNeed, mergedStates, sharedDemandOf, sharedLookOf, sharedSnapshot } from './shared-demand';
import { Rivals } from './rivals';
import type { Asker } from './scheduler';
import { SharedEngine } from './shared-engine';
import type { SharedChange, SharedDemand, SharedGrant, SharedLimits, SharedState } from './shared-limits';
import { freedBy, SharedSlot, type SharedSlotOwner } from './shared-slot';

// What a response tells without news is told to the others this often.
const LEARN_EVERY_MS = 1000;
const HELD_BACK: SharedGrant = { granted: false, stop: 'provider', retryInMs: 0 };

/**
 * A rate limiter over counters that several processes share. This process's own limiter decides who goes next, by priority,
 * share, deadline and queue size, as `memoryRateLimiter` does; what it lets through is then taken from the engine, many in one
 * trip, and stands again at its old place if the engine has no room. So a limit holds over all processes, while order and shares
 * between teams are kept in each. What a process that died had taken comes back when its lease is over.
 *
 * Every demand that takes something or names a provider costs a trip; begin, release and what is learnt cost trips for which
 * nobody waits, tried up to four times. `acquire` rejects with the engine's error if it fails, or does not answer within
 * `timeoutMs` of real time (default 5,000; `Infinity` for no limit). `clock` defaults to the machine's.
 */
export function sharedRateLimiter(options: {
  readonly limits: SharedLimits;
  readonly clock?: Clock | undefined;
  readonly timeoutMs?: number | undefined;
}): Required<RateLimiter> {
  const { limits, clock = systemClock, timeoutMs = 5_000 } = options;
  return new SharedRateLimiter(new SharedEngine(limits, clock, timeoutMs), clock);
}

class SharedRateLimiter implements Required<RateLimiter>, SharedSlotOwner, Asker {
  readonly #engine: SharedEngine;
  readonly #clock: Clock;
  readonly #local: LocalRateLimiter;
  readonly #newId: () => string = idSource();
  /** The number of the last change that may have made room. */
  readonly #freedBy: WeakMap<Constraint, number> = new WeakMap();
  /** By provider. */
  readonly #rivals: Rivals;
  readonly #looks: Map<string, Promise<readonly SharedState[]>> = new Map();
  readonly #taughtAt: Map<string, number> = new Map();

  constructor(engine: SharedEngine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#rivals = new Rivals(engine, this.#newId);
    this.#local = new LocalRateLimiter(clock, this);
  }

  acquire(demand: Demand, signal?: AbortSignal): Slot | Promise<Slot> {
    return this.#local.acquire(demand, signal);
  }

  observe(snapshot: LimitSnapshot): void {
    const { provider, pauseMs = 0 } = snapshot;
    const now = this.#clock.now();
    // It has just been received, whatever the clock says that it was stamped by.
    const changed = this.#local.learn({ ...snapshot, at: now });
    const isDue = Math.abs(now - (this.#taughtAt.get(provider) ?? -Infinity)) >= LEARN_EVERY_MS;
    if (!changed && !(pauseMs > 0) && !isDue) return;
    this.#taughtAt.set(provider, now);
    this.#engine.learn(sharedSnapshot(snapshot, now));
  }

  async peek(demand: Demand): Promise<readonly LimitState[]> {
    const shared = await this.#engine.look(sharedLookOf(demand, this.#local.meet(demand), this.#newId()));
    if (demand.provider !== undefined) this.#local.mirror(demand.provider, shared);
    return mergedStates(this.#local.peek(demand), shared, this.#local.meet(demand), demand, this.#clock.now());
  }

  headroom(provider: string, kind: LimitKind): number {
    return this.#local.headroom(provider, kind);
  }

  /** Refuses who waits, and resolves when the engine was told what has ended up to now. */
  async close(): Promise<void> {
    await this.#local.close();
    await this.#engine.close();
  }

  onBegun(demand: SharedDemand): void {
    this.#engine.change({ demand, begun: true, released: false });
  }

  onReleased(change: SharedChange, freed: readonly Need[]): void {
    const number = this.#engine.change(change);
    if (freed.length === 0) return;
    const now = this.#local.scheduler.now();
    for (const { constraint, type, max } of freed) {
      this.#freedBy.set(constraint, number);
      if (type === 'concurrency') constraint.yield(1, max, now, constraint.used(now) - 1);
    }
    void this.#engine.untilLanded().then(() => this.#local.scheduler.reopen(freed));
  }

  ask(waiting: Waiting, asked: Asked): void {
    for (const need of asked.slot.needs) this.onStopped(need);
    void this.#ask(waiting, asked);
  }

  onStopped(need: Need): void {
    this.#rivals.watch(need, this.#local.scheduler.now());
  }

  /** Never rejects. */
  async #ask(waiting: Waiting, asked: Asked): Promise<void> {
    const { scheduler } = this.#local;
    const { demand } = waiting;
    const id = this.#newId();
    let shared = sharedDemandOf(demand, asked.slot.needs, id);
    const giveBack = (): void =>
      this.onReleased({ demand: shared, begun: false, released: true }, freedBy(asked.slot, false, undefined));
    for (;;) {
      const { landed } = this.#engine;
      let held: Need | undefined;
      let grant: SharedGrant;
      try {
        grant = await this.#engine.take({
          settled: () => {
            held = heldBack(asked);
            return held !== undefined || asked.isOver ? HELD_BACK : undefined;
          },
          // Another maximum may hold by now.
          demand: () => (shared = sharedDemandOf(demand, asked.slot.needs, id)),
          onLate: () => {
            if (asked.isOver) giveBack();
          },
        });
      } catch (error) {
        if (asked.isOver) scheduler.answered(asked, false);
        else scheduler.failed(waiting, asked, error);
        // It may have been taken all the same.
        giveBack();
        return;
      }
      if (asked.isOver) {
        if (grant.granted) giveBack();
        scheduler.answered(asked, grant.granted);
        return;
      }
      if (grant.granted) {
        // A trip to the engine is no wait.
        const waitedMs = asked.from === undefined ? 0 : scheduler.now() - waiting.since;
        scheduler.granted(waiting, asked, new SharedSlot(this, asked.slot, shared, waitedMs));
        return;
      }
      const { stop, retryInMs } = grant;
      const need = held ?? localNeed(stop, demand, asked.slot.needs);
      if (held === undefined && need !== undefined && (this.#freedBy.get(need.constraint) ?? 0) > landed) {
        // Something was given back while it asked, of which the answer may not know.
        await this.#engine.untilLanded();
        continue;
      }
      // The limit was raised while it asked.
      if (held === undefined && typeof stop === 'number' && need && (shared.needs[stop]?.max ?? Infinity) < need.max) continue;
      if (held === undefined && stop === 'provider') await this.#lookAtProvider(shared, asked, demand);
      if (asked.isOver) scheduler.answered(asked, false);
      else if (need === undefined) scheduler.failed(waiting, asked, new Error('The rate limit engine gave an unknown answer.'));
      else {
        scheduler.refused(waiting, asked, (needs, now) => {
          if (held !== undefined) return held;
          const learnt = stop === 'provider' ? fullOfProvider(needs, demand, now) : undefined;
          if (learnt !== undefined) return learnt;
          need.constraint.block ??= new Block(need.windowMs);
          need.constraint.block.close(now, retryInMs);
          return need;
        });
      }
      return;
    }
  }

  /** Finds out what is full, so that this process knows by itself how long, and what can never fit. */
  async #lookAtProvider({ id, provider, leaseMs }: SharedDemand, { slot }: Asked, demand: Demand): Promise<void> {
    if (provider === undefined || demand.provider === undefined) return;
    let look = this.#looks.get(provider.name);
    if (look === undefined) {
      look = this.#engine.look({ id, needs: [], provider, leaseMs });
      this.#looks.set(provider.name, look);
      const forget = (): void => void this.#looks.delete(provider.name);
      look.then(forget, forget);
    }
    const states = await look.catch(() => []);
    // What it has taken here and will give back the next moment is not taken there.
    const adjusted = states.map((state): SharedState => {
      const { of, used } = state;
      if (typeof of !== 'object') return state;
      const index = slot.needs.findIndex(
        ({ type, kind, windowMs }) => type === 'learnt' && kind === of.kind && windowMs === of.windowMs,
      );
      return { ...state, used: used + (slot.amounts[index] ?? 0) };
    });
    this.#local.mirror(demand.provider, adjusted);
  }
}

/** Whom a block holds back that came up after it had been let through, and before its trip. */
function heldBack(asked: Asked): Need | undefined {
  const { needs, amounts } = asked.slot;
  return needs.find(
    ({ constraint: { block } }, index) => (amounts[index] ?? 0) > 0 && block !== undefined && asked.isHeldBackBy(block),
  );
}

function fullOfProvider(needs: readonly Need[], demand: Demand, now: number): Need | undefined {
  return needs.find((need) => {
    if (need.type !== 'learnt' && need.type !== 'pause') return false;
    const amount = amountOf(need, demand);
    return amount > 0 && !need.constraint.fits(amount, need.max, now, undefined);
  });
}
