import type { Assessment } from '../assessment';
import type { Context } from '../context';
import { NoKeyError, PolicyDeniedError, StoreError } from '../errors';
import { JsonBody } from '../sdk/body';
import type { Decision, PolicyCall } from './policy';

/** The call as policies see it. */
export function policyCall(assessment: Assessment): PolicyCall {
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
  };
}

/** Asks the user's policies and the key provider. False if the assessment has ended in a refusal. */
export async function applyPolicies(assessment: Assessment, context: Context): Promise<boolean> {
  for (const policy of context.policies) {
    const decision = await decisionOf(policy.name, () => policy.check(policyCall(assessment)));
    if (decision.action === 'amend' && assessment.request.body instanceof JsonBody) {
      for (const [field, value] of Object.entries(decision.changes)) assessment.request.body.set(field, value);
    }
    assessment.steps.push({
      rule: policy.name,
      action: decision.action,
      ...('reason' in decision && { reason: decision.reason }),
    });
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
  return context.keys === undefined || (await chooseKey(assessment, context)) || context.observe;
}

async function decisionOf(name: string, check: () => Decision | Promise<Decision>): Promise<Decision> {
  try {
    const decision: unknown = await check();
    const action: unknown = typeof decision === 'object' && decision !== null ? Reflect.get(decision, 'action') : undefined;
    if (action === 'allow' || action === 'deny' || action === 'amend') return decision as Decision;
    return { action: 'deny', reason: `check() must return allow(), deny(reason) or amend(changes, reason).` };
  } catch {
    // What was thrown may quote the prompt, so it is not repeated.
    return { action: 'deny', reason: `check() of "${name}" threw.` };
  }
}

async function chooseKey(assessment: Assessment, context: Context): Promise<boolean> {
  const { id: callId, team, model, operation } = assessment;
  try {
    assessment.key = await context.keys?.key({ callId, team, model, operation: operation?.name ?? '' });
    if (assessment.key !== undefined) return true;
    assessment.refusals.push(new NoKeyError(assessment.subject));
  } catch (error) {
    assessment.refusals.push(new StoreError({ ...assessment.subject, store: 'keys', cause: error }));
    context.events.emit('store-unavailable', { at: assessment.at, store: 'keys', during: 'key', callId, error });
  }
  return false;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
