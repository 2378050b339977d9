import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as sdk from 'groq-sdk';
import { describe, expect, it } from 'vitest';
import * as library from '../../src/index';
import * as testing from '../../src/testing';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(root + path, 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly files: readonly string[];
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
};

describe('package', () => {
  it('exports these names, and a change of the list is a change for users', () => {
    // Those of groq-sdk come along under their own names.
    const own = Object.keys(library).filter((name) => name === 'default' || !(name in sdk));
    expect(own.sort()).toEqual([
      'BudgetExceededError',
      'GovernanceConfigError',
      'GovernanceError',
      'GovernedGroq',
      'Governor',
      'NoKeyError',
      'PolicyDeniedError',
      'RateLimitWaitError',
      'StoreError',
      'UngovernedRequestError',
      'UnknownTeamError',
      'UnpricedModelError',
      'allow',
      'allowModels',
      'amend',
      'capOutputTokens',
      'default',
      'defineGovernance',
      'deny',
      'denyModels',
      'denyTools',
      'downgradeModel',
      'governanceFromFile',
      'groqPrices',
      'isGovernanceError',
      'jsonlUsageLog',
      'keyRegistry',
      'leased',
      'memoryBudgetStore',
      'memoryRateLimiter',
      'memoryUsageLog',
      'priceBook',
      'systemClock',
      'webhookAlerts',
    ]);
    expect(library.default).toBe(library.GovernedGroq);
  });

  it('has a testing entry with the mock, the clock and the contract suites', () => {
    const names = Object.keys(testing);
    for (const name of ['mockGroq', 'manualClock', 'describeBudgetStore', 'describeRateLimiter', 'describeUsageLog']) {
      expect(names).toContain(name);
    }
  });

  it('offers each entry in both formats, each with its types', () => {
    for (const [entry, targets] of Object.entries(manifest.exports)) {
      if (entry === './package.json') continue;
      const file = entry === '.' ? 'index' : entry.slice(2);
      expect(existsSync(`${root}src/${file}.ts`), file).toBe(true);
      expect(read('tsup.config.ts')).toContain(`'src/${file}.ts'`);
      expect(targets).toEqual({
        import: { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
        require: { types: `./dist/${file}.d.cts`, default: `./dist/${file}.cjs` },
      });
    }
  });

  it('leaves groq-sdk to its user, as what only some need, and depends on nothing else', () => {
    expect(Object.keys(manifest.peerDependencies)).toEqual(['@opentelemetry/api', 'groq-sdk', 'jiti']);
    expect(manifest.peerDependenciesMeta).toEqual({ '@opentelemetry/api': { optional: true }, jiti: { optional: true } });
    expect(manifest.dependencies).toBeUndefined();
  });

  it('carries the licence of the code that is inlined', () => {
    expect(manifest.files).toContain('THIRD-PARTY-NOTICES.md');
    for (const licence of [
      'p-queue/license',
      'zod/LICENSE',
      'js-yaml/LICENSE',
      'chart.js/LICENSE.md',
      '@kurkle/color/LICENSE.md',
      'commander/LICENSE',
      'cli-table3/LICENSE',
    ]) {
      expect(read('THIRD-PARTY-NOTICES.md')).toContain(read(`node_modules/${licence}`).trim());
    }
  });

  it('has an entry for its version in the changelog', () => {
    expect(read('CHANGELOG.md')).toContain(`\n## ${manifest.version}\n`);
  });
});
