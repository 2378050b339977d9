// How long a store may take. A call must not wait for ever for a database that hangs.

import type { BudgetStore } from './budget/budget-store';
import type { AudioDuration } from './sdk/audio';
import { isThenable } from './thenable';
import { TimeLimit } from './time-limit';
import type { UsageLog } from './usage/usage-log';

/** The same store; what it does not answer within `timeoutMs` of real time rejects. */
export function impatientStore(store: BudgetStore, timeoutMs: number): BudgetStore {
  const limit = new TimeLimit(timeoutMs, 'The budget store');
  return {
    reserve: (hold) => limit.within(store.reserve(hold)),
    settle: (settlement) => limit.within(store.settle(settlement)),
    read: (accounts, at) => limit.within(store.read(accounts, at)),
    ...(store.openHolds && { openHolds: (at) => limit.within(store.openHolds?.(at) ?? Promise.resolve([])) }),
  };
}

/** The same log; a record that is not written within `timeoutMs` of real time rejects. Reports may take as long as they need. */
export function impatientLog(log: UsageLog, timeoutMs: number): UsageLog {
  const limit = new TimeLimit(timeoutMs, 'The usage log');
  return {
    record(usage) {
      const written = log.record(usage);
      return isThenable(written) ? limit.within(Promise.resolve(written)) : written;
    },
    summarize: (query) => log.summarize(query),
    ...(log.flush && { flush: () => log.flush?.() ?? Promise.resolve() }),
  };
}

/** The same; what it does not tell within `timeoutMs` of real time rejects. */
export function impatientDuration(duration: AudioDuration, timeoutMs: number): AudioDuration {
  const limit = new TimeLimit(timeoutMs, 'audioDuration');
  return (audio) => {
    const told = duration(audio);
    return isThenable(told) ? limit.within(Promise.resolve(told)) : told;
  };
}
