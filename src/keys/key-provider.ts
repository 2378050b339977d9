import type { RuleOptions } from '../governance';

/**
 * What holds for all calls on one key, beside the rules of the team and the organisation. `allowedModels` are the only models that
 * it is used for; `*` stands for anything.
 */
export type KeyRules = Pick<
  RuleOptions,
  'allowedModels' | 'rateLimitRPM' | 'rateLimitTPM' | 'monthlyBudgetUsd' | 'budgets' | 'alertsAt'
>;

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
  /** The key that the provider answered 401 to, which `report()` has been told, when the call is to be moved to another. */
  readonly rejectedKeyId?: string | undefined;
  /** True if nothing will be sent, as in `explain()`: the answer is the same, and nothing is noted. */
  readonly dryRun?: boolean | undefined;
}

/** What came of an attempt: answered, refused for its key, refused for now, or never answered. */
export type KeyResult = 'ok' | 'unauthorized' | 'rate-limited' | 'unanswered';

/** One attempt with a key, and what came of it. */
export interface KeyAttempt {
  readonly callId: string;
  readonly at: number;
  /** As `key()` returned it. */
  readonly key: ApiKey;
  readonly result: KeyResult;
  /** Until when the provider asked for a rest, epoch milliseconds. */
  readonly retryAt?: number | undefined;
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
  /** The fingerprint of a newer secret of the same name, while it proves itself or after it was refused. */
  readonly nextFingerprint?: string | undefined;
  /** Epoch milliseconds. */
  readonly notBefore?: number | undefined;
  readonly retireAfter?: number | undefined;
  /** The only models that it is used for. */
  readonly allowedModels?: readonly string[] | undefined;
}

/**
 * - `waiting`: its time has not come;
 * - `proving`: no call of this process has been answered with it yet;
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
  /** Called after each attempt that the provider answered. `retryAt` is when a 429 said to come back. (Three arguments, no more.) */
  report?(keyId: string, result: Exclude<KeyResult, 'unanswered'>, retryAt?: number): void;
  /**
   * Called after each attempt, also one that was never answered, with all that is known of it; after a 401 before `key()` is asked
   * for another. For providers that must tell the secrets of one name apart; `keyRegistry` goes by this and has no `report`.
   */
  attempted?(attempt: KeyAttempt): void;
  /** The keys as they are at an instant, default now; for reports. One row per name. */
  list?(at?: number): readonly ListedKey[];
}

/** Whether a provider's answer is a key that can be sent: a name and a secret, neither empty. */
export function isKey(key: unknown): key is ApiKey {
  if (typeof key !== 'object' || key === null) return false;
  const { id, secret } = key as { id?: unknown; secret?: unknown };
  return typeof id === 'string' && id !== '' && typeof secret === 'string' && secret !== '';
}
