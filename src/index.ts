export { GovernedGroq, GovernedGroq as default, type GovernedGroqOptions, type TeamBinding } from './client';
export { Governor, type ExplainOptions } from './governor';
export { defineGovernance } from './options';
export type {
  BudgetOptions,
  Governance,
  LimitOptions,
  OrganizationOptions,
  Per,
  RuleOptions,
  TeamOptions,
  ToolAllowance,
} from './governance';
export type { AudioDuration, AudioSource } from './sdk/audio';
export type { Explanation, ExplainedLimit } from './explain';
export type { DecisionStep } from './assessment';
export type { Report, ReportFigures, ReportQuery, ReportRow } from './usage-report';
export type { Gap, Reconciliation } from './reconcile';
export type { BatchSettlement } from './batch/batches';
export type {
  BudgetThreshold,
  CallAdmitted,
  CallDenied,
  GovernorEvent,
  GovernorEvents,
  KeyChanged,
  Listener,
  RateLimited,
  StoreUnavailable,
} from './events';

export { allow, amend, deny, type Decision, type Policy, type PolicyCall } from './policy/policy';
export { allowModels, denyModels } from './policy/allow-models';
export { capOutputTokens } from './policy/cap-output-tokens';
export { denyTools } from './policy/deny-tools';

export type { BudgetState, BudgetStore, Hold, HoldLine, OpenHold, Reserved, Settlement } from './budget/budget-store';
export type { BudgetPeriod, BudgetWindow } from './budget/window';
export { leased } from './budget/leased';
export type { LeaseOptions } from './budget/leased';
export { memoryBudgetStore } from './budget/memory';

export type {
  Amounts,
  Demand,
  LimitDemand,
  LimitKind,
  LimitSnapshot,
  LimitState,
  ProviderLimit,
  RateLimiter,
  Slot,
} from './limit/rate-limiter';
export { memoryRateLimiter } from './limit/memory';

export type { Accuracy, CallOutcome, GroupBy, UsageLog, UsageQuery, UsageRecord, UsageSummary } from './usage/usage-log';
export { memoryUsageLog, type MemoryUsageLog } from './usage/memory';
export { jsonlUsageLog, type JsonlUsageLog, type JsonlUsageLogOptions } from './usage/jsonl';

export { priceBook, type PriceBook, type PriceRow } from './price/price-book';
export { groqPrices } from './price/groq-prices';

export type { ApiKey, KeyProvider, KeyRequest } from './keys/key-provider';

export { systemClock, type Clock } from './clock';
export {
  BudgetExceededError,
  type ConfigIssue,
  GovernanceConfigError,
  GovernanceError,
  type GovernanceErrorCode,
  NoKeyError,
  PolicyDeniedError,
  RateLimitWaitError,
  StoreError,
  UngovernedRequestError,
  UnknownTeamError,
  UnpricedModelError,
  isGovernanceError,
} from './errors';

// The SDK's own, so that changing the import is all there is to change.
export {
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIPromise,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  type ClientOptions,
  ConflictError,
  GroqError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
  type Uploadable,
  toFile,
} from 'groq-sdk';
