/** A secret and the name it goes by. */
export interface ApiKey {
  /** Shown in records and reports; never the secret itself. */
  readonly id: string;
  readonly secret: string;
}

/** The call that a key is wanted for. */
export interface KeyRequest {
  readonly callId: string;
  readonly team: string;
  readonly model: string;
  readonly operation: string;
  /** The key that the provider answered 401 to, when the call is to be moved to another. */
  readonly rejectedKeyId?: string | undefined;
}

/** Supplies the secrets. */
export interface KeyProvider {
  /** Called once per call, and once more after a 401. `undefined` means that there is none, which refuses the call. */
  key(attempt: KeyRequest): ApiKey | undefined | Promise<ApiKey | undefined>;
  /** Called after each attempt that the provider answered, so that a bad key can be rested until `retryAt`. */
  report?(keyId: string, result: 'ok' | 'unauthorized' | 'rate-limited', retryAt?: number): void;
  /** The names of the keys, for reports. */
  list?(): readonly { readonly id: string; readonly team?: string }[];
}

/** Whether a provider's answer is a key that can be sent: a name and a secret, neither empty. */
export function isKey(key: unknown): key is ApiKey {
  if (typeof key !== 'object' || key === null) return false;
  const { id, secret } = key as { id?: unknown; secret?: unknown };
  return typeof id === 'string' && id !== '' && typeof secret === 'string' && secret !== '';
}
