import { ConcurrencyGate } from './concurrency-gate';
import type { Constraint, Need } from './constraint';
import { ProviderState } from './provider-state';
import type { Demand } from './rate-limiter';
import { SlidingWindow } from './sliding-window';
import { windowName } from './refusal';

/** What a demand counts against, looked up once for all demands that name the same. */
export interface Plan {
  readonly limits: Demand['limits'];
  readonly concurrency: Demand['concurrency'];
  readonly provider: string | undefined;
  needs: readonly Need[];
  /** The provider's limits in `needs`. */
  buckets: ProviderState['buckets'];
  /** Of the states, when `needs` was found to be right. */
  version: number;
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

  constructor(resolutionMs: number) {
    this.#resolutionMs = resolutionMs;
  }

  plan(demand: Demand, now: number): Plan {
    const plans = this.#plans.get(demand.limits);
    if (plans !== undefined) {
      for (const plan of plans) {
        if (plan.provider === demand.provider && plan.concurrency === demand.concurrency) {
          if (plan.version !== this.#version) this.refresh(plan);
          return plan;
        }
      }
    }
    return this.#newPlan(demand, plans, now);
  }

  refresh(plan: Plan): void {
    if (plan.version === this.#version) return;
    plan.version = this.#version;
    const buckets = plan.provider === undefined ? NONE : this.providerToTeach(plan.provider).buckets;
    if (buckets === plan.buckets && !plan.needs.some(({ constraint }) => constraint.dropped)) return;
    plan.buckets = buckets;
    plan.needs = this.#needs(plan);
  }

  /** The needs of a demand, leaving no trace. */
  peek(demand: Demand): readonly Need[] {
    const needs: Need[] = [];
    const provider = demand.provider === undefined ? undefined : this.#providers.get(demand.provider);
    if (provider) needs.push(pauseOf(provider));
    for (const limit of demand.limits) {
      const constraint = this.#windows.get(limit.key) ?? new SlidingWindow(limit.windowMs, this.#resolutionMs);
      const { key, name, kind, max, windowMs } = limit;
      needs.push({ constraint, key, name, kind, max, windowMs, type: 'limit' });
    }
    if (provider) needs.push(...bucketsOf(provider));
    for (const { key, name, max } of demand.concurrency)
      needs.push(gateNeed(this.#gates.get(key) ?? new ConcurrencyGate(), key, name, max));
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
    const { limits, concurrency, provider } = demand;
    // Before the look-up, which must not return what is forgotten the next moment.
    this.#sweepSome(now);
    const buckets = provider === undefined ? NONE : this.providerToTeach(provider).buckets;
    const plan: Plan = { limits, concurrency, provider, needs: NONE, buckets, version: this.#version };
    plan.needs = this.#needs(plan);
    // An array that can change says nothing about the next demand that comes with it.
    if (!Object.isFrozen(limits) || !Object.isFrozen(concurrency)) return plan;
    if (plans === undefined) this.#plans.set(limits, [plan]);
    else if (plans.unshift(plan) > PLANS_PER_ARRAY) plans.pop();
    return plan;
  }

  #needs(plan: Plan): Need[] {
    const needs: Need[] = [];
    const provider = plan.provider === undefined ? undefined : this.providerToTeach(plan.provider);
    if (provider) needs.push(pauseOf(provider));
    for (const { key, name, kind, max, windowMs } of plan.limits) {
      let window = this.#windows.get(key);
      if (window === undefined) {
        window = new SlidingWindow(windowMs, this.#resolutionMs);
        this.#windows.set(key, window);
      } else window.resize(windowMs, this.#resolutionMs);
      needs.push({ constraint: window, key, name, kind, max, windowMs, type: 'limit' });
    }
    if (provider) needs.push(...bucketsOf(provider));
    for (const { key, name, max } of plan.concurrency) {
      let gate = this.#gates.get(key);
      if (gate === undefined) {
        gate = new ConcurrencyGate();
        this.#gates.set(key, gate);
      }
      needs.push(gateNeed(gate, key, name, max));
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

function pauseOf(provider: ProviderState): Need {
  return {
    constraint: provider.pause,
    key: '',
    name: `${provider.name}/pause`,
    kind: undefined,
    max: Infinity,
    windowMs: 0,
    type: 'pause',
  };
}

function bucketsOf(provider: ProviderState): Need[] {
  return provider.buckets.map((constraint) => {
    const { kind, windowMs, max } = constraint;
    const name = `${provider.name}/${kind} per ${windowName(windowMs)}`;
    return { constraint, key: '', name, kind, max, windowMs, type: 'learnt' };
  });
}

function gateNeed(constraint: ConcurrencyGate, key: string, name: string, max: number): Need {
  return { constraint, key, name, kind: undefined, max, windowMs: 0, type: 'concurrency' };
}
