import type { Groq } from 'groq-sdk';
import { APIPromise } from 'groq-sdk/core/api-promise';
import { APIConnectionTimeoutError, APIError, APIUserAbortError } from 'groq-sdk/core/error';
import { Stream } from 'groq-sdk/core/streaming';
import type { Call } from '../call';
import type { CallOutcome } from '../usage/usage-log';
import { billedText } from './answer';
import { Meter } from './meter';
import { MeteredIterator, type Reader, isAbortError } from './metered-iterator';
import { isEventStream, tap, tapNew } from './tap';

type ResponseProps = Awaited<ConstructorParameters<typeof APIPromise>[1]>;

/**
 * The SDK's promise, which books the call when its answer has been consumed, in whichever way: parsed values are read as the
 * caller gets them, and only a raw `Response` that is handed out is tapped.
 */
export class GovernedPromise<T> extends APIPromise<T> {
  readonly #meter: Meter;
  /** Set once somebody wants to see all that the SDK knows of the response, which only the inner promise can tell. */
  readonly #unwrapping: { wanted: boolean };
  readonly #call: Call;
  #handedOut = false;

  constructor(client: Groq, inner: APIPromise<T>, call: Call) {
    const meter = new Meter(call);
    // In the chain, not beside it: a rejection that nobody handles stays unhandled, once.
    const answered = inner.asResponse().then(
      (response) => {
        // All that APIPromise reads of it: parsing is the inner promise's.
        const props = { response } as ResponseProps;
        if (call.pricedByRequest) meter.completed(undefined);
        // What the SDK parses as a stream and is none comes to the caller as nothing at all; only its bytes tell what it cost.
        else if (call.streaming && !isEventStream(response)) tap(response, meter);
        if (!meter.wanted && !call.pricedByRequest) meter.heldIn(props);
        return props;
      },
      (error: unknown) => {
        call.failed(error, outcomeOf(error), error instanceof APIError ? billedText(error.error) : undefined);
        throw error;
      },
    );
    const unwrapping = { wanted: false };
    super(client, answered, (_, props) => {
      meter.heldBy();
      const parsed = unwrapping.wanted ? inner._thenUnwrap((value, all) => (Object.assign(props, all), value)) : inner;
      return parsed.then(
        (value) => metered(client, value, meter),
        (error: unknown) => unparsed(error, meter),
      );
    });
    this.#call = call;
    this.#meter = meter;
    this.#unwrapping = unwrapping;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- the SDK's promise overrides it as well
  override then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (!this.#meter.wanted) this.#meter.heldBy();
    return super.then(onfulfilled, onrejected);
  }

  override _thenUnwrap<U>(...[transform]: Parameters<APIPromise<T>['_thenUnwrap']>): APIPromise<U> {
    this.#unwrapping.wanted = true;
    return super._thenUnwrap(transform) as APIPromise<U>;
  }

  override asResponse(): Promise<Response> {
    const meter = this.#meter;
    // Once the response is there the SDK has it too, and both must see the same object.
    if (!meter.isTapped) this.#call.watchAnswer(tapping(meter));
    return super.asResponse().then((response) => {
      if (!meter.isTapped) tap(response, meter);
      if (meter.isTapped && !this.#handedOut) meter.heldIn(response);
      this.#handedOut = true;
      return response;
    });
  }

  override async withResponse(): Promise<{ data: T; response: Response }> {
    const [data, response] = await Promise.all([this.then((value) => value), super.asResponse()]);
    return { data, response };
  }
}

// Made here, so that it keeps nothing alive but the meter: what is dropped could not be collected otherwise.
const tapping =
  (meter: Meter) =>
  (response: Response): Response =>
    tapNew(response, meter);

function metered<T>(client: Groq, value: T, meter: Meter): T {
  if (value instanceof Response) {
    if (!meter.isTapped) tap(value, meter);
    meter.heldIn(value);
    return value;
  }
  if (!(value instanceof Stream)) {
    meter.parsed(value);
    return value;
  }
  if (meter.isTapped) return value;
  const source = value as Stream<unknown>;
  const { controller } = source;
  const reader: Reader = { pending: 0 };
  const begin = (iterator: object): void => meter.readIn(iterator);
  // A read under way sees the abort itself.
  controller.signal.addEventListener('abort', () => reader.pending === 0 && meter.broken('aborted'), { once: true });
  const stream = new Stream(
    () => new MeteredIterator(source[Symbol.asyncIterator](), meter, reader, controller.signal, begin),
    controller,
    client,
  );
  meter.heldIn(stream);
  return stream as T;
}

function unparsed(error: unknown, meter: Meter): never {
  meter.unreadable(isAbortError(error) ? 'aborted' : 'error');
  throw error;
}

function outcomeOf(error: unknown): CallOutcome {
  if (error instanceof APIConnectionTimeoutError) return 'timeout';
  return error instanceof APIUserAbortError ? 'aborted' : 'error';
}
