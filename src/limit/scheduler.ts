import type { Clock } from '../clock';
import { AbortWatch } from './abort-watch';
import { Asked, type Charge } from './asked';
import { amountOf, amountsOf, type Constraint, type Need } from './constraint';
import { Deadlines } from './deadlines';
import { FairLine } from './fair-line';
import { Lane, Waiting } from './lane';
import { obstacle } from './obstacle';
import { Patience } from './patience';
import type { Edit, LimitStates, Plan } from './plan';
import type { Demand, Slot } from './rate-limiter';
import { closed, impossible } from './refusal';
import { MemorySlot, type SlotOwner } from './slot';
import type { SteadyTime } from './steady-time';
import { Teams } from './teams';
import { Wakes } from './wakes';

/** Who knows an engine that has to let through, too, what nothing stops in this process. */
export interface Asker {
  ask(waiting: Waiting, asked: Asked): void;
  /** Somebody waits here. */
  onStopped(need: Need): void;
}

/**
 * Decides who of the waiting goes next. Each lane stands in the line of one constraint that stops its first call; when that
 * constraint may have room, its line is served from the front, and a lane that another constraint stops moves there. So an
 * event costs as much as it changes, however many wait elsewhere.
 */
export class Scheduler implements SlotOwner {
  readonly #time: SteadyTime;
  readonly #states: LimitStates;
  readonly #patience: Patience;
  readonly #asker: Asker | undefined;
  readonly #teams: Teams = new Teams();
  readonly #wakes: Wakes;
  readonly #deadlines: Deadlines = new Deadlines();
  readonly #aborts: AbortWatch = new AbortWatch((waiting) => this.#refuse(waiting, waiting.signal?.reason));
  /** Constraints whose line may move. */
  readonly #changed: Constraint[] = [];
  readonly #asking: Set<Waiting> = new Set();
  #sequence = 0;
  #round = 0;
  #waiting = 0;

  /** What the asker is to ask for, it must have `granted`, `refused` or `failed` later or, if it is over by then, `answered`. */
  constructor(clock: Clock, time: SteadyTime, states: LimitStates, asker?: Asker) {
    this.#wakes = new Wakes(clock, () => this.#onAlarm());
    this.#time = time;
    this.#states = states;
    this.#patience = new Patience(time);
    this.#asker = asker;
  }

  get waiting(): number {
    return this.#waiting;
  }

  now(): number {
    return this.#time.now();
  }

  /** Queues a demand that `stop` stops, or refuses it. */
  wait(demand: Demand, plan: Plan, stop: Need, signal: AbortSignal | undefined, now: number): Promise<Slot> {
    const refusal = this.#patience.refusal(demand, plan.needs, stop, this.#teams.waitingIn(demand.team), now);
    if (refusal) return Promise.reject(refusal);
    const team = this.#teams.of(demand.team);
    const waiting = new Waiting(demand, team.laneOf(plan), signal, now, ++this.#sequence);
    this.#waiting++;
    const promise = team.queue.add(waiting);
    this.#aborts.add(waiting);
    this.#deadlines.add(waiting);
    this.#takePlace(waiting, stop);
    this.#settle(now);
    return promise;
  }

  /** Asks the engine for a demand that nothing stops here. */
  ask(demand: Demand, plan: Plan, amounts: readonly number[], signal: AbortSignal | undefined, now: number): Promise<Slot> {
    const team = this.#teams.of(demand.team);
    const waiting = new Waiting(demand, new Lane(team, '', plan), signal, now, ++this.#sequence);
    const slot = new MemorySlot(this, plan.needs, amounts, 0, now + demand.leaseMs);
    waiting.asked = new Asked(slot);
    this.#waiting++;
    team.fresh++;
    const promise = team.queue.add(waiting);
    this.#aborts.add(waiting);
    this.#asking.add(waiting);
    this.#asker?.ask(waiting, waiting.asked);
    return promise;
  }

  /** The engine has granted it. */
  granted(waiting: Waiting, asked: Asked, slot: Slot): void {
    waiting.slot = slot;
    this.#leave(waiting);
    this.answered(asked, true);
  }

  /**
   * The engine has not granted it, so it takes its old place again. `findStop` is called when nothing counts for it any more, and
   * says what stops it.
   */
  refused(waiting: Waiting, asked: Asked, findStop: (needs: readonly Need[], now: number) => Need): void {
    const now = this.now();
    const { demand, lane } = waiting;
    const { team } = lane;
    asked.answered(false, now);
    asked.undo(team, demand.weight);
    this.#states.refresh(lane.plan);
    const stop = findStop(lane.plan.needs, now);
    const isFresh = asked.from === undefined;
    const refusal = isFresh ? this.#patience.refusal(demand, lane.plan.needs, stop, team.waiting, now) : undefined;
    if (refusal) this.#remove(waiting, refusal);
    else {
      asked.isOver = true;
      this.#asking.delete(waiting);
      waiting.asked = undefined;
      if (isFresh) {
        team.fresh--;
        this.#deadlines.add(waiting);
      }
      waiting.lane = team.laneOf(lane.plan);
      waiting.lane.waiting.add(waiting);
      this.#takePlace(waiting, stop);
    }
    this.onFreed(asked.slot.needs);
  }

  /** The engine could not be asked. */
  failed(waiting: Waiting, asked: Asked, error: unknown): void {
    this.#remove(waiting, error);
    this.answered(asked, false);
  }

  /** Of a call that is over, the engine has answered, too. */
  answered(asked: Asked, granted: boolean): void {
    asked.answered(granted, this.now());
    this.onFreed(asked.slot.needs);
  }

  /** The engine may have room again. */
  reopen(needs: readonly Need[]): void {
    const now = this.now();
    for (const { constraint } of needs) constraint.block?.open(now);
    this.onFreed(needs);
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
    this.#refuseImpossible(this.#teams.lanes());
  }

  /** Lets go whom the new maxima let through, and refuses who can never be granted any more. */
  onEdited(edits: readonly Edit[]): void {
    for (const { constraint, isLower } of edits) {
      if (isLower && constraint.lanes) this.#refuseImpossible(constraint.lanes);
      if (constraint.line !== undefined) this.#changed.push(constraint);
    }
    this.#settle(this.now());
  }

  #refuseImpossible(lanes: Iterable<Lane>): void {
    for (const lane of lanes) {
      this.#states.refresh(lane.plan);
      for (const waiting of lane.waiting) {
        const refusal = impossible(lane.plan.needs, waiting.demand);
        if (refusal) this.#remove(waiting, refusal);
      }
    }
  }

  close(): void {
    for (const lane of this.#teams.lanes()) for (const waiting of lane.waiting) this.#remove(waiting, closed());
    for (const waiting of this.#asking) this.#remove(waiting, closed());
    this.#settle(this.now());
  }

  /** Serves every line that may move, ends the waits that have lasted too long, and sets the alarm. */
  #settle(now: number): void {
    this.#round++;
    this.#serveChanged(now);
    for (let waiting = this.#deadlines.first; waiting && waiting.deadline <= now; waiting = this.#deadlines.first) {
      const { demand, lane, asked } = waiting;
      this.#remove(
        waiting,
        this.#patience.hasEnded(demand, lane.plan.needs, asked?.from ?? lane.at, lane.waiting.size - 1, now),
      );
      this.#serveChanged(now);
    }
    if (this.#waiting === 0) this.#wakes.disarm();
    else this.#wakes.arm(this.#deadlines.first?.deadline ?? Infinity, now);
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
        impossible(lane.plan.needs, waiting.demand) ??
        this.#patience.endsAtProvider(waiting.demand, lane.plan.needs, stop, now);
      if (refusal) this.#remove(waiting, refusal);
      else if (stop.constraint === constraint || !lane.mayMove(this.#round)) {
        const amount = amountOf(stop, waiting.demand);
        this.#asker?.onStopped(stop);
        wakeAt = stop.constraint.lookAgainAt(amount, stop.max, now, lane);
        break;
      } else this.#move(lane, constraint, stop, now);
    }
    this.#wakes.set(constraint, wakeAt);
  }

  #grant(waiting: Waiting, amounts: readonly number[], constraint: Constraint, now: number): void {
    const { demand, lane } = waiting;
    const charges: Charge[] = [];
    for (const [index, { constraint: each }] of lane.plan.needs.entries()) {
      const amount = amounts[index] ?? 0;
      if (amount === 0 || each.line === undefined) continue;
      each.line.charge(lane.team, amount, demand.weight);
      charges.push({ line: each.line, amount });
    }
    const slot = new MemorySlot(this, lane.plan.needs, amounts, now - waiting.since, now + demand.leaseMs);
    if (this.#asker === undefined) {
      waiting.slot = slot;
      this.#leave(waiting);
    } else {
      lane.waiting.delete(waiting);
      waiting.asked = new Asked(slot, constraint, charges);
      this.#asking.add(waiting);
    }
    this.#onNewFirst(lane, constraint);
    if (waiting.asked !== undefined) this.#asker?.ask(waiting, waiting.asked);
  }

  /** The lane had its turn at `from`; what stops it now is elsewhere. */
  #move(lane: Lane, from: Constraint, stop: Need, now: number): void {
    lane.keepRoom(from, stop, now);
    this.#goAway(lane, from);
    this.#stand(lane, stop.constraint);
  }

  /** It is in its lane, and `stop` stops it. */
  #takePlace(waiting: Waiting, stop: Need): void {
    const { lane } = waiting;
    if (lane.waiting.first !== waiting) return;
    if (lane.at === undefined) this.#stand(lane, stop.constraint);
    else this.#onNewFirst(lane, lane.at);
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
    lane.team.forget(lane);
    this.#teams.forgetIfIdle(lane.team);
  }

  #leave(waiting: Waiting): void {
    const { asked, lane } = waiting;
    this.#waiting--;
    this.#aborts.delete(waiting);
    this.#deadlines.delete(waiting);
    lane.team.queue.leave(waiting);
    if (asked === undefined) return;
    asked.isOver = true;
    this.#asking.delete(waiting);
    if (asked.from === undefined) lane.team.fresh--;
    this.#teams.forgetIfIdle(lane.team);
  }

  /** Takes a call out that gets nothing. */
  #remove(waiting: Waiting, error: unknown): void {
    const { lane, asked } = waiting;
    const wasFirst = lane.waiting.first === waiting;
    waiting.error = error;
    this.#leave(waiting);
    if (asked !== undefined) {
      asked.undo(lane.team, waiting.demand.weight);
      this.#noteChanged(asked.slot.needs);
      return;
    }
    if (wasFirst && lane.at !== undefined) this.#onNewFirst(lane, lane.at);
  }

  #refuse(waiting: Waiting, error: unknown): void {
    this.#remove(waiting, error);
    if (this.#changed.length > 0 || this.#waiting === 0) this.#settle(this.now());
  }

  #onAlarm(): void {
    const now = this.now();
    for (let due = this.#wakes.takeDue(now); due; due = this.#wakes.takeDue(now)) this.#changed.push(due);
    this.#settle(now);
  }
}
