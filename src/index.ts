export { GovernedGroq, GovernedGroq as default, type GovernedGroqOptions, type TeamBinding } from './client';
export { Governor, type ExplainOptions } from './governor';
export { defineGovernance } from './options';
export { governanceFromFile, type GovernanceFileOptions } from './governance-file';
export { webhookAlerts, type WebhookAlerts, type WebhookAlertsOptions } from './webhook-alerts';
export type { ClientOf, ModelOf, TeamOf } from './typed-client';
export type { ModelsByTeam } from './policy/usable-models';
export type { GovernanceDefinition } from './policy/definition';
export type {
  AlertSink,
  BudgetIncrease,
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
export type { Report, ReportBy, ReportFigures, ReportQuery, ReportRow, ReportTime } from './usage-report';
export type { KeyReport } from './key-report';
export type { Gap, Reconciliation } from './reconcile';
export type { BatchSettlement } from './batch/batches';
export type {
  BudgetChanged,
  BudgetIncreased,
  BudgetThreshold,
  CallAdmitted,
  CallDenied,
  GovernanceChanged,
  GovernorEvent,
  GovernorEvents,
  KeyChanged,
  Listener,
  RateLimited,
  StoreUnavailable,
} from './events';

export { allow, amend, deny, type CallBudget, type Decision, type Policy, type PolicyCall } from './policy/policy';
export { allowModels, denyModels } from './policy/allow-models';
export { capOutputTokens } from './policy/cap-output-tokens';
export { denyTools } from './policy/deny-tools';
export { downgradeModel, type DowngradeOptions } from './policy/downgrade-model';

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

export type {
  Accuracy,
  CallOutcome,
  GroupBy,
  Percentiles,
  UsageLog,
  UsageQuery,
  UsageRecord,
  UsageSummary,
} from './usage/usage-log';
export { memoryUsageLog, type MemoryUsageLog } from './usage/memory';
export { jsonlUsageLog, type JsonlUsageLog, type JsonlUsageLogOptions } from './usage/jsonl';

export { priceBook, type PriceBook, type PriceRow } from './price/price-book';
export { groqPrices } from './price/groq-prices';

export type {
  ApiKey,
  KeyAttempt,
  KeyProvider,
  KeyRequest,
  KeyResult,
  KeyRules,
  KeyState,
  ListedKey,
} from './keys/key-provider';
export { keyRegistry, type KeyRegistry } from './keys/key-registry';
export type { KeyEntry, SecretFunction, SecretSource } from './keys/key-entry';
export type { Instant } from './instant';
export type { KeyProblem } from './keys/registered-key';
export type { KeyRegistryOptions } from './keys/registry-options';

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
