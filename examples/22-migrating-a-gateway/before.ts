// A gateway as many have written it. It checks what it knows, calls Groq, and adds up afterwards.

import { Groq } from 'groq-sdk';
import type { ChatCompletionCreateParamsBase } from 'groq-sdk/resources/chat/completions';
import { KEYS, ORGANIZATION, PRICES, TEAM_CONFIGS } from './config';

type Team = keyof typeof TEAM_CONFIGS;
type Usage = { prompt_tokens: number; completion_tokens: number } | undefined;
type Request = Omit<ChatCompletionCreateParamsBase, 'stream' | 'model'> & { model: keyof typeof PRICES };

export class LlmGateway {
  readonly spentByTeam = new Map<Team, number>();
  readonly alerts: number[] = [];
  spent = 0;
  paused = false;
  readonly #recent = new Map<Team, number[]>();
  readonly #clients = new Map<Team, Groq>();

  constructor(
    fetch: typeof globalThis.fetch,
    readonly now: () => number,
  ) {
    for (const team of Object.keys(KEYS) as Team[]) this.#clients.set(team, new Groq({ apiKey: KEYS[team], fetch }));
  }

  async chat(team: Team, request: Request): Promise<string> {
    const answer = await this.#check(team, request).chat.completions.create({ ...request, stream: false });
    this.#book(team, request, answer.usage);
    return answer.choices[0]?.message.content ?? '';
  }

  async *stream(team: Team, request: Request): AsyncGenerator<string> {
    let usage: Usage;
    for await (const chunk of await this.#check(team, request).chat.completions.create({ ...request, stream: true })) {
      yield chunk.choices[0]?.delta.content ?? '';
      usage = chunk.x_groq?.usage ?? usage;
    }
    // Nobody comes here who leaves the loop above early.
    this.#book(team, request, usage);
  }

  #check(team: Team, { model, max_completion_tokens = 0 }: Request): Groq {
    const config = TEAM_CONFIGS[team];
    const client = this.#clients.get(team);
    if (!client) throw new Error(`Unknown team ${team}`);
    if (this.paused) throw new Error('Budget used up, all calls are paused');
    if (!config.allowedModels.includes(model)) throw new Error(`Model ${model} is not allowed`);
    if ((max_completion_tokens ?? 0) > config.maxTokensPerRequest) throw new Error('Too many tokens');
    // What is on its way has not been added up yet.
    if ((this.spentByTeam.get(team) ?? 0) >= config.monthlyBudgetUsd) throw new Error(`Budget of ${team} used up`);
    const recent = (this.#recent.get(team) ?? []).filter((at) => at > this.now() - 60_000);
    if (recent.length >= config.rateLimitRPM) throw new Error('Too many requests');
    this.#recent.set(team, [...recent, this.now()]);
    return client;
  }

  #book(team: Team, { model }: Request, usage: Usage): void {
    const price = PRICES[model];
    const usd = ((usage?.prompt_tokens ?? 0) * price.input + (usage?.completion_tokens ?? 0) * price.output) / 1_000_000;
    const before = this.spent;
    this.spent += usd;
    this.spentByTeam.set(team, (this.spentByTeam.get(team) ?? 0) + usd);
    for (const level of ORGANIZATION.alerts) if (before < level && this.spent >= level) this.alerts.push(level);
    if (this.spent >= ORGANIZATION.cap) this.paused = true;
  }
}
