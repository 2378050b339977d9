// A Groq in a few lines, so that what is measured is the clients; and the clients.

import Groq from 'groq-sdk';
import { GovernedGroq } from './dist/index.js';

export const MODEL = 'openai/gpt-oss-20b';

const COMPLETION = JSON.stringify({
  id: 'chatcmpl-7f3a1c52-8d0e-4b2b-9a57-3d6a5a0f2c11',
  object: 'chat.completion',
  created: 1_763_733_600,
  model: MODEL,
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'Low latency matters because people notice every pause. '.repeat(6),
        reasoning: 'The user asks for a short explanation; two or three sentences will do.',
      },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: {
    queue_time: 0.046,
    prompt_tokens: 93,
    prompt_time: 0.004,
    completion_tokens: 86,
    completion_time: 0.086,
    total_tokens: 179,
    total_time: 0.09,
    completion_tokens_details: { reasoning_tokens: 14 },
  },
  usage_breakdown: null,
  system_fingerprint: 'fp_e99e93f2ac',
  x_groq: { id: 'req_01kajz2v5tf0fs2s5b1w3c3m2d' },
  service_tier: 'on_demand',
});

const HEADERS = { 'content-type': 'application/json', 'x-request-id': 'req_01kajz2v5tf0fs2s5b1w3c3m2d' };

// So large that nobody has to wait for them.
const LIMIT_HEADERS = {
  ...HEADERS,
  'x-ratelimit-limit-requests': '100000000000',
  'x-ratelimit-limit-tokens': '100000000000',
  'x-ratelimit-remaining-requests': '99999999999',
  'x-ratelimit-remaining-tokens': '99999999821',
  'x-ratelimit-reset-requests': '864ns',
  'x-ratelimit-reset-tokens': '107ns',
};

export const completion = () => new Response(COMPLETION, { headers: HEADERS });
export const completionText = COMPLETION;
export const completionHeaders = HEADERS;

export const answering = async () => completion();
export const answeringWithLimits = async () => new Response(COMPLETION, { headers: LIMIT_HEADERS });

/** Never answers, until opened; ends when it is aborted, as any fetch. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  const fetch = (_url, { signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      void opened.then(() => resolve(completion()));
    });
  return { open, fetch };
}

export const PARAMS = {
  model: MODEL,
  messages: [
    { role: 'system', content: 'You are a helpful assistant. Answer briefly and to the point.' },
    { role: 'user', content: 'Explain the importance of low latency language models in two or three sentences.' },
  ],
  temperature: 0.5,
  max_completion_tokens: 512,
};
export const UNBOUNDED_PARAMS = { ...PARAMS, max_completion_tokens: undefined };
export const LONG_PARAMS = {
  ...PARAMS,
  messages: [{ role: 'user', content: 'All happy families are alike; '.repeat(1100).slice(0, 32 * 1024) }],
};

/** Every rule of the simple form for two teams and the organisation, none of them near its limit. */
export const GOVERNANCE = {
  organization: { monthlyBudgetUsd: 9_000_000, rateLimitRPM: 1_000_000_000 },
  teams: {
    chatbot: {
      allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
      maxTokensPerRequest: 2048,
      monthlyBudgetUsd: 5_000_000,
      rateLimitRPM: 100_000_000,
      concurrency: 1000,
    },
    analytics: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 512, monthlyBudgetUsd: 50, rateLimitRPM: 30 },
  },
};

const OPTIONS = { apiKey: 'gsk_bench', maxRetries: 0, logLevel: 'off' };

export const plainClient = (options) => new Groq({ ...OPTIONS, ...options });
/** Without governance: nothing is decided, cost is recorded. */
export const passiveClient = (options) => new GovernedGroq({ ...OPTIONS, ...options });
export const governedClient = (options, governance = GOVERNANCE) =>
  new GovernedGroq({ ...OPTIONS, governance, ...options }).withTeam('chatbot');

/** One call to its end. One function for all clients, so that none has an inlined one of its own. */
export const create = (client, params) => () => client.chat.completions.create(params);
