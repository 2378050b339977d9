// Changing the import is all there is to change: what compiles with Groq compiles with GovernedGroq, to the same types.
import Groq, { type APIPromise, type ClientOptions } from 'groq-sdk';
import type { Stream } from 'groq-sdk/core/streaming';
import type {
  ChatCompletionCreateParamsBase,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
} from 'groq-sdk/resources/chat/completions';
import { describe, expectTypeOf, it } from 'vitest';
import DefaultExport, { GovernedGroq, type GovernedGroqOptions, Governor } from '../../src/index';

declare const groq: GovernedGroq;
declare const plain: Groq;

declare const whole: ChatCompletionCreateParamsNonStreaming;
const streamed = (): APIPromise<Stream<Groq.Chat.ChatCompletionChunk>> => groq.chat.completions.create(streaming);

declare const streaming: ChatCompletionCreateParamsStreaming;
declare const either: ChatCompletionCreateParamsBase;

describe('the class', () => {
  it('is assignable to Groq, as an instance and as a constructor', () => {
    expectTypeOf<GovernedGroq>().toExtend<Groq>();
    expectTypeOf(GovernedGroq).toExtend<new (options?: ClientOptions) => Groq>();
    expectTypeOf(DefaultExport).toEqualTypeOf(GovernedGroq);
    const use = (client: Groq): Groq => client;
    expectTypeOf(use(groq)).toEqualTypeOf<Groq>();
  });

  it('takes every option of Groq, and nothing is required', () => {
    expectTypeOf<ClientOptions>().toExtend<GovernedGroqOptions>();
    expectTypeOf<ClientOptions>().toExtend<NonNullable<ConstructorParameters<typeof GovernedGroq>[0]>>();
    expectTypeOf<Required<ClientOptions>>().toExtend<GovernedGroqOptions>();
    expectTypeOf<[]>().toExtend<ConstructorParameters<typeof GovernedGroq>>();
    expectTypeOf<keyof GovernedGroqOptions>().toEqualTypeOf<keyof ClientOptions | 'governance' | 'team'>();
  });

  it('takes a governance or a governor', () => {
    expectTypeOf<{
      governance: { teams: { a: { monthlyBudgetUsd: number } } };
      team: string;
    }>().toExtend<GovernedGroqOptions>();
    expectTypeOf<{ governance: Governor }>().toExtend<GovernedGroqOptions>();
    // @ts-expect-error An option that nobody has.
    void new GovernedGroq({ governence: {} });
    // @ts-expect-error A team's field that is misspelt.
    void new GovernedGroq({ governance: { teams: { a: { monthlyBudget: 5 } } } });
  });

  it('keeps the statics', () => {
    expectTypeOf(GovernedGroq.APIError).toEqualTypeOf(Groq.APIError);
    expectTypeOf(GovernedGroq.RateLimitError).toEqualTypeOf(Groq.RateLimitError);
    expectTypeOf(GovernedGroq.toFile).toEqualTypeOf(Groq.toFile);
    expectTypeOf(GovernedGroq.DEFAULT_TIMEOUT).toEqualTypeOf<number>();
  });

  it('has only what Groq has, and governor, team, withTeam', () => {
    expectTypeOf<Exclude<keyof GovernedGroq, keyof Groq>>().toEqualTypeOf<'governor' | 'team' | 'withTeam'>();
    expectTypeOf<Exclude<keyof Groq, keyof GovernedGroq>>().toBeNever();
    expectTypeOf(groq.governor).toEqualTypeOf<Governor>();
    expectTypeOf(groq.team).toEqualTypeOf<string | undefined>();
  });
});

describe('copies', () => {
  class Mine extends GovernedGroq {
    readonly mine = 1;
  }

  it('withOptions() and withTeam() return this', () => {
    expectTypeOf(groq.withOptions({ maxRetries: 1 })).toEqualTypeOf<GovernedGroq>();
    expectTypeOf(groq.withTeam('t')).toEqualTypeOf<GovernedGroq>();
    expectTypeOf(
      new Mine().withOptions({}).withTeam('t', { user: 'u', tags: { a: 'b' }, priority: 1 }).mine,
    ).toEqualTypeOf<number>();
  });

  it('withOptions() takes what Groq’s takes', () => {
    expectTypeOf<Parameters<Groq['withOptions']>>().toExtend<Parameters<GovernedGroq['withOptions']>>();
  });

  it('a team is named by a string', () => {
    // @ts-expect-error A team has a name.
    groq.withTeam(7);
    // @ts-expect-error Tags are strings.
    groq.withTeam('t', { tags: { a: 1 } });
  });
});

describe('calls', () => {
  it('create() has the SDK’s overloads', () => {
    expectTypeOf(groq.chat.completions.create(whole)).toEqualTypeOf<APIPromise<Groq.Chat.ChatCompletion>>();
    expectTypeOf(groq.chat.completions.create(streaming)).toExtend<APIPromise<Stream<Groq.Chat.ChatCompletionChunk>>>();
    expectTypeOf<Awaited<ReturnType<typeof streamed>>>().toEqualTypeOf<Stream<Groq.Chat.ChatCompletionChunk>>();
    expectTypeOf(groq.chat.completions.create(either)).toEqualTypeOf(plain.chat.completions.create(either));
    expectTypeOf<GovernedGroq['chat']['completions']['create']>().toEqualTypeOf<Groq['chat']['completions']['create']>();
  });

  it('resources are the SDK’s', () => {
    expectTypeOf<
      Pick<GovernedGroq, 'audio' | 'batches' | 'chat' | 'completions' | 'embeddings' | 'files' | 'models'>
    >().toEqualTypeOf<Pick<Groq, 'audio' | 'batches' | 'chat' | 'completions' | 'embeddings' | 'files' | 'models'>>();
  });

  it('raw verbs and request() give APIPromises', () => {
    expectTypeOf<Pick<GovernedGroq, 'get' | 'post' | 'put' | 'patch' | 'delete'>>().toEqualTypeOf<
      Pick<Groq, 'get' | 'post' | 'put' | 'patch' | 'delete'>
    >();
    expectTypeOf(groq.get<{ a: 1 }>('/x')).toEqualTypeOf<APIPromise<{ a: 1 }>>();
    expectTypeOf(groq.request<string>({ method: 'get', path: '/x' })).toExtend<APIPromise<string>>();
    expectTypeOf<Awaited<ReturnType<typeof groq.request<string>>>>().toEqualTypeOf<string>();
    expectTypeOf<Parameters<GovernedGroq['request']>>().toEqualTypeOf<Parameters<Groq['request']>>();
  });
});

describe('the namespace', () => {
  it('has every type that Groq’s has', () => {
    expectTypeOf<GovernedGroq.RequestOptions>().toEqualTypeOf<Groq.RequestOptions>();
    expectTypeOf<GovernedGroq.Chat.ChatCompletion>().toEqualTypeOf<Groq.Chat.ChatCompletion>();
    expectTypeOf<GovernedGroq.Chat.ChatCompletionChunk>().toEqualTypeOf<Groq.Chat.ChatCompletionChunk>();
    expectTypeOf<GovernedGroq.Chat.ChatCompletionMessageParam>().toEqualTypeOf<Groq.Chat.ChatCompletionMessageParam>();
    expectTypeOf<GovernedGroq.Chat.ChatCompletionTool>().toEqualTypeOf<Groq.Chat.ChatCompletionTool>();
    expectTypeOf<GovernedGroq.Chat.Completions>().toEqualTypeOf<Groq.Chat.Completions>();
    expectTypeOf<GovernedGroq.Completions>().toEqualTypeOf<Groq.Completions>();
    expectTypeOf<GovernedGroq.CompletionUsage>().toEqualTypeOf<Groq.CompletionUsage>();
    expectTypeOf<GovernedGroq.Embeddings>().toEqualTypeOf<Groq.Embeddings>();
    expectTypeOf<GovernedGroq.CreateEmbeddingResponse>().toEqualTypeOf<Groq.CreateEmbeddingResponse>();
    expectTypeOf<GovernedGroq.Embedding>().toEqualTypeOf<Groq.Embedding>();
    expectTypeOf<GovernedGroq.EmbeddingCreateParams>().toEqualTypeOf<Groq.EmbeddingCreateParams>();
    expectTypeOf<GovernedGroq.Audio>().toEqualTypeOf<Groq.Audio>();
    expectTypeOf<GovernedGroq.Audio.TranscriptionCreateParams>().toEqualTypeOf<Groq.Audio.TranscriptionCreateParams>();
    expectTypeOf<GovernedGroq.Audio.Transcription>().toEqualTypeOf<Groq.Audio.Transcription>();
    expectTypeOf<GovernedGroq.Audio.SpeechCreateParams>().toEqualTypeOf<Groq.Audio.SpeechCreateParams>();
    expectTypeOf<GovernedGroq.Models>().toEqualTypeOf<Groq.Models>();
    expectTypeOf<GovernedGroq.Model>().toEqualTypeOf<Groq.Model>();
    expectTypeOf<GovernedGroq.ModelDeleted>().toEqualTypeOf<Groq.ModelDeleted>();
    expectTypeOf<GovernedGroq.ModelListResponse>().toEqualTypeOf<Groq.ModelListResponse>();
    expectTypeOf<GovernedGroq.Batches>().toEqualTypeOf<Groq.Batches>();
    expectTypeOf<GovernedGroq.BatchCreateParams>().toEqualTypeOf<Groq.BatchCreateParams>();
    expectTypeOf<GovernedGroq.BatchCreateResponse>().toEqualTypeOf<Groq.BatchCreateResponse>();
    expectTypeOf<GovernedGroq.BatchRetrieveResponse>().toEqualTypeOf<Groq.BatchRetrieveResponse>();
    expectTypeOf<GovernedGroq.BatchListResponse>().toEqualTypeOf<Groq.BatchListResponse>();
    expectTypeOf<GovernedGroq.BatchCancelResponse>().toEqualTypeOf<Groq.BatchCancelResponse>();
    expectTypeOf<GovernedGroq.Files>().toEqualTypeOf<Groq.Files>();
    expectTypeOf<GovernedGroq.FileCreateParams>().toEqualTypeOf<Groq.FileCreateParams>();
    expectTypeOf<GovernedGroq.FileCreateResponse>().toEqualTypeOf<Groq.FileCreateResponse>();
    expectTypeOf<GovernedGroq.FileListResponse>().toEqualTypeOf<Groq.FileListResponse>();
    expectTypeOf<GovernedGroq.FileDeleteResponse>().toEqualTypeOf<Groq.FileDeleteResponse>();
    expectTypeOf<GovernedGroq.FileInfoResponse>().toEqualTypeOf<Groq.FileInfoResponse>();
    expectTypeOf<GovernedGroq.ErrorObject>().toEqualTypeOf<Groq.ErrorObject>();
    expectTypeOf<GovernedGroq.FunctionDefinition>().toEqualTypeOf<Groq.FunctionDefinition>();
    expectTypeOf<GovernedGroq.FunctionParameters>().toEqualTypeOf<Groq.FunctionParameters>();
  });
});
