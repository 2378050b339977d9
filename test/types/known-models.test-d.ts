// Types that know the policy: what `defineGovernance()` tells the compiler, and what a client makes of it.
import Groq, { type APIPromise } from 'groq-sdk';
import type { Stream } from 'groq-sdk/core/streaming';
import type { ChatCompletionMessageParam } from 'groq-sdk/resources/chat/completions';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type ClientOf,
  type Governance,
  GovernedGroq,
  type GovernedGroqOptions,
  Governor,
  type ModelOf,
  type ModelsByTeam,
  type TeamOf,
  type TeamOptions,
  defineGovernance,
  memoryBudgetStore,
} from '../../src/index';
import { redisBackend } from '../../src/redis';

const governance = defineGovernance({
  teams: {
    chatbot: { allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b', 'whisper-large-v3'], monthlyBudgetUsd: 200 },
    analytics: { allowedModels: ['openai/gpt-oss-20b'], rateLimitRPM: 30 },
  },
  organization: { monthlyBudgetUsd: 500 },
});
const groq = new GovernedGroq({ governance });
const chatbot = groq.withTeam('chatbot');
const analytics = groq.withTeam('analytics');

declare const plain: Groq;
declare const text: string;
declare const messages: ChatCompletionMessageParam[];
declare const wide: Governance;

describe('what a governance tells', () => {
  it('the models of each team', () => {
    expectTypeOf(governance).toEqualTypeOf<
      Governance<
        'chatbot' | 'analytics',
        {
          readonly chatbot: 'openai/gpt-oss-120b' | 'openai/gpt-oss-20b' | 'whisper-large-v3';
          readonly analytics: 'openai/gpt-oss-20b';
        }
      >
    >();
    expectTypeOf<TeamOf<typeof governance>>().toEqualTypeOf<'chatbot' | 'analytics'>();
    expectTypeOf<ModelOf<typeof governance, 'analytics'>>().toEqualTypeOf<'openai/gpt-oss-20b'>();
    expectTypeOf<ModelOf<typeof governance>>().toEqualTypeOf<
      'openai/gpt-oss-120b' | 'openai/gpt-oss-20b' | 'whisper-large-v3'
    >();
  });

  it('patterns, as patterns', () => {
    const rules = defineGovernance({
      teams: {
        all: { allowedModels: ['*'] },
        some: { allowedModels: ['openai/*', '*-32b', 'a*b*c'] },
        none: { allowedModels: [] },
        free: {},
      },
    });
    expectTypeOf<ModelOf<typeof rules, 'all'>>().toEqualTypeOf<string>();
    expectTypeOf<ModelOf<typeof rules, 'some'>>().toEqualTypeOf<
      `openai/${string}` | `${string}-32b` | `a${string}b${string}c`
    >();
    expectTypeOf<ModelOf<typeof rules, 'none'>>().toEqualTypeOf<never>();
    expectTypeOf<ModelOf<typeof rules, 'free'>>().toEqualTypeOf<string>();
  });

  it('without what is denied', () => {
    const rules = defineGovernance({
      teams: {
        named: { allowedModels: ['x', 'y', 'z/1', 'z/2'], deniedModels: ['y', 'z/*'] },
        pattern: { allowedModels: ['z/*', 'x'], deniedModels: ['z/1', 'x'] },
        only: { deniedModels: ['y'] },
        unknown: { allowedModels: ['x'], deniedModels: [text] },
      },
    });
    expectTypeOf<ModelOf<typeof rules, 'named'>>().toEqualTypeOf<'x'>();
    // Part of a pattern cannot be left out of a type; it is refused when it is used.
    expectTypeOf<ModelOf<typeof rules, 'pattern'>>().toEqualTypeOf<`z/${string}`>();
    expectTypeOf<ModelOf<typeof rules, 'only'>>().toEqualTypeOf<string>();
    expectTypeOf<ModelOf<typeof rules, 'unknown'>>().toEqualTypeOf<'x'>();
  });

  it('within what the organisation allows', () => {
    const rules = defineGovernance({
      teams: {
        named: { allowedModels: ['a/1', 'a/2', 'b'] },
        pattern: { allowedModels: ['*/1'], deniedModels: ['c'] },
        free: {},
      },
      organization: { allowedModels: ['a/*'], deniedModels: ['a/2'] },
    });
    expectTypeOf<ModelOf<typeof rules, 'named'>>().toEqualTypeOf<'a/1'>();
    expectTypeOf<ModelOf<typeof rules, 'pattern'>>().toEqualTypeOf<`${string}/1` & `a/${string}`>();
    expectTypeOf<ModelOf<typeof rules, 'free'>>().toEqualTypeOf<`a/${string}`>();
    const teamless = defineGovernance({ organization: { allowedModels: ['a', 'b'] } });
    expectTypeOf<TeamOf<typeof teamless>>().toEqualTypeOf<string>();
    expectTypeOf<ModelOf<typeof teamless>>().toEqualTypeOf<'a' | 'b'>();
    const label = new GovernedGroq({ governance: teamless, team: 'any' });
    expectTypeOf(label.withTeam('other')).toEqualTypeOf(label);
    void label.chat.completions.create({ model: 'a', messages });
    // @ts-expect-error Not allowed to anybody.
    void label.chat.completions.create({ model: 'c', messages });
  });

  it('still so when it is spread, or defined again', () => {
    const client = null as unknown as Parameters<typeof redisBackend>[0]['client'];
    const spread = new GovernedGroq({ governance: { ...governance, ...redisBackend({ client }), mode: 'observe' } });
    expectTypeOf(spread).toEqualTypeOf(groq);
    const again = defineGovernance({ ...governance, budgetStore: memoryBudgetStore() });
    expectTypeOf(again).toEqualTypeOf(governance);
    const narrower = defineGovernance({ ...governance, organization: { deniedModels: ['*-120b'] } });
    expectTypeOf<ModelOf<typeof narrower, 'chatbot'>>().toEqualTypeOf<'openai/gpt-oss-20b' | 'whisper-large-v3'>();
  });

  it('nothing that it does not know', () => {
    const CONFIGS = { chatbot: { allowedModels: ['openai/gpt-oss-20b'], monthlyBudgetUsd: 200 } };
    expectTypeOf(defineGovernance({ teams: CONFIGS })).toEqualTypeOf<Governance<'chatbot'>>();
    const record: Record<string, TeamOptions> = CONFIGS;
    expectTypeOf(defineGovernance({ teams: record, defaultTeam: text })).toEqualTypeOf<Governance>();
    expectTypeOf(defineGovernance(wide)).toEqualTypeOf<Governance>();
    expectTypeOf(defineGovernance({})).toEqualTypeOf<Governance>();
    const constant = { chatbot: { allowedModels: ['openai/gpt-oss-20b'] } } as const;
    const known = defineGovernance({ teams: constant, defaultTeam: 'chatbot' });
    expectTypeOf<ModelOf<typeof known, 'chatbot'>>().toEqualTypeOf<'openai/gpt-oss-20b'>();
    expectTypeOf<ModelsByTeam<'a' | 'b'>>().toEqualTypeOf<{ readonly a: string; readonly b: string }>();
  });
});

describe('teams', () => {
  it('a client knows its own', () => {
    expectTypeOf(groq.team).toEqualTypeOf<string | undefined>();
    expectTypeOf(chatbot.team).toEqualTypeOf<'chatbot' | undefined>();
    expectTypeOf(new GovernedGroq({ governance, team: 'chatbot' })).toEqualTypeOf(chatbot);
    expectTypeOf(chatbot.withTeam('analytics', { user: 'u' })).toEqualTypeOf(analytics);
    expectTypeOf(chatbot.withOptions({ maxRetries: 0 })).toEqualTypeOf(chatbot);
    expectTypeOf<ClientOf<typeof governance, 'chatbot'>>().toEqualTypeOf(chatbot);
    expectTypeOf<ClientOf<typeof governance>>().toEqualTypeOf(groq);
    expectTypeOf<ClientOf<Governance>>().toEqualTypeOf<GovernedGroq>();
    expectTypeOf(chatbot).not.toExtend<typeof analytics>();
    expectTypeOf(analytics).not.toExtend<typeof chatbot>();
  });

  it('names that are none are errors', () => {
    // @ts-expect-error No such team.
    groq.withTeam('chatbott');
    // @ts-expect-error A team has a name.
    groq.withTeam(7);
    // @ts-expect-error No such team.
    void new GovernedGroq({ governance, team: 'chatbott' });
    // @ts-expect-error No such team.
    defineGovernance({ teams: { chatbot: { allowedModels: ['x'] } }, defaultTeam: 'chatbott' });
    // @ts-expect-error A team's field that is misspelt.
    defineGovernance({ teams: { chatbot: { allowedModel: ['x'] } } });
    // @ts-expect-error Text.
    defineGovernance({ teams: { chatbot: { allowedModels: [7] } } });
  });

  it('names that come from elsewhere are looked up when they are used', () => {
    expectTypeOf(groq.withTeam(text)).toEqualTypeOf(groq);
    expectTypeOf(new GovernedGroq({ governance, team: text })).toExtend<Groq>();
    const some = groq.withTeam(text as 'chatbot' | 'analytics');
    expectTypeOf(some.team).toEqualTypeOf<'chatbot' | 'analytics' | undefined>();
    void some.chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
    // @ts-expect-error Nobody's.
    void some.chat.completions.create({ model: 'llama-3.1-8b-instant', messages });
  });
});

describe('models', () => {
  it('of the team are taken, with the results of the SDK', () => {
    const { completions } = analytics.chat;
    const model = 'openai/gpt-oss-20b';
    expectTypeOf(completions.create({ model, messages })).toEqualTypeOf<APIPromise<Groq.Chat.ChatCompletion>>();
    expectTypeOf(completions.create({ model, messages, stream: true })).toEqualTypeOf<
      APIPromise<Stream<Groq.Chat.ChatCompletionChunk>>
    >();
    const stream = text === '';
    expectTypeOf(completions.create({ model, messages, stream })).toEqualTypeOf(
      plain.chat.completions.create({ model, messages, stream }),
    );
    expectTypeOf(completions.create({ model, messages }, { timeout: 1 }).withResponse()).toEqualTypeOf(
      plain.chat.completions.create({ model, messages }).withResponse(),
    );
    const url = 'https://example.com/a.flac';
    expectTypeOf(chatbot.audio.transcriptions.create({ model: 'whisper-large-v3', url })).toEqualTypeOf(
      plain.audio.transcriptions.create({ model: 'whisper-large-v3', url }),
    );
    expectTypeOf(chatbot.audio.translations.create({ model: 'whisper-large-v3', url })).toEqualTypeOf(
      plain.audio.translations.create({ model: 'whisper-large-v3', url }),
    );
    expectTypeOf(chatbot.audio.speech.create({ model: 'whisper-large-v3', input: '', voice: '' })).toEqualTypeOf(
      plain.audio.speech.create({ model: '', input: '', voice: '' }),
    );
    expectTypeOf(analytics.embeddings.create({ model, input: '' })).toEqualTypeOf(
      plain.embeddings.create({ model, input: '' }),
    );
  });

  it('of others are errors', () => {
    // @ts-expect-error Another team's.
    void analytics.chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
    // @ts-expect-error Another team's.
    void analytics.chat.completions.create({ model: 'openai/gpt-oss-120b', messages, stream: true });
    // @ts-expect-error Not known to be this team's.
    void analytics.chat.completions.create({ model: text, messages });
    // @ts-expect-error The SDK's own mistakes are still mistakes.
    void analytics.chat.completions.create({ model: 'openai/gpt-oss-20b' });
    // @ts-expect-error Another team's.
    void analytics.audio.transcriptions.create({ model: 'whisper-large-v3', url: '' });
    // @ts-expect-error Another team's.
    void analytics.audio.translations.create({ model: 'whisper-large-v3', url: '' });
    // @ts-expect-error Nobody's.
    void analytics.audio.speech.create({ model: 'playai-tts', input: '', voice: '' });
    // @ts-expect-error Nobody's.
    void analytics.embeddings.create({ model: 'nomic-embed-text-v1_5', input: '' });
    // @ts-expect-error Another team's, on a copy too.
    void analytics.withOptions({}).chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
  });

  it('of any team are taken by a client that is bound to none', () => {
    void groq.chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
    // @ts-expect-error Nobody's.
    void groq.chat.completions.create({ model: 'llama-3.1-8b-instant', messages });
  });
});

describe('a client that knows is a Groq all the same', () => {
  it('wherever one is expected', () => {
    expectTypeOf(chatbot).toExtend<Groq>();
    expectTypeOf(groq).toExtend<Groq>();
    expectTypeOf(chatbot).toExtend<GovernedGroq>();
    expectTypeOf(groq).toExtend<GovernedGroq>();
    expectTypeOf(analytics.chat).toExtend<Groq.Chat>();
    expectTypeOf(analytics.chat.completions).toExtend<Groq.Chat.Completions>();
    expectTypeOf(analytics.audio).toExtend<Groq.Audio>();
    expectTypeOf(analytics.embeddings).toExtend<Groq.Embeddings>();
    const bound: Groq = analytics;
    expectTypeOf(bound).toEqualTypeOf<Groq>();
    const use = <Client extends Groq>(client: Client): Client => client;
    expectTypeOf(use(analytics)).toEqualTypeOf(analytics);
    expectTypeOf<keyof typeof analytics>().toEqualTypeOf<keyof GovernedGroq>();
  });

  it('after instanceof', () => {
    if (!(plain instanceof GovernedGroq)) return;
    expectTypeOf(plain.chat).toEqualTypeOf<Groq.Chat>();
    expectTypeOf(plain.team).toEqualTypeOf<string | undefined>();
    expectTypeOf(plain.governor).toEqualTypeOf<Governor>();
    const same: GovernedGroq = plain.withTeam(text);
    expectTypeOf(same.team).toEqualTypeOf<string | undefined>();
  });

  it('and one that does not know is what it was', () => {
    expectTypeOf(new GovernedGroq({ team: 'one' })).toEqualTypeOf<GovernedGroq>();
    expectTypeOf(new GovernedGroq({ governance: wide, team: text })).toEqualTypeOf<GovernedGroq>();
    expectTypeOf(new GovernedGroq({ governance: new Governor(governance), team: 'one' })).toEqualTypeOf<GovernedGroq>();
    expectTypeOf(
      new GovernedGroq({ governance: { teams: { a: { allowedModels: ['x'] } } }, team: 'b' }),
    ).toEqualTypeOf<GovernedGroq>();
    const make = (options: GovernedGroqOptions): GovernedGroq => new GovernedGroq(options);
    expectTypeOf(make({ governance, team: 'any' })).toEqualTypeOf<GovernedGroq>();
  });
});

describe('classes of one’s own', () => {
  class Mine extends GovernedGroq<{ a: 'x'; b: 'y' }> {
    readonly mine = 1;
  }
  const mine = new Mine({ team: undefined });

  it('keep what they have, and know what they are told', () => {
    expectTypeOf(mine.withOptions({})).toEqualTypeOf<Mine>();
    expectTypeOf(mine.withTeam('a').mine).toEqualTypeOf<number>();
    expectTypeOf(mine.withTeam('a').team).toEqualTypeOf<'a' | undefined>();
    void mine.withTeam('a').chat.completions.create({ model: 'x', messages });
    // @ts-expect-error Another team's.
    void mine.withTeam('a').chat.completions.create({ model: 'y', messages });
    // @ts-expect-error No such team.
    mine.withTeam('c');
  });
});
