import type { Constraint } from './constraint';
import type { Heaped } from './heap';
import type { Plan } from './plan';
import { PriorityLevels, type Ranked } from './priority-levels';
import type { Demand, Slot } from './rate-limiter';
import type { TeamQueue } from './queue';

/** One call that waits. */
export class Waiting implements Ranked<Waiting> {
  readonly demand: Demand;
  readonly lane: Lane;
  readonly signal: AbortSignal | undefined;
  readonly since: number;
  /** Rises with every call that waits. */
  readonly sequence: number;
  previous: Waiting | undefined = undefined;
  next: Waiting | undefined = undefined;
  /** Who must leave before and after it, of those who wait equally long at most. */
  earlier: Waiting | undefined = undefined;
  later: Waiting | undefined = undefined;
  /** Settles the promise that the caller holds. */
  run: (() => Promise<unknown>) | undefined = undefined;
  /** What that promise resolves to; without one it rejects with `error`. */
  slot: Slot | undefined = undefined;
  error: unknown = undefined;

  constructor(demand: Demand, lane: Lane, signal: AbortSignal | undefined, since: number, sequence: number) {
    this.demand = demand;
    this.lane = lane;
    this.signal = signal;
    this.since = since;
    this.sequence = sequence;
  }

  get priority(): number {
    return this.demand.priority || 0;
  }

  get deadline(): number {
    return this.since + this.demand.maxWaitMs;
  }
}

/** The waiting calls of one team that count against the same constraints. They leave in order, so only the first is looked at. */
export class Lane implements Heaped {
  readonly team: Team;
  readonly key: string;
  plan: Plan;
  readonly waiting: PriorityLevels<Waiting> = new PriorityLevels();
  /** The constraint in whose line the lane stands, and its place there. */
  at: Constraint | undefined = undefined;
  heapIndex: number = -1;
  /** Where room is kept back for the first call. */
  readonly kept: Constraint[] = [];
  /** How often it changed lines in a round. */
  moves: number = 0;
  round: number = 0;

  constructor(team: Team, key: string, plan: Plan) {
    this.team = team;
    this.key = key;
    this.plan = plan;
  }

  isBefore(other: Lane): boolean {
    const [mine, theirs] = [this.waiting.first, other.waiting.first];
    if (mine === undefined || theirs === undefined) return theirs === undefined;
    return mine.priority > theirs.priority || (mine.priority === theirs.priority && mine.sequence < theirs.sequence);
  }
}

/** A team, while any of its calls wait. */
export class Team {
  readonly name: string;
  readonly queue: TeamQueue;
  readonly lanes: Map<string, Lane> = new Map();

  constructor(name: string, queue: TeamQueue) {
    this.name = name;
    this.queue = queue;
  }
}
