import type { Instant } from '../instant';
import type { KeyRules } from './key-provider';
import type { Matcher } from '../wildcards';

/** Fetches a secret, e.g. from a secret manager. `signal` is aborted when it takes too long. Nothing or `''` is a failure. */
export type SecretFunction = (how: { readonly signal: AbortSignal }) => string | undefined | Promise<string | undefined>;

/**
 * Where a secret comes from:
 * - the secret itself;
 * - the name of an environment variable: upper-case letters, digits and at least one `_`, or `{ env: name }` for any name;
 * - `{ file: path }`, e.g. a mounted secret;
 * - a function.
 *
 * All but the first are read again from time to time, and at once after a 401. White space around a secret is taken off.
 */
export type SecretSource = string | { readonly env: string } | { readonly file: string } | SecretFunction;

/** One key of a registry. */
export interface KeyEntry extends KeyRules {
  /**
   * `{team}-{environment}-{purpose}`, e.g. `chatbot-prod-web`. A name without a usual word for an environment (`prod`, `staging`,
   * `dev`, `test`, …) is a team's as a whole, and one that begins with it is for every team. Unique; shown in records and reports.
   */
  readonly name: string;
  readonly secret: SecretSource;
  /** Default: from the name. `'*'` is every team; a team's own keys come first. */
  readonly team?: string | undefined;
  /** Default: from the name. */
  readonly environment?: string | undefined;
  /** Default: from the name. */
  readonly purpose?: string | undefined;
  /** It is not used before. Of two keys of a team, the one with the later `notBefore` is the newer, then the one listed later. */
  readonly notBefore?: Instant | undefined;
  /** New calls do not use it from then on; those in flight end with it. */
  readonly retireAfter?: Instant | undefined;
}

/** An entry that has been checked, with everything filled in. */
export interface KeyConfig {
  readonly name: string;
  readonly team: string | undefined;
  readonly environment: string | undefined;
  readonly purpose: string | undefined;
  readonly allowedModels: readonly string[] | undefined;
  readonly allows: Matcher;
  readonly notBefore: number | undefined;
  readonly retireAfter: number | undefined;
  readonly rules: KeyRules | undefined;
}
