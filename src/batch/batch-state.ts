import { type BatchOwner, ownerIn } from './batch-owner';

/** What the provider says of a batch, as far as it matters here. */
export interface BatchState {
  readonly id: string;
  /** E.g. `in_progress`. */
  readonly status: string;
  readonly outputFileId: string | undefined;
  readonly owner: BatchOwner | undefined;
  /** Epoch milliseconds. */
  readonly createdAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly expiresAt: number | undefined;
  /** How many lines were answered; undefined if it does not say. */
  readonly answered: number | undefined;
}

const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'expired', 'cancelled']);

/** True if nothing will change any more. */
export const hasEnded = ({ status }: BatchState): boolean => ENDED.has(status);

/** True if it has ended, and the provider says that no line was answered. */
export const isUnused = (batch: BatchState): boolean =>
  hasEnded(batch) && batch.outputFileId === undefined && (batch.status === 'failed' || batch.answered === 0);

/** A batch as the API answers with it; undefined if it is none. */
export function batchState(value: unknown): BatchState | undefined {
  const fields = value as Readonly<Record<string, unknown>> | null | undefined;
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { id, status, metadata } = fields;
  if (typeof id !== 'string' || id === '' || typeof status !== 'string') return undefined;
  const counts = fields['request_counts'] as { readonly completed?: unknown } | null | undefined;
  const completed: unknown = counts?.completed;
  const ended = ['completed_at', 'failed_at', 'expired_at', 'cancelled_at'].map((field) => instant(fields[field]));
  return {
    id,
    status,
    outputFileId: text(fields['output_file_id']),
    owner: ownerIn(metadata),
    createdAt: instant(fields['created_at']),
    endedAt: ended.find((at) => at !== undefined),
    expiresAt: instant(fields['expires_at']),
    answered: typeof completed === 'number' ? completed : undefined,
  };
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const instant = (seconds: unknown): number | undefined =>
  typeof seconds === 'number' && seconds > 0 && seconds < 1e11 ? seconds * 1000 : undefined;
