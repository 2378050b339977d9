import { GovernanceConfigError } from '../errors';
import { type CallBudget, type Decision, type Policy, allow, amend } from './policy';

/** When to use a cheaper model, and which. */
export interface DowngradeOptions {
  /** The share of a hard budget, spent or held, above which calls go to the other model: 0.8 for 80 %. */
  readonly above: number;
  /** The cheaper model. The rules are applied to it as to any other. */
  readonly to: string;
}

const OPERATIONS: ReadonlySet<string> = new Set(['chat.completions', 'responses']);

/**
 * Sends chat completions and responses to another model once any hard budget that they count in is used above a share. The
 * other model's rules, price and limits hold for them, and so does its refusal if the team may not use it. If the budgets
 * cannot be read the call keeps its model; whether it may be sent is then up to `onStoreFailure`. Throws a
 * `GovernanceConfigError` on options that make no sense.
 */
export function downgradeModel({ above, to }: DowngradeOptions): Policy {
  const issues = [
    ...(typeof above === 'number' && above >= 0 && above < 1
      ? []
      : [{ path: 'downgradeModel.above', message: 'Expected a share from 0 to less than 1, e.g. 0.8 for 80 %' }]),
    ...(typeof to === 'string' && to !== ''
      ? []
      : [{ path: 'downgradeModel.to', message: "Expected the name of a model, e.g. 'openai/gpt-oss-20b'" }]),
  ];
  if (issues.length > 0) throw new GovernanceConfigError(issues);
  return {
    name: 'downgrade-model',
    async check({ operation, model, budgets }): Promise<Decision> {
      if (!OPERATIONS.has(operation) || model === to) return allow();
      const tightest = tightestOf(await budgets().catch(() => []));
      if (tightest === undefined || tightest.used <= above) return allow();
      const share = `${Math.floor(tightest.used * 100)} %`;
      return amend({ model: to }, `budget "${tightest.name}" is ${share} used, above ${Math.round(above * 100)} %`);
    },
  };
}

const tightestOf = (budgets: readonly CallBudget[]): CallBudget | undefined =>
  budgets
    .filter(({ soft }) => !soft)
    .reduce<CallBudget | undefined>((most, each) => (most === undefined || each.used > most.used ? each : most), undefined);
