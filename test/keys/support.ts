import type { ApiKey, KeyRequest, KeyResult } from '../../src/keys/key-provider';
import type { KeyRegistry } from '../../src/keys/key-registry';

export const T0 = Date.UTC(2026, 10, 21);
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

let calls = 0;

/** What a call of the team `chatbot` asks for. */
export function wanted(request: Partial<KeyRequest> = {}): KeyRequest {
  return {
    callId: `call-${++calls}`,
    team: 'chatbot',
    model: 'openai/gpt-oss-20b',
    operation: 'chat.completions',
    at: T0,
    ...request,
  };
}

/** One call: the key that it was given, and the ways in which it can end. */
export interface Asked {
  readonly callId: string;
  readonly id: string | undefined;
  readonly secret: string | undefined;
  readonly key: ApiKey | undefined;
  /** Reports an answer with this status; undefined is no answer. */
  answered(status: number | undefined, at?: number): void;
}

/** Asks for a key that is there without waiting. */
export function ask(registry: KeyRegistry, request: Partial<KeyRequest> = {}): Asked {
  const full = wanted(request);
  const key = registry.key(full);
  if (key instanceof Promise) throw new Error('the key has to be waited for');
  return asked(registry, full, key);
}

export async function askLater(registry: KeyRegistry, request: Partial<KeyRequest> = {}): Promise<Asked> {
  const full = wanted(request);
  return asked(registry, full, await registry.key(full));
}

function asked(registry: KeyRegistry, { callId, at: began }: KeyRequest, key: ApiKey | undefined): Asked {
  return {
    callId,
    key,
    id: key?.id,
    secret: key?.secret,
    answered(status, at = began) {
      if (key === undefined) throw new Error('there was no key');
      registry.attempted({ callId, at, key, result: resultOf(status), status });
    },
  };
}

export function resultOf(status: number | undefined): KeyResult {
  if (status === undefined) return 'unanswered';
  return status === 401 ? 'unauthorized' : status === 429 ? 'rate-limited' : 'ok';
}

/** The states by name. */
export const states = (registry: KeyRegistry, at = T0): Record<string, string | undefined> =>
  Object.fromEntries(registry.list(at).map(({ id, state }) => [id, state]));

/** A promise with its ends. */
export function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve: (value) => resolve(value), reject: (error) => reject(error) };
}
