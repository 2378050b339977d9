import type { KeyEntry, SecretSource } from './key-entry';
import type { KeyProvider } from './key-provider';
import { keyRegistry } from './key-registry';
import type { KeyRegistryOptions } from './registry-options';

/** A provider, or what `keyRegistry()` makes one of: a list of keys, or a record of secrets by name. */
export type KeysOption = KeyProvider | readonly KeyEntry[] | Readonly<Record<string, SecretSource | undefined>>;

/** Throws a `GovernanceConfigError` that lists what is wrong with the keys. */
export function providerOf(keys: KeysOption, options: KeyRegistryOptions = {}): KeyProvider {
  return isProvider(keys) ? keys : keyRegistry(keys, options);
}

/** True if it chooses keys by itself. */
export function isProvider(keys: KeysOption): keys is KeyProvider {
  return !Array.isArray(keys) && typeof Reflect.get(keys, 'key') === 'function';
}
