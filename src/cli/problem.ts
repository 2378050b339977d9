/** Something that a check found. An error makes calls fail, a warning may be meant. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  /** The kind of problem, for programs. */
  readonly code: ProblemCode;
  /** Where in the rules, e.g. `teams.chatbot.allowedModels.1`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** Counted from 1; undefined in programs. */
  readonly line?: number | undefined;
}

export type ProblemCode =
  | 'unreadable'
  | 'invalid'
  | 'retired-model'
  | 'ending-model'
  | 'contract-model'
  | 'unpriced-model'
  | 'unknown-model'
  | 'unusable-model'
  | 'not-offered'
  | 'unknown-team'
  | 'unreadable-key'
  | 'no-key';
