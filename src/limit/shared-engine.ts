import type { Clock } from '../clock';
import { Coalescer } from '../coalescer';
import { random } from '../id';
import { TimeLimit } from '../time-limit';
import type { LimitSnapshot } from './rate-limiter';
import type { SharedChange, SharedDemand, SharedGrant, SharedLimits, SharedState } from './shared-limits';

/** What waits for its trip. */
export interface Question {
  /** Asked when the trip begins: an answer to it, if there is no need to ask any more. */
  settled(): SharedGrant | undefined;
  /** Asked then, too, if there is: what is to be taken. */
  demand(): SharedDemand;
  /** It was granted so late that its promise may have been given up. */
  onLate(): void;
}

// After a failed trip; beyond, the lease brings back what was taken.
const RETRIES_MS = [100, 500, 2500];

/** An engine's counters: what is asked or told at the same time is one trip, and nobody waits for what is told. */
export class SharedEngine {
  readonly #limits: SharedLimits;
  readonly #clock: Clock;
  readonly #limit: TimeLimit;
  readonly #takes: Coalescer<Question, SharedGrant>;
  readonly #changes: Coalescer<SharedChange, true>;
  readonly #lessons: Coalescer<LimitSnapshot, true>;
  /** One signal each: many listeners on one signal make Node warn of a leak. */
  readonly #pauses: Set<AbortController> = new Set();
  #isClosed = false;
  readonly #underWay: Set<Promise<unknown>> = new Set();
  #told = 0;
  #landed = 0;
  #latest: Promise<unknown> = Promise.resolve();

  constructor(limits: SharedLimits, clock: Clock, timeoutMs: number) {
    this.#limits = limits;
    this.#clock = clock;
    this.#limit = new TimeLimit(timeoutMs, 'The rate limit engine');
    const name = 'rate limit engine';
    this.#takes = new Coalescer({ name, timeoutMs, run: (questions) => this.#take(questions) });
    this.#changes = new Coalescer({
      name,
      timeoutMs,
      run: async (changes) => {
        await limits.change(changes);
        return changes.map(() => true);
      },
    });
    this.#lessons = new Coalescer({
      name,
      timeoutMs,
      run: async (snapshots) => {
        await limits.learn(snapshots);
        return snapshots.map(() => true);
      },
    });
  }

  /** Up to which change, counted from 1, all have been tried. */
  get landed(): number {
    return this.#landed;
  }

  /** Rejects if the engine does not answer. */
  take(question: Question): Promise<SharedGrant> {
    const answer = this.#takes.ask(question);
    this.#track(answer);
    return answer;
  }

  /** The number of the change, which is on its way. */
  change(change: SharedChange): number {
    const number = ++this.#told;
    const first = this.#changes.ask(change);
    // They land in the order in which they were sent, so that one number tells of all before it.
    const landed = (): void => void (this.#landed = Math.max(this.#landed, number));
    this.#latest = first.then(landed, landed);
    this.#insist(first, () => this.#changes.ask(change));
    return number;
  }

  /** Resolves when all changes up to now have been tried. */
  async untilLanded(): Promise<void> {
    await this.#latest;
  }

  learn(snapshot: LimitSnapshot): void {
    this.#insist(this.#lessons.ask(snapshot), () => this.#lessons.ask(snapshot));
  }

  /** Sees all that was told before. */
  async look(demand: SharedDemand): Promise<readonly SharedState[]> {
    await this.untilLanded();
    return this.#limit.within(this.#limits.look(demand));
  }

  /** Rejects when it is closed. */
  async pause(ms: number, background?: boolean): Promise<void> {
    const stop = new AbortController();
    if (this.#isClosed) stop.abort();
    this.#pauses.add(stop);
    try {
      await this.#clock.sleep(ms, stop.signal, background);
    } finally {
      this.#pauses.delete(stop);
    }
  }

  /** Resolves when nothing is under way any more. From now on, what fails is tried once more at most, and at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of this.#pauses) stop.abort();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  #insist(first: Promise<unknown>, again: () => Promise<unknown>): void {
    this.#track(this.#retry(first, again));
  }

  #track(work: Promise<unknown>): void {
    this.#underWay.add(work);
    const done = (): void => void this.#underWay.delete(work);
    work.then(done, done);
  }

  async #retry(first: Promise<unknown>, again: () => Promise<unknown>): Promise<void> {
    let attempt = first;
    for (const pauseMs of RETRIES_MS) {
      try {
        await attempt;
        return;
      } catch {
        await this.pause(pauseMs * (1 - random() / 2)).catch(() => undefined);
        attempt = again();
        if (this.#isClosed) break;
      }
    }
    await attempt.catch(() => undefined);
  }

  async #take(questions: readonly Question[]): Promise<readonly (SharedGrant | Error)[]> {
    const answers = questions.map((question) => question.settled());
    const asked = questions.filter((_, index) => answers[index] === undefined);
    const grants = asked.length === 0 ? [] : await this.#limits.take(asked.map((question) => question.demand()));
    for (const [index, question] of asked.entries()) if (grants[index]?.granted === true) question.onLate();
    let next = 0;
    return answers.map((answer) => answer ?? grants[next++] ?? new Error('The rate limit engine gave no answer.'));
  }
}
