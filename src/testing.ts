// The entry `governed-groq/testing`: what a test of governed code needs.
export { describeBudgetStore } from './testing/contracts/budget-store';
export type { BudgetStoreEngine } from './testing/contracts/budget-store-engine';
export { describeRateLimiter } from './testing/contracts/rate-limiter';
export type { TestRunner } from './testing/contracts/runner';
export { describeUsageLog } from './testing/contracts/usage-log';
export { manualClock } from './testing/manual-clock';
export type { ManualClock } from './testing/manual-clock';
export type { MockErrorName } from './testing/mock-errors';
export type { CompleteBatchOptions, MockBatchLine } from './testing/mock-files';
export { mockGroq } from './testing/mock-groq';
export type { MockFetch, MockGroq, MockGroqOptions } from './testing/mock-groq';
export { keyFingerprint } from './testing/mock-hash';
export type { MockLimits, MockLimitStats, MockStats } from './testing/mock-limits';
export type { MockCall, MockEnding, MockOperation } from './testing/mock-request';
export type {
  MockAnswer,
  MockErrorBody,
  MockFailure,
  MockFault,
  MockHang,
  MockJson,
  MockNetworkError,
  MockRaw,
  MockReply,
  MockReplyHandle,
  MockScript,
  MockStream,
  MockToolCall,
  MockUsage,
} from './testing/mock-script';
export type { MockListenOptions, MockServer } from './testing/mock-server';
