// What people write, and what they read in errors, is checked by the compiler.
import { GroqError } from 'groq-sdk';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type BudgetExceededError,
  type BudgetStore,
  type Clock,
  type Decision,
  type Governance,
  type GovernanceConfigError,
  type GovernanceError,
  type GovernanceErrorCode,
  type KeyProvider,
  type NoKeyError,
  type Policy,
  type PolicyDeniedError,
  type PriceBook,
  type RateLimitWaitError,
  type RateLimiter,
  type StoreError,
  type TeamOptions,
  type UngovernedRequestError,
  type UnknownTeamError,
  type UnpricedModelError,
  type UsageLog,
  type UsageRecord,
  allow,
  amend,
  defineGovernance,
  deny,
  isGovernanceError,
} from '../../src/index';

describe('defineGovernance', () => {
  const governance = defineGovernance({
    teams: { chatbot: { monthlyBudgetUsd: 200 }, analytics: { rateLimitRPM: 30 } },
    defaultTeam: 'chatbot',
  });

  it('infers the names of the teams', () => {
    expectTypeOf(governance).toEqualTypeOf<Governance<'chatbot' | 'analytics'>>();
    expectTypeOf<keyof NonNullable<(typeof governance)['teams']>>().toEqualTypeOf<'chatbot' | 'analytics'>();
    expectTypeOf(governance.defaultTeam).toEqualTypeOf<'chatbot' | 'analytics' | undefined>();
  });

  it('rejects a default team that is not one of them', () => {
    // @ts-expect-error No such team.
    defineGovernance({ teams: { chatbot: {} }, defaultTeam: 'chatbott' });
  });

  it('rejects fields that do not exist and values of other types', () => {
    // @ts-expect-error Misspelt.
    defineGovernance({ teams: { a: { monthlyBudgetUSD: 5 } } });
    // @ts-expect-error A number.
    defineGovernance({ organization: { rateLimitRPM: '60' } });
    // @ts-expect-error One of the modes.
    defineGovernance({ mode: 'off' });
    // @ts-expect-error One of the kinds.
    defineGovernance({ organization: { limits: [{ kind: 'bytes', max: 1, windowMs: 1 }] } });
    // @ts-expect-error A window.
    defineGovernance({ organization: { budgets: [{ limitUsd: 1, window: 'year' }] } });
  });

  it('takes a record of the four simple fields as it is', () => {
    const TEAM_CONFIGS = {
      chatbot: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 2048, monthlyBudgetUsd: 200, rateLimitRPM: 60 },
      analytics: { allowedModels: ['openai/gpt-oss-20b'], maxTokensPerRequest: 512, monthlyBudgetUsd: 50, rateLimitRPM: 30 },
    };
    expectTypeOf(defineGovernance({ teams: TEAM_CONFIGS })).toExtend<Governance>();
    const constant = { a: { allowedModels: ['openai/gpt-oss-20b'], monthlyBudgetUsd: 1 } } as const;
    expectTypeOf(defineGovernance({ teams: constant, defaultTeam: 'a' })).toExtend<Governance>();
    expectTypeOf<Record<string, TeamOptions>>().toExtend<NonNullable<Governance['teams']>>();
  });
});

describe('errors', () => {
  it('have closed codes', () => {
    expectTypeOf<GovernanceErrorCode>().toEqualTypeOf<
      | 'model-not-allowed'
      | 'max-tokens-exceeded'
      | 'invalid-request'
      | 'tool-not-allowed'
      | 'policy-denied'
      | 'unknown-team'
      | 'budget-exceeded'
      | 'rate-limit-wait'
      | 'unpriced-model'
      | 'no-key'
      | 'store-unavailable'
      | 'ungoverned-request'
      | 'invalid-config'
    >();
    expectTypeOf<PolicyDeniedError['code']>().toEqualTypeOf<
      'model-not-allowed' | 'max-tokens-exceeded' | 'invalid-request' | 'tool-not-allowed' | 'policy-denied'
    >();
    expectTypeOf<UnknownTeamError['code']>().toEqualTypeOf<'unknown-team'>();
    expectTypeOf<BudgetExceededError['code']>().toEqualTypeOf<'budget-exceeded'>();
    expectTypeOf<RateLimitWaitError['code']>().toEqualTypeOf<'rate-limit-wait'>();
    expectTypeOf<UnpricedModelError['code']>().toEqualTypeOf<'unpriced-model'>();
    expectTypeOf<NoKeyError['code']>().toEqualTypeOf<'no-key'>();
    expectTypeOf<StoreError['code']>().toEqualTypeOf<'store-unavailable'>();
    expectTypeOf<UngovernedRequestError['code']>().toEqualTypeOf<'ungoverned-request'>();
    expectTypeOf<GovernanceConfigError['code']>().toEqualTypeOf<'invalid-config'>();
    type Union =
      | PolicyDeniedError
      | UnknownTeamError
      | BudgetExceededError
      | RateLimitWaitError
      | UnpricedModelError
      | NoKeyError
      | StoreError
      | UngovernedRequestError
      | GovernanceConfigError;
    expectTypeOf<Union['code']>().toEqualTypeOf<GovernanceErrorCode>();
  });

  it('have literal names', () => {
    expectTypeOf<BudgetExceededError['name']>().toEqualTypeOf<'BudgetExceededError'>();
    expectTypeOf<PolicyDeniedError['name']>().toEqualTypeOf<'PolicyDeniedError'>();
    expectTypeOf<RateLimitWaitError['name']>().toEqualTypeOf<'RateLimitWaitError'>();
  });

  it('come from the client, and are told apart by their guard', () => {
    expectTypeOf<GovernanceError>().toExtend<GroqError>();
    const error: unknown = new Error('any');
    if (isGovernanceError(error)) {
      expectTypeOf(error).toEqualTypeOf<GovernanceError>();
      expectTypeOf(error.callId).toEqualTypeOf<string | undefined>();
    }
  });
});

describe('interfaces', () => {
  it('decisions are data', () => {
    expectTypeOf(allow()).toEqualTypeOf<Decision>();
    expectTypeOf(deny('no')).toEqualTypeOf<Decision>();
    expectTypeOf(amend({ seed: 1 }, 'why')).toEqualTypeOf<Decision>();
    expectTypeOf<{ name: string; check: () => Decision }>().toExtend<Policy>();
    expectTypeOf<{ name: string; check: () => Promise<Decision> }>().toExtend<Policy>();
    expectTypeOf<{ name: string }>().not.toExtend<Policy>();
  });

  it('need at most three methods', () => {
    type Required<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };
    expectTypeOf<keyof Required<BudgetStore>>().toEqualTypeOf<'reserve' | 'settle' | 'read'>();
    expectTypeOf<keyof Required<RateLimiter>>().toEqualTypeOf<'acquire'>();
    expectTypeOf<keyof Required<UsageLog>>().toEqualTypeOf<'record' | 'summarize'>();
    expectTypeOf<keyof Required<PriceBook>>().toEqualTypeOf<'version' | 'price'>();
    expectTypeOf<keyof Required<KeyProvider>>().toEqualTypeOf<'key'>();
    expectTypeOf<keyof Required<Clock>>().toEqualTypeOf<'now' | 'sleep'>();
  });

  it('money in records is a number of nano-dollars, and accuracy is closed', () => {
    expectTypeOf<UsageRecord['costNanos']>().toEqualTypeOf<number>();
    expectTypeOf<UsageRecord['accuracy']>().toEqualTypeOf<'exact' | 'estimated' | 'held'>();
  });
});
