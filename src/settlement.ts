// What is booked for each way that a call can end.

import type { Assessment } from './assessment';
import { type Quantities, costNanos } from './price/cost';
import { usedToolNanos } from './sdk/tools';
import type { TokenUsage } from './sdk/usage';
import type { Accuracy } from './usage/usage-log';

/**
 * What is known of a call when it has ended:
 * - `usage`: the provider's own count;
 * - `read`: an answer that broke off or carried no count; the tokens seen of it;
 * - `audio`: it was transcribed; its length in seconds, if the answer says so;
 * - `request`: it was answered, and the request alone says what that costs;
 * - `free`: nothing was sent, or the provider does not charge (4xx refusals, 5xx);
 * - `nothing`: it was sent, and whether it was answered, and charged, nobody knows.
 */
export type Evidence =
  | { readonly kind: 'usage'; readonly usage: TokenUsage; readonly executedTools: readonly string[] }
  | { readonly kind: 'read'; readonly outputTokens: number; readonly executedTools: readonly string[] }
  | { readonly kind: 'audio'; readonly seconds: number | undefined }
  | { readonly kind: 'request' }
  | { readonly kind: 'free' }
  | { readonly kind: 'nothing' };

/** What to book. */
export interface Booking {
  readonly usage: TokenUsage;
  readonly costNanos: number;
  readonly accuracy: Accuracy;
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
    case 'audio': {
      if (evidence.seconds === undefined || assessment.rates === undefined) {
        return { usage: NO_TOKENS, costNanos: costOf(assessment, NO_TOKENS), accuracy: 'estimated' };
      }
      const used = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, audioSeconds: evidence.seconds };
      return {
        usage: NO_TOKENS,
        costNanos: costNanos(assessment.rates, used),
        accuracy: unanswered > 0 ? 'estimated' : 'exact',
      };
    }
    case 'read': {
      // No answer is longer than its bound, however it looks.
      const outputTokens = Math.min(evidence.outputTokens, assessment.outputBound ?? Infinity);
      const usage = { ...NO_TOKENS, promptTokens: assessment.promptEstimate, completionTokens: outputTokens };
      const cost = costOf(assessment, usage) + usedToolNanos(evidence.executedTools);
      return {
        usage,
        costNanos: unanswered > 0 ? heldNanos : Math.min(cost, Math.max(heldNanos, cost - assessment.toolNanos)),
        accuracy: 'estimated',
      };
    }
    case 'usage': {
      const cost = costOf(assessment, evidence.usage) + usedToolNanos(evidence.executedTools);
      if (unanswered === 0)
        return {
          usage: evidence.usage,
          costNanos: cost,
          accuracy: hasHourlyTool(evidence.executedTools) ? 'estimated' : 'exact',
        };
      // The lost attempts asked for the same, so they cost about the same, as far as the hold reaches.
      return {
        usage: evidence.usage,
        costNanos: Math.max(cost, Math.min(cost * (1 + unanswered), heldNanos)),
        accuracy: 'estimated',
      };
    }
  }
}

function held({ promptBound, outputBound, operation, rates }: Assessment, heldNanos: number): Booking {
  if (operation === undefined || operation.kind === 'free') return { usage: NO_TOKENS, costNanos: 0, accuracy: 'exact' };
  const usage = { ...NO_TOKENS, promptTokens: promptBound, completionTokens: outputBound ?? 0 };
  return { usage, costNanos: heldNanos, accuracy: rates === undefined ? 'estimated' : 'held' };
}

const hasHourlyTool = (executed: readonly string[]): boolean =>
  executed.includes('python') || executed.includes('code_interpreter');

function costOf(assessment: Assessment, usage: TokenUsage): number {
  const { rates, operation, input } = assessment;
  if (rates === undefined || operation?.kind === 'free') return 0;
  const tokens: Quantities = {
    promptTokens: usage.promptTokens,
    cachedTokens: usage.cachedTokens,
    completionTokens: usage.completionTokens,
  };
  switch (operation?.kind) {
    case 'speech':
      return costNanos(rates, { promptTokens: 0, cachedTokens: 0, completionTokens: 0, characters: input?.characters ?? 0 });
    case 'audio':
      return costNanos(rates, {
        promptTokens: 0,
        cachedTokens: 0,
        completionTokens: 0,
        audioSeconds: input?.audioSeconds ?? 0,
      });
    case 'embeddings':
      return costNanos(rates, { ...tokens, completionTokens: 0 });
    default:
      return costNanos(rates, tokens);
  }
}
