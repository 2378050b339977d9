// Rules that can be edited while the program runs: a governance may carry where it comes from.

import type { ConfigIssue } from './errors';
import type { Governance } from './governance';

/** What an edit made of the rules, or what is wrong with it. */
export type GovernanceEdit =
  | { readonly fields: Governance; readonly issues?: undefined }
  | { readonly issues: readonly ConfigIssue[]; readonly fields?: undefined };

/** Where fields of a governance come from, and how to hear of edits. */
export interface GovernanceSource {
  /** E.g. the path of a file. */
  readonly name: string;
  /** As they were when the governance was made. */
  readonly fields: Governance;
  /** Calls the listener with each edit until the returned function is called; at once, if there were edits before. */
  follow(listener: (edit: GovernanceEdit) => void): () => void;
}

// A registered symbol, because a governance may come from another copy of this package; enumerable, so that `{ ...governance }`
// takes it along.
const SOURCE: unique symbol = Symbol.for('governed-groq.source') as never;

/** A governance of these fields, which follows its source. */
export function fromSource(source: GovernanceSource): Governance {
  return { ...source.fields, [SOURCE]: source } as Governance;
}

/** Where a governance comes from, if it can be edited there. */
export function sourceOf(governance: Governance): GovernanceSource | undefined {
  return (governance as { readonly [SOURCE]?: GovernanceSource })[SOURCE];
}

/**
 * A governance with edited fields in place of those it took from its source. What the program set itself, beside or in place of
 * a field of the source, stays.
 */
export function edited(governance: Governance, { fields: before }: GovernanceSource, fields: Governance): Governance {
  const own = Object.entries(governance).filter(
    ([field, value]) => !Object.hasOwn(before, field) || value !== before[field as keyof Governance],
  );
  return { ...fields, ...(Object.fromEntries(own) as Governance) };
}

const FIXED = [
  'budgetStore',
  'rateLimiter',
  'usageLog',
  'alerts',
  'audioDuration',
  'storeTimeoutMs',
  'clock',
  // Windows, and with them what was spent in them, have their names from it.
  'timeZone',
] as const;

/** What an edit would change that a governor is made with and keeps. */
export function fixedIssues(before: Governance, after: Governance): ConfigIssue[] {
  const fixed: readonly string[] = FIXED.filter((field) => before[field] !== after[field]);
  // A client that was made with them has no key of its own to go back to.
  const gone: readonly string[] = before.keys !== undefined && after.keys === undefined ? ['keys'] : [];
  return [...fixed, ...gone].map((path) => ({
    path,
    message: 'Cannot change while the program runs. Restart it, or undo this edit',
  }));
}
