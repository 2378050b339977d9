// Batches spend later: what they may cost is checked and held when they are created, and booked when their output is read.

import { type Held, unheld } from '../admission';
import type { Assessment } from '../assessment';
import type { Context } from '../context';
import { type ErrorSubject, PolicyDeniedError, isGovernanceError } from '../errors';
import { FormBody } from '../sdk/body';
import { type Payer, holdBatch, holdUntil, isDivided, moveHold } from './batch-hold';
import { OutputReader } from './batch-output';
import { type BatchOwner, withOwner } from './batch-owner';
import { type BatchPlan, FORMAT_RULE, planBatch } from './batch-plan';
import { type KnownBatch, bookBatch } from './batch-settlement';
import { type BatchState, batchState, hasEnded, isUnused } from './batch-state';
import { BoundedMap } from './bounded-map';
import { watchBody } from './watched-body';

/**
 * Gets a path such as `/openai/v1/files/…/content` as a call of its own, with the key of the client that it belongs to. Rejects
 * with the provider's error, or a refusal.
 */
export type ReadPath = (path: string) => Promise<Response>;

/** What `governor.settleBatch()` resolves to. */
export interface BatchSettlement {
  readonly batchId: string;
  /** As the provider has it, e.g. `in_progress`. */
  readonly status: string;
  /** True once what the batch has cost is booked. */
  readonly settled: boolean;
  /** What was booked, in nano-dollars; undefined while it is not settled. */
  readonly costNanos: number | undefined;
}

/** A batch that is about to be created, or a file that is about to be uploaded for one. */
export interface PendingBatch {
  readonly held: Held;
  /** Undefined if the lines are not known: in observe mode, or for a file that is none of a batch. */
  readonly plan: BatchPlan | undefined;
  readonly expiresAt: number;
}

interface CheckedFile {
  readonly plan: BatchPlan;
  /** Whom the lines were checked for, and when. */
  readonly subject: string;
  readonly at: number;
}

// What was checked is believed for so long: prices, rules of the clock and policies may say otherwise later.
const CHECKED_FOR_MS = 3_600_000;
const MAX_FILES = 1_000;
const MAX_BATCHES = 10_000;

const ADMITTED: ReadonlySet<string | undefined> = new Set(['files.create', 'batches.create']);
const ANSWERED: ReadonlySet<string | undefined> = new Set([
  ...ADMITTED,
  'batches.retrieve',
  'batches.cancel',
  'batches.list',
  'files.content',
]);

/** True if the call's lines are to be checked before it is sent. */
export const bringsLines = ({ operation }: Assessment): boolean => operation?.kind === 'free' && ADMITTED.has(operation.name);

/** True if the call's answer says something of a batch. */
export const tellsOfBatches = ({ operation }: Assessment): boolean =>
  operation?.kind === 'free' && ANSWERED.has(operation.name);

/** The batches of one governor. */
export class Batches {
  readonly #files = new BoundedMap<CheckedFile>(MAX_FILES);
  readonly #known = new BoundedMap<KnownBatch>(MAX_BATCHES);
  /** Batches by their output file. */
  readonly #outputs = new BoundedMap<BatchState>(MAX_BATCHES);
  /** The cost of what is booked, by batch. */
  readonly #settled = new BoundedMap<Promise<number | undefined>>(MAX_BATCHES);
  /** Files that are being read to settle a batch, and need not be watched. */
  readonly #reading = new Set<string>();
  readonly #working = new Set<Promise<unknown>>();

  /** Checks the lines that a call brings and holds what they may cost. Throws the refusal. */
  async admit(assessment: Assessment, context: Context, read: ReadPath | undefined): Promise<PendingBatch> {
    const isUpload = assessment.operation?.name === 'files.create';
    const plan = await this.#observing(assessment, context, () =>
      isUpload ? planUpload(assessment, context) : this.#planCreation(assessment, context, read),
    );
    const expiresAt = holdUntil(assessment.at, assessment.request.body?.get('completion_window'));
    if (isUpload || plan === undefined) return { held: unheld(assessment), plan, expiresAt };
    const held = await holdBatch(assessment, context, plan, expiresAt);
    const { body } = assessment.request;
    if (!context.observe) body?.set('metadata', withOwner(body.get('metadata'), ownerOf(assessment, plan)));
    return { held, plan, expiresAt };
  }

  /**
   * What the SDK gets of a successful answer, once what it tells has been noted. `moved` is called if the hold is under the
   * batch's own id from now on, so that the call's can be freed.
   */
  async answered(
    assessment: Assessment,
    context: Context,
    pending: PendingBatch | undefined,
    read: ReadPath | undefined,
    response: Response,
    moved: () => void,
  ): Promise<Response> {
    const name = assessment.operation?.name;
    if (name === 'files.content') return this.#watched(assessment, context, read, response);
    const value = await jsonOf(response);
    if (name === 'files.create') this.#uploaded(assessment, pending, value);
    else if (name === 'batches.list')
      for (const each of listOf(value)) this.#seen(context, batchState(each), payerOf(assessment));
    else {
      const batch = batchState(value);
      if (name === 'batches.create' && batch && pending?.plan) await this.#created(assessment, context, pending, batch, moved);
      this.#seen(context, batch, payerOf(assessment));
    }
    return response;
  }

  /** Reads how a batch has ended and books it. */
  async settle(context: Context, batchId: string, read: ReadPath, reader: Payer): Promise<BatchSettlement> {
    const answer = await read(`/openai/v1/batches/${encodeURIComponent(batchId)}`);
    const batch = batchState(await answer.json());
    if (batch === undefined) throw new TypeError(`The answer for batch ${JSON.stringify(batchId)} is not a batch.`);
    const { outputFileId } = batch;
    let cost = await this.#settled.get(batch.id);
    if (cost === undefined && isUnused(batch)) cost = await this.#book(context, batch, undefined, reader);
    else if (cost === undefined && hasEnded(batch) && outputFileId !== undefined) {
      this.#reading.add(outputFileId);
      try {
        const output = await outputOf(context, await read(contentPath(outputFileId)));
        if (output.isReadable) cost = await this.#book(context, batch, output, reader);
      } finally {
        this.#reading.delete(outputFileId);
      }
    }
    return { batchId: batch.id, status: batch.status, settled: cost !== undefined, costNanos: cost };
  }

  /** Resolves when everything that answers have told is booked. */
  async idle(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working);
  }

  async #observing<T>(assessment: Assessment, context: Context, run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      if (!context.observe) throw error;
      if (isGovernanceError(error)) assessment.refusals.push(error);
      return undefined;
    }
  }

  async #planCreation(assessment: Assessment, context: Context, read: ReadPath | undefined): Promise<BatchPlan | undefined> {
    const { body } = assessment.request;
    const fileId = body?.get('input_file_id');
    if (typeof fileId !== 'string' || fileId === '') throw refuse(assessment, 'Expected input_file_id to be the id of a file.');
    const checked = this.#files.get(fileId);
    const isCurrent = checked?.subject === subjectOf(assessment) && assessment.at - checked.at < CHECKED_FOR_MS;
    // Nobody is made to wait for a download in observe mode.
    if (!isCurrent && context.observe) return undefined;
    const plan = isCurrent ? checked.plan : await download(assessment, context, read, fileId);
    if (!isCurrent) this.#files.set(fileId, { plan, subject: subjectOf(assessment), at: assessment.at });
    if (body?.get('endpoint') === plan.url) return plan;
    throw refuse(
      assessment,
      `The lines of the file are for ${plan.url}, which the batch's endpoint is not. Set endpoint to it.`,
    );
  }

  #uploaded(assessment: Assessment, pending: PendingBatch | undefined, value: unknown): void {
    const id: unknown = Object(value).id;
    if (typeof id !== 'string' || !pending?.plan) return;
    this.#files.set(id, { plan: pending.plan, subject: subjectOf(assessment), at: assessment.at });
  }

  async #created(
    assessment: Assessment,
    context: Context,
    { held, plan, expiresAt }: PendingBatch,
    batch: BatchState,
    moved: () => void,
  ): Promise<void> {
    if (plan === undefined) return;
    const owner = ownerOf(assessment, plan);
    this.#known.set(batch.id, { owner, models: [...plan.byModel.keys()] });
    if (!held.stored) return moved();
    const until = batch.expiresAt === undefined ? expiresAt : Math.max(expiresAt, holdUntil(batch.expiresAt, '0h'));
    try {
      await moveHold(assessment, context, plan, batch.id, until, owner.divided);
      moved();
    } catch (error) {
      // The call's own hold stands instead; settling the batch finds it.
      const { at, id: callId } = assessment;
      context.events.emit('store-unavailable', { at, store: 'budgetStore', during: 'reserve', callId, error });
    }
  }

  #seen(context: Context, batch: BatchState | undefined, reader: Payer): void {
    if (batch === undefined) return;
    if (batch.outputFileId !== undefined) this.#outputs.set(batch.outputFileId, batch);
    if (isUnused(batch)) this.#work(this.#book(context, batch, undefined, reader));
  }

  #watched(assessment: Assessment, context: Context, read: ReadPath | undefined, response: Response): Response {
    const fileId = idIn(assessment.request.path);
    if (fileId === undefined || response.status !== 200 || this.#reading.has(fileId)) return response;
    const output = new OutputReader(context);
    return watchBody(response, {
      push: (bytes) => output.push(bytes),
      end: () => {
        output.end();
        if (output.isReadable) this.#work(this.#wasRead(context, fileId, output, read, payerOf(assessment)));
      },
    });
  }

  async #wasRead(
    context: Context,
    fileId: string,
    output: OutputReader,
    read: ReadPath | undefined,
    reader: Payer,
  ): Promise<void> {
    let batch = this.#outputs.get(fileId);
    // Only the batch knows its output file; the file says nothing of its batch.
    if ((batch === undefined ? output.isOutput : !hasEnded(batch)) && read) {
      const answer = await read(`/openai/v1/batches${batch === undefined ? '' : `/${encodeURIComponent(batch.id)}`}`);
      await answer.text();
      batch = this.#outputs.get(fileId);
    }
    if (batch && hasEnded(batch)) await this.#book(context, batch, output, reader);
  }

  async #book(
    context: Context,
    batch: BatchState,
    output: OutputReader | undefined,
    reader: Payer,
  ): Promise<number | undefined> {
    const settled = this.#settled.get(batch.id);
    if (settled) return settled;
    const booking = bookBatch(context, batch, output, this.#known.get(batch.id), reader);
    this.#settled.set(batch.id, booking);
    // What could not be booked may be tried again.
    const cost = await booking.catch(() => undefined);
    if (cost === undefined) this.#settled.delete(batch.id);
    return cost;
  }

  #work(work: Promise<unknown>): void {
    // Who reads an answer has nothing to do with the books; the hold stands until somebody settles it.
    const quiet = work.catch(() => undefined).finally(() => this.#working.delete(quiet));
    this.#working.add(quiet);
  }
}

async function planUpload(assessment: Assessment, context: Context): Promise<BatchPlan | undefined> {
  const { body } = assessment.request;
  // What cannot be read here is read when a batch is made of it.
  const file = body instanceof FormBody && body.get('purpose') === 'batch' ? body.get('file') : undefined;
  if (!(file instanceof Blob)) return undefined;
  try {
    return await planBatch(assessment, context, file.stream());
  } catch (error) {
    // An upload spends nothing. Whether a file is one of requests at all is up to the provider, until it is to be run.
    if (error instanceof PolicyDeniedError && error.rule === FORMAT_RULE) return undefined;
    throw error;
  }
}

async function download(
  assessment: Assessment,
  context: Context,
  read: ReadPath | undefined,
  fileId: string,
): Promise<BatchPlan> {
  const advice = `Upload it through this client with files.create({ file, purpose: 'batch' }), so that its lines can be checked.`;
  if (read === undefined) throw refuse(assessment, `The file of the batch is not known here. ${advice}`);
  let body: ReadableStream<Uint8Array> | null;
  try {
    ({ body } = await read(contentPath(fileId)));
  } catch (error) {
    if (isGovernanceError(error)) throw error;
    const status: unknown = Object(error).status;
    const why = typeof status === 'number' ? ` (HTTP ${status})` : '';
    throw refuse(assessment, `The file of the batch could not be read${why}. ${advice}`);
  }
  return planBatch(assessment, context, body ?? new Blob([]).stream());
}

async function outputOf(context: Context, { body }: Response): Promise<OutputReader> {
  const output = new OutputReader(context);
  const reader = body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (value) output.push(value);
    if (done) break;
  }
  output.end();
  return output;
}

const contentPath = (fileId: string): string => `/openai/v1/files/${encodeURIComponent(fileId)}/content`;

function idIn(path: string): string | undefined {
  const [, id] = /^\/openai\/v1\/files\/([^/]+)\/content$/.exec(path) ?? [];
  try {
    return id === undefined ? undefined : decodeURIComponent(id);
  } catch {
    return undefined;
  }
}

const refuse = (assessment: Assessment, reason: string): PolicyDeniedError =>
  new PolicyDeniedError({ ...(assessment.subject satisfies ErrorSubject), code: 'invalid-request', rule: FORMAT_RULE, reason });

// Answers are small, and the SDK gets its own copy.
async function jsonOf(response: Response): Promise<unknown> {
  try {
    return JSON.parse(await response.clone().text());
  } catch {
    return undefined;
  }
}

function listOf(value: unknown): readonly unknown[] {
  const { data } = Object(value) as { readonly data?: unknown };
  return Array.isArray(data) ? data : [];
}

// All that rules and policies can see of who calls.
const subjectOf = ({ team, binding: { user, tags } }: Assessment): string =>
  JSON.stringify([team, user, Object.entries(tags ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))]);

const payerOf = ({ team, binding: { user, tags }, key, at }: Assessment): Payer => ({ team, user, tags, keyId: key?.id, at });

const ownerOf = (assessment: Assessment, plan: BatchPlan): BatchOwner => ({
  ...payerOf(assessment),
  at: Math.floor(assessment.at),
  callId: assessment.id,
  heldNanos: plan.nanos,
  lines: plan.lines,
  model: plan.byModel.size === 1 ? [...plan.byModel.keys()][0] : undefined,
  divided: isDivided(assessment, plan),
});
