// What a request takes at most: its input, and the longest answer that it can get.

import type { Assessment } from './assessment';
import type { Context } from './context';
import { type GovernanceError, type PolicyCode, PolicyDeniedError } from './errors';
import { outputFields } from './policy/rules';
import { inputSize } from './sdk/estimate';
import { builtInTools, heldToolNanos, isSystem } from './sdk/tools';

// For models whose longest answer nobody has published.
const UNKNOWN_MODEL_OUTPUT = 8192;

/**
 * Measures the input and fixes the most output that a hold counts with: what the caller asked for, else the smallest of what
 * the rules, the model and the token limits allow. A step like the others; refuses only a line of a batch file, into which no
 * bound can be written.
 */
export function measure(assessment: Assessment, context: Context): GovernanceError | undefined {
  const { operation, request, row, model, rules } = assessment;
  if (operation === undefined || !assessment.spends) return undefined;
  const size = inputSize(operation.kind, request.body, row, assessment.measuredSeconds);
  assessment.input = size;
  assessment.promptBound = context.calibration.bound(model, size, row?.contextWindow);
  assessment.promptEstimate = context.calibration.estimate(model, size, row?.contextWindow);
  if (operation.kind !== 'chat' && operation.kind !== 'responses') return undefined;
  assessment.tools = builtInTools(request.body, isSystem(model, row));
  assessment.toolNanos = heldToolNanos(assessment.tools, context.toolAllowance);
  let bound = assessment.explicitOutput;
  if (bound === undefined && assessment.line !== undefined) return boundLine(assessment);
  if (bound === undefined) {
    bound = row?.maxOutputTokens ?? UNKNOWN_MODEL_OUTPUT;
    for (const rule of rules?.rules ?? [])
      bound = Math.min(bound, rule.defaultMaxTokens ?? Infinity, rule.maxTokensPerRequest ?? Infinity);
    bound = Math.max(1, Math.min(bound, tokenRoom(assessment, context)));
  }
  assessment.outputBound = bound;
  return undefined;
}

// What is written in the file is what the provider goes by: an answer without a bound may be as long as the model lets it.
function boundLine(assessment: Assessment): GovernanceError | undefined {
  const { row, rules, operation } = assessment;
  const field = outputFields(operation?.kind)[0] ?? '';
  const refuse = (code: PolicyCode, reason: string, limit?: number, requested?: number): GovernanceError =>
    new PolicyDeniedError({
      ...assessment.subject,
      code,
      rule: limit === undefined ? field : 'maxTokensPerRequest',
      reason,
      limit,
      requested,
    });
  const most = row?.maxOutputTokens ?? row?.contextWindow;
  if (most === undefined)
    return refuse(
      'invalid-request',
      `It names no ${field}, and how long this model's answers can be is not known. Set ${field}.`,
    );
  for (const { owner, maxTokensPerRequest: limit } of rules?.rules ?? []) {
    if (limit === undefined || most <= limit) continue;
    const reason =
      `It names no ${field}, so its answer may have up to ${most} tokens; maxTokensPerRequest of ${owner} is ${limit}. ` +
      `Set ${field} to at most that.`;
    return refuse('max-tokens-exceeded', reason, limit, most);
  }
  assessment.outputBound = most;
  return undefined;
}

// What one request can take of the token limits at most, after its prompt.
function tokenRoom({ rules, promptEstimate, model }: Assessment, context: Context): number {
  let room = Infinity;
  if (context.passive || rules === undefined) return room;
  for (const limits of [rules.sharedLimits, rules.splitLimits]) {
    for (const { kind, max } of limits) {
      if (kind === 'tokens') room = Math.min(room, max - promptEstimate);
      else if (kind === 'outputTokens') room = Math.min(room, max);
    }
  }
  const { rateLimiter } = context;
  const learnt = rateLimiter.headroom?.(model, 'tokens');
  if (learnt !== undefined)
    room = Math.min(room, learnt - promptEstimate, rateLimiter.headroom?.(model, 'outputTokens') ?? Infinity);
  return room;
}
