// What is booked for each way that a call can end.
//
// | ending                                                       | evidence  | booked                                 | accuracy  | retried                    | the caller sees          |
// | ------------------------------------------------------------ | --------- | -------------------------------------- | --------- | -------------------------- | ------------------------ |
// | answered, or stream read until its usage                     | `usage`   | the usage; a system's, model by model  | exact ¹   | –                          | the answer               |
// | answered without usage                                       | `read`    | prompt and answer by their size        | estimated | –                          | the answer               |
// | stream left, cut, reset, aborted; a stalled one when left    | `read`    | the same of what was read, and tools ² | estimated | never                      | groq-sdk's error, or end |
// | error event, `x_groq.error`, `response.failed` in HTTP 200   | `read`    | the same; text that failed ³           | estimated | never                      | groq-sdk's error, or it  |
// | audio answered: its length told, measured, or neither        | `audio`   | by the second                          | e / e / h | –                          | the answer               |
// | speech answered                                              | `request` | by the character                       | exact     | –                          | the bytes                |
// | 400 `json_validate_failed`, `tool_use_failed`                | `read`    | prompt and the text that failed ³      | estimated | never                      | groq-sdk's error         |
// | 413 and 429 "request too large"                              | `free`    | nothing                                | exact     | once, if lowering helps    | groq-sdk's error         |
// | other 429, 408, 409, 5xx                                     | `free`    | nothing                                | exact     | up to `maxRetries`         | groq-sdk's error         |
// | 498, other 4xx                                               | `free`    | nothing                                | exact     | never                      | groq-sdk's error         |
// | no connection came about                                     | `free`    | nothing                                | exact     | up to `maxRetries`         | groq-sdk's error         |
// | timeout, connection lost or aborted before an answer         | `nothing` | the hold                               | held      | up to `maxRetries`, not    | groq-sdk's error         |
// |                                                              |           |                                        |           | if aborted                 |                          |
// | body never read, unreadable, or too long to be kept          | `nothing` | the hold                               | held      | –                          | what it asked for        |
//
// ¹ `estimated` if a tool ran whose price is not certain, and after attempts that were never answered: they cost about the same.
// ² What may have run unseen: built-in tools at what is held for them, or at what was told of them if that is more.
// ³ As much as is shown of it; if nothing is, all output that was allowed.

import type { Assessment } from './assessment';
import { type Quantities, type Rates, costNanos, costOfAllNanos, ratesOf } from './price/cost';
import { arePricedExactly, usedToolNanos } from './sdk/tools';
import { type ModelUsage, type TokenUsage, totalUsage } from './sdk/usage';
import type { Accuracy } from './usage/usage-log';

/**
 * What is known of a call when it has ended:
 * - `usage`: the provider's own count;
 * - `read`: an answer that carried no count (`whole`) or broke off; the tokens seen of it, `Infinity` for all that were allowed;
 * - `audio`: it was transcribed; its length in seconds, if the answer says so;
 * - `request`: it was answered, and the request alone says what that costs;
 * - `free`: nothing was sent, or the provider does not charge (4xx refusals, 5xx);
 * - `nothing`: it was sent, and whether it was answered, and charged, nobody knows.
 */
export type Evidence =
  | {
      readonly kind: 'usage';
      readonly usage: TokenUsage;
      /** Per model, if the answer says that several took part: then it is their sum that counts. */
      readonly breakdown?: readonly ModelUsage[] | undefined;
      readonly executedTools: readonly string[];
    }
  | {
      readonly kind: 'read';
      readonly outputTokens: number;
      readonly executedTools: readonly string[];
      readonly whole?: boolean;
    }
  | { readonly kind: 'audio'; readonly seconds: number | undefined }
  | { readonly kind: 'request' }
  | { readonly kind: 'free' }
  | { readonly kind: 'nothing' };

/** What to book. */
export interface Booking {
  readonly usage: TokenUsage;
  readonly costNanos: number;
  readonly accuracy: Accuracy;
  /** Of audio that was sent, as far as it is known by now. */
  readonly audioSeconds?: number;
}

const NO_TOKENS: TokenUsage = Object.freeze({ promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 });

/**
 * Prices the evidence. `heldNanos` is the call's upper bound; `unanswered` counts earlier attempts of the same call that got
 * no answer and may have been charged as well.
 */
export function booking(assessment: Assessment, evidence: Evidence, heldNanos: number, unanswered: number): Booking {
  switch (evidence.kind) {
    case 'free':
      // Nothing for this attempt; an earlier one that was never answered is another matter.
      return unanswered > 0 ? held(assessment, heldNanos) : { usage: NO_TOKENS, costNanos: 0, accuracy: 'exact' };
    case 'nothing':
      return held(assessment, heldNanos);
    case 'request':
      return { usage: NO_TOKENS, costNanos: costOf(assessment, NO_TOKENS), accuracy: unanswered > 0 ? 'estimated' : 'exact' };
    case 'audio':
      return again(heard(assessment, evidence.seconds), heldNanos, unanswered);
    case 'read': {
      const { executedTools, whole } = evidence;
      // No answer is longer than its bound, however it looks.
      const completionTokens = hasOutput(assessment) ? Math.min(evidence.outputTokens, assessment.outputBound ?? Infinity) : 0;
      const usage = { ...NO_TOKENS, promptTokens: assessment.promptEstimate, completionTokens };
      const toolNanos = usedToolNanos(executedTools, assessment.toolAllowance);
      const cost = costOf(assessment, usage) + (whole ? toolNanos : Math.max(toolNanos, assessment.toolNanos));
      return { usage, costNanos: unanswered > 0 ? Math.max(cost, heldNanos) : cost, accuracy: 'estimated' };
    }
    case 'usage':
      return again(counted(assessment, evidence), heldNanos, unanswered);
  }
}

// The lost attempts asked for the same, so they cost about the same, as far as the hold reaches.
function again(booked: Booking, heldNanos: number, unanswered: number): Booking {
  if (unanswered === 0) return booked;
  const { costNanos: cost } = booked;
  return { ...booked, costNanos: Math.max(cost, Math.min(cost * (1 + unanswered), heldNanos)), accuracy: 'estimated' };
}

function counted(assessment: Assessment, evidence: Extract<Evidence, { kind: 'usage' }>): Booking {
  const { breakdown, executedTools } = evidence;
  const toolNanos = usedToolNanos(executedTools, assessment.toolAllowance);
  let isExact = executedTools.length === 0 || arePricedExactly(executedTools);
  if (breakdown === undefined || assessment.rates === undefined) {
    const { usage } = evidence;
    return { usage, costNanos: costOf(assessment, usage) + toolNanos, accuracy: isExact ? 'exact' : 'estimated' };
  }
  const parts = breakdown.map(({ model, usage }) => {
    const own = ratesOfModel(assessment, model);
    isExact &&= own !== undefined;
    return { rates: own ?? assessment.rates ?? NO_RATES, used: quantities(usage) };
  });
  const nanos = costOfAllNanos(parts) + toolNanos;
  return { usage: totalUsage(breakdown), costNanos: nanos, accuracy: isExact ? 'exact' : 'estimated' };
}

function ratesOfModel({ prices, at }: Assessment, model: string): Rates | undefined {
  const row = prices?.price(model, at);
  return row && ratesOf(row);
}

const NO_RATES: Rates = ratesOf({});

// Told by the answer, else measured before it was sent, else as long as it can be at most, which is what was held.
function heard(assessment: Assessment, told: number | undefined): Booking {
  const { rates, input, measuredSeconds } = assessment;
  const isTold = told !== undefined && told > 0;
  const audioSeconds = isTold ? told : (input?.audioSeconds ?? 0);
  const nanos = rates === undefined ? 0 : costNanos(rates, { ...NO_QUANTITIES, audioSeconds });
  const accuracy =
    isTold && rates !== undefined ? 'exact' : measuredSeconds === undefined && rates !== undefined ? 'held' : 'estimated';
  return { usage: NO_TOKENS, costNanos: nanos, accuracy, audioSeconds };
}

function held(assessment: Assessment, heldNanos: number): Booking {
  const { promptBound, outputBound, operation, rates } = assessment;
  if (operation === undefined || operation.kind === 'free') return { usage: NO_TOKENS, costNanos: 0, accuracy: 'exact' };
  const isCounted = operation.kind !== 'audio' && operation.kind !== 'speech';
  const usage = isCounted ? { ...NO_TOKENS, promptTokens: promptBound, completionTokens: outputBound ?? 0 } : NO_TOKENS;
  return { usage, costNanos: heldNanos, accuracy: rates === undefined ? 'estimated' : 'held' };
}

const hasOutput = ({ operation }: Assessment): boolean => operation?.kind === 'chat' || operation?.kind === 'responses';

const NO_QUANTITIES: Quantities = Object.freeze({ promptTokens: 0, cachedTokens: 0, completionTokens: 0 });

const quantities = ({ promptTokens, cachedTokens, completionTokens }: TokenUsage): Quantities => ({
  promptTokens,
  cachedTokens,
  completionTokens,
});

function costOf(assessment: Assessment, usage: TokenUsage): number {
  const { rates, operation, input } = assessment;
  if (rates === undefined || operation?.kind === 'free') return 0;
  switch (operation?.kind) {
    case 'speech':
      return costNanos(rates, { ...NO_QUANTITIES, characters: input?.characters ?? 0 });
    case 'audio':
      return costNanos(rates, { ...NO_QUANTITIES, audioSeconds: input?.audioSeconds ?? 0 });
    case 'embeddings':
      return costNanos(rates, { ...quantities(usage), completionTokens: 0 });
    default:
      return costNanos(rates, quantities(usage));
  }
}
