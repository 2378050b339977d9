import type { UsageRecord } from '../usage/usage-log';
import { storedName } from '../stored-name';

/** A record as the schema's function `record` takes it: the number of the item that it belongs to, then the columns. */
export function recordRow(item: number, usage: UsageRecord): readonly unknown[] {
  return [
    item,
    storedName(usage.id),
    usage.at,
    storedName(usage.team),
    optional(usage.user),
    optional(usage.keyId),
    storedName(usage.operation),
    storedName(usage.model),
    whole(usage.promptTokens),
    whole(usage.cachedTokens),
    whole(usage.completionTokens),
    whole(usage.reasoningTokens),
    whole(usage.costNanos),
    storedName(usage.accuracy),
    storedName(usage.priceVersion),
    whole(usage.attempts),
    finite(usage.waitMs),
    finite(usage.latencyMs),
    storedName(usage.outcome),
    optional(usage.code),
    usage.overrunNanos === undefined ? null : whole(usage.overrunNanos),
    usage.ungoverned ?? null,
    usage.tags === undefined
      ? null
      : Object.fromEntries(Object.entries(usage.tags).map(([tag, value]) => [storedName(tag), storedName(value)])),
  ];
}

function optional(text: string | undefined): string | null {
  return text === undefined ? null : storedName(text);
}

// One odd figure must not keep the others of its trip from being booked.
function whole(amount: number): number {
  return Number.isSafeInteger(amount) ? amount : Math.round(finite(amount));
}

function finite(amount: number): number {
  return Number.isFinite(amount) ? Math.min(Math.max(amount, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER) : 0;
}
