import type { Call } from '../call';
import type { CallOutcome } from '../usage/usage-log';
import { usageInText } from './sse';
import { type TokenUsage, chunkTokens, executedTools, isUsageChunk, textTokens, usageOf } from './usage';

const NO_TOOLS: readonly string[] = Object.freeze([]);

/** Watches one answer go by, and books the call when it ends, in whichever of the ways that an answer can. */
export class Meter {
  readonly #call: Call;
  #usage: TokenUsage | undefined;
  #outputTokens = 0;
  #tools: readonly string[] = NO_TOOLS;
  #finished = false;
  #reading = false;
  #tapped = false;
  #holder = 0;

  constructor(call: Call) {
    this.#call = call;
  }

  /** True once the caller has asked for the answer in some form. */
  get wanted(): boolean {
    return this.#holder > 0;
  }

  /** Somebody new holds the answer; returns the number to give to `abandoned` when that one is gone. */
  heldBy(): number {
    return ++this.#holder;
  }

  /** From here on the body's bytes are watched, and what is parsed of them is not counted again. */
  tapped(): void {
    this.#tapped = true;
  }

  /** The caller reads the body piece by piece. */
  reading(): number {
    this.#reading = true;
    return this.heldBy();
  }

  /** The whole answer was parsed: JSON, text, or undefined for an empty body. */
  parsed(value: unknown): void {
    if (!this.#tapped) this.completed(value);
  }

  /** The whole answer was seen. */
  completed(value: unknown): void {
    const usage = typeof value === 'string' ? usageInText(value) : usageOf(value);
    const tools = executedTools(value);
    const seconds = audioSeconds(value);
    if (this.#call.kind === 'audio') this.#call.end({ kind: 'audio', seconds }, 'success');
    else if (usage) this.#call.end({ kind: 'usage', usage, executedTools: tools }, 'success');
    else if (this.#call.pricedByRequest) this.#call.end({ kind: 'request' }, 'success');
    else this.#call.end({ kind: 'read', outputTokens: answerTokens(value), executedTools: tools }, 'success');
  }

  /** True if a chunk may have to be left out. */
  get hides(): boolean {
    return this.#call.hidesUsage;
  }

  /** True once the bytes are watched: then what is parsed of them needs no meter of its own. */
  get isTapped(): boolean {
    return this.#tapped;
  }

  /** One chunk of a stream, as the caller is about to get it. True if it must not reach the caller. */
  chunk(chunk: unknown): boolean {
    const usage = usageOf(chunk);
    if (usage) this.#usage = usage;
    this.#outputTokens += chunkTokens(chunk);
    const tools = executedTools(chunk);
    if (tools.length > 0) this.#tools = [...this.#tools, ...tools];
    if (finishes(chunk)) this.#finished = true;
    return this.#call.hidesUsage && isUsageChunk(chunk);
  }

  /** The stream came to its end, or to what looks like it. */
  streamEnded(aborted: boolean): void {
    this.#end(this.#usage || this.#finished ? 'success' : aborted ? 'aborted' : 'error');
  }

  /** The stream was left or broke. */
  broken(outcome: CallOutcome): void {
    this.#end(outcome);
  }

  /** The body failed before anything of it could be read. */
  unreadable(outcome: CallOutcome): void {
    this.#call.end({ kind: 'nothing' }, outcome);
  }

  /** The holder of that number is gone, and nobody came after it: nobody will ever read on. */
  abandoned(holder: number): void {
    if (this.#holder !== holder) return;
    if (this.#reading) this.#end('unknown');
    else this.#call.end({ kind: 'nothing' }, 'unknown');
  }

  #end(outcome: CallOutcome): void {
    if (this.#usage) this.#call.end({ kind: 'usage', usage: this.#usage, executedTools: this.#tools }, outcome);
    else this.#call.end({ kind: 'read', outputTokens: this.#outputTokens, executedTools: this.#tools }, outcome);
  }
}

function finishes(chunk: unknown): boolean {
  const choices: unknown = typeof chunk === 'object' && chunk !== null ? (chunk as { choices?: unknown }).choices : undefined;
  if (!Array.isArray(choices)) return false;
  const [first] = choices as readonly unknown[];
  const reason: unknown =
    typeof first === 'object' && first !== null ? (first as { finish_reason?: unknown }).finish_reason : undefined;
  return typeof reason === 'string';
}

// An answer without usage: its own size is all there is to go by.
function answerTokens(value: unknown): number {
  if (typeof value === 'string') return textTokens(value);
  const choices: unknown =
    typeof value === 'object' && value !== null ? (value as { choices?: unknown; output?: unknown }) : undefined;
  return choices === undefined ? 0 : textTokens(JSON.stringify(choices));
}

function audioSeconds(value: unknown): number | undefined {
  const duration: unknown =
    typeof value === 'object' && value !== null ? (value as { duration?: unknown }).duration : undefined;
  return typeof duration === 'number' && duration >= 0 && duration < 1e9 ? duration : undefined;
}
