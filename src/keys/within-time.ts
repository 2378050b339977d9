import type { Clock } from '../clock';

/** The work's outcome, or a rejection when it takes too long; its signal is aborted then. */
export async function withinTime(work: (signal: AbortSignal) => unknown, timeoutMs: number, clock: Clock): Promise<unknown> {
  const over = new AbortController();
  const tooLong = new AbortController();
  const working = (async () => work(tooLong.signal))();
  const late = clock.sleep(timeoutMs, over.signal, true).then(() => {
    const error = new Error(`It took longer than ${timeoutMs} ms.`);
    error.name = 'TimeoutError';
    tooLong.abort(error);
    throw error;
  });
  try {
    return await Promise.race([working, late]);
  } finally {
    over.abort();
  }
}
