// From a reply to what goes over the wire: status, headers, chunks, and what it took of the limits.
import type { Amounts } from './mock-limits';
import { answerAudio, speak } from './mock-audio';
import { chatChunk, chatChunks, chatCompletion, choice, composeChat } from './mock-chat';
import type { AnswerIds } from './mock-chat';
import { groqError } from './mock-errors';
import { answerEmbeddings, answerModels } from './mock-catalogue';
import type { FileStore } from './mock-files';
import { errorReply, jsonReply } from './mock-rendered';
import type { Rendered } from './mock-rendered';
import type { Incoming } from './mock-request';
import { responseEvents, responseObject } from './mock-responses';
import type { MockAnswer, MockErrorBody, MockFailure, MockFault, MockReply, MockStream } from './mock-script';
import type { BodyPlan } from './mock-stream';
import { pieces } from './mock-tokens';
import { asRecord, asText } from './mock-values';

export type Outcome = Rendered | { readonly hang: true } | { readonly networkError: string };

export interface RenderContext {
  readonly incoming: Incoming;
  readonly ids: AnswerIds;
  readonly store: FileStore;
  /** Characters per content chunk. */
  readonly chunkChars: number;
}

const SSE_TYPE = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };
const DONE = 'data: [DONE]\n\n';

export function render(reply: MockReply, context: RenderContext): Outcome {
  const model = asText(context.incoming.call.body['model']);
  if ('hang' in reply || 'networkError' in reply) return reply;
  if ('raw' in reply) {
    const chunks = typeof reply.raw === 'string' || reply.raw instanceof Uint8Array ? [reply.raw] : reply.raw;
    const headers = { 'content-type': reply.contentType ?? 'text/event-stream', ...reply.headers };
    return { status: reply.status ?? 200, headers, ...faulty(chunks, reply, context) };
  }
  if ('json' in reply) {
    return { ...jsonReply(reply.json, reply.status, reply.headers), took: amountsOf(asRecord(reply.json)['usage']) };
  }
  if (isFailure(reply)) return errorReply(reply, model);
  if (reply.errorAfter !== undefined && context.incoming.call.body['stream'] !== true) {
    return errorReply({ error: reply.error ?? 'tool_use_failed', headers: reply.headers ?? {} }, model);
  }
  const answer = answerTo(reply, context);
  return { ...answer, headers: { ...answer.headers, ...reply.headers }, ...faulty(answer.chunks, reply, context) };
}

const isFailure = (reply: MockAnswer | MockStream | MockFailure): reply is MockFailure =>
  !('stream' in reply) && ('status' in reply || ('error' in reply && !('errorAfter' in reply)));

function answerTo(reply: MockAnswer | MockStream, context: RenderContext): Rendered {
  const { incoming, store } = context;
  const script: MockAnswer = 'stream' in reply ? { content: reply.stream.filter(isText).join(''), ...reply } : reply;
  switch (incoming.call.operation) {
    case 'chat.completions':
      return answerChat(script, 'stream' in reply ? reply.stream : undefined, context);
    case 'responses':
      return answerResponses(script, 'stream' in reply ? reply.stream.filter(isText) : undefined, context);
    case 'embeddings':
      return answerEmbeddings(incoming.call.body, script);
    case 'audio.transcriptions':
    case 'audio.translations':
      return answerAudio(incoming, script, context.ids.requestId);
    case 'audio.speech':
      return speak(incoming.call.body);
    case 'models.list':
    case 'models.retrieve':
    case 'models.delete':
      return answerModels(incoming);
    default:
      return store.answer(incoming, context.ids.created);
  }
}

function answerChat(script: MockAnswer, stream: MockStream['stream'] | undefined, context: RenderContext): Rendered {
  const { incoming, ids, chunkChars } = context;
  const { body } = incoming.call;
  const answer = composeChat(body, script);
  const took = amountsOf(answer.usage);
  if (body['stream'] !== true) return { ...jsonReply(chatCompletion(body, answer, ids)), took };
  const verbatim = stream?.some((chunk) => !isText(chunk)) === true;
  const chunks = verbatim
    ? (stream ?? []).map((chunk) => (isText(chunk) ? chatChunk(body, ids, [choice({ content: chunk })]) : chunk))
    : chatChunks(body, answer, ids, stream?.filter(isText) ?? pieces(answer.content, chunkChars));
  return { status: 200, headers: SSE_TYPE, chunks: [...chunks.map(dataOf), DONE], ending: 'complete', took };
}

function answerResponses(script: MockAnswer, stream: readonly string[] | undefined, context: RenderContext): Rendered {
  const { incoming, ids, chunkChars } = context;
  const { body } = incoming.call;
  const object = responseObject(body, script, ids);
  const took = amountsOf(object['usage']);
  if (body['stream'] !== true) return { ...jsonReply(object), took };
  const events = responseEvents(object, stream, chunkChars);
  const chunks = events.map((event) => `event: ${asText(event['type'])}\n${dataOf(event)}`);
  return { status: 200, headers: SSE_TYPE, chunks, ending: 'complete', took };
}

/** The chunks as the script spoils them. */
function faulty(chunks: BodyPlan['chunks'], fault: MockFault, context: RenderContext): BodyPlan {
  const count = fault.cutAfter ?? fault.stallAfter ?? fault.errorAfter;
  if (count === undefined) return { chunks, ending: 'complete' };
  if (fault.errorAfter !== undefined && fault.cutAfter === undefined && fault.stallAfter === undefined) {
    return { chunks: [...chunks.slice(0, count), ...errorChunks(fault, context)], ending: 'complete' };
  }
  const ending = fault.cutAfter === undefined ? 'stall' : fault.how === 'reset' ? 'reset' : 'cut';
  const only = chunks.length === 1 ? chunks[0] : undefined;
  const kept = only === undefined || count === 0 ? chunks.slice(0, count) : [only.slice(0, only.length >> 1)];
  return { chunks: kept, ending };
}

function errorChunks(fault: MockFault, { incoming, ids }: RenderContext): string[] {
  const body: MockErrorBody = fault.error ?? 'tool_use_failed';
  const { status, error } = groqError({ error: body }, { model: asText(incoming.call.body['model']) });
  if (fault.as === 'chunk') {
    const extra = { x_groq: { id: ids.requestId, error: error.message } };
    return [dataOf(chatChunk(incoming.call.body, ids, [choice({})], extra)), DONE];
  }
  return [`event: error\n${dataOf({ error: { ...error, status_code: status } })}`];
}

/** What a usage object took, cached input left out; undefined if it says nothing. */
function amountsOf(value: unknown): Partial<Amounts> | undefined {
  const usage = asRecord(value);
  const input = usage['prompt_tokens'] ?? usage['input_tokens'];
  if (typeof input !== 'number') return undefined;
  const details = asRecord(usage['prompt_tokens_details'] ?? usage['input_tokens_details']);
  const output = usage['completion_tokens'] ?? usage['output_tokens'] ?? 0;
  return { input: Math.max(0, input - Number(details['cached_tokens'] ?? 0)), output: Number(output) };
}

const dataOf = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

const isText = (chunk: unknown): chunk is string => typeof chunk === 'string';
