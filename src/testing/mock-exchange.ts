// One request from arrival to the end of its body.
import type { Clock } from '../clock';
import { audioSeconds } from './mock-audio';
import type { FileStore } from './mock-files';
import type { Amounts, Judge, Ticket } from './mock-limits';
import { mockModel } from './mock-models';
import { failedScript, limitReply, unexpectedReply } from './mock-rendered';
import type { Rendered } from './mock-rendered';
import { render } from './mock-replies';
import type { Outcome } from './mock-replies';
import { readRequest } from './mock-request';
import type { Incoming, MockCall, MockEnding } from './mock-request';
import type { ReplyQueue } from './mock-script';
import { bodyStream, fetchFailed } from './mock-stream';
import { chatPromptTokens, inputTokens, requestedOutput } from './mock-tokens';
import { usesModel, validate } from './mock-validation';
import { asText } from './mock-values';

/** What a mock remembers. */
export interface MockState {
  readonly calls: MockCall[];
  readonly replies: ReplyQueue;
  readonly judge: Judge;
  readonly store: FileStore;
  /** Requests so far, for ids. */
  count: number;
}

export interface ExchangeSettings {
  readonly clock: Clock;
  readonly latencyMs: number;
  readonly chunkDelayMs: number;
  readonly chunkChars: number;
  readonly expectedOutputTokens: number | undefined;
  readonly unknownModels: ReadonlySet<string>;
}

/** Where a request arrives. */
interface Arrival {
  readonly state: MockState;
  readonly settings: ExchangeSettings;
  readonly signal: AbortSignal | undefined;
}

interface Exchange extends Arrival {
  readonly incoming: Incoming;
  readonly number: number;
}

const EXPECTED_OUTPUT = 1024;
const NOTHING: Amounts = { requests: 0, input: 0, output: 0, audioSeconds: 0 };
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Resolves to the response, stays pending or rejects, as fetch would; obeying the signal before the headers is the caller's part. */
export async function exchange(arrival: Arrival, input: string | URL | Request, init: RequestInit): Promise<Response> {
  const { state, settings, signal } = arrival;
  const incoming = await readRequest(input, init, settings.clock.now());
  const { call } = incoming;
  state.calls.push(call);
  const here: Exchange = { ...arrival, incoming, number: ++state.count };
  const onAbort = (): void => void (call.ended = 'aborted');
  if (signal?.aborted) onAbort();
  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const { outcome, ticket, charged } = await decide(here);
    if (settings.latencyMs > 0) await settings.clock.sleep(settings.latencyMs, signal);
    signal?.throwIfAborted();
    if ('hang' in outcome) return await new Promise<never>(() => {});
    if ('networkError' in outcome) {
      ticket?.correct(NOTHING, settings.clock.now());
      throw fetchFailed(outcome.networkError);
    }
    return respond(here, outcome, (at) => charged && outcome.took && ticket?.correct({ ...charged, ...outcome.took }, at));
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

interface Decision {
  readonly outcome: Outcome;
  readonly ticket?: Ticket;
  readonly charged?: Amounts;
}

async function decide(here: Exchange): Promise<Decision> {
  const { state, settings, incoming } = here;
  const { call } = incoming;
  if (!state.replies.has(call.operation)) {
    const refusal = refuse(here);
    if (refusal) return { outcome: refusal };
  }
  if (!usesModel(call.operation)) return { outcome: await answer(here) };
  const charged = demand(here);
  const tier = call.body['service_tier'] === 'flex' ? 'flex' : 'on_demand';
  const verdict = state.judge.admit(asText(call.body['model']), tier, charged, settings.clock.now());
  if ('error' in verdict) return { outcome: limitReply(verdict) };
  return { outcome: await answer(here), ticket: verdict, charged };
}

/** The scripted reply, or the default answer. */
async function answer(here: Exchange): Promise<Outcome> {
  const { state, settings, incoming, number } = here;
  const script = state.replies.take(incoming.call.operation);
  const created = Math.floor(settings.clock.now() / 1000);
  const ids = { id: `chatcmpl-${numbered(number, 24)}`, requestId: requestId(number), created };
  try {
    const reply = typeof script === 'function' ? await script(incoming.call) : script;
    const context = { incoming, ids, store: state.store, chunkChars: settings.chunkChars };
    return (reply === undefined ? refuse(here) : undefined) ?? render(reply ?? {}, context);
  } catch (error) {
    return failedScript(incoming.call.operation, error);
  }
}

function refuse({ settings, incoming }: Exchange): Rendered | undefined {
  const { call } = incoming;
  if (call.operation === 'unknown') return unexpectedReply(call.method, call.path);
  return validate(incoming, settings.unknownModels);
}

/** What the limits charge a request before it runs. */
function demand({ state, settings, incoming }: Exchange): Amounts {
  const { call } = incoming;
  const { body, operation } = call;
  if (operation.startsWith('audio.tran')) return { ...NOTHING, requests: 1, audioSeconds: Math.ceil(audioSeconds(incoming)) };
  const input =
    operation === 'chat.completions' ? chatPromptTokens(body) : inputTokens(body['input']) + inputTokens(body['instructions']);
  if (operation !== 'chat.completions' && operation !== 'responses') return { ...NOTHING, requests: 1, input };
  const most = mockModel(asText(body['model'])).max_completion_tokens;
  const output =
    requestedOutput(body) ?? settings.expectedOutputTokens ?? state.judge.assumedOutput(Math.min(EXPECTED_OUTPUT, most), input);
  return { requests: 1, input, output, audioSeconds: 0 };
}

function respond(here: Exchange, rendered: Rendered, correct: (at: number) => void): Response {
  const { state, settings, incoming, signal, number } = here;
  const { clock, chunkDelayMs: delayMs } = settings;
  const { call } = incoming;
  // A stream still runs when its headers leave; any other answer is done.
  const streams = rendered.headers['content-type'] === 'text/event-stream';
  if (!streams) correct(clock.now());
  const isAudio = call.operation.startsWith('audio.tran');
  const headers = {
    date: new Date(clock.now()).toUTCString(),
    'x-request-id': requestId(number),
    ...(usesModel(call.operation) ? state.judge.headers(asText(call.body['model']), isAudio, clock.now()) : {}),
    ...rendered.headers,
  };
  call.status = rendered.status;
  const ended = (how: MockEnding): void => {
    call.ended = how;
    if (streams) correct(clock.now());
  };
  const isEmpty = WITHOUT_BODY.has(rendered.status);
  if (isEmpty) ended('complete');
  const body = isEmpty ? null : bodyStream(rendered, { clock, delayMs, signal, ended });
  const response = new Response(body, { status: rendered.status, headers });
  Object.defineProperty(response, 'url', { value: call.url });
  return response;
}

const numbered = (number: number, length: number): string => number.toString(36).padStart(length, '0');

const requestId = (number: number): string => `req_01${numbered(number, 24)}`;
