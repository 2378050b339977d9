// The catalogue, with what the rules make of it.
import { describe, expect, it } from 'vitest';
import { allowedProblems } from '../../src/cli/check-models';
import { groqPrices } from '../../src/price/groq-prices';
import { priceBook } from '../../src/price/price-book';
import { NOW, RULES, SOURCE, folder } from './support';

interface Listed {
  readonly priceVersion: string;
  readonly models: readonly {
    readonly id: string;
    readonly standing: string;
    readonly priced: boolean;
    readonly teams?: readonly string[];
  }[];
  readonly problems: readonly { readonly code: string }[];
}

const ids = async (args: string, files: Readonly<Record<string, string>> = {}): Promise<string[]> =>
  (await folder(files).run(`models --json ${args}`)).json<Listed>().models.map(({ id }) => id);

describe('models', () => {
  it('are listed with prices, sizes, status and shutdown dates', async () => {
    const { code, out, err } = await folder().run('models');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatchInlineSnapshot(`
      "model                                kind           status           input   cached  output  context  most out
      ───────────────────────────────────  ─────────────  ──────────  ──────────  ───────  ──────  ───────  ────────
      openai/gpt-oss-120b                  chat           production       $0.15   $0.075   $0.60  131,072    65,536
      openai/gpt-oss-20b                   chat           production      $0.075  $0.0375   $0.30  131,072    65,536
      whisper-large-v3                     transcription  production    $0.111/h                       448       448
      whisper-large-v3-turbo               transcription  production     $0.04/h                       448       448
      openai/gpt-oss-safeguard-20b         guard          preview         $0.075  $0.0375   $0.30  131,072    65,536
      qwen/qwen3.8-27b                     vision         preview          $0.80            $4.00  131,072    16,384
      meta-llama/llama-prompt-guard-2-22m  guard          preview          $0.03            $0.03      512       512
      meta-llama/llama-prompt-guard-2-86m  guard          preview          $0.04            $0.04      512       512
      canopylabs/orpheus-v1-english        tts            preview     $22.00/Mch                     4,000    50,000
      canopylabs/orpheus-arabic-saudi      tts            preview     $40.00/Mch                     4,000    50,000
      allam-2-7b                           chat           unlisted      unpriced                     4,096     4,096
      nomic-embed-text-v1_5                embedding      unlisted      unpriced

      Price book 2026-11-13. 12 of 44 models.
      "
    `);
  });

  it.each([50, 60, 80, 140])('fit %i columns', async (columns) => {
    const { out } = await folder({ 'governed-groq.config.yaml': RULES }).run('models --all', {
      columns,
      isTTY: true,
      env: { NO_COLOR: '1' },
    });
    expect(out.split('\n').filter((line) => line.length > columns)).toEqual([]);
    expect(out).toContain('$0.075');
    expect(out.includes('cached')).toBe(columns === 140);
  });

  it('leave out what is shut down or sold by contract, unless it is asked for', async () => {
    const all = await ids('--all');
    expect(all).toEqual(groqPrices.models?.());
    const usable = await ids('');
    expect(usable.length).toBeLessThan(all.length);
    expect(usable).not.toContain('groq/compound');
    expect(await ids('groq/compound')).toEqual(['groq/compound']);
    expect(await ids('groq/*')).toEqual([]);
    expect(await ids('groq/* --all')).toEqual(['groq/compound', 'groq/compound-mini']);
    expect(await ids('--status enterprise-only')).toEqual([
      'llama-3.1-8b-instant',
      'llama-3.3-70b-versatile',
      'minimaxai/minimax-m2.7',
    ]);
    expect(await ids('--kind transcription')).toEqual(['whisper-large-v3', 'whisper-large-v3-turbo']);
    expect((await folder().run('models nobody/*')).out).toContain('There is no such model.');
  });

  it('have the teams that may use them, by the rules as they are enforced', async () => {
    const rules = `organization: { deniedModels: ['*guard*'] }
teams:
  all: {}
  openai: { allowedModels: ['openai/*'], deniedModels: [openai/gpt-oss-20b] }
`;
    const files = { 'governed-groq.config.yaml': rules };
    const { models } = (await folder(files).run('models --json')).json<Listed>();
    const teamsOf = (wanted: string): readonly string[] | undefined => models.find(({ id }) => id === wanted)?.teams;
    expect(teamsOf('openai/gpt-oss-120b')).toEqual(['all', 'openai']);
    expect(teamsOf('openai/gpt-oss-20b')).toEqual(['all']);
    expect(teamsOf('openai/gpt-oss-safeguard-20b')).toEqual([]);
    // It has no price.
    expect(teamsOf('allam-2-7b')).toEqual([]);
    expect(await ids('--team openai', files)).toEqual(['openai/gpt-oss-120b']);
    const table = (await folder(files).run('models openai/*')).out;
    expect(table).toMatch(/openai\/gpt-oss-120b .* all, openai\n/);
    expect(table).toMatch(/openai\/gpt-oss-safeguard-20b .* none\n/);
  });

  it('of the rules that are shut down are told', async () => {
    const rules =
      'unpricedModels: { inputPerMillionUsd: 1, outputPerMillionUsd: 1 }\nteams: { a: { allowedModels: [openai/gpt-oss-20b, gemma2-9b-it] } }';
    const here = folder({ 'governed-groq.config.yaml': rules });
    const { code, out } = await here.run('models');
    expect(code).toBe(0);
    expect(out).toContain(
      '! teams.a.allowedModels.1: "gemma2-9b-it" was shut down on 2025-10-08, so every call fails. Use "openai/gpt-oss-20b" instead\n',
    );
    expect((await here.run('models --json')).json<Listed>().problems.map(({ code: each }) => each)).toEqual(['retired-model']);
  });

  it('that stand in for others can be used themselves', async () => {
    let replaced = 0;
    for (const id of groqPrices.models?.() ?? []) {
      const [told] = allowedProblems({ path: 'organization', rules: { allowedModels: [id] } }, {}, NOW);
      const instead = /Use "(.*?)" instead/.exec(told?.message ?? '')?.[1];
      if (instead === undefined) continue;
      replaced++;
      expect(allowedProblems({ path: 'organization', rules: { allowedModels: [instead] } }, {}, NOW)).toEqual([]);
    }
    expect(replaced).toBeGreaterThan(10);
    // Some are replaced by models that are gone too.
    expect(groqPrices.facts?.('gemma2-9b-it')?.replacement).toBe('llama-3.1-8b-instant');
    const circle = { inputPerMillionUsd: 1, outputPerMillionUsd: 1, status: 'retired' } as const;
    const prices = priceBook({ overrides: { a: { ...circle, replacement: 'b' }, b: { ...circle, replacement: 'a' } } });
    const [lost] = allowedProblems({ path: 'organization', rules: { allowedModels: ['a'] } }, { prices }, NOW);
    expect(lost?.message).toBe('"a" is shut down, so every call fails');
  });

  it('have warnings without secrets, for people and for programs', async () => {
    const here = folder({ 'governed-groq.config.yaml': 'teams: { gsk_abcdefgh: { deniedModels: [gsk_ijklmnop] } }' });
    for (const args of ['models', 'models --json', 'check --offline', 'check --offline --json']) {
      const { out } = await here.run(args);
      expect(out).toContain('teams.gsk_….deniedModels.0');
      expect(out.replace(/"teams": \[[^\]]*\]|gsk_abcdefgh *\n/g, '')).not.toMatch(/ijklmnop/);
    }
  });

  it('are those of the price book of the configuration', async () => {
    const text = `import { priceBook } from '${SOURCE}/price/price-book.ts';
const shutdownDate = '${new Date(NOW + 10 * 86_400_000).toISOString().slice(0, 10)}';
export default { prices: priceBook({ version: 'mine', overrides: { 'my/model': { inputPerMillionUsd: 1, outputPerMillionUsd: 2.5, shutdownDate } } }) };`;
    const here = folder({ 'governed-groq.config.ts': text });
    const { models, priceVersion } = (await here.run('models --json')).json<Listed>();
    expect(priceVersion).toBe('mine');
    expect(models).toMatchObject([{ id: 'my/model', standing: 'ending', priced: true }]);
    expect((await here.run('models')).out).toMatch(/my\/model +\$1\.00 +\$2\.50 +2026-12-01\n/);
  });

  it.each([
    [
      'models --kind chatt',
      "error: option '--kind <kind>' argument 'chatt' is invalid. Expected chat, vision, guard, transcription, tts, embedding, system. Did you mean chat?\n",
    ],
    ['models --team x', 'error: --team needs a configuration with teams.\n'],
    ['models --team chatbto -c rules.yaml', 'error: Unknown team. Did you mean chatbot? Known: chatbot, analytics.\n'],
    ['models -c broken.yaml', 'error: broken.yaml is not a valid governance:\n'],
  ])('%s is a mistake', async (args, told) => {
    const { code, out, err } = await folder({ 'rules.yaml': RULES, 'broken.yaml': 'mode: x' }).run(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(told);
  });
});
