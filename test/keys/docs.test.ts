// What docs/keys.md shows does what it says. That it compiles is shown by the test of the README.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { GovernedGroq } from '../../src/client';
import { type KeyRegistry, keyRegistry } from '../../src/keys/key-registry';
import { askLater } from './support';

const page = readFileSync(new URL('../../docs/keys.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => code);
const AsyncFunction = (async () => {}).constructor;

/** Runs the block that has this text, with what it declares, and hands back its `keys`. */
async function run(text: string, declared: Readonly<Record<string, unknown>> = {}): Promise<KeyRegistry> {
  const block = blocks.find((code) => code.includes(text)) ?? expect.fail(`no block with ${text}`);
  const body = ts
    .transpile(block, { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext })
    .replace(/^import .*$/gm, '')
    .replace(/^export /gm, '');
  const scope = { keyRegistry, GovernedGroq, console: { log: () => {}, warn: () => {} }, ...declared };
  const make = Reflect.construct(AsyncFunction, [...Object.keys(scope), `${body}\nreturn keys;`]) as (
    ...values: unknown[]
  ) => Promise<KeyRegistry>;
  return make(...Object.values(scope));
}

it('the adapter for AWS reads the secret that it is given', async () => {
  class GetSecretValueCommand {
    constructor(readonly input: { readonly SecretId: string }) {}
  }
  const signals: AbortSignal[] = [];
  const client = {
    async send({ input }: GetSecretValueCommand, { abortSignal }: { abortSignal: AbortSignal }) {
      signals.push(abortSignal);
      return { SecretString: `gsk_${input.SecretId}` };
    },
  };
  const keys = await run('awsSecret', { client, GetSecretValueCommand });
  expect((await askLater(keys)).secret).toBe('gsk_groq/chatbot');
  expect(signals).toEqual([expect.any(AbortSignal)]);
});

it.each<[string, unknown, string | undefined]>([
  ['as bytes', new TextEncoder().encode('gsk_gcp\n'), 'gsk_gcp'],
  ['as a Buffer', Buffer.from('gsk_gcp'), 'gsk_gcp'],
  ['as text', 'gsk_gcp', 'gsk_gcp'],
  ['that is missing', undefined, undefined],
])('the adapter for GCP reads a secret %s', async (_, data, secret) => {
  const names: string[] = [];
  const client = {
    accessSecretVersion: async ({ name }: { name: string }) => (
      names.push(name),
      [{ payload: { data } }, undefined, undefined]
    ),
  };
  expect((await askLater(await run('gcpSecret', { client }))).secret).toBe(secret);
  expect(names).toEqual(['projects/p/secrets/groq-chatbot/versions/latest']);
});

it('the rotation step by step goes so', async () => {
  const keys = await run('keys.retire');
  expect(keys.list(Date.UTC(2026, 10, 22)).map(({ id, state }) => [id, state])).toEqual([
    ['chatbot-prod-2026-04', 'proving'],
    ['chatbot-prod-2026-11', 'waiting'],
  ]);
  expect(keys.list(Date.UTC(2026, 10, 25)).map(({ state }) => state)).toEqual(['retired', 'proving']);
});

it('a fingerprint is what the command shows', async () => {
  expect(page).toContain('sha256sum | cut -c1-8');
  const keys = keyRegistry({ chatbot: 'gsk_1' });
  await keys.refresh();
  expect(keys.list()[0]?.fingerprint).toBe(createHash('sha256').update('gsk_1').digest('hex').slice(0, 8));
});

it('every word for an environment is one', () => {
  const [, words = ''] = /a usual word for an environment \(([^)]*)\)/.exec(page) ?? [];
  const all = [...words.matchAll(/`(\w+)`/g)].map(([, word = '']) => word);
  expect(all).toHaveLength(15);
  for (const word of all)
    expect(keyRegistry({ [`a-${word}-b`]: 'gsk_1' }).list()).toMatchObject([{ team: 'a', environment: word }]);
});
