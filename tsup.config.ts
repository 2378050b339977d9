import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/testing.ts', 'src/fetch.ts', 'src/sqlite.ts', 'src/redis.ts', 'src/postgres.ts'],
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  // One copy of shared classes for all entry points, in CommonJS too.
  splitting: true,
  // ESM only, so inlined: require() works on every Node. Its licence is in THIRD-PARTY-NOTICES.md.
  noExternal: ['p-queue'],
  // tsup sets baseUrl, which TypeScript 6 rejects.
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  // Deno and the edge know Node's modules by this name only.
  removeNodeProtocol: false,
  sourcemap: true,
  clean: true,
});
