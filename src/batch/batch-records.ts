import type { Context } from '../context';
import type { Accuracy, CallOutcome, UsageRecord } from '../usage/usage-log';
import type { Payer } from './batch-hold';
import type { ModelSums } from './batch-output';
import type { BatchState } from './batch-state';

const OUTCOMES: Readonly<Record<string, CallOutcome>> = {
  completed: 'success',
  expired: 'timeout',
  cancelled: 'aborted',
  failed: 'error',
};

/**
 * The record of what one model has used in a batch. Its id follows from the batch and the model, so that it counts once, however
 * often and by whomever the output is read.
 */
export function batchRecord(
  context: Context,
  batch: BatchState,
  { team, user, tags, keyId, at }: Payer,
  model: string,
  sums: ModelSums,
  accuracy: Accuracy,
): UsageRecord {
  const { endedAt, createdAt } = batch;
  return {
    id: `batch:${batch.id}/${model}`,
    at: Math.floor(at),
    team,
    ...(user !== undefined && { user }),
    ...(tags !== undefined && { tags }),
    ...(keyId !== undefined && { keyId }),
    operation: 'batches',
    model,
    ...sums,
    accuracy,
    priceVersion: context.prices.version,
    attempts: 0,
    waitMs: 0,
    latencyMs: endedAt === undefined || createdAt === undefined ? 0 : Math.max(0, endedAt - createdAt),
    outcome: OUTCOMES[batch.status] ?? 'unknown',
  };
}
