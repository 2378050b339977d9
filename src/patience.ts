// How long a store may take. A call must not wait for ever for a database that hangs.

import type { BudgetStore } from './budget/budget-store';
import type { AudioDuration } from './sdk/audio';
import { isThenable } from './thenable';
import { withinRealTime } from './time-limit';
import type { UsageLog } from './usage/usage-log';

/** The same store; what it does not answer within `timeoutMs` of real time rejects. */
export function impatientStore(store: BudgetStore, timeoutMs: number): BudgetStore {
  const limited = <T>(work: Promise<T>): Promise<T> => withinRealTime(work, timeoutMs, 'budget store');
  return {
    reserve: (hold) => limited(store.reserve(hold)),
    settle: (settlement) => limited(store.settle(settlement)),
    read: (accounts, at) => limited(store.read(accounts, at)),
    ...(store.openHolds && { openHolds: (at) => limited(store.openHolds?.(at) ?? Promise.resolve([])) }),
  };
}

/** The same log; a record that is not written within `timeoutMs` of real time rejects. Reports may take as long as they need. */
export function impatientLog(log: UsageLog, timeoutMs: number): UsageLog {
  return {
    record(usage) {
      const written = log.record(usage);
      return isThenable(written) ? withinRealTime(Promise.resolve(written), timeoutMs, 'usage log') : written;
    },
    summarize: (query) => log.summarize(query),
    ...(log.flush && { flush: () => log.flush?.() ?? Promise.resolve() }),
  };
}

/** The same; what it does not tell within `timeoutMs` of real time rejects. */
export function impatientDuration(duration: AudioDuration, timeoutMs: number): AudioDuration {
  return (audio) => {
    const told = duration(audio);
    return isThenable(told) ? withinRealTime(Promise.resolve(told), timeoutMs, 'audioDuration') : told;
  };
}
