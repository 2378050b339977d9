import { describe, expect, it } from 'vitest';
import { MemorySharedLimits } from './memory-shared-limits';
import { describeSharedLimits } from './shared-limits-contract';

describe('the reference', () => {
  describeSharedLimits({ describe, it, expect }, (options) => new MemorySharedLimits(options));
});
