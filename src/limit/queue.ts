import PQueue, { type Queue, type QueueAddOptions, type RunFunction } from 'p-queue';
import type { Waiting } from './lane';
import type { Slot } from './rate-limiter';

type Jobs = Queue<RunFunction, QueueAddOptions>;

// Without an id, p-queue makes one per call.
const ADD_OPTIONS: QueueAddOptions = { id: 'waiting' };

/**
 * A team's waiting calls, as a p-queue that stands paused. Who goes next depends on limits that several teams share, so the
 * scheduler chooses, and the queue is opened for that one call only. p-queue does both steps before it returns, which is
 * why the call in question need not be a part of the job: what each of 100,000 jobs holds is most of what waiting costs.
 */
export class TeamQueue {
  readonly #queue: PQueue<Jobs, QueueAddOptions>;
  #size = 0;
  #entering: Waiting | undefined;
  #leaving: Waiting | undefined;

  constructor() {
    this.#queue = new PQueue<Jobs, QueueAddOptions>({ autoStart: false, queueClass: this.#queueClass() });
  }

  /** How many wait, or are asked for. */
  get size(): number {
    return this.#size;
  }

  /** Puts the call into its lane. The promise settles once the call has left. */
  add(waiting: Waiting): Promise<Slot> {
    this.#entering = waiting;
    return this.#queue.add(this.#job, ADD_OPTIONS);
  }

  /** Takes the call out of its lane and settles its promise with the slot it got, else with its error. */
  leave(waiting: Waiting): void {
    this.#leaving = waiting;
    this.#queue.start();
  }

  readonly #job = (): Slot => {
    const waiting = this.#leaving;
    this.#leaving = undefined;
    this.#queue.pause();
    if (waiting?.slot === undefined) throw waiting?.error;
    return waiting.slot;
  };

  #enter(run: RunFunction): void {
    const waiting = this.#entering;
    this.#entering = undefined;
    if (waiting === undefined) return;
    waiting.run = run;
    if (waiting.asked === undefined) waiting.lane.waiting.add(waiting);
    this.#size++;
  }

  #take(): RunFunction | undefined {
    const waiting = this.#leaving;
    if (waiting === undefined) return undefined;
    if (waiting.asked === undefined) waiting.lane.waiting.delete(waiting);
    this.#size--;
    return waiting.run;
  }

  /** p-queue's view of the lanes. It makes the instance itself, so the class carries what it needs. */
  #queueClass(): new () => Jobs {
    const size = (): number => this.#size;
    const enter = (run: RunFunction): void => this.#enter(run);
    const take = (): RunFunction | undefined => this.#take();
    return class implements Jobs {
      get size(): number {
        return size();
      }
      enqueue(run: RunFunction): void {
        enter(run);
      }
      dequeue(): RunFunction | undefined {
        return take();
      }
      // Priorities and aborts are the lanes' own business, so p-queue never comes to ask for these.
      filter(): RunFunction[] {
        return [];
      }
      setPriority(): void {}
      remove(): void {}
    };
  }
}
