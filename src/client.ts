import { type ClientOptions, Groq } from 'groq-sdk';
import type {
  Audio as Audio_,
  Batches as Batches_,
  Chat as Chat_,
  Completions as Completions_,
  Embeddings as Embeddings_,
  Files as Files_,
  Models as Models_,
} from 'groq-sdk/resources/index';
import type { ReadPath } from './batch/batches';
import type { Call } from './call';
import type { Binding } from './context';
import type { Governance, usable } from './governance';
import { Governor } from './governor';
import { orAborted, seal, send, turn, ungoverned } from './sdk/attempt';
import { checkBinding, checkPlaces } from './options';
import type { ModelsByTeam } from './policy/usable-models';
import { loggerOf } from './sdk/logger';
import { GovernedPromise } from './sdk/promise';
import type { AudioFor, ChatFor, EmbeddingsFor } from './sdk/resources';
import { glance, snapshot } from './sdk/snapshot';
import type { Bindable, BoundTeam, Comparable, ModelFor, NameIn, ViewFor } from './typed-client';

/** Every option of groq-sdk, and whose rules apply. */
export interface GovernedGroqOptions<
  Models extends ModelsByTeam = ModelsByTeam,
  Team extends Bindable<Models> = undefined,
> extends ClientOptions {
  /** The rules, or a governor that other clients share. Default: nothing is refused, and cost is recorded. */
  governance?: Governance<keyof Models & string, Models> | Governor | undefined;
  /** The team that this client speaks for. */
  team?: NameIn<Models, Team> | undefined;
}

/** Who calls, for budgets and reports. */
export interface TeamBinding {
  readonly user?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Higher goes first when calls of the team wait. */
  readonly priority?: number;
}

// The options as the constructor reads them: by then the team is a name like any other.
interface Given<Team> extends ClientOptions {
  governance?: Governance | Governor | undefined;
  team?: Team | undefined;
}

type Options = Awaited<Parameters<Groq['request']>[0]>;

// The SDK passes the same objects on from hook to hook; nothing is written on them.
const calls = new WeakMap<object, Call>();
const WRITTEN = {};

/**
 * The official client, governed: each call is checked, held against budgets and made to wait its turn before it leaves, and
 * booked at its cost when it ends. Only public methods of `Groq` are overridden, so everything else is the SDK's own. The type
 * parameters come from `defineGovernance()`: the models of each team, and the team that the client is bound to.
 */
export class GovernedGroq<Models extends ModelsByTeam = ModelsByTeam, Team extends Bindable<Models> = undefined> extends Groq {
  // The SDK's own, which take the team's models only, as far as the compiler knows them.
  declare chat: ChatFor<ModelFor<Models, Team>>;
  declare embeddings: EmbeddingsFor<ModelFor<Models, Team>>;
  declare audio: AudioFor<ModelFor<Models, Team>>;
  readonly governor: Governor;
  readonly team: BoundTeam<Models, Team> | undefined;
  /** Never there. With it older compilers compare clients by what they take, and not by their type parameters. */
  declare protected readonly [usable]?: Comparable<Models, Team>;
  readonly #binding: Binding;
  readonly #read: ReadPath = (path) => this.get(path, { headers: { accept: '*/*' } }).asResponse();

  constructor(options?: GovernedGroqOptions<Models, Team>);
  constructor({ governance, team, ...options }: Given<BoundTeam<Models, Team>> = {}) {
    checkPlaces(options);
    const governor = Governor.from(governance);
    const { binding, ...rest } = options as ClientOptions & { binding?: TeamBinding };
    const apiKey = rest.apiKey === undefined && governor.suppliesKeys ? '' : rest.apiKey;
    // What is in here comes back in the options of every copy that the SDK makes.
    super({ ...rest, apiKey, governance: governor, team, binding } as ClientOptions);
    this.governor = governor;
    this.team = team;
    this.#binding = { ...binding, team };
    checkBinding(this.#binding);
    governor.useLogger(loggerOf(this));
    governor.useReader(team, this.#read);
  }

  /** A copy with other options of the SDK, for the same team and under the same governance, whatever the options say. */
  override withOptions(options: Partial<ClientOptions>): this {
    const { governance: _governance, team: _team, binding: _binding, ...rest } = (options ?? {}) as Record<string, unknown>;
    return super.withOptions(rest);
  }

  /**
   * A view for a team: same governor, same sockets. An unknown team is refused when it is used; one that the compiler can know
   * to be unknown does not compile.
   */
  withTeam<Name extends string = keyof Models & string>(
    team: NameIn<Models, Name>,
    binding?: TeamBinding,
  ): ViewFor<this, Models, Name>;
  withTeam(team: string, { user, tags, priority }: TeamBinding = {}): unknown {
    return super.withOptions({ team, binding: { user, tags: tags && { ...tags }, priority } } as ClientOptions);
  }

  /** Once per call: decide and hold; book when it ends. */
  override request<Rsp>(...[options, retries]: Parameters<Groq['request']>): GovernedPromise<Rsp> {
    const call = this.governor.open(this.#binding, this.#read);
    return new GovernedPromise<Rsp>(this, super.request<Rsp>(this.#admit(call, options, retries), retries), call);
  }

  async #admit(call: Call, given: Parameters<Groq['request']>[0], retries: number | null | undefined): Promise<Options> {
    const options = { ...(await given) };
    const taken = this.governor.passive ? glance(options) : snapshot(this, options, (each) => super.buildRequest(each));
    const request = taken instanceof Promise ? await taken : taken;
    const held = call.admit(request, retries ?? options.maxRetries ?? this.maxRetries, options.stream === true);
    if (held) await orAborted(held, call, options.signal);
    calls.set(options, call);
    return options;
  }

  /** Once per attempt, before it: wait for a slot, then put in what was decided. Waiting is outside the request's timeout. */
  override async buildRequest(...args: Parameters<Groq['buildRequest']>): ReturnType<Groq['buildRequest']> {
    const options = args[0];
    const call = calls.get(options);
    if (!call) return super.buildRequest(...args);
    const waiting = turn(call, options.signal);
    if (waiting) await waiting;
    const { body } = options;
    // The body has been written already, so the SDK need not write it again. It reads the options before it waits for anything.
    const isWritten = typeof call.body === 'string' && typeof body === 'object' && body !== null;
    if (isWritten) options.body = WRITTEN;
    const building = super.buildRequest(...args);
    if (isWritten) options.body = body;
    const built = await building;
    const sealing = call.isSealed
      ? seal(call, options, built, this.fetchOptions, (each) => super.buildRequest(each))
      : undefined;
    if (sealing) await sealing;
    calls.set(built.req, call);
    return built;
  }

  /** Once per attempt: note when it leaves and what comes back. */
  override fetchWithTimeout(...args: Parameters<Groq['fetchWithTimeout']>): Promise<Response> {
    const call = args[1] && calls.get(args[1]);
    // What has ended has been booked: the same request must not leave again.
    if (call && (!call.ended || this.governor.passive)) return send(call, super.fetchWithTimeout(...args), args[1]?.signal);
    return this.governor.passive ? super.fetchWithTimeout(...args) : Promise.reject(ungoverned(args));
  }
}

// The types that come with the class, so that changing the import is all there is to change.
// eslint-disable-next-line @typescript-eslint/no-namespace
export declare namespace GovernedGroq {
  export type RequestOptions = Groq.RequestOptions;
  export {
    Completions_ as Completions,
    Chat_ as Chat,
    Embeddings_ as Embeddings,
    Audio_ as Audio,
    Models_ as Models,
    Batches_ as Batches,
    Files_ as Files,
  };
  export type CompletionUsage = Groq.CompletionUsage;
  export type CreateEmbeddingResponse = Groq.CreateEmbeddingResponse;
  export type Embedding = Groq.Embedding;
  export type EmbeddingCreateParams = Groq.EmbeddingCreateParams;
  export type Model = Groq.Model;
  export type ModelDeleted = Groq.ModelDeleted;
  export type ModelListResponse = Groq.ModelListResponse;
  export type BatchCreateResponse = Groq.BatchCreateResponse;
  export type BatchRetrieveResponse = Groq.BatchRetrieveResponse;
  export type BatchListResponse = Groq.BatchListResponse;
  export type BatchCancelResponse = Groq.BatchCancelResponse;
  export type BatchCreateParams = Groq.BatchCreateParams;
  export type FileCreateResponse = Groq.FileCreateResponse;
  export type FileListResponse = Groq.FileListResponse;
  export type FileDeleteResponse = Groq.FileDeleteResponse;
  export type FileInfoResponse = Groq.FileInfoResponse;
  export type FileCreateParams = Groq.FileCreateParams;
  export type ErrorObject = Groq.ErrorObject;
  export type FunctionDefinition = Groq.FunctionDefinition;
  export type FunctionParameters = Groq.FunctionParameters;
}
