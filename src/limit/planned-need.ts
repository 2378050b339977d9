import type { Constraint, Need } from './constraint';
import type { ProviderState } from './provider-state';
import { windowName } from './refusal';

/** A constraint as all demands under its key meet it: what is brought by one of them holds for the others. */
export class PlannedNeed implements Need {
  readonly constraint: Constraint;
  readonly key: string;
  readonly name: string;
  readonly kind: Need['kind'];
  readonly windowMs: number;
  readonly type: Need['type'];
  /** What the demand says the maximum is; undefined if that is the provider's to say. */
  readonly brought: number | undefined;

  constructor(constraint: Constraint, fields: Omit<Need, 'constraint' | 'max'>, brought?: number) {
    this.constraint = constraint;
    this.key = fields.key;
    this.name = fields.name;
    this.kind = fields.kind;
    this.windowMs = fields.windowMs;
    this.type = fields.type;
    this.brought = brought;
  }

  get max(): number {
    return this.constraint.max;
  }
}

export function pauseOf({ name, pause }: ProviderState): PlannedNeed {
  return new PlannedNeed(pause, { key: '', name: `${name}/pause`, kind: undefined, windowMs: 0, type: 'pause' });
}

export function bucketsOf(provider: ProviderState): PlannedNeed[] {
  return provider.buckets.map((bucket) => {
    const { kind, windowMs } = bucket;
    const name = `${provider.name}/${kind} per ${windowName(windowMs)}`;
    return new PlannedNeed(bucket, { key: '', name, kind, windowMs, type: 'learnt' });
  });
}
