// What a request is, what the rules say of it, and what it may cost. Nothing is written here: `explain()` and enforcement both
// come this way.

import type { Binding, Context } from './context';
import {
  type GovernanceError,
  PolicyDeniedError,
  UngovernedRequestError,
  UnknownTeamError,
  UnpricedModelError,
} from './errors';
import { chooseKey } from './call-key';
import type { ApiKey } from './keys/key-provider';
import type { Amounts } from './limit/rate-limiter';
import { measure } from './measure';
import { applyPolicies } from './policy/apply';
import { RULES } from './policy/rules';
import { type Rates, costNanos, ratesOf } from './price/cost';
import type { PriceBook, PriceRow } from './price/price-book';
import type { BodyFields } from './sdk/body';
import type { InputSize } from './sdk/estimate';
import type { Operation } from './sdk/operation';
import { audioSeconds } from './sdk/audio';
import type { Allowance } from './sdk/tools';
import type { TeamRules } from './settings';

/** One request as it will be sent, before anybody has decided on it. */
export interface GovernedRequest {
  /** Lower case. */
  readonly method: string;
  /** Without the base URL's own path and without a query. */
  readonly path: string;
  /** Undefined if the endpoint is unknown and may spend. */
  readonly operation: Operation | undefined;
  /** The full URL, where the path alone does not tell which it will be. */
  readonly url: string | undefined;
  /** True if it would go to another origin than the client's base URL. */
  readonly foreign: boolean;
  /** Undefined if there is none, or none that rules can read. */
  readonly body: BodyFields | undefined;
}

/** One step of the way to a decision, in the order taken. */
export interface DecisionStep {
  /** A rule or a policy, e.g. `allowedModels`. */
  readonly rule: string;
  readonly action: 'allow' | 'deny' | 'amend';
  readonly reason?: string | undefined;
}

/** A request under assessment. Filled from top to bottom; what a refusal cut short keeps its initial value. */
export class Assessment {
  readonly id: string;
  readonly at: number;
  readonly binding: Binding;
  readonly request: GovernedRequest;
  /** Those of the team, and of the key once it is chosen. */
  rules: TeamRules | undefined;
  /** Those of the team alone, once a key is chosen. */
  teamRules: TeamRules | undefined;
  operation: Operation | undefined;
  model = '';
  key: ApiKey | undefined;
  row: PriceRow | undefined;
  rates: Rates | undefined;
  /** Where the models are priced that a system calls, and for how much of built-in tools a call is held. */
  prices: PriceBook | undefined;
  toolAllowance: Allowance | undefined;
  input: InputSize | undefined;
  /** How long the audio is, if that could be told beforehand. */
  measuredSeconds: number | undefined;
  /** Input tokens, at most, and as they will likely be. */
  promptBound = 0;
  promptEstimate = 0;
  /** Built-in tools that the request offers; each use has a price. */
  tools: readonly string[] = [];
  toolNanos = 0;
  /** The number of output tokens that the caller asked for. */
  explicitOutput: number | undefined;
  /** The output tokens that a refusal or a hold counts with; undefined if nothing bounds them. */
  outputBound: number | undefined;
  /** Refusals in the order found; in enforce mode the first one ends the assessment. */
  readonly refusals: GovernanceError[] = [];
  readonly steps: DecisionStep[] = [];
  /** Set to have the rules that allowed the request listed too. */
  tracing = false;
  /** Set for a line of a batch file, which costs half and cannot be changed. */
  line: { readonly number: number; readonly customId: string } | undefined;

  constructor(id: string, at: number, binding: Binding, request: GovernedRequest) {
    this.id = id;
    this.at = at;
    this.binding = binding;
    this.request = request;
    this.operation = request.operation;
  }

  get team(): string {
    return this.rules?.name ?? this.binding.team ?? 'default';
  }

  get subject(): { callId: string; team: string; model: string; line: Assessment['line'] } {
    return { callId: this.id, team: this.team, model: this.model, line: this.line };
  }

  /** True if the operation uses a model, and so costs. */
  get spends(): boolean {
    return this.operation !== undefined && this.operation.kind !== 'free';
  }

  /** The most that the call can cost with so many output tokens. */
  upperNanos(outputTokens: number): number {
    return this.#cost(this.promptBound, outputTokens) + this.toolNanos;
  }

  /** What input and output of these sizes cost; 0 if the model has no price, which only an ungoverned call gets away with. */
  costOf(outputTokens: number): number {
    return this.#cost(this.promptEstimate, outputTokens);
  }

  /** What one attempt takes of the rate limits, at most and most likely. */
  amounts(prompt: number): Amounts {
    const output = this.outputBound ?? 0;
    const seconds = Math.ceil(this.input?.audioSeconds ?? 0);
    return { requests: 1, tokens: prompt + output, inputTokens: prompt, outputTokens: output, audioSeconds: seconds };
  }

  #cost(promptTokens: number, completionTokens: number): number {
    if (this.rates === undefined) return 0;
    const batch = this.line !== undefined;
    switch (this.operation?.kind) {
      case 'speech':
        return costNanos(this.rates, {
          promptTokens: 0,
          cachedTokens: 0,
          completionTokens: 0,
          characters: this.input?.characters ?? 0,
          batch,
        });
      case 'audio':
        return costNanos(this.rates, {
          promptTokens: 0,
          cachedTokens: 0,
          completionTokens: 0,
          audioSeconds: this.input?.audioSeconds ?? 0,
          batch,
        });
      case 'embeddings':
        return costNanos(this.rates, { promptTokens, cachedTokens: 0, completionTokens: 0, batch });
      default:
        return costNanos(this.rates, { promptTokens, cachedTokens: 0, completionTokens, batch });
    }
  }
}

type Check = (assessment: Assessment, context: Context) => GovernanceError | undefined;
type Step = readonly [rule: string, check: Check];

const FIRST_STEPS: readonly Step[] = [['team', checkTeam], ['endpoint', checkEndpoint], ['model', checkModelName], ...RULES];

/** Assesses a request. A promise only if a policy or a key provider answers with one. */
export function assess(assessment: Assessment, context: Context): undefined | Promise<void> {
  if (!runSteps(FIRST_STEPS, assessment, context)) return undefined;
  const isAudio = assessment.operation?.kind === 'audio';
  // Where nothing is decided nothing waits: the length is known long before the answer.
  if (isAudio && context.passive) void measureAudio(assessment, context);
  if (context.policies.length === 0 && context.keys === undefined && (context.passive || !isAudio)) {
    runSteps(context.passive ? PRICE : LAST_STEPS, assessment, context);
    return undefined;
  }
  return assessFurther(assessment, context);
}

async function assessFurther(assessment: Assessment, context: Context): Promise<void> {
  const goesOn = await applyPolicies(assessment, context, () => runSteps(FIRST_STEPS, assessment, context));
  if (!goesOn || (context.keys && !(await chooseKey(assessment, context)) && !context.observe)) return;
  // A key may be for some models only, whoever gave it out.
  if (assessment.key?.rules?.allowedModels && !runSteps(RULES, assessment, context)) return;
  if (assessment.operation?.kind === 'audio') await measureAudio(assessment, context);
  runSteps(LAST_STEPS, assessment, context);
}

async function measureAudio(assessment: Assessment, { audioDuration }: Context): Promise<void> {
  assessment.measuredSeconds = await audioSeconds(assessment.request.body, audioDuration);
}

const PRICE: readonly Step[] = [['price', checkPrice]];
const LAST_STEPS: readonly Step[] = [...PRICE, ['measure', measure]];

/** False if the assessment has ended in a refusal. */
function runSteps(steps: readonly Step[], assessment: Assessment, context: Context): boolean {
  for (const [rule, check] of steps) {
    const refusal = check(assessment, context);
    if (refusal === undefined && assessment.tracing) assessment.steps.push({ rule, action: 'allow' });
    if (refusal === undefined || context.passive) continue;
    if (!assessment.refusals.some(({ code, message }) => code === refusal.code && message === refusal.message)) {
      assessment.refusals.push(refusal);
      assessment.steps.push({ rule: ruleOf(refusal), action: 'deny', reason: refusal.message });
    }
    if (!context.observe) return false;
  }
  return true;
}

const ruleOf = (refusal: GovernanceError): string => (refusal instanceof PolicyDeniedError ? refusal.rule : refusal.code);

function checkTeam(assessment: Assessment, context: Context): GovernanceError | undefined {
  const { team } = assessment.binding;
  assessment.rules ??= context.rulesFor(team);
  return assessment.rules ? undefined : new UnknownTeamError({ callId: assessment.id, team, knownTeams: context.knownTeams });
}

function checkEndpoint(assessment: Assessment, context: Context): GovernanceError | undefined {
  const { method, path, operation, foreign } = assessment.request;
  if (context.passive) return undefined;
  const refuse = (reason: string): GovernanceError =>
    new UngovernedRequestError({ ...assessment.subject, method: method.toUpperCase(), path, reason });
  if (foreign) return refuse('it goes to another origin than baseURL, which would hand the API key to a stranger.');
  if (operation) return undefined;
  const name = `${method.toUpperCase()} ${path}`;
  if (!context.allowedOperations.has(name)) {
    return refuse(
      `nobody here knows what it costs. Add ${JSON.stringify(name)} to governance.allowOperations to send it unmetered.`,
    );
  }
  assessment.operation = { name, kind: 'free' };
  return undefined;
}

const MAX_MODEL_LENGTH = 200;

function checkModelName(assessment: Assessment, context: Context): GovernanceError | undefined {
  if (!assessment.spends) return undefined;
  const { body } = assessment.request;
  const model = body?.get('model');
  if (typeof model === 'string' && model !== '' && model.length <= MAX_MODEL_LENGTH) {
    assessment.model = model;
    assessment.row = context.priceOf(model, assessment.at) ?? context.unpriced;
    return undefined;
  }
  if (context.passive) return undefined;
  const reason = !body
    ? 'The request has no body that can be checked. Pass an object.'
    : `Expected model to be a name of 1 to ${MAX_MODEL_LENGTH} characters, got ${typeof model}.`;
  return new PolicyDeniedError({ ...assessment.subject, code: 'invalid-request', rule: 'model', reason });
}

function checkPrice(assessment: Assessment, context: Context): GovernanceError | undefined {
  const { row, operation, model } = assessment;
  if (!assessment.spends || operation === undefined) return undefined;
  assessment.prices = context.prices;
  assessment.toolAllowance = context.toolAllowance;
  if (row) {
    const rates = ratesOf(row);
    const rate =
      operation.kind === 'audio'
        ? rates.audioPerHour
        : operation.kind === 'speech'
          ? rates.charactersPerMillion
          : operation.kind === 'embeddings'
            ? rates.inputPerMillion
            : rates.inputPerMillion + rates.outputPerMillion;
    if (!Number.isNaN(rate)) assessment.rates = rates;
  }
  if (assessment.rates === undefined && !context.passive)
    return new UnpricedModelError({ ...assessment.subject, model, priceVersion: context.prices.version });
  return undefined;
}
