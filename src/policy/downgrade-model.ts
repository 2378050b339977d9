import { GovernanceConfigError } from '../errors';
import type { PriceRow } from '../price/price-book';
import { type CallBudget, type Decision, type Policy, allow, amend } from './policy';

/** When to use a cheaper model, and which. */
export interface DowngradeOptions {
  /** The share of a hard budget, spent or held, above which calls go to the other model: 0.8 for 80 %. */
  readonly above: number;
  /** The cheaper model. The rules are applied to it as to any other. */
  readonly to: string;
}

const OPERATIONS: ReadonlySet<string> = new Set(['chat.completions', 'responses']);
const OUTPUT_FIELDS = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'] as const;

/**
 * Sends chat completions and responses to a cheaper model once any hard budget that they count in is used above a share. Calls of
 * models that are as cheap, such as small or moderating ones, keep theirs, and so do those of models without a price. The other
 * model's rules, price and limits hold for what is sent to it, and so does its refusal if the team may not use it; an output bound
 * above its longest answer is lowered to that. If the budgets cannot be read the call keeps its model; whether it may be sent is
 * then up to `onStoreFailure`. Throws a `GovernanceConfigError` on options that make no sense.
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
    models: [to],
    async check({ operation, model, body, budgets, priceOf }): Promise<Decision> {
      if (!OPERATIONS.has(operation) || model === to) return allow();
      const row = priceOf(to);
      if (!isCheaper(row, priceOf(model))) return allow();
      const tightest = tightestOf(await budgets().catch(() => []));
      if (tightest === undefined || tightest.used <= above) return allow();
      const share = `${Math.floor(tightest.used * 100)} %`;
      const changes = { model: to, ...boundsWithin(body, row?.maxOutputTokens ?? Infinity) };
      return amend(changes, `budget "${tightest.name}" is ${share} used, above ${Math.round(above * 100)} %`);
    },
  };
}

function isCheaper(row: PriceRow | undefined, than: PriceRow | undefined): boolean {
  const { inputPerMillionUsd: input, outputPerMillionUsd: output } = row ?? {};
  const { inputPerMillionUsd: inputNow, outputPerMillionUsd: outputNow } = than ?? {};
  if (input === undefined || output === undefined || inputNow === undefined || outputNow === undefined) return false;
  return input <= inputNow && output <= outputNow && input + output < inputNow + outputNow;
}

function boundsWithin(body: Readonly<Record<string, unknown>>, most: number): Readonly<Record<string, number>> {
  const above = OUTPUT_FIELDS.filter((field) => typeof body[field] === 'number' && body[field] > most);
  return Object.fromEntries(above.map((field) => [field, most]));
}

const tightestOf = (budgets: readonly CallBudget[]): CallBudget | undefined =>
  budgets
    .filter(({ soft }) => !soft)
    .reduce<CallBudget | undefined>((most, each) => (most === undefined || each.used > most.used ? each : most), undefined);
