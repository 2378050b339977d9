/** Wall clock and waiting, so that tests own time. Everything in this library that knows the time knows it from here. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Resolves after `ms` (at once for 0 or less); rejects with the signal's reason if it is aborted first. A sleep in the
   * background does not keep the process from ending, as far as the clock can tell its runtime so.
   */
  sleep(ms: number, signal?: AbortSignal, background?: boolean): Promise<void>;
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
  async sleep(ms, signal, background) {
    signal?.throwIfAborted();
    // Not by the wall clock, which can be set back.
    const until = performance.now() + ms;
    for (let rest = ms; rest > 0; rest = until - performance.now()) {
      await timer(Math.min(rest, LONGEST_TIMER_MS), signal, background);
    }
  },
};

function timer(ms: number, signal: AbortSignal | undefined, background: boolean | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(id);
      reject(signal?.reason as Error);
    };
    const id = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    // Timers are plain numbers outside Node, and keep nothing alive there.
    if (background && typeof id === 'object') id.unref();
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
