import type { KeyState, ListedKey } from './key-provider';
import type { RegisteredKey } from './registered-key';

/** A key as it is shown. `newer` are the keys before which it comes when one is chosen. */
export function listedKey(key: RegisteredKey, newer: readonly RegisteredKey[], at: number): ListedKey {
  const { serving, versions, config, retireAfter } = key;
  const [newest] = versions;
  return {
    id: config.name,
    team: config.team,
    environment: config.environment,
    purpose: config.purpose,
    fingerprint: serving?.fingerprint,
    state: stateOf(key, newer, at),
    ...(newest !== serving && { nextFingerprint: newest?.fingerprint }),
    notBefore: config.notBefore,
    retireAfter,
    allowedModels: config.allowedModels,
  };
}

function stateOf(key: RegisteredKey, newer: readonly RegisteredKey[], at: number): KeyState {
  const { serving, retireAfter = Infinity } = key;
  if (!key.isLive(at)) return at >= retireAfter ? 'retired' : 'waiting';
  if (key.isUnreadable || serving?.isRejected === true) return 'quarantined';
  if (newer.some((other) => other.isLive(at) && other.serving?.isProved === true && covers(other, key))) return 'standby';
  return serving?.isProved === true ? 'active' : 'proving';
}

/** Whether one key can be used for every call that the other can be used for. */
function covers({ config: one }: RegisteredKey, { config: other }: RegisteredKey): boolean {
  if (one.team !== other.team) return false;
  return one.allowedModels === undefined || other.allowedModels?.every((model) => one.allows(model)) === true;
}
