import type { Call } from '../call';
import type { Evidence } from '../settlement';
import type { CallOutcome } from '../usage/usage-log';
import { billedText } from './answer';
import { eventsInText } from './sse';
import {
  type ModelUsage,
  type TokenUsage,
  ToolUses,
  chunkTokens,
  endTold,
  generatedTokens,
  isUsageChunk,
  textTokens,
  toolUses,
  usageBreakdown,
  usageOf,
} from './usage';

const NO_TOOLS: readonly string[] = Object.freeze([]);

// An answer that the caller drops is booked when it is collected. Nothing here keeps what it watches alive.
const dropped = new FinalizationRegistry<{ readonly meter: Meter; readonly holder: number }>(({ meter, holder }) =>
  meter.abandoned(holder),
);

/** Watches one answer go by, and books the call when it ends, in whichever of the ways that an answer can. */
export class Meter {
  readonly #call: Call;
  #usage: TokenUsage | undefined;
  #outputTokens = 0;
  #breakdown: readonly ModelUsage[] | undefined;
  #tools: ToolUses | undefined;
  #told: 'success' | 'error' | undefined;
  #reading = false;
  #tapped = false;
  #whole = false;
  #holder = 0;
  #forget: (() => void) | undefined;

  constructor(call: Call) {
    this.#call = call;
  }

  /** True once the caller has asked for the answer in some form. */
  get wanted(): boolean {
    return this.#holder > 0;
  }

  /** Somebody new holds the answer, and whoever held it before no longer counts. */
  heldBy(): number {
    return ++this.#holder;
  }

  /** Whoever has this object holds the answer: nobody will ever read on when it is collected. */
  heldIn(holder: object): void {
    dropped.register(holder, { meter: this, holder: this.heldBy() });
  }

  /** The answer is read piece by piece, from this object. */
  readIn(holder: object): void {
    this.#reading = true;
    this.heldIn(holder);
  }

  /**
   * From here on the body's bytes are watched, and what is parsed of them is not counted again. `whole` says that they are no
   * stream: what is not read of them has been generated all the same.
   */
  tapped(whole: boolean): void {
    this.#tapped = true;
    this.#whole = whole;
  }

  /** From here on an abort ends the call at once, also while nobody reads. */
  heed(signal: AbortSignal): void {
    const onAbort = (): void => this.broken('aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    // A signal may live for as long as the process.
    this.#forget = () => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  }

  /** The whole answer was parsed: JSON, text, or undefined for an empty body. */
  parsed(value: unknown): void {
    if (!this.#tapped) this.completed(value);
  }

  /** The whole answer was seen. */
  completed(value: unknown): void {
    if (this.#call.kind === 'audio') return this.#book({ kind: 'audio', seconds: audioSeconds(value) }, 'success');
    if (this.#call.pricedByRequest) return this.#book({ kind: 'request' }, 'success');
    const events = typeof value === 'string' ? eventsInText(value) : undefined;
    if (events) {
      // A stream that nobody was told to parse.
      this.#whole = false;
      for (const event of events) this.chunk(event);
      return this.streamEnded(false);
    }
    this.#count(value);
    if (!this.#usage) this.#outputTokens = answerTokens(value);
    this.#whole = false;
    this.#end('success');
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
    this.#count(chunk);
    this.#outputTokens += chunkTokens(chunk);
    const told = endTold(chunk);
    if (told) this.#told = told;
    if (told === 'error') this.#generated(chunk);
    return this.#call.hidesUsage && isUsageChunk(chunk);
  }

  #count(value: unknown): void {
    const usage = usageOf(value);
    if (usage) this.#usage = usage;
    const breakdown = usageBreakdown(value);
    if (breakdown) this.#breakdown = breakdown;
    const uses = toolUses(value);
    if (uses.length > 0) (this.#tools ??= new ToolUses()).add(uses);
  }

  // What was generated and then refused may never have been shown in chunks.
  #generated(body: unknown): void {
    const text = billedText(body);
    if (text !== undefined) this.#outputTokens = Math.max(this.#outputTokens, generatedTokens(text));
  }

  /** The stream came to its end, or to what looks like it. */
  streamEnded(aborted: boolean): void {
    this.#end(this.#told ?? (this.#usage ? 'success' : aborted ? 'aborted' : 'error'));
  }

  /** The stream was left or broke, with what the SDK made of an error that the provider sent, if it did. */
  broken(outcome: CallOutcome, error?: unknown): void {
    this.#generated(error);
    // Who is told of an error leaves, and that is not why it ended.
    this.#end(this.#told === 'error' ? 'error' : outcome);
  }

  /** The body failed before anything of it could be read. */
  unreadable(outcome: CallOutcome): void {
    this.#book({ kind: 'nothing' }, outcome);
  }

  /** The holder of that number is gone, and nobody came after it: nobody will ever read on. */
  abandoned(holder: number): void {
    if (this.#holder !== holder) return;
    if (this.#reading) this.#end('unknown');
    else this.#book({ kind: 'nothing' }, 'unknown');
  }

  #end(outcome: CallOutcome): void {
    const executedTools = this.#tools?.names ?? NO_TOOLS;
    if (this.#whole) this.#book({ kind: 'nothing' }, outcome);
    else if (this.#usage) this.#book({ kind: 'usage', usage: this.#usage, breakdown: this.#breakdown, executedTools }, outcome);
    else
      this.#book(
        { kind: 'read', outputTokens: this.#outputTokens, executedTools, ...(outcome === 'success' && { whole: true }) },
        outcome,
      );
  }

  #book(evidence: Evidence, outcome: CallOutcome): void {
    this.#forget?.();
    this.#call.end(evidence, outcome);
  }
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
