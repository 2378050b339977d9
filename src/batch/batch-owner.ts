// Whose a batch is, kept where it outlives the process: in the batch's own metadata.

import type { Payer } from './batch-hold';

/** Who created a batch, and what was held for it. */
export interface BatchOwner extends Payer {
  /** The id of the call that created it, which the hold had first. */
  readonly callId: string;
  readonly heldNanos: number;
  readonly lines: number;
  /** If all lines have the same. */
  readonly model?: string | undefined;
  /** True if each model has a hold of its own. */
  readonly divided: boolean;
}

/** The one key of a batch's metadata that this library writes. */
export const OWNER_KEY = 'governed-groq';

// As the API that Groq follows has them; Groq publishes none of its own.
const MAX_ENTRIES = 16;
const MAX_VALUE = 512;

/**
 * The metadata with the owner in it. The caller's own where there is no room: then the owner is known to this process alone. An
 * owner that the caller wrote is left out in any case, and tags if they are too long.
 */
export function withOwner(metadata: unknown, owner: BatchOwner): unknown {
  if (metadata !== undefined && metadata !== null && !isObject(metadata)) return metadata;
  const { [OWNER_KEY]: forged, ...own } = metadata ?? {};
  const value = [written(owner), written({ ...owner, tags: undefined })].find((text) => text.length <= MAX_VALUE);
  if (value === undefined || Object.keys(own).length >= MAX_ENTRIES) return forged === undefined ? metadata : own;
  return { ...own, [OWNER_KEY]: value };
}

const written = ({ callId, keyId, heldNanos, divided, ...rest }: BatchOwner): string =>
  JSON.stringify({ call: callId, key: keyId, held: heldNanos, ...rest, ...(divided && { divided }) });

/** The owner that a batch's metadata names. */
export function ownerIn(metadata: unknown): BatchOwner | undefined {
  const text = isObject(metadata) ? metadata[OWNER_KEY] : undefined;
  const fields = typeof text === 'string' ? parsed(text) : undefined;
  if (!isObject(fields)) return undefined;
  const { call, team, user, tags, key, at, held, lines, model, divided } = fields;
  if (typeof call !== 'string' || typeof team !== 'string' || !isCount(at) || !isCount(held) || !isCount(lines))
    return undefined;
  return {
    callId: call,
    team,
    user: typeof user === 'string' ? user : undefined,
    tags: isObject(tags) ? Object.fromEntries(Object.entries(tags).filter(isTag)) : undefined,
    keyId: typeof key === 'string' ? key : undefined,
    at,
    heldNanos: held,
    lines,
    model: typeof model === 'string' ? model : undefined,
    divided: divided === true,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTag = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
