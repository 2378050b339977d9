import type { KeyProvider } from '../keys/key-provider';

/** What was wrong with a key's secret. */
export interface UnreadKey {
  readonly keyId: string;
  readonly message: string;
}

/** A provider that reads its secrets when it is told to, as a `keyRegistry` is. */
interface Refreshable {
  refresh(): Promise<unknown>;
}

/** Has all secrets read now, so that their fingerprints are known, and tells which could not be. Never rejects. */
export async function readSecrets(keys: KeyProvider | undefined): Promise<readonly UnreadKey[]> {
  if (keys === undefined || !isRefreshable(keys)) return [];
  const problems = await keys.refresh().catch(() => undefined);
  return Array.isArray(problems) ? problems.flatMap(unreadKey) : [];
}

function isRefreshable(keys: object): keys is Refreshable {
  return 'refresh' in keys && typeof keys.refresh === 'function';
}

function unreadKey(problem: unknown): UnreadKey[] {
  if (typeof problem !== 'object' || problem === null) return [];
  const { key, message } = problem as { readonly key?: unknown; readonly message?: unknown };
  return typeof key === 'string' && typeof message === 'string' ? [{ keyId: key, message }] : [];
}
