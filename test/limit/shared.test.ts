import { describe, expect, it } from 'vitest';
import { sharedRateLimiter } from '../../src/limit/shared';
import { describeRateLimiter } from '../../src/testing/contracts/rate-limiter';
import { MemorySharedLimits } from './memory-shared-limits';
import { delayed, limitersOver } from './shared-support';

describe('one limiter over an engine that answers at once', () => {
  describeRateLimiter({ describe, it, expect }, ({ clock }) =>
    sharedRateLimiter({ limits: new MemorySharedLimits({ clock }), clock }),
  );
});

describe('one limiter over an engine that takes its time', () => {
  describeRateLimiter({ describe, it, expect }, ({ clock }) =>
    sharedRateLimiter({ limits: delayed(new MemorySharedLimits({ clock }), clock), clock }),
  );
});

describe('one of several limiters', () => {
  describeRateLimiter({ describe, it, expect }, ({ clock }) => limitersOver(1, clock)[0] ?? expect.fail());
});
