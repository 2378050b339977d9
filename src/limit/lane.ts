import type { Asked } from './asked';
import { amountOf, type Constraint, type Need } from './constraint';
import type { Heaped } from './heap';
import type { Plan } from './plan';
import { PriorityLevels, type Ranked } from './priority-levels';
import type { Demand, Slot } from './rate-limiter';
import type { TeamQueue } from './queue';

// Lanes move on to the constraint that stops them next. Should that go in circles, the next event moves them on.
const MOVES_PER_ROUND = 16;

/** One call that waits. */
export class Waiting implements Ranked<Waiting> {
  readonly demand: Demand;
  lane: Lane;
  readonly signal: AbortSignal | undefined;
  readonly since: number;
  /** Rises with every call that comes. */
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
  /** Set while it has left its lane because nothing stops it here, and an engine is being asked. */
  asked: Asked | undefined = undefined;

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
  /** What the calls count against, but for the provider's limits that were learnt since. */
  readonly constraints: readonly Constraint[];
  #moves = 0;
  #round = 0;

  constructor(team: Team, key: string, plan: Plan) {
    this.team = team;
    this.key = key;
    this.plan = plan;
    this.constraints = plan.needs.map(({ constraint }) => constraint);
  }

  /** Whether it may change lines once more in this round. */
  mayMove(round: number): boolean {
    if (this.#round !== round) {
      this.#round = round;
      this.#moves = 0;
    }
    return ++this.#moves <= MOVES_PER_ROUND;
  }

  /** It had its turn at `from` and goes to stand where `stop` stops it, so room is kept back for its first call. */
  keepRoom(from: Constraint, stop: Need, now: number): void {
    const to = stop.constraint;
    const need = this.plan.needs.find(({ constraint }) => constraint === from);
    const { first } = this.waiting;
    if (need === undefined || first === undefined || from.keepMs === 0 || (to.keepMs > 0 && from.rank >= to.rank)) return;
    // Without this, a large demand that needs room in two places at once could be overtaken in turn at both, for ever.
    // Room is not kept for longer than what others would take of it would count.
    const at = to.availableAt(amountOf(stop, first.demand), stop.max, now, this);
    const isSoon = at === Infinity || to.keepMs === 0 || at - now < from.keepMs;
    if (isSoon && from.keep(amountOf(need, first.demand), this, now)) this.kept.push(from);
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

  /** How many in the queue have never had to wait: an engine is being asked for the first time. */
  fresh: number = 0;

  constructor(name: string, queue: TeamQueue) {
    this.name = name;
    this.queue = queue;
  }

  /** How many wait. */
  get waiting(): number {
    return this.queue.size - this.fresh;
  }

  /** The lane of all calls that count against the same as the plan's. */
  laneOf(plan: Plan): Lane {
    const key = [
      plan.provider ?? '',
      ...plan.limits.map((limit) => limit.key),
      '',
      ...plan.concurrency.map((gate) => gate.key),
    ].join('\n');
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(this, key, plan);
      this.lanes.set(key, lane);
      for (const constraint of lane.constraints) (constraint.lanes ??= new Set()).add(lane);
    } else lane.plan = plan;
    return lane;
  }

  /** Nobody waits in it any more. */
  forget(lane: Lane): void {
    if (!this.lanes.delete(lane.key)) return;
    for (const constraint of lane.constraints) {
      constraint.lanes?.delete(lane);
      if (constraint.lanes?.size === 0) constraint.lanes = undefined;
    }
  }
}
