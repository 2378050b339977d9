import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Governor } from '../../src/index';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
const examples = readdirSync(folder).filter((name) => name.endsWith('.ts'));

describe('examples', () => {
  it.each(examples)('%s is short and uses only what users can import', (name) => {
    const text = readFileSync(folder + name, 'utf8');
    expect(text.split('\n').length).toBeLessThanOrEqual(65);
    const imported = [...text.matchAll(/ from '([^']+)'/g)].map(([, from = '']) => from);
    const entries = /^\.\.\/src\/(index|fetch|sqlite|redis|postgres|otel|report|testing)$/;
    const others =
      /^(\.\/simple-budget-store|\.\/22-migrating-a-gateway\/(before|config|load)|groq-sdk|node:.*|libsql|ioredis|@electric-sql\/pglite|ai|@ai-sdk\/groq|@langchain\/.*|@opentelemetry\/.*|openai)$/;
    expect(imported.filter((from) => !entries.test(from) && !others.test(from))).toEqual([]);
    expect(text).toMatch(/Users write 'governed-groq[/']/);
  });

  it('tell a story with at least 200 different requests, each of which makes sense', async () => {
    const workload = JSON.parse(readFileSync(`${folder}00-story/workload.json`, 'utf8')) as {
      readonly model: string;
      readonly prompt: string;
      readonly maxTokens: number;
    }[];
    expect(new Set(workload.map(({ prompt }) => prompt)).size).toBe(workload.length);
    expect(workload.length).toBeGreaterThanOrEqual(200);
    const governor = new Governor({ organization: { monthlyBudgetUsd: 1 } });
    for (const { model, prompt, maxTokens } of workload) {
      const messages = [{ role: 'user', content: prompt }];
      const { allowed } = await governor.explain({ model, messages, max_completion_tokens: maxTokens });
      expect(allowed).toBe(true);
    }
  });
});
