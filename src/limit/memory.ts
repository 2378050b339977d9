import { systemClock, type Clock } from '../clock';
import { LimitStates } from './plan';
import type { Demand, LimitKind, LimitSnapshot, LimitState, ProviderLimit, RateLimiter, Slot } from './rate-limiter';
import { amountsOf } from './constraint';
import { availableAt, met, type Met } from './met';
import { closed } from './refusal';
import { obstacle } from './obstacle';
import { Scheduler, type Asker } from './scheduler';
import type { SharedState } from './shared-limits';
import { MemorySlot } from './slot';
import { SteadyTime } from './steady-time';

/** Answers at once where others may have to ask. */
export interface MemoryRateLimiter extends Required<RateLimiter> {
  peek(demand: Demand): readonly LimitState[];
}

/**
 * A rate limiter for one process. The user's limits are sliding windows, exact to the clock's resolution; the provider's are
 * mirrored as it computes them. A demand that need not wait is granted synchronously. Demands whose `limits` and `concurrency`
 * are frozen and the same arrays each time are the cheapest. `clock` defaults to the machine's.
 */
export function memoryRateLimiter({ clock = systemClock }: { readonly clock?: Clock | undefined } = {}): MemoryRateLimiter {
  return new LocalRateLimiter(clock);
}

/** What one process knows of its limits. With an asker, that is not enough, and every demand that takes something is asked for, too. */
export class LocalRateLimiter implements MemoryRateLimiter {
  readonly scheduler: Scheduler;
  readonly #time: SteadyTime;
  readonly #states: LimitStates;
  readonly #asks: boolean;
  #isClosed = false;

  constructor(clock: Clock, asker?: Asker) {
    this.#time = new SteadyTime(clock);
    this.#states = new LimitStates(clock.resolutionMs ?? 0);
    this.#asks = asker !== undefined;
    this.scheduler = new Scheduler(clock, this.#time, this.#states, asker);
  }

  acquire(demand: Demand, signal?: AbortSignal): Slot | Promise<Slot> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    if (this.#isClosed) return Promise.reject(closed());
    const now = this.#time.now();
    const plan = this.#states.plan(demand, now);
    // The edit came before this call, so whom it lets through goes before it.
    if (this.#states.hasEdits) this.scheduler.onEdited(this.#states.takeEdits());
    const amounts = amountsOf(plan.needs, demand);
    const stop = obstacle(plan.needs, amounts, now, undefined);
    if (stop !== undefined) return this.scheduler.wait(demand, plan, stop, signal, now);
    if (this.#asks && amounts.some((amount) => amount > 0)) return this.scheduler.ask(demand, plan, amounts, signal, now);
    return new MemorySlot(this.scheduler, plan.needs, amounts, 0, now + demand.leaseMs);
  }

  observe(snapshot: LimitSnapshot): void {
    this.learn(snapshot);
  }

  /** Like `observe`, and tells whether a limit is new or has changed. */
  learn(snapshot: LimitSnapshot): boolean {
    const now = this.#time.now();
    const provider = this.#states.providerToTeach(snapshot.provider);
    const changed = provider.learn(snapshot, this.#time.ofClock(snapshot.at), now);
    if (changed) this.#states.outdate();
    if (this.scheduler.waiting === 0) return changed;
    if (changed) this.scheduler.onLearnt();
    this.scheduler.onFreed(this.#states.needsOf(provider));
    return changed;
  }

  /** What an engine says about the provider's limits now, which cannot be less than what this process has taken of them. */
  mirror(name: string, states: readonly SharedState[]): void {
    const now = this.#time.now();
    const provider = this.#states.providerToTeach(name);
    const limits: ProviderLimit[] = [];
    let pauseMs: number | undefined;
    for (const { of, roomInMs } of states) {
      if (of === 'pause') pauseMs = roomInMs;
      else if (typeof of === 'object') limits.push(of);
    }
    const changed = provider.learn({ provider: name, at: now, limits, pauseMs }, now, now);
    for (const { of, used } of states) if (typeof of === 'object') provider.lower(of, used, now);
    if (!changed) return;
    this.#states.outdate();
    this.scheduler.onLearnt();
  }

  peek(demand: Demand): readonly LimitState[] {
    const now = this.#time.now();
    return this.meet(demand).map((met): LimitState => {
      const { constraint, name, kind, max, type } = met.need;
      return {
        name,
        kind: kind ?? (type === 'pause' ? 'pause' : 'concurrency'),
        cap: type === 'pause' ? 0 : max,
        used: constraint.used(now),
        requested: type === 'pause' ? 0 : met.amount,
        availableAt: this.#time.toClock(availableAt(met, demand, now)),
      };
    });
  }

  /** The same, with what goes before the demand. */
  meet(demand: Demand): readonly Met[] {
    return this.#states.peek(demand).map((need) => met(need, demand));
  }

  headroom(provider: string, kind: LimitKind): number {
    return this.#states.provider(provider)?.headroom(kind) ?? Infinity;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.scheduler.close();
  }
}
