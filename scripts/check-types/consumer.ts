// A program of someone who has installed the package. It is compiled against the built declarations by every supported
// TypeScript, and never run. Each `@ts-expect-error` has to be an error, and nothing else may be one.

import DefaultGroq, {
  type APIPromise,
  type ClientOf,
  type Governance,
  GovernedGroq,
  type GovernedGroqOptions,
  Governor,
  type ModelOf,
  type TeamOf,
  type TeamOptions,
  allow,
  defineGovernance,
  isGovernanceError,
  memoryBudgetStore,
} from 'governed-groq';
import { redisBackend } from 'governed-groq/redis';
import { mockGroq } from 'governed-groq/testing';
import { Groq } from 'groq-sdk';
import type { Stream } from 'groq-sdk/core/streaming';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<T extends true>(): T | undefined {
  return undefined;
}
declare const text: string;
declare const messages: Groq.Chat.ChatCompletionMessageParam[];

const governance = defineGovernance({
  teams: {
    chatbot: { allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b', 'whisper-large-v3'], monthlyBudgetUsd: 200 },
    analytics: { allowedModels: ['openai/gpt-oss-20b'], rateLimitRPM: 30 },
    research: { allowedModels: ['openai/*', 'qwen/*-32b'], deniedModels: ['llama-*'] },
    careful: { allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'], deniedModels: ['*-120b'] },
    closed: { allowedModels: [] },
  },
  defaultTeam: 'chatbot',
});
const groq = new GovernedGroq({ governance });
const analytics = groq.withTeam('analytics', { user: 'nightly', tags: { job: 'labels' } });
const chatbot = new GovernedGroq({ governance, team: 'chatbot' });

// Teams.
// @ts-expect-error No such team.
groq.withTeam('chatbott');
// @ts-expect-error No such team.
void new GovernedGroq({ governance, team: 'chatbott' });
// @ts-expect-error No such team.
defineGovernance({ teams: { chatbot: {} }, defaultTeam: 'chatbott' });
// @ts-expect-error A team's field that is misspelt.
defineGovernance({ teams: { chatbot: { monthlyBudgetUSD: 5 } } });
// A name that comes from elsewhere is looked up when it is used.
groq.withTeam(text).withTeam('chatbot');
void new GovernedGroq({ governance, team: text });
declare const some: 'chatbot' | 'analytics';
groq.withTeam(some).chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
is<Same<typeof analytics.team, 'analytics' | undefined>>();
is<Same<TeamOf<typeof governance>, 'chatbot' | 'analytics' | 'research' | 'careful' | 'closed'>>();

// Models.
is<Same<ReturnType<typeof whole>, APIPromise<Groq.Chat.ChatCompletion>>>();
is<Same<ReturnType<typeof streamed>, APIPromise<Stream<Groq.Chat.ChatCompletionChunk>>>>();
const whole = () => analytics.chat.completions.create({ model: 'openai/gpt-oss-20b', messages });
const streamed = () => analytics.chat.completions.create({ model: 'openai/gpt-oss-20b', messages, stream: true });
const either = (stream: boolean) => analytics.chat.completions.create({ model: 'openai/gpt-oss-20b', messages, stream });
is<
  Same<
    Awaited<ReturnType<typeof either>>,
    Awaited<APIPromise<Stream<Groq.Chat.ChatCompletionChunk> | Groq.Chat.ChatCompletion>>
  >
>();
export const raw = whole().withResponse();
// @ts-expect-error Not this team's model.
analytics.chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
// @ts-expect-error Not this team's model, streamed or not.
analytics.chat.completions.create({ model: 'openai/gpt-oss-120b', messages, stream: true });
chatbot.chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
// @ts-expect-error Nobody's model.
groq.chat.completions.create({ model: 'llama-3.1-8b-instant', messages });
const research = groq.withTeam('research').chat.completions;
research.create({ model: 'openai/gpt-oss-120b', messages });
research.create({ model: 'qwen/qwen3-32b', messages });
// @ts-expect-error Not what the pattern matches.
research.create({ model: 'qwen/qwen3-8b', messages });
groq.withTeam('careful').chat.completions.create({ model: 'openai/gpt-oss-20b', messages });
// @ts-expect-error Allowed, and denied.
groq.withTeam('careful').chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
// @ts-expect-error Nothing is allowed.
groq.withTeam('closed').chat.completions.create({ model: 'openai/gpt-oss-20b', messages });
// @ts-expect-error What else a request needs is still needed.
analytics.chat.completions.create({ model: 'openai/gpt-oss-20b' });
analytics.embeddings.create({ model: 'openai/gpt-oss-20b', input: 'text' });
// @ts-expect-error Not this team's model.
analytics.embeddings.create({ model: 'nomic-embed-text-v1_5', input: 'text' });
chatbot.audio.transcriptions.create({ model: 'whisper-large-v3', url: 'https://example.com/a.flac' });
// @ts-expect-error Not this team's model.
analytics.audio.transcriptions.create({ model: 'whisper-large-v3', url: 'https://example.com/a.flac' });
// @ts-expect-error Not this team's model.
analytics.audio.translations.create({ model: 'whisper-large-v3', url: 'https://example.com/a.flac' });
// @ts-expect-error Not this team's model.
analytics.audio.speech.create({ model: 'playai-tts', input: 'text', voice: 'Fritz-PlayAI' });
// @ts-expect-error The copy is bound as before.
analytics.withOptions({ maxRetries: 0 }).chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
is<Same<ModelOf<typeof governance, 'analytics'>, 'openai/gpt-oss-20b'>>();
is<Same<ModelOf<typeof governance, 'research'>, `openai/${string}` | `qwen/${string}-32b`>>();

// The organisation's rules.
const shared = defineGovernance({
  teams: { a: { allowedModels: ['openai/gpt-oss-20b', 'qwen/qwen3-32b'] }, b: {} },
  organization: { allowedModels: ['openai/*'], deniedModels: ['openai/gpt-oss-120b'] },
});
is<Same<ModelOf<typeof shared, 'a'>, 'openai/gpt-oss-20b'>>();
is<Same<ModelOf<typeof shared, 'b'>, `openai/${string}`>>();

// It is a Groq, wherever one is expected.
const groqs: Groq[] = [groq, chatbot, analytics, groq.withTeam('closed'), groq.withTeam(text)];
const governed: GovernedGroq[] = [groq, chatbot, analytics, groq.withTeam('closed')];
const callIt = (client: Groq) => client.chat.completions.create({ model: text, messages });
class Consumer {
  constructor(readonly fields: { client?: Groq; completions?: Groq.Chat.Completions }) {}
}
export const consumers = [
  ...groqs.map(callIt),
  callIt(analytics),
  new Consumer({ client: analytics, completions: analytics.chat.completions }),
];
export function narrowed(client: Groq): string | undefined {
  if (!(client instanceof GovernedGroq)) return undefined;
  const same: GovernedGroq = client;
  is<Same<typeof client.chat, Groq['chat']>>();
  is<Same<typeof client.team, string | undefined>>();
  return same.withTeam(text).team ?? client.withTeam(text).governor.constructor.name;
}
export const first = (client: typeof analytics): Groq => (client instanceof Groq ? client : chatbot);
export function annotated(client: ClientOf<typeof governance, 'analytics'>): ClientOf<typeof governance> {
  return client.withOptions({ maxRetries: 0 }).withTeam(text);
}
annotated(analytics);
// @ts-expect-error Another team's client.
annotated(chatbot);

// Without types that know, every text will do, as it will with groq-sdk.
declare const wide: Governance;
declare const record: Record<string, TeamOptions>;
const CONFIGS = {
  chatbot: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 2048, monthlyBudgetUsd: 200, rateLimitRPM: 60 },
};
const untyped: GovernedGroq[] = [
  new GovernedGroq(),
  new GovernedGroq({ team: 'any' }),
  new DefaultGroq({ governance: { teams: CONFIGS }, team: 'any' }),
  new GovernedGroq({ governance: { teams: { chatbot: { allowedModels: ['openai/gpt-oss-20b'] } } } }),
  new GovernedGroq({ governance: { teams: record } }),
  new GovernedGroq({ governance: wide, team: text }),
  new GovernedGroq({ governance: defineGovernance(wide), team: 'any' }),
  new GovernedGroq({ governance: defineGovernance({ teams: record, defaultTeam: 'any' }) }),
  new GovernedGroq({ governance: new Governor(governance), team: 'any' }),
  new GovernedGroq({ fetch: mockGroq().fetch, governance: { policies: [{ name: 'all', check: () => allow() }] } }),
];
is<Same<(typeof untyped)[0]['chat'], Groq['chat']>>();
for (const client of [...untyped, ...governed]) client.withTeam(text).chat.completions.create({ model: text, messages });
let changing = new GovernedGroq({ team: 'one' });
changing = new GovernedGroq({ team: 'other', governance: wide }).withTeam('third');
export const make = (options: GovernedGroqOptions): GovernedGroq => new GovernedGroq(options);
make({ governance, team: 'any' });
// Names that are known and models that are not: a constant without `as const`.
const named = new GovernedGroq({ governance: defineGovernance({ teams: CONFIGS }) });
named.withTeam('chatbot').chat.completions.create({ model: text, messages });
// @ts-expect-error No such team.
named.withTeam('analytics');

// What is known stays known.
declare const client: Parameters<typeof redisBackend>[0]['client'];
const spread = new GovernedGroq({ governance: { ...governance, ...redisBackend({ client }) } });
// @ts-expect-error No such team.
spread.withTeam('chatbott');
// @ts-expect-error Not this team's model.
spread.withTeam('analytics').chat.completions.create({ model: 'openai/gpt-oss-120b', messages });
const twice = defineGovernance({ ...governance, budgetStore: memoryBudgetStore(), mode: 'observe' });
is<Same<ModelOf<typeof twice, 'analytics'>, 'openai/gpt-oss-20b'>>();

// Classes of one's own.
class Untyped extends GovernedGroq {
  readonly mine = 1;
}
is<Same<typeof hers.mine, 1>>();
const hers = new Untyped({ governance: wide }).withOptions({}).withTeam('any');
class Typed extends GovernedGroq<{ chatbot: 'a'; analytics: 'b' }> {
  readonly mine = 1;
}
const his = new Typed({ team: undefined }).withTeam('analytics');
is<Same<typeof his.mine, 1>>();
his.chat.completions.create({ model: 'b', messages });
// @ts-expect-error Not this team's model.
his.chat.completions.create({ model: 'a', messages });

changing.chat.completions
  .create({ model: text, messages })
  .catch((error: unknown) => (isGovernanceError(error) ? error.code : undefined));
