// What a batch may cost, found by assessing each of its lines as the call that it stands for.

import { Assessment, assess } from '../assessment';
import type { Context } from '../context';
import { PolicyDeniedError } from '../errors';
import { type BatchLine, batchLine } from './batch-line';
import { LineTooLongError, linesOf } from './jsonl';

/** The lines of an input file, added up. */
export interface BatchPlan {
  /** The endpoint of all lines. */
  readonly url: string;
  readonly lines: number;
  /** The most that the lines can cost, at the batch price. */
  readonly nanos: number;
  /** The same by model, in the order in which they appear. */
  readonly byModel: ReadonlyMap<string, number>;
}

// The provider's own bounds.
const MAX_LINES = 50_000;
const MAX_BYTES = 200_000_000;

/** The rule that refuses a file because it is not one of requests. */
export const FORMAT_RULE = 'batch';

/**
 * Reads and checks every line for the call that uploads the file or runs it. Throws the refusal of the first line that is not
 * allowed, which names the line. In observe mode refusals by rules go to the call's own, one of each kind, and the plan counts
 * what can be priced.
 */
export async function planBatch(call: Assessment, context: Context, body: ReadableStream<Uint8Array>): Promise<BatchPlan> {
  const planner = new Planner(call, context);
  try {
    for await (const text of linesOf(limited(body, call))) await planner.add(text);
  } catch (error) {
    if (!(error instanceof LineTooLongError)) throw error;
    throw refusal(call, planner.next, undefined, 'It is too long to be one request.');
  }
  return planner.plan();
}

class Planner {
  readonly #call: Assessment;
  readonly #context: Context;
  readonly #lineOf = new Map<string, number>();
  readonly #byModel = new Map<string, number>();
  #url = '';
  #number = 0;
  #lines = 0;
  #nanos = 0;

  constructor(call: Assessment, context: Context) {
    this.#call = call;
    // The key is the call's, and is chosen once.
    this.#context = { ...context, keys: undefined };
  }

  /** The number of the line that comes next, counted from 1. */
  get next(): number {
    return this.#number + 1;
  }

  async add(text: string): Promise<void> {
    this.#number++;
    if (text.trim() === '') return;
    this.#lines++;
    if (this.#lines > MAX_LINES) this.#refuse(undefined, `A batch has at most ${MAX_LINES} lines. Split the file.`);
    const line = batchLine(text);
    if ('reason' in line) this.#refuse(line.customId, line.reason);
    this.#checkPlace(line);
    const assessment = await this.#assess(line);
    const nanos = assessment.upperNanos(assessment.outputBound ?? 0);
    this.#byModel.set(assessment.model, (this.#byModel.get(assessment.model) ?? 0) + nanos);
    this.#nanos += nanos;
    if (!Number.isSafeInteger(this.#nanos)) this.#refuse(line.customId, 'The lines cost more than can be counted exactly.');
  }

  plan(): BatchPlan {
    if (this.#lines === 0) {
      throw new PolicyDeniedError({
        ...this.#call.subject,
        code: 'invalid-request',
        rule: FORMAT_RULE,
        reason: 'The batch file has no lines. Write one request per line.',
      });
    }
    return { url: this.#url, lines: this.#lines, nanos: this.#nanos, byModel: this.#byModel };
  }

  #checkPlace({ customId, url }: BatchLine): void {
    if (this.#url === '') this.#url = url;
    if (url !== this.#url) {
      this.#refuse(customId, `Its url is not that of the lines before it, ${this.#url}. A batch has one endpoint.`);
    }
    const same = this.#lineOf.get(customId);
    if (same !== undefined) this.#refuse(customId, `Line ${same} has the same custom_id. Answers could not be told apart.`);
    else this.#lineOf.set(customId, this.#number);
  }

  async #assess({ customId, request }: BatchLine): Promise<Assessment> {
    const { id, at, binding, key, rules } = this.#call;
    const line = new Assessment(id, at, binding, request);
    line.line = { number: this.#number, customId };
    line.key = key;
    line.rules = rules;
    const before = this.#context.policies.length > 0 ? request.body?.encode() : undefined;
    const pending = assess(line, this.#context);
    if (pending) await pending;
    const [first] = line.refusals;
    if (first && !this.#context.observe) throw first;
    for (const refusal of line.refusals) this.#observe(refusal);
    if (before !== undefined && request.body?.encode() !== before) {
      const step = line.steps.findLast(({ action }) => action === 'amend');
      const rule = step?.rule ?? '';
      const reason =
        `Policy ${JSON.stringify(rule)} would change the request, and a line of a file cannot be changed: ` +
        `${step?.reason ?? ''}. Write it into the line.`;
      const error = new PolicyDeniedError({ ...line.subject, code: 'policy-denied', rule, reason });
      if (!this.#context.observe) throw error;
      this.#observe(error);
    }
    return line;
  }

  #refuse(customId: string | undefined, reason: string): never {
    throw refusal(this.#call, this.#number, customId, reason);
  }

  // A file may break the same rule fifty thousand times.
  #observe(error: Assessment['refusals'][number]): void {
    if (!this.#call.refusals.some(({ code }) => code === error.code)) this.#call.refusals.push(error);
  }
}

function refusal(call: Assessment, number: number, customId: string | undefined, reason: string): PolicyDeniedError {
  const line = { number, customId };
  return new PolicyDeniedError({ ...call.subject, line, code: 'invalid-request', rule: FORMAT_RULE, reason });
}

function limited(body: ReadableStream<Uint8Array>, call: Assessment): ReadableStream<Uint8Array> {
  let bytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.length;
        if (bytes <= MAX_BYTES) return controller.enqueue(chunk);
        throw new PolicyDeniedError({
          ...call.subject,
          code: 'invalid-request',
          rule: FORMAT_RULE,
          limit: MAX_BYTES,
          reason: `The batch file is larger than ${MAX_BYTES / 1_000_000} MB. Split it.`,
        });
      },
    }),
  );
}
