import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As the build has it.
  define: { CHART_SOURCE: JSON.stringify(readFileSync('node_modules/chart.js/dist/chart.umd.min.js', 'utf8')) },
  test: {
    include: ['test/**/*.test.ts'],
    // Properties over many histories take their time on a busy machine.
    testTimeout: 20_000,
    // Many tests wait for other processes and servers, so a worker more than the default pays off.
    maxWorkers: '100%',
    reporters: ['default', './test/plain-reporter.ts'],
    typecheck: { enabled: true, checker: './node_modules/typescript/bin/tsc' as 'tsc', include: ['test/**/*.test-d.ts'] },
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text', 'json-summary'] },
  },
});
