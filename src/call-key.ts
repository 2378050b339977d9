// The key of one call: chosen once, kept through all attempts, exchanged once after a 401.

import { type Held, hold, holdLines, needsHold } from './admission';
import type { AttemptResponse } from './attempts';
import type { Assessment } from './assessment';
import type { Context } from './context';
import { NoKeyError, StoreError } from './errors';
import { type ApiKey, type KeyResult, isKey } from './keys/key-provider';
import { measure } from './measure';
import { retryAfterMsOfHeaders } from './sdk/limit-headers';
import { onRejection } from './thenable';

/** Chooses the key for a call, and with it the key's own rules. False if there is none; the refusal is noted. */
export async function chooseKey(assessment: Assessment, context: Context): Promise<boolean> {
  try {
    const key = await askForKey(assessment, context);
    if (key !== undefined) {
      useKey(assessment, context, key);
      return true;
    }
    assessment.refusals.push(new NoKeyError(assessment.subject));
  } catch (error) {
    assessment.refusals.push(new StoreError({ ...assessment.subject, store: 'keys', cause: error }));
    tellUnavailable(assessment, context, error);
  }
  return false;
}

/**
 * Asks for another key after a 401, or for the same one with a new secret. Undefined if there is none; what the provider throws
 * is told as an event.
 */
export async function anotherKey(assessment: Assessment, context: Context): Promise<ApiKey | undefined> {
  const rejected = assessment.key;
  if (rejected === undefined) return undefined;
  try {
    const next = await askForKey(assessment, context, rejected.id);
    return next?.id === rejected.id && next.secret === rejected.secret ? undefined : next;
  } catch (error) {
    tellUnavailable(assessment, context, error);
    return undefined;
  }
}

/** Makes a key the call's, and its rules part of the call's. */
export function useKey(assessment: Assessment, context: Context, key: ApiKey): void {
  assessment.key = key;
  assessment.teamRules ??= assessment.rules;
  if (assessment.teamRules) assessment.rules = context.withKey(assessment.teamRules, key);
}

/**
 * Moves a call to another key: its bound to what that key's limits allow, and its hold to that key's budgets if they are others.
 * `isFree` says that nothing can have been charged so far, so that the first hold makes room for the second. Resolves to what is
 * held then; undefined if the budgets cannot pay, and the key is the one before.
 */
export async function moveToKey(
  assessment: Assessment,
  context: Context,
  key: ApiKey,
  held: Held,
  isFree: boolean,
): Promise<Held | undefined> {
  const { key: keyBefore, rules: rulesBefore, outputBound: boundBefore } = assessment;
  useKey(assessment, context, key);
  measure(assessment, context);
  if (held.ungoverned || countsTheSame(assessment, context, held)) {
    // Never more than the hold counts with.
    const bound = Math.min(assessment.outputBound ?? Infinity, held.outputTokens ?? Infinity);
    assessment.outputBound = bound === Infinity ? undefined : bound;
    return { ...held, keyId: key.id, outputTokens: assessment.outputBound };
  }
  const { budgetStore, clock } = context;
  try {
    if (held.stored && isFree) await budgetStore.settle({ id: held.id, spentNanos: 0, at: clock.now() });
    const moved = await hold(assessment, context, budgetStore, `${assessment.id}/${key.id}`);
    if (held.stored && !isFree) context.release(held.id);
    return moved;
  } catch {
    // The 401 that led here is what the caller is told.
    assessment.key = keyBefore;
    assessment.rules = rulesBefore;
    assessment.outputBound = boundBefore;
    return undefined;
  }
}

function countsTheSame(assessment: Assessment, context: Context, { accounts, nanos }: Held): boolean {
  if (!needsHold(assessment)) return accounts.length === 0;
  const names = holdLines(assessment, context, nanos).accounts.map(({ name }) => name);
  return names.length === accounts.length && names.every((name, index) => name === accounts[index]?.name);
}

/** Notes that one call more, or fewer, is under way on a key. */
export function countKey({ keysInUse }: Context, keyId: string, by: 1 | -1): void {
  const count = (keysInUse.get(keyId) ?? 0) + by;
  if (count > 0) keysInUse.set(keyId, count);
  else keysInUse.delete(keyId);
}

async function askForKey(
  assessment: Assessment,
  { keys, clock }: Context,
  rejectedKeyId?: string,
): Promise<ApiKey | undefined> {
  const { id: callId, team, model, operation, rules } = assessment;
  const among = rules?.keys;
  const key = await keys?.key({
    callId,
    team,
    model,
    operation: operation?.name ?? '',
    at: clock.now(),
    ...(among && { among: [...among] }),
    ...(rejectedKeyId !== undefined && { rejectedKeyId }),
    ...(assessment.tracing && { dryRun: true }),
  });
  return isKey(key) && (among === undefined || among.has(key.id)) ? key : undefined;
}

/** Tells the provider of the key what came of an attempt. Nothing that it does may change how the call ends. */
export function reportKey(assessment: Assessment, context: Context, response: AttemptResponse | undefined): void {
  const { keys, clock } = context;
  const { key } = assessment;
  if (key === undefined || !keys) return;
  const at = clock.now();
  const status = response?.status;
  const retryAfterMs = status === 429 && response ? retryAfterMsOfHeaders(response.headers, at) : undefined;
  const retryAt = retryAfterMs === undefined ? [] : [at + retryAfterMs];
  const result = resultOf(status);
  const failed = (error: unknown): void => tellUnavailable(assessment, context, error);
  try {
    if (result !== 'unanswered') onRejection(keys.report?.(key.id, result, ...retryAt), failed);
    onRejection(keys.attempted?.({ callId: assessment.id, at, key, result, retryAt: retryAt[0], status }), failed);
  } catch (error) {
    failed(error);
  }
}

function resultOf(status: number | undefined): KeyResult {
  if (status === undefined) return 'unanswered';
  return status === 401 ? 'unauthorized' : status === 429 ? 'rate-limited' : 'ok';
}

function tellUnavailable({ id: callId }: Assessment, { events, clock }: Context, error: unknown): void {
  events.emit('store-unavailable', { at: clock.now(), store: 'keys', during: 'key', callId, error });
}
