import type { Clock } from '../clock';
import { systemClock } from '../clock';
import type { ConfigIssue } from '../errors';
import { onRejection } from '../thenable';
import { type Expectation, fieldIssues, kindOf } from './field-check';
import { isPlain } from '../plain';
import type { KeyProblem, ReadSettings } from './registered-key';

/** How a registry reads its secrets; all of it optional. */
export interface KeyRegistryOptions {
  /** How often secrets are read again, in milliseconds of the time that calls carry, in the background of a call. Default 5 minutes. */
  readonly refreshMs?: number | undefined;
  /** How long one read may take. Default 10 seconds. */
  readonly timeoutMs?: number | undefined;
  /** Leaves out the keys of other environments, e.g. `'prod'`: one list for all of them. Default: none is left out. */
  readonly environment?: string | undefined;
  /** Called when a secret cannot be read or the provider answers 401 to it. What it throws is ignored. */
  readonly onProblem?: ((problem: KeyProblem) => void) | undefined;
  /** For tests. Default `systemClock`. */
  readonly clock?: Clock | undefined;
}

const DEFAULT_REFRESH_MS = 300_000;
const DEFAULT_TIMEOUT_MS = 10_000;

const duration: Expectation = {
  what: 'milliseconds, a number of 1 or more, or Infinity',
  holds: (value) => typeof value === 'number' && value >= 1,
};
const CHECKS = {
  refreshMs: duration,
  timeoutMs: duration,
  environment: {
    what: "the name of an environment, e.g. 'prod'",
    holds: (value) => typeof value === 'string' && value !== '',
  },
  onProblem: { what: 'a function', holds: (value) => typeof value === 'function' },
  clock: {
    what: 'a Clock, an object with now and sleep',
    holds: (value) => typeof value === 'object' && value !== null && 'now' in value && 'sleep' in value,
  },
} satisfies Record<keyof KeyRegistryOptions, Expectation>;

/** What is wrong with the options of a registry. */
export function optionIssues(options: unknown): ConfigIssue[] {
  if (isPlain(options)) return fieldIssues('options', options, CHECKS);
  const message = `Expected an object with ${Object.keys(CHECKS).join(', ')}, got ${kindOf(options)}`;
  return [{ path: 'options', message }];
}

/** The options, which have been checked, with the defaults filled in. */
export function readSettings(options: KeyRegistryOptions): ReadSettings {
  const { refreshMs = DEFAULT_REFRESH_MS, timeoutMs = DEFAULT_TIMEOUT_MS, clock = systemClock, onProblem } = options;
  const tell = (problem: KeyProblem): void => {
    try {
      const returned: unknown = onProblem?.(problem);
      onRejection(returned, () => {});
    } catch {
      // The call that this happened in must go on.
    }
  };
  return { refreshMs, timeoutMs, clock, tell };
}
