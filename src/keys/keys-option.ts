import type { KeyEntry, SecretSource } from './key-entry';
import type { KeyProvider } from './key-provider';
import { type KeyRegistry, keyRegistry } from './key-registry';
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

/** The provider of one governor, whose keys may be edited while calls go on. */
export class KeysInForce {
  readonly #options: KeyRegistryOptions;
  #keys: KeysOption | undefined;
  #registry: KeyRegistry | undefined;

  constructor(options: KeyRegistryOptions) {
    this.#options = options;
  }

  /** The provider for these keys. Of a list that was edited it is the one of the list before, so what keys have proved stays. */
  use(keys: KeysOption | undefined): KeyProvider | undefined {
    if (keys === undefined || isProvider(keys)) return keys;
    if (this.#registry === undefined) this.#registry = keyRegistry(keys, this.#options);
    else if (keys !== this.#keys && JSON.stringify(keys) !== JSON.stringify(this.#keys)) this.#registry.replace(keys);
    this.#keys = keys;
    return this.#registry;
  }
}
