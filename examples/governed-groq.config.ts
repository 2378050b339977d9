// What the command line reads: `npx governed-groq check`, `explain`, `report`, `keys` and `models` in this folder.

// Users write 'governed-groq'.
import { defineGovernance, jsonlUsageLog } from '../src/index';

const governance = defineGovernance({
  timeZone: 'Europe/Berlin',
  organization: { monthlyBudgetUsd: 500, alertsAtUsd: [100, 250, 400] },
  teams: {
    chatbot: { allowedModels: ['openai/*'], maxTokensPerRequest: 2048, monthlyBudgetUsd: 200, rateLimitRPM: 60 },
    analytics: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 512, monthlyBudgetUsd: 50, rateLimitRPM: 30 },
  },
  // Where the program that makes the calls writes to. A backend of SQLite, Redis or PostgreSQL would stand here as ...backend.
  usageLog: jsonlUsageLog('usage.jsonl'),
});

export default { governance };
