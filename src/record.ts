import type { Held } from './admission';
import type { Assessment } from './assessment';
import type { Attempts } from './attempts';
import type { Context } from './context';
import type { GovernanceError } from './errors';
import type { Booking } from './settlement';
import type { CallOutcome, UsageRecord } from './usage/usage-log';

/** How a call ended. */
interface Ended {
  readonly booked: Booking;
  readonly held: Held | undefined;
  readonly attempts: Attempts | undefined;
  readonly outcome: CallOutcome;
  readonly refusal: GovernanceError | undefined;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The record of an ended call. */
export function usageRecord(
  context: Context,
  assessment: Assessment,
  { booked, held, attempts, outcome, refusal }: Ended,
): UsageRecord {
  const { user, tags } = assessment.binding;
  const { usage, costNanos, accuracy } = booked;
  const waitMs = attempts?.waitMs ?? 0;
  const elapsed = context.clock.now() - assessment.at;
  const record: Writable<UsageRecord> = {
    id: assessment.id,
    at: Math.floor(assessment.at),
    team: assessment.team,
    operation: assessment.operation?.name ?? 'unknown',
    model: assessment.model,
    promptTokens: usage.promptTokens,
    cachedTokens: usage.cachedTokens,
    completionTokens: usage.completionTokens,
    reasoningTokens: usage.reasoningTokens,
    costNanos,
    accuracy,
    priceVersion: context.prices.version,
    attempts: attempts?.count ?? 0,
    waitMs: Math.round(waitMs),
    latencyMs: Math.max(0, Math.round(elapsed - waitMs)),
    outcome,
  };
  if (user !== undefined) record.user = user;
  if (tags !== undefined) record.tags = tags;
  const keyId = held ? held.keyId : assessment.key?.id;
  if (keyId !== undefined) record.keyId = keyId;
  if (refusal) record.code = refusal.code;
  if (held?.stored && costNanos > held.nanos) record.overrunNanos = costNanos - held.nanos;
  if (held?.ungoverned || attempts?.ungoverned) record.ungoverned = true;
  return record;
}
