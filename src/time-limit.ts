import { systemClock } from './clock';

/** The promise's own outcome, or a rejection once `timeoutMs` of real time are over; `Infinity` for no limit. */
export async function withinRealTime<T>(work: Promise<T>, timeoutMs: number, name: string): Promise<T> {
  if (timeoutMs === Infinity) return work;
  const over = new AbortController();
  const late = systemClock.sleep(timeoutMs, over.signal).then(() => {
    throw new Error(`The ${name} did not answer within ${timeoutMs} ms.`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    // Without a reason, each would be an error with a stack of its own.
    over.abort('over');
  }
}
