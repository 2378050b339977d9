import { readFileSync } from 'node:fs';
import { type Options, defineConfig } from 'tsup';

const shared: Options = {
  target: 'es2022',
  // Deno and the edge know Node's modules by this name only.
  removeNodeProtocol: false,
  sourcemap: true,
  // One page holds everything it shows, so the charts' code is a text here.
  define: { CHART_SOURCE: JSON.stringify(readFileSync('node_modules/chart.js/dist/chart.umd.min.js', 'utf8')) },
};

export default defineConfig([
  {
    ...shared,
    entry: [
      'src/index.ts',
      'src/testing.ts',
      'src/fetch.ts',
      'src/sqlite.ts',
      'src/redis.ts',
      'src/postgres.ts',
      'src/otel.ts',
      'src/report.ts',
    ],
    format: ['esm', 'cjs'],
    platform: 'neutral',
    // One copy of shared classes for all entry points, in CommonJS too.
    splitting: true,
    // p-queue is ESM only, so inlined: require() works on every Node. Of zod and js-yaml a small part is used, which loads in a
    // fraction of the time of the whole. Licences of what is inlined are in THIRD-PARTY-NOTICES.md.
    noExternal: ['p-queue', 'zod', 'js-yaml'],
    // tsup sets baseUrl, which TypeScript 6 rejects.
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  },
  {
    ...shared,
    // CommonJS, as what it inlines is.
    entry: ['src/cli.ts'],
    format: ['cjs'],
    platform: 'node',
    external: ['jiti'],
  },
]);
