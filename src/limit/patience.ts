import { amountOf, type Constraint, type Need } from './constraint';
import type { Demand } from './rate-limiter';
import { closed, expectedWaitMs, impossible, queueFull, waitTooLong } from './refusal';
import type { SteadyTime } from './steady-time';

/** Who may not wait, or not any longer, in the words of the refusals. */
export class Patience {
  readonly #time: SteadyTime;

  constructor(time: SteadyTime) {
    this.#time = time;
  }

  /** Why a demand that `stop` stops may not even wait behind `ahead` others of its team, if so. */
  refusal(demand: Demand, needs: readonly Need[], stop: Need, ahead: number, now: number): Error | undefined {
    const refusal =
      impossible(needs, demand) ?? this.endsAtProvider(demand, needs, stop, now) ?? this.#endsForSure(demand, needs, now);
    if (refusal || ahead < demand.maxQueueSize) return refusal;
    const expected = expectedWaitMs(needs, demand, ahead, now);
    return queueFull(demand, stop, ahead, expected, this.#time.toClock(now + expected));
  }

  /** Nothing that is out can come back soon enough. */
  #endsForSure(demand: Demand, needs: readonly Need[], now: number): Error | undefined {
    for (const need of needs) {
      const amount = amountOf(need, demand);
      if (amount === 0 || !need.constraint.isCertain() || need.constraint.block !== undefined) continue;
      const at = need.constraint.availableAt(amount, need.max, now, undefined);
      if (at - now > demand.maxWaitMs && at < Infinity) return this.#tooLong(demand, needs, need, 0, now);
    }
    return undefined;
  }

  endsAtProvider(demand: Demand, needs: readonly Need[], stop: Need, now: number): Error | undefined {
    if (demand.maxProviderWaitMs === undefined || (stop.type !== 'learnt' && stop.type !== 'pause')) return undefined;
    const at = stop.constraint.availableAt(amountOf(stop, demand), stop.max, now, undefined);
    if (!(at - now > demand.maxProviderWaitMs)) return undefined;
    return this.#tooLong({ ...demand, maxWaitMs: demand.maxProviderWaitMs }, needs, stop, 0, now);
  }

  /** It waited at `at` behind `ahead` others, and may not wait any longer. */
  hasEnded(demand: Demand, needs: readonly Need[], at: Constraint | undefined, ahead: number, now: number): Error {
    const need = needs.find(({ constraint }) => constraint === at) ?? needs[0];
    return need ? this.#tooLong(demand, needs, need, ahead, now) : closed();
  }

  #tooLong(demand: Demand, needs: readonly Need[], need: Need, ahead: number, now: number): Error {
    const expected = expectedWaitMs(needs, demand, ahead, now);
    return waitTooLong(demand, need, need.constraint.used(now), expected, this.#time.toClock(now + expected));
  }
}
