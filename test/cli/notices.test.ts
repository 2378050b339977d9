// The bundle of the command line has code of others in it, whose licences want to be carried along.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it.each([
  'commander/LICENSE',
  'cli-table3/LICENSE',
  'string-width/license',
  'strip-ansi/license',
  'strip-ansi/node_modules/ansi-regex/license',
  'is-fullwidth-code-point/license',
  'emoji-regex/LICENSE-MIT.txt',
  '@colors/colors/LICENSE',
  'js-yaml/LICENSE',
  'zod/LICENSE',
])('%s is in the notices', (licence) => {
  expect(readFileSync('THIRD-PARTY-NOTICES.md', 'utf8')).toContain(readFileSync(`node_modules/${licence}`, 'utf8').trim());
});
