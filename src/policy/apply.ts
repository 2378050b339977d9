import type { Assessment } from '../assessment';
import type { Context } from '../context';
import { PolicyDeniedError } from '../errors';
import type { Decision, PolicyCall } from './policy';

/** The call as policies see it. */
export function policyCall(assessment: Assessment, context: Context): PolicyCall {
  const { id, at, team, binding, operation, model, request } = assessment;
  let body: Readonly<Record<string, unknown>> | undefined;
  return {
    id,
    at,
    team,
    user: binding.user,
    tags: binding.tags,
    operation: operation?.name ?? '',
    model,
    get body() {
      return (body ??= deepFreeze(request.body?.toObject() ?? {}));
    },
    budgets: () => context.budgetsOf(assessment),
    priceOf: (other) => context.priceOf(other, at),
  };
}

/**
 * Asks the user's policies. False if the assessment has ended in a refusal. `recheck` applies the built-in
 * rules to what an amendment has made of the request, and says the same.
 */
export async function applyPolicies(assessment: Assessment, context: Context, recheck: () => boolean): Promise<boolean> {
  for (const policy of context.policies) {
    const decision = await decisionOf(policy.name, assessment, context.observe, () =>
      policy.check(policyCall(assessment, context)),
    );
    assessment.steps.push({
      rule: policy.name,
      action: decision.action,
      ...('reason' in decision && { reason: decision.reason }),
    });
    // An amendment must not pass what the rules refuse, and the policies that follow see what it made.
    if (decision.action === 'amend' && !recheck()) return false;
    if (decision.action !== 'deny') continue;
    assessment.refusals.push(
      new PolicyDeniedError({
        ...assessment.subject,
        code: 'policy-denied',
        rule: policy.name,
        reason: `Policy "${policy.name}" denied the call: ${decision.reason}`,
      }),
    );
    if (!context.observe) return false;
  }
  return true;
}

async function decisionOf(
  name: string,
  { request }: Assessment,
  observe: boolean,
  check: () => Decision | Promise<Decision>,
): Promise<Decision> {
  try {
    const decision: unknown = await check();
    const action: unknown = typeof decision === 'object' && decision !== null ? Reflect.get(decision, 'action') : undefined;
    if (action === 'allow' || action === 'deny') return decision as Decision;
    if (action === 'amend') return amended(decision as Extract<Decision, { action: 'amend' }>, request, observe);
    return { action: 'deny', reason: `check() must return allow(), deny(reason) or amend(changes, reason).` };
  } catch {
    // What was thrown may quote the prompt, so it is not repeated.
    return { action: 'deny', reason: `check() of "${name}" threw, or its changes cannot be written as JSON.` };
  }
}

function amended(
  decision: Extract<Decision, { action: 'amend' }>,
  { body }: Assessment['request'],
  observe: boolean,
): Decision {
  const { changes } = decision as { changes: unknown };
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
    return { action: 'deny', reason: 'amend(changes, reason) needs an object of fields to change.' };
  }
  if (body === undefined) return { action: 'deny', reason: 'amend() found no body whose fields could be changed.' };
  // What is only observed is sent as it is, and costs what that costs.
  if (!observe) for (const [field, value] of Object.entries(changes)) body.set(field, value);
  return decision;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
