/** What a contract suite uses of a test runner. Those of Vitest, Jest, Bun and `node:test` with an `expect` all fit. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void> | void) => void;
  /** Used as `expect(value).toBe(…)`, `.toEqual(…)`. */
  readonly expect: (value: unknown) => { toBe(expected: unknown): void; toEqual(expected: unknown): void };
}
