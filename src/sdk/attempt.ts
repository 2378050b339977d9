// One HTTP attempt: what goes out carries what was decided, and what comes back is looked at.

import type { Groq } from 'groq-sdk';
import { APIUserAbortError } from 'groq-sdk/core/error';
import type { Attempts, RetryAdvice } from '../attempts';
import type { Call } from '../call';
import { UngovernedRequestError } from '../errors';
import { errorMessage, neverSent, withHeaders } from './answer';
import { limitOfError } from './limit-error';
import { untilAborted } from './until-aborted';

export type Built = Awaited<ReturnType<Groq['buildRequest']>>;
type Options = Parameters<Groq['buildRequest']>[0];

/** Waits for the attempt's turn, if it has to. Who aborts while waiting gets the error that the SDK has for it. */
export function turn(call: Call, signal: AbortSignal | null | undefined): undefined | Promise<void> {
  return call.attempts?.begin(signal ?? undefined)?.catch((error: unknown) => {
    throw signal?.aborted ? new APIUserAbortError() : error;
  });
}

/** Waits for an admission. Who aborts meanwhile is told at once, whatever a store or a policy is doing. */
export function orAborted(held: Promise<void>, call: Call, signal: AbortSignal | null | undefined): Promise<void> {
  // Who has given up before is told so by the SDK.
  return untilAborted(held, signal, () => {
    call.failed(undefined, 'aborted');
    return new APIUserAbortError();
  });
}

/** For what reaches the transport without having been a call. */
export function ungoverned([url, init]: Parameters<Groq['fetchWithTimeout']>): UngovernedRequestError {
  const path = new URL(typeof url === 'string' ? url : 'url' in url ? url.url : url.href).pathname;
  return new UngovernedRequestError({
    method: String(init?.method ?? 'GET').toUpperCase(),
    path,
    reason: 'it was not made by a method of this client.',
  });
}

/**
 * Puts the admitted body, method and key into the built request. `build` is the SDK's own: the key is taken from a request
 * without the caller's headers, which must not replace it.
 */
export function seal(
  call: Call,
  options: Options,
  built: Built,
  clientFetchOptions: unknown,
  build: (options: Options) => Promise<Built>,
): undefined | Promise<void> {
  const { req, url } = built;
  if (call.url !== undefined && call.url !== url) {
    throw new UngovernedRequestError({
      callId: call.id,
      method: req.method ?? '',
      path: new URL(url).pathname,
      reason: 'its URL is not the one that was checked.',
    });
  }
  const { body, method, secret } = call;
  if (body !== undefined) req.body = body;
  if (method !== undefined && req.method?.toLowerCase() !== method) req.method = method;
  const tampered =
    call.enforced &&
    (replacesHeaders(clientFetchOptions) ||
      replacesHeaders(options.fetchOptions) ||
      mentionsHeader(options.headers, 'authorization'));
  // Only observe mode lets a request out to another origin, and the key is not for strangers.
  if ((secret === undefined || call.isForeign) && !tampered) return undefined;
  const clean = (): Promise<Built> => build({ ...options, body: {}, headers: {}, fetchOptions: {} });
  return sealKey(req, secret, clean);
}

async function sealKey(req: Built['req'], secret: string | undefined, clean: () => Promise<Built>): Promise<void> {
  const headers = new Headers(req.headers);
  const own = secret === undefined ? new Headers((await clean()).req.headers).get('authorization') : `Bearer ${secret}`;
  if (own === null) headers.delete('authorization');
  else headers.set('authorization', own);
  req.headers = headers;
}

function replacesHeaders(fetchOptions: unknown): boolean {
  return typeof fetchOptions === 'object' && fetchOptions !== null && 'headers' in fetchOptions;
}

/** Whether headers, in any of the forms that the SDK takes, set or remove one. The name is in lower case. */
export function mentionsHeader(headers: unknown, wanted: string): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  if (headers instanceof Headers) return headers.has(wanted);
  const names: unknown[] = Array.isArray(headers)
    ? headers.map((row: unknown) => (Array.isArray(row) ? (row as unknown[])[0] : row))
    : Object.keys(headers);
  if (names.some((name) => String(name).toLowerCase() === wanted)) return true;
  const { values, nulls } = headers as { values?: unknown; nulls?: unknown };
  return (values instanceof Headers && values.has(wanted)) || (nulls instanceof Set && nulls.has(wanted));
}

/**
 * Tells the call how the attempt that has just been handed to the transport goes. A retry that the SDK will make is told not to
 * wait, or not to happen.
 */
export function send(call: Call, answer: Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> {
  const { attempts } = call;
  if (!attempts) return answer;
  attempts.departed();
  return answer.then(
    (response) => {
      const advice = attempts.answered(response, () => errorMessage(response));
      return response.ok ? call.handOver(response) : untilAborted(advised(call, attempts, response, advice), signal, () => {});
    },
    (error: unknown) => {
      attempts.lost(!neverSent(error));
      throw error;
    },
  );
}

async function advised(call: Call, attempts: Attempts, response: Response, advice: RetryAdvice): Promise<Response> {
  const { status } = response;
  const isMended =
    status === 401
      ? await call.moveKey()
      : (status === 413 || status === 429) && (await attempts.lowerOutput(() => errorMessage(response)));
  if (isMended) return withHeaders(response, { 'x-should-retry': 'true', 'retry-after-ms': '0' });
  const mayNeverFit = advice === 'retry-now' && status === 429 && call.kind !== 'free';
  const isHopeless = advice === 'surface' || (mayNeverFit && (await neverFits(response)));
  if (isHopeless) return withHeaders(response, { 'x-should-retry': 'false' });
  // The call has its own wait before the next attempt: one that tests can drive and a signal can end.
  return advice === 'retry-now' ? withHeaders(response, { 'retry-after-ms': '0' }) : response;
}

// A request that is larger than the limit is refused again, however long it waits.
async function neverFits(response: Response): Promise<boolean> {
  return limitOfError(await errorMessage(response).catch(() => ''))?.tooLarge === true;
}
