// Streams as they were recorded, byte by byte; what was private in them is replaced.

const HEAD =
  '"id":"chatcmpl-8087","object":"chat.completion.chunk","created":1786530508,"model":"openai/gpt-oss-20b","system_fingerprint":"fp_1"';
const USAGE =
  '{"queue_time":0.037493756,"prompt_tokens":75,"prompt_time":0.000680594,"completion_tokens":9,"completion_time":0.01,"total_tokens":84,"total_time":0.0107,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":4}}';
const choice = (delta: string, finish = 'null'): string =>
  `"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]`;
const FIRST = `data: {${HEAD},${choice('{"role":"assistant","content":""}')},"x_groq":{"id":"req_01kz","seed":91721220}}\n\n`;
const REASONING = `data: {${HEAD},${choice('{"reasoning":"The","channel":"analysis"}')}}\n\n`;
const TEXT = `data: {${HEAD},${choice('{"content":"Grüße 😀"}')}}\n\n`;
const FINISH = `data: {${HEAD},${choice('{}', '"length"')},"x_groq":{"id":"req_01kz","usage":${USAGE}},"usage":${USAGE}}\n\n`;
const FINISH_UNASKED = `data: {${HEAD},${choice('{}', '"length"')},"x_groq":{"id":"req_01kz","usage":${USAGE}}}\n\n`;
const EXTRA = `data: {${HEAD},"choices":[],"usage":${USAGE},"service_tier":"on_demand"}\n\n`;
const DONE = 'data: [DONE]\n\n';
const FAILED =
  'event: error\ndata: {"error":{"message":"Failed to call a function.","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<function=look_up>","status_code":400}}\n\n';
const GROQ_ERROR = `data: {${HEAD},${choice('{}')},"x_groq":{"id":"req_01kz","error":"over capacity"}}\n\n`;

const RESPONSE_USAGE =
  '{"input_tokens":75,"input_tokens_details":{"cached_tokens":64},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":84}';
const event = (type: string, rest: string): string => `event: ${type}\ndata: {"type":"${type}",${rest}}\n\n`;

/** A stream and what of it counts. */
export interface Recorded {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  /** What a caller gets to see who did not ask for usage. */
  readonly shown: string;
  /** Set if the usage came. */
  readonly counted: boolean;
  /** Tokens that were read, where no usage came. */
  readonly read: number;
  readonly outcome: 'success' | 'error';
}

const CHAT = '/openai/v1/chat/completions';

export const RECORDED: readonly Recorded[] = [
  {
    name: 'usage three times',
    path: CHAT,
    text: FIRST + REASONING + TEXT + FINISH + EXTRA + DONE,
    shown: FIRST + REASONING + TEXT + FINISH + DONE,
    counted: true,
    read: 0,
    outcome: 'success',
  },
  {
    name: 'usage in x_groq alone',
    path: CHAT,
    text: FIRST + TEXT + FINISH_UNASKED + DONE,
    shown: FIRST + TEXT + FINISH_UNASKED + DONE,
    counted: true,
    read: 0,
    outcome: 'success',
  },
  {
    name: 'CRLF',
    path: CHAT,
    text: (FIRST + TEXT + FINISH + DONE).replaceAll('\n', '\r\n'),
    shown: (FIRST + TEXT + FINISH + DONE).replaceAll('\n', '\r\n'),
    counted: true,
    read: 0,
    outcome: 'success',
  },
  {
    name: 'an error event',
    path: CHAT,
    text: FIRST + REASONING + FAILED,
    shown: FIRST + REASONING + FAILED,
    counted: false,
    read: 5,
    outcome: 'error',
  },
  {
    name: 'x_groq.error',
    path: CHAT,
    text: FIRST + REASONING + GROQ_ERROR + DONE,
    shown: FIRST + REASONING + GROQ_ERROR + DONE,
    counted: false,
    read: 1,
    outcome: 'error',
  },
  {
    name: 'cut',
    path: CHAT,
    text: FIRST + REASONING + TEXT,
    shown: FIRST + REASONING + TEXT,
    counted: false,
    read: 3,
    outcome: 'error',
  },
  ...[
    {
      name: 'Responses',
      last: event(
        'response.completed',
        `"response":{"id":"resp_1","status":"completed","output":[],"usage":${RESPONSE_USAGE}}`,
      ),
      counted: true,
    },
    { name: 'Responses, cut', last: '', counted: false },
  ].map(({ name, last, counted }): Recorded => {
    const text =
      event('response.created', '"response":{"id":"resp_1","status":"in_progress","usage":null}') +
      event('response.output_text.delta', '"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hello, you"') +
      last;
    return {
      name,
      path: '/openai/v1/responses',
      text,
      shown: text,
      counted,
      read: counted ? 0 : 3,
      outcome: counted ? 'success' : 'error',
    };
  }),
];

/** Cuts a text's bytes into pieces of these lengths, over and over. */
export function pieces(text: string, lengths: readonly number[]): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  const cut: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = Math.max(1, lengths[turn % lengths.length] ?? bytes.length);
    cut.push(bytes.slice(at, at + length));
    at += length;
  }
  return cut;
}
