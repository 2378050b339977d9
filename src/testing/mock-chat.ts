// Chat answers: composed once, then rendered as one JSON object or as the chunks of a stream.
import { hashOf } from './mock-hash';
import type { MockAnswer, MockToolCall, MockUsage } from './mock-script';
import { chatPromptTokens, countTokens, firstTokens, pieces, requestedOutput } from './mock-tokens';
import { asArray, asRecord, asText } from './mock-values';

type Body = Readonly<Record<string, unknown>>;

interface GroqUsage extends MockUsage {
  readonly queue_time: number;
  readonly prompt_tokens: number;
  readonly prompt_time: number;
  readonly completion_tokens: number;
  readonly completion_time: number;
  readonly total_tokens: number;
  readonly total_time: number;
}

/** An answer as it is, however it travels. */
export interface ComposedAnswer {
  readonly content: string;
  readonly reasoning: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finishReason: string;
  readonly usage: GroqUsage;
  /** False if the script wants none reported. */
  readonly reportsUsage: boolean;
}

/** What identifies one answer. */
export interface AnswerIds {
  readonly id: string;
  readonly requestId: string;
  /** Epoch seconds. */
  readonly created: number;
}

/** The scripted answer, or one derived from the request; the latter keeps to the request's output bound. */
export function compose(body: Body, script: MockAnswer, promptTokens: number): ComposedAnswer {
  const calls = script.toolCalls ?? (script.content === undefined ? demandedCalls(body) : []);
  const toolCalls = calls.map((call, index) => renderCall(call, index));
  const reasoning = script.reasoning ?? '';
  const whole = script.content ?? (toolCalls.length > 0 ? '' : defaultContent(body));
  const bound = script.content === undefined ? (requestedOutput(body) ?? Infinity) : Infinity;
  const content = firstTokens(whole, bound);
  const reasoningTokens = countTokens(reasoning);
  const callTokens = toolCalls.reduce((sum, call) => sum + countTokens(call.name + call.arguments), 0);
  const cut = content.length < whole.length;
  return {
    content,
    reasoning,
    toolCalls,
    finishReason: script.finishReason ?? (toolCalls.length > 0 ? 'tool_calls' : cut ? 'length' : 'stop'),
    usage: usageOf(promptTokens, countTokens(content) + reasoningTokens + callTokens, reasoningTokens, script.usage ?? {}),
    reportsUsage: script.usage !== null,
  };
}

export const composeChat = (body: Body, script: MockAnswer): ComposedAnswer => compose(body, script, chatPromptTokens(body));

export function chatCompletion(body: Body, answer: ComposedAnswer, ids: AnswerIds): unknown {
  const { toolCalls, reasoning } = answer;
  const message = {
    role: 'assistant',
    content: answer.content === '' && toolCalls.length > 0 ? null : answer.content,
    ...(reasoning === '' ? {} : { reasoning }),
    ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls.map(wireCall) }),
  };
  return {
    id: ids.id,
    object: 'chat.completion',
    created: ids.created,
    model: body['model'],
    choices: [{ index: 0, message, logprobs: null, finish_reason: answer.finishReason }],
    ...(answer.reportsUsage ? { usage: answer.usage } : {}),
    usage_breakdown: null,
    system_fingerprint: fingerprint(body),
    x_groq: { id: ids.requestId, seed: seed(body) },
    service_tier: tier(body),
  };
}

/** The chunks of a stream: role, one token each, finish reason with usage, and the extra usage chunk if the request asks. */
export function chatChunks(body: Body, answer: ComposedAnswer, ids: AnswerIds, contents: readonly string[]): object[] {
  const { requestId } = ids;
  const usage = answer.reportsUsage ? { usage: answer.usage } : {};
  const asked = answer.reportsUsage && asRecord(body['stream_options'])['include_usage'] === true;
  const chunks = [
    chatChunk(body, ids, [choice({ role: 'assistant', content: '' })], { x_groq: { id: requestId, seed: seed(body) } }),
    ...pieces(answer.reasoning).map((reasoning) => chatChunk(body, ids, [choice({ reasoning, channel: 'analysis' })])),
    ...contents.map((content) => chatChunk(body, ids, [choice({ content })])),
    ...answer.toolCalls.map((call, index) => chatChunk(body, ids, [choice({ tool_calls: [{ ...wireCall(call), index }] })])),
    chatChunk(body, ids, [choice({}, answer.finishReason)], { x_groq: { id: requestId, ...usage }, ...(asked ? usage : {}) }),
  ];
  if (asked) chunks.push(chatChunk(body, ids, [], { ...usage, service_tier: tier(body) }));
  return chunks;
}

/** One chunk, complete with id and model. */
export function chatChunk(body: Body, ids: AnswerIds, choices: readonly object[], extra: object = {}): object {
  return {
    id: ids.id,
    object: 'chat.completion.chunk',
    created: ids.created,
    model: body['model'],
    system_fingerprint: fingerprint(body),
    choices,
    ...extra,
  };
}

export const choice = (delta: object, finishReason: string | null = null): object => ({
  index: 0,
  delta,
  logprobs: null,
  finish_reason: finishReason,
});

/** A usage object as Groq writes it: details are absent when zero, and times come from typical speeds. */
function usageOf(prompt: number, completion: number, reasoning: number, given: MockUsage): GroqUsage {
  const promptTokens = given.prompt_tokens ?? prompt;
  const completionTokens = given.completion_tokens ?? completion;
  const promptTime = promptTokens / 25_000;
  const completionTime = completionTokens / 1_000;
  return {
    queue_time: 0.0375,
    prompt_tokens: promptTokens,
    prompt_time: promptTime,
    completion_tokens: completionTokens,
    completion_time: completionTime,
    total_tokens: promptTokens + completionTokens,
    total_time: promptTime + completionTime,
    ...(reasoning > 0 ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {}),
    ...given,
  };
}

function defaultContent(body: Body): string {
  const format = asRecord(body['response_format']);
  const text = lastText(body['messages'] ?? body['input']);
  if (format['type'] === 'json_object') return JSON.stringify({ answer: text });
  if (format['type'] === 'json_schema') return JSON.stringify(instance(asRecord(asRecord(format['json_schema'])['schema'])));
  return `This is the mock's answer to: ${text}`;
}

/** The text of the last message. */
function lastText(messages: unknown): string {
  if (typeof messages === 'string') return messages;
  const content = asRecord(asArray(messages).at(-1))['content'];
  if (typeof content === 'string') return content;
  return asArray(content)
    .map((part) => asText(asRecord(part)['text']))
    .join(' ');
}

/** The plainest value that a JSON schema allows. */
function instance(schema: Body): unknown {
  const options = asArray(schema['enum'] ?? schema['anyOf']);
  if (options.length > 0) return schema['enum'] ? options[0] : instance(asRecord(options[0]));
  const type = asArray(schema['type'])[0] ?? schema['type'];
  if (type === 'string') return 'mock';
  if (type === 'number' || type === 'integer') return schema['minimum'] ?? 0;
  if (type === 'boolean') return true;
  if (type === 'array') return [instance(asRecord(schema['items']))];
  if (type === 'null') return null;
  const properties = Object.entries(asRecord(schema['properties']));
  return Object.fromEntries(properties.map(([name, property]) => [name, instance(asRecord(property))]));
}

/** The calls that the request does not leave to the model's choice. */
function demandedCalls(body: Body): MockToolCall[] {
  const demand = body['tool_choice'];
  const first = asRecord(asRecord(asArray(body['tools'])[0])['function']);
  const name = demand === 'required' ? first['name'] : asRecord(asRecord(demand)['function'])['name'];
  if (typeof name !== 'string') return [];
  const tool = asArray(body['tools']).map((entry) => asRecord(asRecord(entry)['function']));
  const parameters = asRecord(tool.find((entry) => entry['name'] === name)?.['parameters']);
  return [{ name, arguments: asRecord(instance(parameters)) }];
}

function renderCall(call: MockToolCall, index: number): ComposedAnswer['toolCalls'][number] {
  const given = call.arguments ?? {};
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  return { id: call.id ?? `call_mock${index}${hashOf(call.name + text).toString(16)}`, name: call.name, arguments: text };
}

const wireCall = (call: ComposedAnswer['toolCalls'][number]): object => ({
  id: call.id,
  type: 'function',
  function: { name: call.name, arguments: call.arguments },
});

const fingerprint = (body: Body): string => `fp_${hashOf(asText(body['model'])).toString(16).padStart(10, '0')}`;

const seed = (body: Body): unknown => body['seed'] ?? hashOf(lastText(body['messages']));

const tier = (body: Body): unknown => (body['service_tier'] === 'flex' ? 'flex' : 'on_demand');
