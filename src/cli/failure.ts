import { CommanderError } from 'commander';
import { type ConfigIssue, GovernanceConfigError, isGovernanceError } from '../errors';

/** What the program ends with. */
export const EXIT = {
  /** It is done, and the answer is yes. */
  ok: 0,
  /** The answer is no: refused, or problems found. */
  no: 1,
  /** Wrong usage, or a configuration that cannot be used. */
  usage: 2,
  /** Something outside failed: a store, the network, the disk. */
  outside: 3,
  interrupted: 130,
  terminated: 143,
} as const;

/** Whose fault it is. */
export type FailureKind = 'usage' | 'configuration' | 'outside';

/** Why a command could not give an answer. Its message is for the user, and says what to do. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  /** Every mistake in a configuration. */
  readonly issues: readonly ConfigIssue[] | undefined;

  constructor(kind: FailureKind, message: string, options: ErrorOptions & { readonly issues?: readonly ConfigIssue[] } = {}) {
    super(message, options);
    this.kind = kind;
    this.issues = options.issues;
  }
}

/** Thrown when a signal ends a command before its answer. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;

  constructor(signal: unknown) {
    super('Interrupted');
    this.exitCode = signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  }
}

/** Whatever was thrown, as a failure that can be told. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/s, '. Did you mean $1?');
    return new Failure('usage', message, { cause: error });
  }
  if (isConfigError(error))
    return new Failure('configuration', 'The governance is not valid', { cause: error, issues: error.issues });
  const kind: FailureKind = isGovernanceError(error) && error.code === 'invalid-request' ? 'usage' : 'outside';
  return new Failure(kind, messageOf(error), { cause: error });
}

/** Whether it lists mistakes of a governance; it may come from another copy of the package. */
export function isConfigError(error: unknown): error is GovernanceConfigError {
  return isGovernanceError(error) && error.code === 'invalid-config' && 'issues' in error && Array.isArray(error.issues);
}

/** What an error says, with what caused it. Some of those of the network say nothing but a code. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error) && !isErrorLike(error)) return String(error);
  const own = error.message || codeOf(error) || error.name;
  const cause: unknown = 'cause' in error ? error.cause : undefined;
  const first: unknown = cause instanceof AggregateError && !cause.message ? cause.errors[0] : cause;
  if (first === undefined || first === null) return own;
  const reason = messageOf(first);
  return own.includes(reason) ? own : `${own.replace(/\.$/, '')}: ${reason}`;
}

// Errors of another realm are not instances of ours.
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');
