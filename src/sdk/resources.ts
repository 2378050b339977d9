// The SDK's resources as a client sees them whose models are known. Types only: at run time they are the SDK's own.

import type { APIPromise, Groq } from 'groq-sdk';
import type { Stream } from 'groq-sdk/core/streaming';
import type {
  ChatCompletionCreateParamsBase,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
} from 'groq-sdk/resources/chat/completions';

/** The parameters of a request for one of these models. */
export type Using<Model extends string, Params> = Params & { model: Model };

/** `groq.chat.completions` for these models. */
export interface ModelCompletions<Model extends string> extends Groq.Chat.Completions {
  create(
    body: Using<Model, ChatCompletionCreateParamsNonStreaming>,
    options?: Groq.RequestOptions,
  ): APIPromise<Groq.Chat.ChatCompletion>;
  create(
    body: Using<Model, ChatCompletionCreateParamsStreaming>,
    options?: Groq.RequestOptions,
  ): APIPromise<Stream<Groq.Chat.ChatCompletionChunk>>;
  create(
    body: Using<Model, ChatCompletionCreateParamsBase>,
    options?: Groq.RequestOptions,
  ): APIPromise<Stream<Groq.Chat.ChatCompletionChunk> | Groq.Chat.ChatCompletion>;
}

/** `groq.chat` for these models. */
export interface ModelChat<Model extends string> extends Groq.Chat {
  completions: ModelCompletions<Model>;
}

/** `groq.embeddings` for these models. */
export interface ModelEmbeddings<Model extends string> extends Groq.Embeddings {
  create(
    body: Using<Model, Groq.EmbeddingCreateParams>,
    options?: Groq.RequestOptions,
  ): APIPromise<Groq.CreateEmbeddingResponse>;
}

/** `groq.audio.transcriptions` for these models. */
export interface ModelTranscriptions<Model extends string> extends Groq.Audio.Transcriptions {
  create(
    body: Using<Model, Groq.Audio.TranscriptionCreateParams>,
    options?: Groq.RequestOptions,
  ): APIPromise<Groq.Audio.Transcription>;
}

/** `groq.audio.translations` for these models. */
export interface ModelTranslations<Model extends string> extends Groq.Audio.Translations {
  create(
    body: Using<Model, Groq.Audio.TranslationCreateParams>,
    options?: Groq.RequestOptions,
  ): APIPromise<Groq.Audio.Translation>;
}

/** `groq.audio.speech` for these models. */
export interface ModelSpeech<Model extends string> extends Groq.Audio.Speech {
  create(body: Using<Model, Groq.Audio.SpeechCreateParams>, options?: Groq.RequestOptions): APIPromise<Response>;
}

/** `groq.audio` for these models. */
export interface ModelAudio<Model extends string> extends Groq.Audio {
  transcriptions: ModelTranscriptions<Model>;
  translations: ModelTranslations<Model>;
  speech: ModelSpeech<Model>;
}

/** `groq.chat`: the SDK's own where any model will do. */
export type ChatFor<Model extends string> = string extends Model ? Groq.Chat : ModelChat<Model>;
/** `groq.embeddings`: the SDK's own where any model will do. */
export type EmbeddingsFor<Model extends string> = string extends Model ? Groq.Embeddings : ModelEmbeddings<Model>;
/** `groq.audio`: the SDK's own where any model will do. */
export type AudioFor<Model extends string> = string extends Model ? Groq.Audio : ModelAudio<Model>;
