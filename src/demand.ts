import type { Assessment } from './assessment';
import type { Context } from './context';
import type { Amounts, Demand, LimitDemand } from './limit/rate-limiter';

/** What one attempt of the call asks of the rate limiter; `attempt` counts from 0. */
export function demandOf(assessment: Assessment, context: Context, attempt = 0): Demand {
  const { rules, binding, key, model } = assessment;
  let limits: readonly LimitDemand[] = rules?.sharedLimits ?? [];
  if (rules && rules.splitLimits.length > 0) {
    const splits = { team: rules.name, user: binding.user ?? '', key: key?.id ?? '', model };
    limits = [
      ...limits,
      ...rules.splitLimits.map((limit) => ({ ...limit, key: `${limit.key}/${splits[limit.per ?? 'team']}` })),
    ];
  }
  const expected = assessment.amounts(assessment.promptEstimate);
  return {
    id: attempt === 0 ? assessment.id : `${assessment.id}/${attempt}`,
    team: assessment.team,
    amounts: fitted(assessment.amounts(assessment.promptBound), expected, limits),
    expected,
    limits,
    concurrency: rules?.concurrency ?? [],
    provider: model,
    priority: binding.priority ?? rules?.priority ?? 0,
    weight: rules?.weight ?? 1,
    maxWaitMs: context.queueTimeoutMs,
    maxProviderWaitMs: context.maxRetryAfterMs,
    maxQueueSize: context.maxQueueSize,
    leaseMs: context.holdTimeoutMs,
    edition: rules?.edition ?? 0,
  };
}

// A bound above a limit is no reason to refuse what will most likely fit: it takes the whole limit until its size is known.
function fitted(bound: Amounts, expected: Amounts, limits: readonly LimitDemand[]): Amounts {
  let amounts = bound;
  for (const { kind, max } of limits) {
    if (amounts[kind] > max && expected[kind] <= max) amounts = { ...amounts, [kind]: max };
  }
  return amounts;
}
