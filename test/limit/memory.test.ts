import { describe, expect, it } from 'vitest';
import { memoryRateLimiter } from '../../src/limit/memory';
import { describeRateLimiter } from '../../src/testing/contracts/rate-limiter';

describe('memory', () => {
  describeRateLimiter({ describe, it, expect }, memoryRateLimiter);
});
