/** Wall clock and waiting, so that tests own time. Everything in this library that knows the time knows it from here. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` (at once for 0 or less); rejects with the signal's reason if it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * How coarse `now()` is, in milliseconds; default 0 (exact). Two instants that read the same may be this far apart,
   * so a sliding window waits this much longer to keep its promise.
   */
  readonly resolutionMs?: number;
}

// Timers fire at once for a longer delay.
const LONGEST_TIMER_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  resolutionMs: 1,
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    // Not by the wall clock, which can be set back.
    const until = performance.now() + ms;
    for (let rest = ms; rest > 0; rest = until - performance.now()) await timer(Math.min(rest, LONGEST_TIMER_MS), signal);
  },
};

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(id);
      reject(signal?.reason as Error);
    };
    const id = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
