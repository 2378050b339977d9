import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { Clock } from '../clock';
import type { BudgetChanged } from '../events';
import { NANOS_PER_USD } from '../money';

// Budgets that are counted apart by user or tag are not among them, so there are as many as were written down.
const MAX_BUDGETS = 1000;

/** Shows budgets as this process has seen them last, without asking a store. */
export class BudgetGauges {
  readonly #meter: Meter;
  readonly #common: Attributes;
  readonly #clock: Clock;
  readonly #budgets: Map<string, BudgetChanged> = new Map();
  readonly #used: Observable;
  readonly #held: Observable;
  readonly #limit: Observable;

  constructor(meter: Meter, common: Attributes, clock: Clock) {
    this.#meter = meter;
    this.#common = common;
    this.#clock = clock;
    const gauge = (name: string, description: string): Observable =>
      meter.createObservableGauge(`governed_groq.budget.${name}`, { description, unit: '{USD}' });
    this.#used = gauge('used', 'What was spent of a budget in its window, in USD.');
    this.#held = gauge('held', 'What is set aside of a budget for calls in flight, in USD.');
    this.#limit = gauge('limit', 'The limit of a budget, in USD.');
    meter.addBatchObservableCallback(this.#observe, this.#observables);
  }

  changed(budget: BudgetChanged): void {
    if (budget.split) return;
    const key = JSON.stringify([budget.scope, budget.budget]);
    if (this.#budgets.size < MAX_BUDGETS || this.#budgets.has(key)) this.#budgets.set(key, budget);
  }

  close(): void {
    this.#meter.removeBatchObservableCallback(this.#observe, this.#observables);
  }

  get #observables(): Observable[] {
    return [this.#used, this.#held, this.#limit];
  }

  readonly #observe = (result: BatchObservableResult): void => {
    const now = this.#clock.now();
    for (const { scope, budget, spentNanos, heldNanos, limitNanos, resetsAt, at, rollingMs, soft } of this.#budgets.values()) {
      const attributes = {
        'governed_groq.budget': budget,
        'governed_groq.scope': scope,
        'governed_groq.soft': soft,
        ...this.#common,
      };
      // In a new window, or one that all has left, nothing is spent until a call says otherwise.
      const isOver = now >= (rollingMs === undefined ? resetsAt : at + rollingMs);
      result.observe(this.#used, isOver ? 0 : spentNanos / NANOS_PER_USD, attributes);
      result.observe(this.#held, isOver ? 0 : heldNanos / NANOS_PER_USD, attributes);
      result.observe(this.#limit, limitNanos / NANOS_PER_USD, attributes);
    }
  };
}
