import { describe, expect, it } from 'vitest';
import { simpleBudgetStore } from '../../examples/simple-budget-store';
import { describeBudgetStore } from '../../src/testing';

// The example says that it is a correct store.
describeBudgetStore({ describe, it, expect }, simpleBudgetStore);
