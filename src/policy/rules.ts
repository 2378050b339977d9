// The built-in rules: what a team's fields allow one request to be.

import type { Assessment } from '../assessment';
import { type GovernanceError, type PolicyCode, PolicyDeniedError } from '../errors';
import { FormBody } from '../sdk/body';
import { chosenModels, isSystem, offeredTools } from '../sdk/tools';

type Rule = (assessment: Assessment) => GovernanceError | undefined;

interface Refusal {
  readonly code: PolicyCode;
  readonly rule: string;
  readonly reason: string;
  readonly limit?: number | string | undefined;
  readonly requested?: number | string | undefined;
}

function refuse(assessment: Assessment, refusal: Refusal): PolicyDeniedError {
  return new PolicyDeniedError({ ...assessment.subject, ...refusal });
}

function checkModel(assessment: Assessment): GovernanceError | undefined {
  const { model, request, rules, spends } = assessment;
  if (!spends) return undefined;
  let refusal = checkOneModel(assessment, model);
  if (refusal || !rules?.rules.some(({ allowedModels, deniedModels }) => allowedModels ?? deniedModels)) return refusal;
  for (const chosen of chosenModels(request.body?.get('compound_custom'))) refusal ??= checkOneModel(assessment, chosen);
  return refusal;
}

function checkOneModel(assessment: Assessment, model: string): GovernanceError | undefined {
  const { rules } = assessment;
  for (const { owner, allowedModels, deniedModels } of rules?.rules ?? []) {
    if (allowedModels && !allowedModels(model)) {
      return refuse(assessment, {
        code: 'model-not-allowed',
        rule: 'allowedModels',
        requested: model,
        reason: `Model ${JSON.stringify(model)} is not in allowedModels of ${owner}. Use a model from that list, or add this one to it.`,
      });
    }
    if (deniedModels?.(model)) {
      return refuse(assessment, {
        code: 'model-not-allowed',
        rule: 'deniedModels',
        requested: model,
        reason: `Model ${JSON.stringify(model)} is in deniedModels of ${owner}. Use another model.`,
      });
    }
  }
  return undefined;
}

// In another form no bound can be written into it, and what is no text has no length.
function checkBody(assessment: Assessment): GovernanceError | undefined {
  const { request, operation, spends } = assessment;
  const { body } = request;
  if (!spends || body === undefined) return undefined;
  if (body instanceof FormBody && operation?.kind !== 'audio') {
    const reason = 'Expected the body to be JSON, got a form. Pass an object.';
    return refuse(assessment, { code: 'invalid-request', rule: 'body', reason });
  }
  if (operation?.kind !== 'speech') return undefined;
  const input = body.get('input');
  if (input === undefined || input === null || typeof input === 'string') return undefined;
  const reason = `Expected input to be a text, got ${Array.isArray(input) ? 'a list' : typeof input}.`;
  return refuse(assessment, { code: 'invalid-request', rule: 'input', reason });
}

/** An answer of fewer tokens is not worth its prompt: nothing is lowered below this. */
export const LEAST_OUTPUT = 16;

// Far beyond any model, and small enough to be priced exactly.
const MOST_TOKENS = 10_000_000;

const OUTPUT_FIELDS = {
  chat: ['max_completion_tokens', 'max_tokens'],
  responses: ['max_output_tokens'],
} as const;

/** The fields that bound the output of an operation, the one to inject first. */
export function outputFields(kind: string | undefined): readonly string[] {
  return kind === 'chat' || kind === 'responses' ? OUTPUT_FIELDS[kind] : [];
}

function checkOutput(assessment: Assessment): GovernanceError | undefined {
  const { request, operation, rules } = assessment;
  const { body } = request;
  assessment.explicitOutput = undefined;
  if (body === undefined) return undefined;
  for (const field of outputFields(operation?.kind)) {
    const value = body.get(field);
    if (value === undefined || value === null) continue;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > MOST_TOKENS) {
      const got = typeof value === 'number' ? String(value) : typeof value;
      return refuse(assessment, {
        code: 'invalid-request',
        rule: field,
        requested: got,
        reason: `Expected ${field} to be a whole number from 1 to ${MOST_TOKENS}, got ${got}.`,
      });
    }
    if (assessment.explicitOutput !== undefined && assessment.explicitOutput !== value) {
      return refuse(assessment, {
        code: 'invalid-request',
        rule: field,
        requested: value,
        reason: `max_completion_tokens is ${assessment.explicitOutput} and ${field} is ${value}. Set one of them, or both to the same number.`,
      });
    }
    assessment.explicitOutput = value;
  }
  const asked = assessment.explicitOutput ?? 0;
  for (const { owner, maxTokensPerRequest } of rules?.rules ?? []) {
    if (maxTokensPerRequest !== undefined && asked > maxTokensPerRequest) {
      return refuse(assessment, {
        code: 'max-tokens-exceeded',
        rule: 'maxTokensPerRequest',
        limit: maxTokensPerRequest,
        requested: asked,
        reason: `The request asks for up to ${asked} output tokens; maxTokensPerRequest of ${owner} is ${maxTokensPerRequest}. Ask for at most that.`,
      });
    }
  }
  return undefined;
}

function checkChoices(assessment: Assessment): GovernanceError | undefined {
  const { request, operation } = assessment;
  if (operation?.kind !== 'chat') return undefined;
  const n = request.body?.get('n');
  if (n === undefined || n === null || n === 1) return undefined;
  return refuse(assessment, {
    code: 'invalid-request',
    rule: 'n',
    limit: 1,
    requested: typeof n === 'number' ? n : typeof n,
    reason: `Expected n to be 1 or absent, got ${typeof n === 'number' ? String(n) : typeof n}. Groq answers with one choice; make one call per answer.`,
  });
}

function checkTools(assessment: Assessment): GovernanceError | undefined {
  const { body } = assessment.request;
  const rules = assessment.rules?.rules ?? [];
  if (
    body === undefined ||
    !rules.some(({ allowedTools }) => allowedTools) ||
    outputFields(assessment.operation?.kind).length === 0
  )
    return undefined;
  const tools = offeredTools(body, isSystem(assessment.model, assessment.row));
  if (tools === undefined) {
    return refuse(assessment, {
      code: 'invalid-request',
      rule: 'tools',
      reason: 'Expected tools to be a list of objects with a type.',
    });
  }
  for (const { type, name } of tools) {
    for (const { owner, allowedTools } of rules) {
      if (!allowedTools || allowedTools(type) || (type === 'function' && name !== undefined && allowedTools(name))) continue;
      const asked = (type === 'function' ? (name ?? type) : type).slice(0, 100);
      return refuse(assessment, {
        code: 'tool-not-allowed',
        rule: 'allowedTools',
        requested: asked,
        reason: `Tool ${JSON.stringify(asked)} is not in allowedTools of ${owner}. Leave it out of the request, or add it to that list.`,
      });
    }
  }
  return undefined;
}

function checkServiceTier(assessment: Assessment): GovernanceError | undefined {
  const { body } = assessment.request;
  const rules = assessment.rules?.rules ?? [];
  if (body === undefined || !assessment.spends || !rules.some(({ allowedServiceTiers }) => allowedServiceTiers))
    return undefined;
  const asked = body.get('service_tier') ?? 'on_demand';
  for (const { owner, allowedServiceTiers } of rules) {
    if (!allowedServiceTiers || (typeof asked === 'string' && allowedServiceTiers(asked))) continue;
    const tier = typeof asked === 'string' ? asked.slice(0, 100) : typeof asked;
    return refuse(assessment, {
      code: 'policy-denied',
      rule: 'allowedServiceTiers',
      requested: tier,
      reason: `Service tier ${JSON.stringify(tier)} is not in allowedServiceTiers of ${owner}. Ask for one that is.`,
    });
  }
  return undefined;
}

/** In the order applied; the first refusal counts. */
export const RULES: readonly (readonly [name: string, Rule])[] = [
  ['allowedModels', checkModel],
  ['body', checkBody],
  ['n', checkChoices],
  ['maxTokensPerRequest', checkOutput],
  ['allowedTools', checkTools],
  ['allowedServiceTiers', checkServiceTier],
];
