import type { Clock } from '../clock';
import { AbortWatch } from './abort-watch';
import { amountOf, amountsOf, type Constraint, type Need } from './constraint';
import { Deadlines } from './deadlines';
import { FairLine } from './fair-line';
import { Heap } from './heap';
import { Lane, Team, Waiting } from './lane';
import { LimitStates, type Plan } from './plan';
import { TeamQueue } from './queue';
import type { Demand, Slot } from './rate-limiter';
import { closed, expectedWaitMs, impossible, queueFull, waitTooLong } from './refusal';
import { MemorySlot, type SlotOwner } from './slot';
import type { SteadyTime } from './steady-time';

// Lanes move on to the constraint that stops them next. Should that go in circles, the next event moves them on.
const MOVES_PER_ROUND = 16;
// Making a team's queue costs more than keeping it.
const IDLE_TEAMS_KEPT = 256;

/** The first constraint that has no room, or where others come first; undefined if the demand can be granted. */
export function obstacle(
  needs: readonly Need[],
  amounts: readonly number[],
  now: number,
  lane: Lane | undefined,
): Need | undefined {
  let index = 0;
  for (const need of needs) {
    const amount = amounts[index++] ?? 0;
    if (amount === 0) continue;
    const { constraint } = need;
    // Less than nothing must not make room; whoever waits for it is refused.
    if (!(amount > 0)) return need;
    if (constraint.line !== undefined && (lane === undefined || !constraint.line.goesFirst(lane))) return need;
    if (!constraint.fits(amount, need.max, now, lane)) return need;
  }
  return undefined;
}

/**
 * Decides who of the waiting goes next. Each lane stands in the line of one constraint that stops its first call; when that
 * constraint may have room, its line is served from the front, and a lane that another constraint stops moves there. So an
 * event costs as much as it changes, however many wait elsewhere.
 */
export class Scheduler implements SlotOwner {
  readonly #clock: Clock;
  readonly #time: SteadyTime;
  readonly #states: LimitStates;
  readonly #teams: Map<string, Team> = new Map();
  readonly #wakes: Heap<Constraint> = new Heap((one, other) => one.wakeAt < other.wakeAt);
  readonly #deadlines: Deadlines = new Deadlines();
  readonly #aborts: AbortWatch = new AbortWatch((waiting) => this.#refuse(waiting, waiting.signal?.reason));
  /** Constraints whose line may move. */
  readonly #changed: Constraint[] = [];
  #alarm: { readonly at: number; readonly stop: AbortController } | undefined;
  #sequence = 0;
  #round = 0;
  #waiting = 0;

  constructor(clock: Clock, time: SteadyTime, states: LimitStates) {
    this.#clock = clock;
    this.#time = time;
    this.#states = states;
  }

  get waiting(): number {
    return this.#waiting;
  }

  now(): number {
    return this.#time.now();
  }

  /** Queues a demand that `stop` stops, or refuses it. */
  wait(demand: Demand, plan: Plan, stop: Need, signal: AbortSignal | undefined, now: number): Promise<Slot> {
    const refusal =
      impossible(plan.needs, demand) ??
      this.#tooLongAtProvider(demand, plan, stop, now) ??
      this.#tooLongForSure(demand, plan, now);
    if (refusal) return Promise.reject(refusal);
    const team = this.#team(demand.team);
    if (!(team.queue.size < demand.maxQueueSize)) {
      const expected = expectedWaitMs(plan.needs, demand, team.queue.size, now);
      return Promise.reject(queueFull(demand, stop, team.queue.size, expected, this.#time.toClock(now + expected)));
    }
    const lane = lanesOf(team, plan);
    const waiting = new Waiting(demand, lane, signal, now, ++this.#sequence);
    this.#waiting++;
    const promise = team.queue.add(waiting);
    this.#aborts.add(waiting);
    this.#deadlines.add(waiting);
    if (lane.waiting.first === waiting) {
      if (lane.at === undefined) this.#stand(lane, stop.constraint);
      else this.#onNewFirst(lane, lane.at);
    }
    this.#settle(now);
    return promise;
  }

  onFreed(needs: readonly Need[]): void {
    this.#noteChanged(needs);
    this.#settle(this.now());
  }

  onBegun(needs: readonly Need[]): void {
    this.onFreed(needs);
  }

  onLapsed(needs: readonly Need[]): void {
    this.#noteChanged(needs);
    queueMicrotask(() => this.#settle(this.now()));
  }

  /** Refuses all who wait and can never be granted any more, because a limit is lower than was known. */
  onLearnt(): void {
    for (const team of this.#teams.values()) {
      for (const lane of team.lanes.values()) {
        this.#states.refresh(lane.plan);
        for (const waiting of lane.waiting) {
          const refusal = impossible(lane.plan.needs, waiting.demand);
          if (refusal) this.#remove(waiting, refusal);
        }
      }
    }
  }

  close(): void {
    for (const team of this.#teams.values()) {
      for (const lane of team.lanes.values()) for (const waiting of lane.waiting) this.#remove(waiting, closed());
    }
    this.#settle(this.now());
  }

  /** Serves every line that may move, ends the waits that have lasted too long, and sets the alarm. */
  #settle(now: number): void {
    this.#round++;
    this.#serveChanged(now);
    for (let waiting = this.#deadlines.first; waiting && waiting.deadline <= now; waiting = this.#deadlines.first) {
      this.#remove(waiting, this.#waitedTooLong(waiting, now));
      this.#serveChanged(now);
    }
    this.#setAlarm(now);
  }

  #noteChanged(needs: readonly Need[]): void {
    for (const { constraint } of needs) if (constraint.line !== undefined) this.#changed.push(constraint);
  }

  #serveChanged(now: number): void {
    for (let constraint = this.#changed.pop(); constraint; constraint = this.#changed.pop()) this.#serve(constraint, now);
  }

  #serve(constraint: Constraint, now: number): void {
    let wakeAt = Infinity;
    for (let lane = constraint.line?.first; lane; lane = constraint.line?.first) {
      const waiting = lane.waiting.first;
      if (waiting === undefined) break;
      this.#states.refresh(lane.plan);
      const amounts = amountsOf(lane.plan.needs, waiting.demand);
      const stop = obstacle(lane.plan.needs, amounts, now, lane);
      if (stop === undefined) {
        this.#grant(waiting, amounts, constraint, now);
        continue;
      }
      const refusal =
        impossible(lane.plan.needs, waiting.demand) ?? this.#tooLongAtProvider(waiting.demand, lane.plan, stop, now);
      if (refusal) this.#remove(waiting, refusal);
      else if (stop.constraint === constraint || !this.#mayMove(lane)) {
        const amount = amountOf(stop, waiting.demand);
        // At once would be now again, for as long as it takes.
        const at = stop.constraint.availableAt(amount, stop.max, now, lane);
        wakeAt = at > now ? at : now + 1;
        break;
      } else this.#move(lane, constraint, stop, now);
    }
    this.#wakes.delete(constraint);
    constraint.wakeAt = wakeAt;
    if (wakeAt < Infinity) this.#wakes.add(constraint);
  }

  #grant(waiting: Waiting, amounts: readonly number[], constraint: Constraint, now: number): void {
    const { demand, lane } = waiting;
    for (const [index, need] of lane.plan.needs.entries()) {
      const amount = amounts[index] ?? 0;
      if (amount > 0) need.constraint.line?.charge(lane.team, amount, demand.weight);
    }
    waiting.slot = new MemorySlot(this, lane.plan.needs, amounts, now - waiting.since, now + demand.leaseMs);
    this.#leave(waiting);
    this.#onNewFirst(lane, constraint);
  }

  #mayMove(lane: Lane): boolean {
    if (lane.round !== this.#round) {
      lane.round = this.#round;
      lane.moves = 0;
    }
    return ++lane.moves <= MOVES_PER_ROUND;
  }

  /** The lane had its turn at `from`; what stops it now is elsewhere. */
  #move(lane: Lane, from: Constraint, stop: Need, now: number): void {
    const to = stop.constraint;
    const need = lane.plan.needs.find(({ constraint }) => constraint === from);
    const waiting = lane.waiting.first;
    if (need && waiting && from.keepMs > 0 && (to.keepMs === 0 || from.rank < to.rank)) {
      // Without this, a large demand that needs room in two places at once could be overtaken in turn at both, for ever.
      // Room is not kept for longer than what others would take of it would count.
      const at = to.availableAt(amountOf(stop, waiting.demand), stop.max, now, lane);
      const isSoon = at === Infinity || to.keepMs === 0 || at - now < from.keepMs;
      if (isSoon && from.keep(amountOf(need, waiting.demand), lane, now)) lane.kept.push(from);
    }
    this.#goAway(lane, from);
    this.#stand(lane, to);
  }

  #stand(lane: Lane, constraint: Constraint): void {
    lane.at = constraint;
    constraint.line ??= new FairLine();
    constraint.line.add(lane);
    this.#changed.push(constraint);
  }

  #goAway(lane: Lane, constraint: Constraint): void {
    const { line } = constraint;
    line?.delete(lane);
    if (line?.size === 0) constraint.line = undefined;
    lane.at = undefined;
    this.#changed.push(constraint);
  }

  /** Another call is the lane's first, or none is left. */
  #onNewFirst(lane: Lane, constraint: Constraint): void {
    for (let kept = lane.kept.pop(); kept; kept = lane.kept.pop()) {
      kept.unkeep(lane);
      this.#changed.push(kept);
    }
    if (lane.waiting.size > 0) {
      constraint.line?.update(lane);
      this.#changed.push(constraint);
      return;
    }
    this.#goAway(lane, constraint);
    lane.team.lanes.delete(lane.key);
    if (lane.team.lanes.size === 0 && this.#teams.size > IDLE_TEAMS_KEPT) this.#teams.delete(lane.team.name);
  }

  #leave(waiting: Waiting): void {
    this.#waiting--;
    this.#aborts.delete(waiting);
    this.#deadlines.delete(waiting);
    waiting.lane.team.queue.leave(waiting);
  }

  /** Takes a call out that gets nothing. */
  #remove(waiting: Waiting, error: unknown): void {
    const { lane } = waiting;
    const wasFirst = lane.waiting.first === waiting;
    waiting.error = error;
    this.#leave(waiting);
    if (wasFirst && lane.at !== undefined) this.#onNewFirst(lane, lane.at);
  }

  #refuse(waiting: Waiting, error: unknown): void {
    this.#remove(waiting, error);
    if (this.#changed.length > 0 || this.#waiting === 0) this.#settle(this.now());
  }

  #team(name: string): Team {
    let team = this.#teams.get(name);
    if (team === undefined) {
      team = new Team(name, new TeamQueue());
      this.#teams.set(name, team);
    }
    return team;
  }

  /** One wait for the earliest instant at which anything can happen by itself. */
  #setAlarm(now: number): void {
    const at = Math.min(this.#wakes.first?.wakeAt ?? Infinity, this.#deadlines.first?.deadline ?? Infinity);
    if (this.#alarm !== undefined) {
      // An alarm that is too early finds nothing to do, which is cheaper than setting it again at every turn.
      if (this.#alarm.at <= at && this.#waiting > 0) return;
      this.#alarm.stop.abort();
      this.#alarm = undefined;
    }
    if (at === Infinity || this.#waiting === 0) return;
    const alarm = { at, stop: new AbortController() };
    this.#alarm = alarm;
    this.#clock.sleep(at - now, alarm.stop.signal).then(
      () => {
        if (this.#alarm === alarm) this.#onAlarm();
      },
      () => undefined,
    );
  }

  #onAlarm(): void {
    this.#alarm = undefined;
    const now = this.now();
    for (let constraint = this.#wakes.first; constraint && constraint.wakeAt <= now; constraint = this.#wakes.first) {
      this.#wakes.delete(constraint);
      this.#changed.push(constraint);
    }
    this.#settle(now);
  }

  #tooLongForSure(demand: Demand, plan: Plan, now: number): Error | undefined {
    for (const need of plan.needs) {
      const amount = amountOf(need, demand);
      if (amount === 0 || !need.constraint.isCertain()) continue;
      const at = need.constraint.availableAt(amount, need.max, now, undefined);
      if (at - now > demand.maxWaitMs && at < Infinity) return this.#tooLong(demand, plan, need, 0, now);
    }
    return undefined;
  }

  #tooLongAtProvider(demand: Demand, plan: Plan, stop: Need, now: number): Error | undefined {
    if (demand.maxProviderWaitMs === undefined || (stop.type !== 'learnt' && stop.type !== 'pause')) return undefined;
    const at = stop.constraint.availableAt(amountOf(stop, demand), stop.max, now, undefined);
    if (!(at - now > demand.maxProviderWaitMs)) return undefined;
    return this.#tooLong({ ...demand, maxWaitMs: demand.maxProviderWaitMs }, plan, stop, 0, now);
  }

  #waitedTooLong({ demand, lane }: Waiting, now: number): Error {
    const need = lane.plan.needs.find(({ constraint }) => constraint === lane.at) ?? lane.plan.needs[0];
    return need ? this.#tooLong(demand, lane.plan, need, lane.waiting.size - 1, now) : closed();
  }

  #tooLong(demand: Demand, plan: Plan, need: Need, ahead: number, now: number): Error {
    const expected = expectedWaitMs(plan.needs, demand, ahead, now);
    return waitTooLong(demand, need, need.constraint.used(now), expected, this.#time.toClock(now + expected));
  }
}

function lanesOf(team: Team, plan: Plan): Lane {
  const key = [
    plan.provider ?? '',
    ...plan.limits.map((limit) => limit.key),
    '',
    ...plan.concurrency.map((gate) => gate.key),
  ].join('\n');
  let lane = team.lanes.get(key);
  if (lane === undefined) {
    lane = new Lane(team, key, plan);
    team.lanes.set(key, lane);
  } else lane.plan = plan;
  return lane;
}
