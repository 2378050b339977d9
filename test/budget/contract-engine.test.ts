// The part of the contract that is about engines, on an engine that is a variable.
import { describe, expect, it } from 'vitest';
import type { BudgetStore } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import { describeBudgetStore } from '../../src/testing/contracts/budget-store';

let inner: BudgetStore = memoryBudgetStore();
let gone: 'asked' | 'answered' | undefined;

const link = async <T>(work: () => Promise<T>): Promise<T> => {
  if (gone === 'asked') throw new Error('gone');
  const answer = await work();
  if (gone === 'answered') throw new Error('gone');
  return answer;
};

const linked = (): BudgetStore => {
  const store = inner;
  return {
    reserve: (hold) => link(() => store.reserve(hold)),
    settle: (settlement) => link(() => store.settle(settlement)),
    read: (accounts, at) => link(() => store.read(accounts, at)),
    openHolds: (at) => link(() => store.openHolds?.(at) ?? Promise.resolve([])),
  };
};

describeBudgetStore(
  { describe, it, expect },
  () => {
    inner = memoryBudgetStore();
    return linked();
  },
  {
    twin: linked,
    neighbour: () => memoryBudgetStore(),
    cutOff(where) {
      gone = where;
      return () => (gone = undefined);
    },
  },
);
