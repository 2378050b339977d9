// The configuration of the old gateway. The new one imports it as it is.

export const TEAM_CONFIGS = {
  chatbot: {
    allowedModels: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
    maxTokensPerRequest: 2048,
    monthlyBudgetUsd: 300,
    rateLimitRPM: 600,
  },
  analytics: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 512, monthlyBudgetUsd: 150, rateLimitRPM: 300 },
  research: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 1024, monthlyBudgetUsd: 200, rateLimitRPM: 300 },
};

export const KEYS = { chatbot: 'gsk_chatbot', analytics: 'gsk_analytics', research: 'gsk_research' };

/** USD per month over all teams. At the cap everything pauses. */
export const ORGANIZATION = { cap: 500, alerts: [100, 250, 400] };

/** USD per million tokens. A hundred thousand times what Groq asks, so that a hundred calls reach the cap. */
export const PRICES = {
  'openai/gpt-oss-120b': { input: 15_000, output: 60_000 },
  'openai/gpt-oss-20b': { input: 7_500, output: 30_000 },
};
