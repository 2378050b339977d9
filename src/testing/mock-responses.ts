// The Responses API, as far as governance sees it: text, calls and usage, whole or as events.
import { compose } from './mock-chat';
import type { AnswerIds } from './mock-chat';
import type { MockAnswer } from './mock-script';
import { inputTokens, pieces } from './mock-tokens';
import { asArray, asRecord, asText } from './mock-values';

type Body = Readonly<Record<string, unknown>>;

export function responseObject(body: Body, script: MockAnswer, ids: AnswerIds): Record<string, unknown> {
  const answer = compose(body, script, inputTokens(body['input']) + inputTokens(body['instructions']));
  const { usage } = answer;
  const text = { type: 'output_text', text: answer.content, annotations: [], logprobs: null };
  const message = { type: 'message', id: `msg_${ids.requestId}`, status: 'completed', role: 'assistant', content: [text] };
  const calls = answer.toolCalls.map((call) => ({
    type: 'function_call',
    id: `fc_${call.id}`,
    call_id: call.id,
    name: call.name,
    arguments: call.arguments,
    status: 'completed',
  }));
  return {
    id: `resp_${ids.requestId.slice('req_'.length)}`,
    object: 'response',
    created_at: ids.created,
    status: answer.finishReason === 'length' ? 'incomplete' : 'completed',
    incomplete_details: answer.finishReason === 'length' ? { reason: 'max_output_tokens' } : null,
    model: body['model'],
    output: answer.content === '' && calls.length > 0 ? calls : [message, ...calls],
    service_tier: 'default',
    store: false,
    usage: answer.reportsUsage
      ? {
          input_tokens: usage.prompt_tokens,
          input_tokens_details: { cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0 },
          output_tokens: usage.completion_tokens,
          output_tokens_details: { reasoning_tokens: usage.completion_tokens_details?.reasoning_tokens ?? 0 },
          total_tokens: usage.total_tokens,
        }
      : null,
  };
}

/** The events of a stream: created, the text in deltas, completed with usage. */
export function responseEvents(
  response: Record<string, unknown>,
  texts: readonly string[] | undefined,
  chunkChars: number,
): Record<string, unknown>[] {
  const message = asRecord(asArray(response['output']).find((item) => asRecord(item)['type'] === 'message'));
  const text = asText(asRecord(asArray(message['content'])[0])['text']);
  const started = { ...response, status: 'in_progress', output: [], usage: null };
  const events = [
    { type: 'response.created', response: started },
    ...(texts ?? pieces(text, chunkChars)).map((delta) => ({
      type: 'response.output_text.delta',
      item_id: message['id'],
      output_index: 0,
      content_index: 0,
      delta,
    })),
    { type: `response.${asText(response['status'])}`, response },
  ];
  return events.map((event, index) => ({ ...event, sequence_number: index }));
}
