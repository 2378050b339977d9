import { ConcurrencyGate } from './concurrency-gate';
import type { Constraint, Need } from './constraint';
import { bucketsOf, pauseOf, PlannedNeed } from './planned-need';
import { ProviderState } from './provider-state';
import type { Demand } from './rate-limiter';
import { SlidingWindow } from './sliding-window';

/** What a demand counts against, looked up once for all demands that name the same. */
export interface Plan {
  readonly limits: Demand['limits'];
  readonly concurrency: Demand['concurrency'];
  readonly provider: string | undefined;
  needs: readonly PlannedNeed[];
  /** The provider's limits in `needs`. */
  buckets: ProviderState['buckets'];
  /** Of the states, when `needs` was found to be right. */
  version: number;
  /** Of the maxima, when this plan's were last brought, and of the rules that they were from. */
  maxVersion: number;
  edition: number;
}

/** What somebody waits for has another maximum. */
export interface Edit {
  readonly constraint: Constraint;
  readonly isLower: boolean;
}

// Per array of limits: as many combinations with other arrays and providers as are worth remembering.
const PLANS_PER_ARRAY = 16;
const SWEPT_PER_PLAN = 4;
const NONE: readonly never[] = [];

/** The states behind the keys. What is idle is forgotten a little at a time, as new keys come. */
export class LimitStates {
  readonly #resolutionMs: number;
  readonly #windows: Map<string, SlidingWindow> = new Map();
  readonly #gates: Map<string, ConcurrencyGate> = new Map();
  readonly #providers: Map<string, ProviderState> = new Map();
  readonly #plans: WeakMap<Demand['limits'], Plan[]> = new WeakMap();
  #sweep: Iterator<readonly [string, Constraint]> | undefined;
  #sweepGatesNext = false;
  // Rises when a state is forgotten or a limit learnt, which outdates plans.
  #version = 0;
  // Rises when a maximum is another one, which is when a plan may have to bring its own again.
  #maxVersion = 0;
  #edits: Edit[] = [];

  constructor(resolutionMs: number) {
    this.#resolutionMs = resolutionMs;
  }

  plan(demand: Demand, now: number): Plan {
    const plans = this.#plans.get(demand.limits);
    if (plans !== undefined) {
      for (const plan of plans) {
        if (plan.provider === demand.provider && plan.concurrency === demand.concurrency) {
          if (plan.version !== this.#version) this.refresh(plan);
          const { edition = 0 } = demand;
          if (plan.maxVersion !== this.#maxVersion || plan.edition !== edition) this.#bring(plan, edition, now);
          return plan;
        }
      }
    }
    return this.#newPlan(demand, plans, now);
  }

  /** Whether a plan has brought another maximum for somebody who waits. */
  get hasEdits(): boolean {
    return this.#edits.length > 0;
  }

  /** These, once. */
  takeEdits(): readonly Edit[] {
    const edits = this.#edits;
    this.#edits = [];
    return edits;
  }

  refresh(plan: Plan): void {
    if (plan.version === this.#version) return;
    plan.version = this.#version;
    const buckets = plan.provider === undefined ? NONE : this.providerToTeach(plan.provider).buckets;
    if (buckets === plan.buckets && !plan.needs.some(({ constraint }) => constraint.dropped)) return;
    plan.buckets = buckets;
    plan.needs = this.#needs(plan);
  }

  /** The needs of a demand, with the maxima that would hold if it came, leaving no trace. */
  peek(demand: Demand): readonly Need[] {
    const needs: Need[] = [];
    const { edition = 0 } = demand;
    const provider = demand.provider === undefined ? undefined : this.#providers.get(demand.provider);
    if (provider) needs.push(pauseOf(provider));
    for (const limit of demand.limits) {
      const constraint = this.#windows.get(limit.key) ?? new SlidingWindow(limit.windowMs, this.#resolutionMs);
      const { key, name, kind, windowMs } = limit;
      const max = edition < constraint.edition ? constraint.max : limit.max;
      needs.push({ constraint, key, name, kind, max, windowMs, type: 'limit' });
    }
    if (provider) needs.push(...bucketsOf(provider));
    for (const gate of demand.concurrency) {
      const constraint = this.#gates.get(gate.key) ?? new ConcurrencyGate();
      const max = edition < constraint.edition ? constraint.max : gate.max;
      needs.push({ constraint, key: gate.key, name: gate.name, kind: undefined, max, windowMs: 0, type: 'concurrency' });
    }
    return needs;
  }

  provider(name: string): ProviderState | undefined {
    return this.#providers.get(name);
  }

  providerToTeach(name: string): ProviderState {
    let provider = this.#providers.get(name);
    if (provider === undefined) {
      provider = new ProviderState(name);
      this.#providers.set(name, provider);
    }
    return provider;
  }

  needsOf(provider: ProviderState): Need[] {
    return [pauseOf(provider), ...bucketsOf(provider)];
  }

  /** To be called when a provider's limits have changed. */
  outdate(): void {
    this.#version++;
  }

  #newPlan(demand: Demand, plans: Plan[] | undefined, now: number): Plan {
    const { limits, concurrency, provider, edition = 0 } = demand;
    // Before the look-up, which must not return what is forgotten the next moment.
    this.#sweepSome(now);
    const buckets = provider === undefined ? NONE : this.providerToTeach(provider).buckets;
    const [version, maxVersion] = [this.#version, this.#maxVersion];
    const plan: Plan = { limits, concurrency, provider, needs: NONE, buckets, version, maxVersion, edition };
    plan.needs = this.#needs(plan);
    this.#bring(plan, edition, now);
    // An array that can change says nothing about the next demand that comes with it.
    if (!Object.isFrozen(limits) || !Object.isFrozen(concurrency)) return plan;
    if (plans === undefined) this.#plans.set(limits, [plan]);
    else if (plans.unshift(plan) > PLANS_PER_ARRAY) plans.pop();
    return plan;
  }

  /**
   * The newest maximum holds for all who wait under its key: that of the demand that came last, of those with the highest edition.
   * Where demands carry no edition, a call that began before an edit and tries again after it brings the old maximum back until
   * the next new call comes; no window ever gets more than the larger of the two.
   */
  #bring(plan: Plan, edition: number, now: number): void {
    for (const { constraint, brought } of plan.needs) {
      if (brought === undefined || edition < constraint.edition) continue;
      constraint.edition = edition;
      const before = constraint.max;
      if (Object.is(before, brought)) continue;
      constraint.max = brought;
      this.#maxVersion++;
      // An engine that had no room may have it now.
      if (brought > before) constraint.block?.open(now);
      if (constraint.lanes !== undefined) this.#edits.push({ constraint, isLower: brought < before });
    }
    plan.edition = edition;
    plan.maxVersion = this.#maxVersion;
  }

  #needs(plan: Plan): PlannedNeed[] {
    const needs: PlannedNeed[] = [];
    const provider = plan.provider === undefined ? undefined : this.providerToTeach(plan.provider);
    if (provider) needs.push(pauseOf(provider));
    for (const { key, name, kind, max, windowMs } of plan.limits) {
      let window = this.#windows.get(key);
      if (window === undefined) {
        window = new SlidingWindow(windowMs, this.#resolutionMs);
        window.max = max;
        this.#windows.set(key, window);
      } else window.resize(windowMs, this.#resolutionMs);
      needs.push(new PlannedNeed(window, { key, name, kind, windowMs, type: 'limit' }, max));
    }
    if (provider) needs.push(...bucketsOf(provider));
    for (const { key, name, max } of plan.concurrency) {
      let gate = this.#gates.get(key);
      if (gate === undefined) {
        gate = new ConcurrencyGate();
        gate.max = max;
        this.#gates.set(key, gate);
      }
      needs.push(new PlannedNeed(gate, { key, name, kind: undefined, windowMs: 0, type: 'concurrency' }, max));
    }
    return needs;
  }

  /** Looks at a few states, wherever it stopped last time. */
  #sweepSome(now: number): void {
    for (let count = 0; count < SWEPT_PER_PLAN; count++) {
      this.#sweep ??= (this.#sweepGatesNext ? this.#gates : this.#windows).entries();
      const next = this.#sweep.next();
      if (next.done) {
        this.#sweep = undefined;
        this.#sweepGatesNext = !this.#sweepGatesNext;
        continue;
      }
      const [key, state] = next.value;
      if (!state.isIdle(now)) continue;
      state.dropped = true;
      (state instanceof SlidingWindow ? this.#windows : this.#gates).delete(key);
      this.#version++;
    }
  }
}
