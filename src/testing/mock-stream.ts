// Bodies that behave as those of the real fetch: read on demand, ended by the signal, by the reader or by the script.
import type { Clock } from '../clock';
import type { MockEnding } from './mock-request';

/** What a body consists of and how it goes on after its last chunk. */
export interface BodyPlan {
  readonly chunks: readonly (string | Uint8Array)[];
  readonly ending: 'complete' | 'cut' | 'reset' | 'stall';
}

interface BodyContext {
  readonly clock: Clock;
  /** Between two chunks. */
  readonly delayMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called once. */
  ended(how: MockEnding): void;
}

const encoder = new TextEncoder();

/** One chunk per pull, and nothing is made before it is asked for. */
export function bodyStream(plan: BodyPlan, context: BodyContext): ReadableStream<Uint8Array> {
  const { clock, delayMs, signal } = context;
  const stop = new AbortController();
  let next = 0;
  let onAbort = (): void => {};
  const end = (how: MockEnding): void => {
    signal?.removeEventListener('abort', onAbort);
    context.ended(how);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        onAbort = () => {
          end('aborted');
          stop.abort();
          controller.error(signal?.reason);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
      },
      async pull(controller) {
        if (next > 0 && delayMs > 0) await clock.sleep(delayMs, stop.signal);
        const chunk = plan.chunks[next++];
        if (chunk !== undefined) controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk.slice());
        if (next < plan.chunks.length) return undefined;
        if (plan.ending === 'complete' || plan.ending === 'cut') {
          end(plan.ending);
          return controller.close();
        }
        if (plan.ending === 'stall') return new Promise<void>(() => {});
        end('cut');
        return controller.error(terminated());
      },
      cancel() {
        end('cancelled');
        stop.abort();
      },
    },
    { highWaterMark: 0 },
  );
}

/** What a broken connection does to a body that is being read. */
function terminated(): TypeError {
  const cause = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
  return new TypeError('terminated', { cause });
}

/** What fetch rejects with if there is no connection. */
export function fetchFailed(code: string): TypeError {
  const cause = Object.assign(new Error(`${code}: no connection (mock)`), { code });
  return new TypeError('fetch failed', { cause });
}

/** The promise, or a rejection with the signal's reason as soon as that is aborted. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
