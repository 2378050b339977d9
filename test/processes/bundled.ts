// A worker's program, bundled as a user's would be, in a folder of its own.
import { mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

/** The provider's own limits, where they are not what is tested. */
export const GENEROUS: Readonly<Record<string, string>> = {
  'x-ratelimit-limit-requests': '100000000',
  'x-ratelimit-remaining-requests': '99999999',
  'x-ratelimit-limit-tokens': '1000000000',
  'x-ratelimit-remaining-tokens': '999999999',
};

/** Bundles `test/processes/<name>.ts`. The folder is for the caller to remove. */
export async function bundled(name: string): Promise<{ readonly folder: string; readonly outfile: string }> {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [resolve(`test/processes/${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'), 'junction');
  return { folder, outfile };
}
