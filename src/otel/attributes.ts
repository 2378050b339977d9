// Names of the GenAI semantic conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/), and of this library where they
// have none.

import type { Attributes } from '@opentelemetry/api';
import type { GovernanceError } from '../errors';
import { NANOS_PER_USD } from '../money';
import type { UsageRecord } from '../usage/usage-log';

/** Whom and what a call was for is told only if it is asked for. */
export interface Disclosure {
  readonly users: boolean;
  readonly tags: readonly string[];
}

export const TEAM = 'governed_groq.team';
export const USER = 'governed_groq.user';
export const OUTCOME = 'governed_groq.outcome';
export const ACCURACY = 'governed_groq.accuracy';
export const DENIED_CODE = 'governed_groq.denied_code';
export const OBSERVED = 'governed_groq.observed';
export const ERROR_TYPE = 'error.type';
export const MAX_TOKENS = 'gen_ai.request.max_tokens';
export const STREAM = 'gen_ai.request.stream';
export const TOKEN_TYPE = 'gen_ai.token.type';

// A model is whatever the caller wrote.
const LONGEST_MODEL = 200;

// Whatever is not in here has no name in the conventions and keeps its own, e.g. `audio.speech`.
const OPERATIONS: ReadonlyMap<string, string> = new Map([
  ['chat.completions', 'chat'],
  ['responses', 'chat'],
]);

const operationOf = (operation: string): string => OPERATIONS.get(operation) ?? operation;

/** E.g. `chat openai/gpt-oss-20b`. */
export function spanName(operation: string, model: string): string {
  return `${operationOf(operation)} ${model.slice(0, LONGEST_MODEL)}`.trimEnd();
}

/** What is asked for, and of whom. */
export function requestAttributes(operation: string, model: string): Attributes {
  const attributes: Attributes = { 'gen_ai.operation.name': operationOf(operation), 'gen_ai.provider.name': 'groq' };
  if (model !== '') attributes['gen_ai.request.model'] = model.slice(0, LONGEST_MODEL);
  return attributes;
}

/** How a call that was sent has ended, and what it has cost. */
export function outcomeAttributes(record: UsageRecord, { users, tags }: Disclosure): Attributes {
  const { promptTokens, cachedTokens, completionTokens, reasoningTokens, costNanos, user, keyId, overrunNanos } = record;
  const attributes: Attributes = {
    'governed_groq.cost_nanos': costNanos,
    'governed_groq.cost_usd': costNanos / NANOS_PER_USD,
    'governed_groq.price_version': record.priceVersion,
    [ACCURACY]: record.accuracy,
    [OUTCOME]: record.outcome,
    'governed_groq.attempts': record.attempts,
    'governed_groq.wait_ms': record.waitMs,
  };
  // Operations that have no tokens have none in records.
  if (promptTokens > 0) attributes['gen_ai.usage.input_tokens'] = promptTokens;
  if (cachedTokens > 0) attributes['gen_ai.usage.cache_read.input_tokens'] = cachedTokens;
  if (completionTokens > 0) attributes['gen_ai.usage.output_tokens'] = completionTokens;
  if (reasoningTokens > 0) attributes['gen_ai.usage.reasoning.output_tokens'] = reasoningTokens;
  if (keyId !== undefined) attributes['governed_groq.key_id'] = keyId;
  if (overrunNanos !== undefined) attributes['governed_groq.overrun_nanos'] = overrunNanos;
  if (record.ungoverned) attributes['governed_groq.ungoverned'] = true;
  if (users && user !== undefined) attributes[USER] = user;
  return Object.assign(attributes, errorAttributes(record), tagAttributes(record, tags));
}

/** Of calls that ended in an error: `timeout`, or `_OTHER` for what the provider or the connection did. */
export function errorAttributes({ outcome }: UsageRecord): Attributes {
  if (outcome === 'timeout') return { [ERROR_TYPE]: 'timeout' };
  return outcome === 'error' ? { [ERROR_TYPE]: '_OTHER' } : {};
}

/** The values of the named tags, where the call has them. */
export function tagAttributes({ tags = {} }: UsageRecord, names: readonly string[]): Attributes {
  const attributes: Attributes = {};
  for (const name of names) if (Object.hasOwn(tags, name)) attributes[`governed_groq.tag.${name}`] = tags[name];
  return attributes;
}

/** Why a call was refused. The message is left out: a policy of the user's may quote anything in it. */
export function refusalAttributes(error: GovernanceError): Attributes {
  const { code } = error;
  const by = nameIn(error);
  return { [DENIED_CODE]: code, ...(by !== undefined && { 'governed_groq.denied_by': by }) };
}

// The budget, the limit or the rule, whichever copy of the package the error is of.
function nameIn(error: object): string | undefined {
  if ('budget' in error && typeof error.budget === 'string') return error.budget;
  if ('rule' in error && typeof error.rule === 'string') return error.rule;
  return 'limit' in error && typeof error.limit === 'string' ? error.limit : undefined;
}
