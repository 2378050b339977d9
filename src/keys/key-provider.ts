import type { RuleOptions } from '../governance';

/** What holds for all calls on one key, beside the rules of the team and the organisation. */
export type KeyRules = Pick<RuleOptions, 'rateLimitRPM' | 'rateLimitTPM' | 'monthlyBudgetUsd' | 'budgets' | 'alertsAt'>;

/** A secret and the name it goes by. */
export interface ApiKey {
  /** Shown in records and reports; never the secret itself. */
  readonly id: string;
  readonly secret: string;
  /** Limits and budgets of the key. The same object for the same rules, because what is made of it is remembered. */
  readonly rules?: KeyRules | undefined;
}

/** The call that a key is wanted for. */
export interface KeyRequest {
  readonly callId: string;
  readonly team: string;
  readonly model: string;
  readonly operation: string;
  /** When the key is wanted, epoch milliseconds. */
  readonly at: number;
  /** The names of the only keys that the team may use, if its `keys` say so. */
  readonly among?: readonly string[] | undefined;
  /** The key that the provider answered 401 to, when the call is to be moved to another. */
  readonly rejectedKeyId?: string | undefined;
}

/** What came of an attempt: answered, refused for its key, refused for now, or never answered. */
export type KeyResult = 'ok' | 'unauthorized' | 'rate-limited' | 'unanswered';

/** The attempt that a result is of. */
export interface KeyAttempt {
  readonly callId: string;
  readonly at: number;
  /** As `key()` returned it. */
  readonly key: ApiKey;
  /** Of the answer, if there was one. */
  readonly status?: number | undefined;
}

/** A key as it is shown: never its secret. */
export interface ListedKey {
  readonly id: string;
  readonly team?: string | undefined;
  readonly environment?: string | undefined;
  readonly purpose?: string | undefined;
  /** A short hash of the secret, to tell keys apart by; undefined until the secret has been read. */
  readonly fingerprint?: string | undefined;
  readonly state?: KeyState | undefined;
  /** Epoch milliseconds. */
  readonly notBefore?: number | undefined;
  readonly retireAfter?: number | undefined;
}

/**
 * - `waiting`: its time has not come;
 * - `proving`: new, and one call is or will be trying it;
 * - `active`: takes calls;
 * - `standby`: works, and takes calls only if the newer one fails;
 * - `quarantined`: the provider answered 401, or its secret cannot be read;
 * - `retired`: its time is over.
 */
export type KeyState = 'waiting' | 'proving' | 'active' | 'standby' | 'quarantined' | 'retired';

/** Supplies the secrets. */
export interface KeyProvider {
  /** Called once per call, and once more after a 401. `undefined` means that there is none, which refuses the call. */
  key(attempt: KeyRequest): ApiKey | undefined | Promise<ApiKey | undefined>;
  /** Called after each attempt, so that a bad key can be rested until `retryAt`. */
  report?(keyId: string, result: KeyResult, retryAt?: number, attempt?: KeyAttempt): void;
  /** The names of the keys, for reports. */
  list?(): readonly ListedKey[];
}

/** Whether a provider's answer is a key that can be sent: a name and a secret, neither empty. */
export function isKey(key: unknown): key is ApiKey {
  if (typeof key !== 'object' || key === null) return false;
  const { id, secret } = key as { id?: unknown; secret?: unknown };
  return typeof id === 'string' && id !== '' && typeof secret === 'string' && secret !== '';
}
