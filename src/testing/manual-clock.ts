import type { Clock } from '../clock';

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /**
   * Lets everything run that is ready to, then moves time forward by `ms`, stopping at every instant that somebody sleeps until,
   * and resolves when all who woke have run.
   */
  advance(ms: number): Promise<void>;
  /** Moves time forward from sleeper to sleeper until the promise settles, and settles as it does. Throws if nobody sleeps. */
  runUntil<T>(promise: PromiseLike<T>): Promise<T>;
  /**
   * Keeps time from moving in `advance` and `runUntil` while the work is pending, and answers with the work itself: for what
   * takes real time, such as a question to a database.
   */
  during<T>(work: Promise<T>): Promise<T>;
  /** Sets the time without waking anybody who sleeps until later; time may go backwards, as real clocks do. */
  set(now: number): void;
  /** How many sleep. */
  readonly sleeping: number;
}

interface Sleeper {
  readonly at: number;
  wake(): void;
}

/** Starts at `start`, epoch milliseconds; default 2026-01-01T00:00:00Z. */
export function manualClock(start: number = Date.UTC(2026, 0, 1)): ManualClock {
  if (!Number.isFinite(start))
    throw new RangeError('manualClock: expected epoch milliseconds, e.g. Date.UTC(2026, 0, 1) or date.getTime()');
  let now = start;
  const sleepers = new Set<Sleeper>();
  let busy = 0;

  /** Lets everything run that is ready to, and waits for all work that takes real time. */
  const turn = async (): Promise<void> => {
    do await nextTurn();
    while (busy > 0);
  };
  const next = (): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) if (!first || sleeper.at < first.at) first = sleeper;
    return first;
  };
  const wakeAll = (): void => {
    for (const sleeper of [...sleepers].sort((a, b) => a.at - b.at)) if (sleeper.at <= now) sleeper.wake();
  };

  return {
    now: () => now,
    get sleeping() {
      return sleepers.size;
    },
    set(to) {
      now = to;
    },
    during(work) {
      busy++;
      // What follows the work in the same turn may start more of it, so it ends a turn later.
      const done = (): void => void nextTurn().then(() => busy--);
      work.then(done, done);
      return work;
    },
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error);
      if (!(ms > 0)) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const sleeper: Sleeper = {
          at: now + ms,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason as Error);
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    async advance(ms) {
      const target = now + ms;
      // What has been started but not yet fallen asleep belongs to the time before.
      for (let before = -1; before !== sleepers.size;) {
        before = sleepers.size;
        await turn();
      }
      for (let first = next(); first && first.at <= target; first = next()) {
        now = Math.max(now, first.at);
        wakeAll();
        await turn();
      }
      now = Math.max(now, target);
    },
    async runUntil(promise) {
      let settled = false;
      const done = (): void => void (settled = true);
      promise.then(done, done);
      // Work that is not asleep may need several turns (a file, a socket) before it sleeps or ends.
      for (let idleTurns = 0; !settled;) {
        await turn();
        const first = next();
        if (settled) break;
        if (first) {
          idleTurns = 0;
          now = Math.max(now, first.at);
          wakeAll();
        } else if (++idleTurns > 2000) {
          throw new Error('runUntil: the promise is pending and nobody sleeps on this clock');
        }
      }
      return promise;
    },
  };
}

/** Timers of 0 ms included. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
