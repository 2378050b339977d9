/** What a contract suite uses of a test runner. Those of Vitest, Jest, Bun and `node:test` with an `expect` all fit. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void> | void): void;
  /** Used as `expect(value).toBe(…)`, `.toEqual(…)`. */
  expect(value: unknown): { toBe(expected: unknown): void; toEqual(expected: unknown): void };
}
