import { fingerprintOf } from './fingerprint';
import type { ApiKey, KeyRules } from './key-provider';

/** How long a call that tries a new secret may take to report, by the time that requests carry. */
export const PROBE_MS = 60_000;

interface Probe {
  readonly callId: string;
  readonly at: number;
}

// The secret is not a field, so that no logger or serializer finds it.
class IssuedKey implements ApiKey {
  readonly id: string;
  readonly rules: KeyRules | undefined;
  readonly #secret: string;

  constructor(id: string, secret: string, rules: KeyRules | undefined) {
    this.id = id;
    this.rules = rules;
    this.#secret = secret;
  }

  get secret(): string {
    return this.#secret;
  }
}

/** One secret of a key, and what is known of it. Times are those of requests, epoch milliseconds. */
export class SecretVersion {
  /** Undefined until it is computed. */
  fingerprint: string | undefined;
  /** Resolves when `fingerprint` is there. */
  readonly fingerprinted: Promise<void>;
  /** An answer has shown that it works, and none since that it does not. */
  isProved = false;
  /** The last 401. */
  rejectedAt: number | undefined;
  /** Until when it is not tried, because the last try said nothing of it. */
  restsUntil = -Infinity;
  /** When a newer one has first taken its calls. */
  replacedAt: number | undefined;
  #key: ApiKey;
  #probe: Probe | undefined;

  constructor(id: string, secret: string, rules: KeyRules | undefined) {
    this.#key = new IssuedKey(id, secret, rules);
    this.fingerprinted = fingerprintOf(secret).then(
      (fingerprint) => void (this.fingerprint = fingerprint),
      () => {},
    );
  }

  /** As calls get it: the same object as long as its rules are the same. */
  get key(): ApiKey {
    return this.#key;
  }

  get isRejected(): boolean {
    return this.rejectedAt !== undefined;
  }

  /** Calls that are under way keep the object, and the rules, that they have. */
  useRules(rules: KeyRules | undefined): void {
    if (rules !== this.#key.rules) this.#key = new IssuedKey(this.#key.id, this.#key.secret, rules);
  }

  /** Whether this call may try it: no other does, or not for long. */
  isFree(callId: string, at: number): boolean {
    if (at < this.restsUntil) return false;
    return this.#probe === undefined || this.#probe.callId === callId || Math.abs(at - this.#probe.at) >= PROBE_MS;
  }

  tryOut(callId: string, at: number): void {
    this.#probe = { callId, at };
  }

  /** The try is over, if this call made it. True if it did. */
  endTry(callId: string): boolean {
    const isOver = this.#probe?.callId === callId;
    if (isOver) this.#probe = undefined;
    return isOver;
  }

  prove(): void {
    this.isProved = true;
    this.rejectedAt = undefined;
    this.replacedAt = undefined;
    this.#probe = undefined;
  }

  reject(at: number): void {
    // A try that began before the 401 says nothing of the time after.
    if (!this.isRejected) this.#probe = undefined;
    this.isProved = false;
    this.rejectedAt = Math.max(at, this.rejectedAt ?? at);
  }
}
