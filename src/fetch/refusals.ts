// How a refusal reaches the caller of a client that knows nothing of refusals.

import { type GovernanceError, isGovernanceError } from '../errors';

const CALL_ID = 'x-governed-call-id';

// Clients make errors of their own out of a response, and keep nothing of it but texts: the call's id among them. They are thrown
// within moments, so the latest are enough.
const MOST_KEPT = 1000;
const latest = new Map<string, GovernanceError>();

/**
 * The refusal as a response that no client retries: 403, `x-should-retry: false`, and a body in the form of the provider's own
 * errors.
 */
export function refusalResponse(refusal: GovernanceError, url: string): Response {
  const { code, message, callId } = refusal;
  const headers = new Headers({ 'x-should-retry': 'false' });
  if (callId !== undefined) {
    headers.set(CALL_ID, callId);
    latest.set(callId, refusal);
    for (const oldest of latest.keys()) {
      if (latest.size <= MOST_KEPT) break;
      latest.delete(oldest);
    }
  }
  const body = { error: { message, type: 'governance_error', code } };
  const response = Response.json(body, { status: 403, statusText: 'Forbidden', headers });
  Object.defineProperty(response, 'url', { value: url, configurable: true });
  return response;
}

const DEEPEST = 5;

/**
 * The refusal behind an error that a client threw, if there is one: the error itself, its `cause`, or what a client made of the
 * response that `governedFetch` answered with. Knows the latest 1000 refusals of the process that were answered so; the others
 * still have their message and code in the client's error.
 */
export function refusalOf(error: unknown): GovernanceError | undefined {
  for (let each: unknown = error, depth = 0; typeof each === 'object' && each !== null && depth < DEEPEST; depth++) {
    if (isGovernanceError(each)) return each;
    const { headers, responseHeaders, lastError, cause } = each as Readonly<Record<string, unknown>>;
    const callId = headerOf(headers) ?? headerOf(responseHeaders);
    const refusal = callId === undefined ? undefined : latest.get(callId);
    if (refusal) return refusal;
    each = cause ?? lastError;
  }
  return undefined;
}

function headerOf(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const value: unknown = headers instanceof Headers ? headers.get(CALL_ID) : Reflect.get(headers, CALL_ID);
  return typeof value === 'string' ? value : undefined;
}
