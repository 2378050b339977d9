import type { Clock } from '../clock';
import type { CheckedEntry } from './entry-check';
import type { KeyConfig } from './key-entry';
import type { KeyRules } from './key-provider';
import { type SecretOrigin, cleanSecret } from './secret-origin';
import { SecretVersion } from './secret-version';
import { withinTime } from './within-time';

/** How soon a secret that could not be read is read again at first, and one that calls cannot do without at any time. */
const RETRY_MS = 10_000;

/** What went wrong with a key. Holds no secret. */
export interface KeyProblem {
  /** The name of the key. */
  readonly key: string;
  readonly at: number;
  /** `unreadable`: its secret cannot be read; `unauthorized`: the provider answered 401 to it. */
  readonly kind: 'unreadable' | 'unauthorized';
  /** What happened and what is done about it, in words. */
  readonly message: string;
  /** What the source of the secret threw, as it is. Not enumerable, because nobody knows what is in it. */
  readonly cause?: unknown;
}

/** How secrets are read. */
export interface ReadSettings {
  readonly refreshMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly tell: (problem: KeyProblem) => void;
}

/** One name of a registry: its secrets, the newest first, and when they were read. */
export class RegisteredKey {
  readonly #settings: ReadSettings;
  #config: KeyConfig;
  #origin: SecretOrigin;
  #versions: readonly SecretVersion[] = [];
  #retireAfter: number | undefined;
  /** When the last read began. */
  #readAt: number | undefined;
  /** How many reads in a row have failed. */
  #failures = 0;
  #reading: Promise<KeyProblem | undefined> | undefined;
  #afresh: Promise<KeyProblem | undefined> | undefined;

  constructor({ config, origin }: CheckedEntry, settings: ReadSettings) {
    this.#settings = settings;
    this.#config = config;
    this.#origin = origin;
    this.#retireAfter = config.retireAfter;
    this.#adopt(origin.initial());
  }

  get config(): KeyConfig {
    return this.#config;
  }

  get retireAfter(): number | undefined {
    return this.#retireAfter;
  }

  /** At most two: one that is to prove itself, and the one before. */
  get versions(): readonly SecretVersion[] {
    return this.#versions;
  }

  /** The one that takes calls, or took them last. */
  get serving(): SecretVersion | undefined {
    const working = this.#versions.filter(({ isRejected }) => !isRejected);
    return working.find(({ isProved }) => isProved) ?? working.at(-1) ?? this.#versions[0];
  }

  /** Neither has it a secret, nor is it known that there is none. */
  get isUnread(): boolean {
    return this.#versions.length === 0 && this.#failures === 0;
  }

  get isUnreadable(): boolean {
    return this.#versions.length === 0 && this.#failures > 0;
  }

  /** A read under way after which there may be another secret. */
  get pending(): Promise<unknown> | undefined {
    return this.#afresh ?? this.#reading;
  }

  isLive(at: number): boolean {
    const { notBefore = -Infinity } = this.#config;
    return notBefore <= at && at < (this.#retireAfter ?? Infinity);
  }

  retire(at: number): void {
    this.#retireAfter = at;
  }

  /** Takes over an entry of the same name. Another secret has to prove itself while the one before goes on. */
  change({ config, origin }: CheckedEntry): void {
    const rules = sameRules(config.rules, this.#config.rules) ? this.#config.rules : config.rules;
    this.#config = { ...config, rules };
    this.#origin = origin;
    this.#retireAfter = config.retireAfter;
    this.#reading = undefined;
    this.#readAt = origin.read && -Infinity;
    for (const version of this.#versions) version.useRules(rules);
    this.#adopt(origin.initial());
  }

  /** True if it is time to read the secret again. Notes when it was first asked. */
  isDue(at: number): boolean {
    if (this.#origin.read === undefined || this.#reading !== undefined) return false;
    // What is known from the beginning was read then.
    if (this.#readAt === undefined && this.#versions.length > 0) this.#readAt = at;
    const retryMs = this.#failures > 0 ? RETRY_MS * 2 ** (this.#failures - 1) : Infinity;
    return this.#isOlderThan(Math.min(retryMs, this.#settings.refreshMs), at);
  }

  /** The read that may help a call for which there is no secret; undefined if there was one just now. */
  readForWant(at: number): Promise<unknown> | undefined {
    if (this.#origin.read === undefined) return undefined;
    return this.pending ?? (this.#isOlderThan(RETRY_MS, at) ? this.read(at) : undefined);
  }

  /** Reads the secret, once at a time. Never rejects: resolves to what was wrong, which has been told. */
  read(at: number): Promise<KeyProblem | undefined> {
    const { read } = this.#origin;
    if (read === undefined) return this.#fingerprinted().then(() => undefined);
    if (this.#reading !== undefined) return this.#reading;
    const reading = this.#readOnce(this.#origin, read, at).finally(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    this.#reading = reading;
    return reading;
  }

  /** The same, and certainly begun after now. */
  readAfresh(at: number): Promise<KeyProblem | undefined> {
    const before = this.#reading;
    if (before === undefined) return this.read(at);
    this.#afresh ??= before
      .then(() => this.read(at))
      .finally(() => {
        this.#afresh = undefined;
      });
    return this.#afresh;
  }

  /** An answer shows that a secret works. If it is the newest, the one before is forgotten. */
  prove(version: SecretVersion): void {
    version.prove();
    if (version === this.#versions[0]) this.#versions = [version];
  }

  /** The provider does not know a secret. It may have been replaced, so it is read again. `callId` is the call that was refused. */
  reject(version: SecretVersion, callId: string, at: number): void {
    const isNews = version.endTry(callId) || !version.isRejected;
    version.reject(at);
    if (!isNews) return;
    const { name } = this.#config;
    const next = this.#origin.read ? 'It takes no calls now, and its secret is read again' : 'It takes no calls now';
    this.#settings.tell({
      key: name,
      at,
      kind: 'unauthorized',
      message: `The provider answered 401 to key ${JSON.stringify(name)}. ${next}.`,
    });
    if (this.#origin.read) void this.readAfresh(at);
  }

  #isOlderThan(ms: number, at: number): boolean {
    return this.#readAt === undefined || Math.abs(at - this.#readAt) >= ms;
  }

  async #readOnce(origin: SecretOrigin, read: (signal: AbortSignal) => unknown, at: number): Promise<KeyProblem | undefined> {
    const { clock, timeoutMs } = this.#settings;
    this.#readAt = at;
    let why: string;
    let cause: unknown;
    try {
      const value = await withinTime(read, timeoutMs, clock);
      // Another entry may have taken the name meanwhile.
      if (origin !== this.#origin) return undefined;
      if (cleanSecret(value) !== undefined) {
        this.#failures = 0;
        this.#adopt(value);
        await this.#fingerprinted();
        return undefined;
      }
      why = whyNoSecret(value);
    } catch (error) {
      if (origin !== this.#origin) return undefined;
      [why, cause] = [nameOfError(error), error];
    }
    this.#failures++;
    return this.#tellUnreadable(at, why, cause);
  }

  #tellUnreadable(at: number, why: string, cause: unknown): KeyProblem {
    const { name } = this.#config;
    const rest = this.#versions.length > 0 ? 'The one known so far stays in use' : 'It has none so far';
    const message = `The secret of key ${JSON.stringify(name)} cannot be read (${why}). ${rest}.`;
    const problem: KeyProblem = { key: name, at, kind: 'unreadable', message };
    Object.defineProperty(problem, 'cause', { value: cause });
    this.#settings.tell(problem);
    return problem;
  }

  #adopt(given: unknown): void {
    const secret = cleanSecret(given);
    if (secret === undefined || this.#versions[0]?.key.secret === secret) return;
    // The one before may come back.
    const newest =
      this.#versions.find(({ key }) => key.secret === secret) ??
      new SecretVersion(this.#config.name, secret, this.#config.rules);
    const others = this.#versions.filter((version) => version !== newest && !version.isRejected);
    const serving = newest.isProved ? undefined : (others.find(({ isProved }) => isProved) ?? others.at(-1));
    this.#versions = serving ? [newest, serving] : [newest];
  }

  async #fingerprinted(): Promise<void> {
    await Promise.all(this.#versions.map(({ fingerprinted }) => fingerprinted));
  }
}

function sameRules(a: KeyRules | undefined, b: KeyRules | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function whyNoSecret(value: unknown): string {
  if (typeof value !== 'string') return `expected text, got ${value === null ? 'null' : typeof value}`;
  return value.trim() === '' ? 'it is empty' : 'it has characters that no header can carry';
}

// The words of an error that is not ours may hold anything.
function nameOfError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { code?: unknown };
  const names = [error.name, code].filter((name) => typeof name === 'string' && /^[\w.-]{1,60}$/.test(name));
  return names.join(', ') || 'error';
}
