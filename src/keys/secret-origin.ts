import { environmentVariable } from '../platform';
import type { SecretSource } from './key-entry';

/** A way to a secret. One without `read` is the secret itself and never changes. */
export interface SecretOrigin {
  /** Known without waiting: the secret itself, or the environment's. */
  readonly initial: () => string | undefined;
  readonly read: ((signal: AbortSignal) => unknown) | undefined;
}

const ENVIRONMENT_NAME = /^(?=.*_)[A-Z_][A-Z0-9_]*$/;
// What an HTTP header can carry.
const SECRET = /^[\x21-\x7e]+$/;

/** The way to a secret; the source has been checked. */
export function secretOrigin(source: SecretSource): SecretOrigin {
  const variable = variableOf(source);
  if (variable !== undefined) {
    const read = (): string | undefined => environmentVariable(variable);
    return { initial: read, read };
  }
  if (typeof source === 'string') return { initial: () => source, read: undefined };
  if (typeof source === 'function') return { initial: () => undefined, read: (signal) => source({ signal }) };
  const path = 'file' in source ? source.file : '';
  return { initial: () => undefined, read: (signal) => fileText(path, signal) };
}

/** The environment variable that a source names; undefined if it names none. */
export function variableOf(source: unknown): string | undefined {
  if (typeof source === 'string') return ENVIRONMENT_NAME.test(source.trim()) ? source.trim() : undefined;
  if (typeof source !== 'object' || source === null) return undefined;
  const { env } = source as { env?: unknown };
  return typeof env === 'string' ? env : undefined;
}

/** A secret as it can be sent; undefined if it is none. */
export function cleanSecret(value: unknown): string | undefined {
  const secret = typeof value === 'string' ? value.trim() : '';
  return SECRET.test(secret) ? secret : undefined;
}

// Not written out, so that bundlers for places without files leave it alone.
const FILE_SYSTEM = 'node:fs/promises';

async function fileText(path: string, signal: AbortSignal): Promise<string> {
  const { readFile } = (await import(FILE_SYSTEM)) as typeof import('node:fs/promises');
  return readFile(path, { encoding: 'utf8', signal });
}
