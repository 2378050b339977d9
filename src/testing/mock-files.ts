// Uploaded files and the batches over them, in memory.
import { chatCompletion, composeChat } from './mock-chat';
import { groqError } from './mock-errors';
import { errorReply, jsonReply } from './mock-rendered';
import type { Rendered } from './mock-rendered';
import type { Incoming } from './mock-request';
import type { MockAnswer, MockFailure } from './mock-script';
import { asArray, asRecord, asText } from './mock-values';

type Fields = Record<string, unknown>;

interface StoredFile {
  readonly info: Fields & { readonly id: string };
  readonly bytes: Uint8Array;
}

/** How `mock.completeBatch` ends a batch. */
export interface CompleteBatchOptions {
  /** What a line of the input file gets; a failure goes to the error file. Default: the default answer. */
  readonly answer?: (line: MockBatchLine) => MockAnswer | MockFailure | undefined;
  /** How many lines were done before the batch expired; default all, and then it is `completed`. */
  readonly lines?: number;
}

/** One line of a batch's input file. */
export interface MockBatchLine {
  readonly custom_id: string;
  readonly method: string;
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const DAY_SECONDS = 86_400;

export class FileStore {
  readonly #files = new Map<string, StoredFile>();
  readonly #batches = new Map<string, Fields>();
  #count = 0;

  answer(incoming: Incoming, created: number): Rendered {
    const { operation } = incoming.call;
    if (operation === 'files.create') return this.#upload(incoming, created);
    if (operation === 'files.list') return list([...this.#files.values()].map(({ info }) => info));
    if (operation === 'batches.list') return list([...this.#batches.values()]);
    if (operation === 'batches.create') return this.#createBatch(incoming, created);
    return operation.startsWith('files.') ? this.#file(incoming) : this.#batch(incoming, created);
  }

  complete(id: string, options: CompleteBatchOptions, created: number): void {
    const batch = this.#batches.get(id);
    if (!batch) throw new Error(`completeBatch: there is no batch "${id}"`);
    if (batch['status'] !== 'in_progress') throw new Error(`completeBatch: batch "${id}" is ${asText(batch['status'])}`);
    const input = this.#files.get(asText(batch['input_file_id']));
    const lines = parseLines(input?.bytes ?? new Uint8Array());
    const answered = lines.slice(0, options.lines).map((line) => this.#answerLine(line, options.answer?.(line) ?? {}, created));
    const expired = answered.length < lines.length;
    const failed = answered.filter(({ failed: isFailed }) => isFailed);
    const done = answered.filter(({ failed: isFailed }) => !isFailed);
    const write = (name: string, entries: readonly { readonly text: string }[]): string | undefined =>
      entries.length === 0 ? undefined : this.#add(name, 'batch_output', encode(entries), created).id;
    const output = write(`${id}_output.jsonl`, done);
    const errors = write(`${id}_error.jsonl`, failed);
    this.#batches.set(id, {
      ...batch,
      status: expired ? 'expired' : 'completed',
      [expired ? 'expired_at' : 'completed_at']: created,
      finalizing_at: created,
      ...(output === undefined ? {} : { output_file_id: output }),
      ...(errors === undefined ? {} : { error_file_id: errors }),
      request_counts: { total: lines.length, completed: done.length, failed: failed.length },
    });
  }

  #upload({ call, files }: Incoming, created: number): Rendered {
    const file = files.get('file');
    if (!file) return invalid("'file' : a file is missing");
    if (call.body['purpose'] !== 'batch') return invalid("'purpose' : value must be 'batch'");
    return jsonReply(this.#add(file.name, 'batch', file.bytes, created));
  }

  #file({ call, id }: Incoming): Rendered {
    const file = this.#files.get(id);
    if (!file) return missing(`No such file: ${id}`);
    if (call.operation === 'files.retrieve') return jsonReply(file.info);
    if (call.operation === 'files.content') {
      return { status: 200, headers: { 'content-type': 'application/octet-stream' }, chunks: [file.bytes], ending: 'complete' };
    }
    this.#files.delete(id);
    return jsonReply({ id, object: 'file', deleted: true });
  }

  #createBatch({ call: { body } }: Incoming, created: number): Rendered {
    const file = this.#files.get(asText(body['input_file_id']));
    if (!file) return missing(`No such file: ${asText(body['input_file_id'])}`);
    const id = `batch_01mock${String(++this.#count).padStart(20, '0')}`;
    const batch = {
      id,
      object: 'batch',
      endpoint: body['endpoint'],
      errors: null,
      input_file_id: file.info.id,
      completion_window: body['completion_window'],
      status: 'validating',
      created_at: created,
      expires_at: created + windowSeconds(body['completion_window']),
      request_counts: { total: 0, completed: 0, failed: 0 },
      metadata: body['metadata'] ?? null,
    };
    // The caller sees it validating; whoever asks later sees what came of it.
    this.#batches.set(id, { ...batch, ...validated(file.bytes, created) });
    return jsonReply(batch);
  }

  #batch({ call, id }: Incoming, created: number): Rendered {
    const batch = this.#batches.get(id);
    if (!batch) return missing(`No such batch: ${id}`);
    if (call.operation === 'batches.retrieve') return jsonReply(batch);
    if (batch['status'] !== 'in_progress') return invalid(`Cannot cancel a batch that is ${asText(batch['status'])}`);
    const cancelling = { ...batch, status: 'cancelling', cancelling_at: created };
    this.#batches.set(id, { ...cancelling, status: 'cancelled', cancelled_at: created });
    return jsonReply(cancelling);
  }

  #answerLine(line: MockBatchLine, reply: MockAnswer | MockFailure, created: number): { failed: boolean; text: string } {
    const ids = this.#lineIds(created);
    const failed = 'status' in reply || ('error' in reply && !('errorAfter' in reply));
    const result = failed ? failure(line, reply) : { status: 200, body: lineBody(line, reply, ids) };
    const response = { status_code: result.status, request_id: ids.requestId, body: result.body };
    const entry = { id: `batch_req_out_${ids.requestId.slice(4)}`, custom_id: line.custom_id, response, error: null };
    return { failed, text: JSON.stringify(entry) };
  }

  #lineIds(created: number): { id: string; requestId: string; created: number } {
    const number = String(++this.#count).padStart(20, '0');
    return { id: `chatcmpl-batch-${number}`, requestId: `req_01batch${number}`, created };
  }

  #add(filename: string, purpose: string, bytes: Uint8Array, created: number): StoredFile['info'] {
    const id = `file_01mock${String(++this.#count).padStart(20, '0')}`;
    const info = { id, object: 'file', bytes: bytes.length, created_at: created, filename, purpose };
    this.#files.set(id, { info, bytes });
    return info;
  }
}

function lineBody(line: MockBatchLine, reply: MockAnswer, ids: { id: string; requestId: string; created: number }): unknown {
  if (line.url.includes('/audio/'))
    return { text: reply.content ?? ' This is what the audio says.', x_groq: { id: ids.requestId } };
  return chatCompletion(line.body, composeChat(line.body, reply), ids);
}

function failure(line: MockBatchLine, reply: MockFailure): { status: number; body: unknown } {
  const { status, error } = groqError(reply, { model: asText(line.body['model']) });
  return { status, body: { error } };
}

function validated(bytes: Uint8Array, created: number): Fields {
  try {
    const request_counts = { total: parseLines(bytes).length, completed: 0, failed: 0 };
    return { status: 'in_progress', in_progress_at: created, request_counts };
  } catch {
    const data = [{ code: 'invalid_jsonl', message: 'The file is not valid JSONL.', line: null, param: null }];
    return { status: 'failed', failed_at: created, errors: { object: 'list', data } };
  }
}

function parseLines(bytes: Uint8Array): MockBatchLine[] {
  const lines = new TextDecoder().decode(bytes).split('\n');
  return lines.filter((line) => line.trim() !== '').map((line) => lineOf(line));
}

function lineOf(text: string): MockBatchLine {
  const line = asRecord(JSON.parse(text));
  const body = asRecord(line['body']);
  return { custom_id: asText(line['custom_id']), method: asText(line['method']), url: asText(line['url']), body };
}

/** `24h`, `7d`. */
function windowSeconds(window: unknown): number {
  const [, count, unit] = asArray(/^(\d+)([hd])$/.exec(asText(window)));
  return Number(count ?? 1) * (unit === 'h' ? 3600 : DAY_SECONDS);
}

const encode = (entries: readonly { readonly text: string }[]): Uint8Array =>
  new TextEncoder().encode(entries.map(({ text }) => `${text}\n`).join(''));

const list = (data: readonly unknown[]): Rendered => jsonReply({ object: 'list', data });

const invalid = (message: string): Rendered => errorReply({ status: 400, error: { message } }, '');

const missing = (message: string): Rendered => errorReply({ status: 404, error: { message } }, '');
