// Which of several secrets a call gets.

import type { KeyRequest } from './key-provider';
import type { SecretVersion } from './secret-version';

/** How long a secret rests after a 401 if there are others. */
export const REST_MS = 600_000;
/** How long it rests if there is no other. */
export const LAST_REST_MS = 10_000;
/** When a key that a newer one has replaced is said to be safe to delete, and so may be gone. */
export const SILENT_MS = 86_400_000;

/**
 * Chooses among secrets that the call may use, the newest first. The newest that is proved takes the calls. If there is a newer
 * one, one call at a time tries it; all others go to the newest that is proved, or to the oldest if none is. So does a call that
 * was refused once and will not be moved again. A secret that was refused is tried again after `restMs`, if it would be the
 * newest; one that was replaced more than a day ago is used if nothing else is left. Undefined if there is none.
 */
export function choose(
  versions: readonly SecretVersion[],
  { callId, at, rejectedKeyId, dryRun = false }: KeyRequest,
  restMs: number,
): SecretVersion | undefined {
  const working = versions.filter((version) => !version.isRejected);
  const fresh = working.filter(({ replacedAt }) => replacedAt === undefined || at - replacedAt < SILENT_MS);
  const open = fresh.length > 0 ? fresh : working;
  const proved = open.find(({ isProved }) => isProved);
  const newest = versions.find((version) => open.includes(version) || isRested(version, at, restMs));
  const mayTry = rejectedKeyId === undefined || proved === undefined;
  if (newest !== undefined && newest !== proved && mayTry && newest.isFree(callId, at)) {
    if (!dryRun) newest.tryOut(callId, at);
    return newest;
  }
  if (proved !== undefined && proved === newest && !dryRun) noteReplaced(open, proved, at);
  return proved ?? open.at(-1);
}

function isRested({ rejectedAt }: SecretVersion, at: number, restMs: number): boolean {
  return rejectedAt !== undefined && Math.abs(at - rejectedAt) >= restMs;
}

function noteReplaced(open: readonly SecretVersion[], by: SecretVersion, at: number): void {
  for (const version of open) if (version !== by) version.replacedAt ??= at;
}
