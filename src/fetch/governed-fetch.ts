import type { GovernedRequest } from '../assessment';
import type { Call } from '../call';
import type { Binding } from '../context';
import { GovernanceConfigError, isGovernanceError } from '../errors';
import type { Governance } from '../governance';
import { Governor } from '../governor';
import { checkBinding } from '../options';
import { billedText, errorBody, errorMessage, neverSent, withHeaders } from '../sdk/answer';
import type { BodyFields } from '../sdk/body';
import { Meter } from '../sdk/meter';
import { isAbortError } from '../sdk/metered-iterator';
import { classify, place } from '../sdk/operation';
import { tapNew } from '../sdk/tap';
import { untilAborted } from '../sdk/until-aborted';
import type { CallOutcome } from '../usage/usage-log';
import { Outgoing, type Transport } from './outgoing';
import { refusalResponse } from './refusals';

/** Whose rules apply, and where requests go. */
export interface GovernedFetchOptions {
  /** The rules, or a governor that other clients share. Default: nothing is refused, and cost is recorded. */
  readonly governance?: Governance | Governor | undefined;
  /** The team that every request counts for. */
  readonly team?: string | undefined;
  readonly user?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Higher goes first when calls of the team wait. */
  readonly priority?: number | undefined;
  /** What sends the requests. Default: the platform's `fetch`, as it is when a request is made. */
  readonly fetch?: Transport | undefined;
  /** The origin that requests may go to, and the path in front of `/openai/v1`. Default `https://api.groq.com`. */
  readonly baseURL?: string | undefined;
  /**
   * How a client is told of a refusal:
   * - `'response'` (default): as a response with status 403 and `x-should-retry: false`. No client retries it at its default
   *   settings, each makes its own error of it with the refusal's message and code, and `refusalOf(error)` finds the refusal.
   * - `'throw'`: as a rejection with the `GovernanceError` itself. For callers of this fetch, and for the AI SDK, which passes it
   *   on at once unless its cause is a network error. Others take it for a lost connection: `openai` tries three times and wraps
   *   it, LangChain tries seven times over minutes.
   */
  readonly refusals?: 'response' | 'throw' | undefined;
}

/** A `fetch` for clients that take one. */
export interface GovernedFetch {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** For reports, events and other clients. */
  readonly governor: Governor;
  /** Spares clients of the family of `openai` and `groq-sdk` their probe of the fetch function. */
  readonly Response: typeof Response;
}

/** What all requests of one fetch have in common. */
interface Setting {
  readonly governor: Governor;
  readonly binding: Binding;
  readonly base: URL;
  readonly refusals: 'response' | 'throw';
  readonly transport: Transport;
}

/**
 * A `fetch` under the same governance as `GovernedGroq`, for the AI SDK, `openai`, LangChain and others. Each request is one call:
 * it is checked, held against budgets and made to wait its turn before it leaves, for as long as its signal lets it, and booked
 * at its cost when its body has ended, in whichever way. A client's own retries are calls of their own. POST requests to unknown
 * endpoints, requests to another origin than `baseURL`, and bodies that cannot be read where a rule has to read them are refused.
 * Of a key provider's key nothing reaches the client: give it any text as its API key. Without governance every request passes as
 * it is; a body that can be read only once is left unread then, and its cost unknown.
 *
 * Throws a `GovernanceConfigError` if an option is not valid. Alerts are told to `governor.on('budget-threshold', …)`.
 */
export function governedFetch(options: GovernedFetchOptions = {}): GovernedFetch {
  const { governance, team, user, tags, priority, baseURL = 'https://api.groq.com', refusals = 'response' } = options;
  const transport: Transport = async (input, init) => (options.fetch ?? globalThis.fetch)(input, init);
  const binding = { team, user, tags: tags && { ...tags }, priority };
  checkBinding(binding);
  checkOptions(options, baseURL, refusals);
  const governor = Governor.from(governance);
  const setting: Setting = { governor, binding, base: baseOf(baseURL), refusals, transport };
  // Rules may come while the program runs.
  const governed = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
    governor.passive ? pass(setting, input, init) : govern(setting, input, init);
  return Object.assign(governed, { governor, Response });
}

const OPTIONS: readonly string[] = ['governance', 'team', 'user', 'tags', 'priority', 'fetch', 'baseURL', 'refusals'];

function checkOptions(options: object, baseURL: unknown, refusals: unknown): void {
  // A misspelt `governance` would be none at all.
  const issues = Object.keys(options)
    .filter((name) => !OPTIONS.includes(name))
    .map((path) => ({ path, message: `Unknown option. Known options: ${OPTIONS.join(', ')}` }));
  if (typeof baseURL !== 'string' || !URL.canParse(baseURL))
    issues.push({ path: 'baseURL', message: 'Expected an absolute URL, e.g. https://api.groq.com' });
  if (refusals !== 'response' && refusals !== 'throw')
    issues.push({ path: 'refusals', message: "Expected 'response' or 'throw'" });
  if (issues.length > 0) throw new GovernanceConfigError(issues);
}

// Some clients are told the path of the API as part of the base URL, so it may be here as well.
function baseOf(baseURL: string): URL {
  const base = new URL(baseURL);
  base.pathname = base.pathname.replace(/\/openai\/v1\/?$/, '/');
  return base;
}

async function govern(setting: Setting, input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const { governor, binding, transport, refusals } = setting;
  const outgoing = new Outgoing(input, init);
  const { signal, url } = outgoing;
  signal?.throwIfAborted();
  const call = governor.open(binding, (path) => readAs(setting, outgoing, path));
  try {
    await untilAborted(admit(setting, call, outgoing), signal, () => call.failed(undefined, 'aborted'));
    await call.attempts?.begin(signal);
    signal?.throwIfAborted();
  } catch (error) {
    call.failed(error, signal?.aborted ? 'aborted' : 'error');
    signal?.throwIfAborted();
    if (refusals === 'response' && isGovernanceError(error)) return refusalResponse(error, url.href);
    throw error;
  }
  const attempt = (): Promise<Response> => {
    // The key is not for strangers, to whom only observe mode lets a request out.
    const secret = call.isForeign ? undefined : call.secret;
    return outgoing.send(transport, { body: call.body, secret });
  };
  return sent(call, attempt(), signal, call.body !== undefined || outgoing.isRepeatable ? attempt : undefined);
}

// The files of batches, which the call may have to read, with the key that it was made with.
function readAs(setting: Setting, { authorization }: Outgoing, path: string): Promise<Response> {
  const url = new URL(setting.base.pathname.replace(/\/$/, '') + path, setting.base);
  return govern({ ...setting, refusals: 'throw' }, url, authorization === undefined ? {} : { headers: { authorization } });
}

async function admit({ base }: Setting, call: Call, outgoing: Outgoing): Promise<void> {
  const { url, signal } = outgoing;
  const method = outgoing.method.toLowerCase();
  const { path, foreign } = place(url, base);
  const operation = foreign ? undefined : classify(method, path);
  const reading = outgoing.read(operation !== undefined && operation.kind !== 'free');
  const body = reading instanceof Promise ? await reading : reading;
  // What nobody waits for any more must not be held.
  signal?.throwIfAborted();
  await call.admit({ method, path, url: url.href, operation, foreign, body }, ONE_RETRY, isStreamed(body));
}

// Whether there is one is for the client to decide; that there may be has the provider's longest waits looked at.
const ONE_RETRY = 1;

const isStreamed = (body: BodyFields | undefined): boolean => body?.get('stream') === true;

/** Without governance: what can be read without a trace is read, for the record, and all is sent as it is. */
async function pass(setting: Setting, input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const { governor, binding, base, transport } = setting;
  const call = governor.open(binding);
  const request = await glance(base, input, init);
  await call.admit(request, 0, isStreamed(request.body));
  const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
  return sent(call, transport(input, init), signal);
}

async function glance(base: URL, input: string | URL | Request, init: RequestInit | undefined): Promise<GovernedRequest> {
  const nothing = { method: '', path: '', url: undefined, operation: undefined, foreign: false, body: undefined };
  try {
    const isRequest = input instanceof Request;
    const outgoing = new Outgoing(isRequest ? input.clone() : input, init);
    const method = outgoing.method.toLowerCase();
    const { path } = place(outgoing.url, base);
    const operation = classify(method, path);
    const isKnown = operation !== undefined && operation.kind !== 'free';
    const body = isKnown ? await outgoing.read(isRequest && !(init?.body instanceof ReadableStream)) : undefined;
    return { ...nothing, method, path, operation, body };
  } catch {
    // The transport says what is wrong with it.
    return nothing;
  }
}

/**
 * Tells the call how its attempt goes, from now to the end of the answer's body. `again` makes the attempt once more, if the key
 * was refused and there is another.
 */
async function sent(
  call: Call,
  answer: Promise<Response>,
  signal: AbortSignal | null | undefined,
  again?: () => Promise<Response>,
): Promise<Response> {
  const { attempts } = call;
  attempts?.departed();
  let response: Response;
  try {
    response = await answer;
  } catch (error) {
    attempts?.lost(!neverSent(error));
    call.failed(error, outcomeOf(error, signal));
    throw error;
  }
  const advice = attempts?.answered(response, () => errorMessage(response));
  if (response.ok) return metered(call, await call.handOver(response), signal);
  if (response.status === 401 && again && (await movesOn(call, signal))) {
    void response.body?.cancel().catch(() => {});
    return sent(call, again(), signal);
  }
  if (response.status === 400 && !call.pricedByRequest) void bookGenerated(call, response);
  else call.failed(undefined, 'error');
  return advice === 'surface' ? withHeaders(response, { 'x-should-retry': 'false' }) : response;
}

/** Moves the call to another key and waits for its turn. False if it ends with the answer that it has. */
async function movesOn(call: Call, signal: AbortSignal | null | undefined): Promise<boolean> {
  try {
    if (!(await untilAborted(call.moveKey(), signal, () => {}))) return false;
    await call.attempts?.begin(signal ?? undefined);
    signal?.throwIfAborted();
    return true;
  } catch (error) {
    if (!signal?.aborted) return false;
    call.failed(error, 'aborted');
    throw error;
  }
}

function outcomeOf(error: unknown, signal: AbortSignal | null | undefined): CallOutcome {
  const { name, cause } = typeof error === 'object' && error !== null ? (error as { name?: unknown; cause?: unknown }) : {};
  if (name === 'TimeoutError' || /timed? ?out/i.test(`${String(error)}${String(cause)}`)) return 'timeout';
  return signal?.aborted || isAbortError(error) ? 'aborted' : 'error';
}

// An answer that was generated and then refused may be charged; only its text tells.
async function bookGenerated(call: Call, response: Response): Promise<void> {
  const text = await errorBody(response).then(billedText, () => undefined);
  call.failed(undefined, 'error', text);
}

function metered(call: Call, response: Response, signal: AbortSignal | null | undefined): Response {
  const meter = new Meter(call);
  if (call.pricedByRequest) {
    meter.completed(undefined);
    return response;
  }
  const tapped = tapNew(response, meter);
  if (!meter.isTapped) return tapped;
  if (signal) meter.heed(signal);
  meter.heldIn(tapped);
  return tapped;
}
