/**
 * The work's own outcome; or, as soon as the signal is aborted, whatever the work is doing, a rejection: with what `abandon`
 * returns, or with the signal's reason if that is nothing. A signal that was aborted before is for the work to look at.
 */
export function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | null | undefined,
  abandon: () => Error | void,
): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abandon() ?? (signal.reason as Error));
    const stop = (): void => signal.removeEventListener('abort', onAbort);
    work.then(resolve, reject).finally(stop);
    if (!signal.aborted) signal.addEventListener('abort', onAbort, { once: true });
  });
}
