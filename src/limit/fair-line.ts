import { Heap } from './heap';
import type { Lane, Team, Waiting } from './lane';
import type { Demand } from './rate-limiter';

interface Turn {
  readonly lanes: Heap<Lane>;
  /** Rises by what the team takes, divided by its weight. The lowest goes next. */
  tag: number;
}

/**
 * The lanes that wait at one constraint. Between teams the one that has had least for its weight goes first, so that all get
 * their share and none starves; within a team, the higher priority, then who came first.
 */
export class FairLine {
  // A team stays until the line ends, so that leaving and coming back does not reset what it had.
  readonly #turns: Map<Team, Turn> = new Map();
  // The tag of who went last. A team that arrives starts here: it cannot save up turns.
  #tag = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(lane: Lane): void {
    const turn = this.#turnOf(lane.team);
    if (turn.lanes.size === 0) turn.tag = Math.max(turn.tag, this.#tag);
    turn.lanes.add(lane);
    this.#size++;
  }

  delete(lane: Lane): void {
    this.#turnOf(lane.team).lanes.delete(lane);
    this.#size--;
  }

  /** To be called when another call is the lane's first. */
  update(lane: Lane): void {
    this.#turnOf(lane.team).lanes.update(lane);
  }

  get first(): Lane | undefined {
    let first: Lane | undefined;
    let tag = Infinity;
    for (const turn of this.#turns.values()) {
      const lane = turn.lanes.first;
      if (lane === undefined || turn.tag > tag) continue;
      if (first !== undefined && turn.tag === tag && !cameBefore(lane, first)) continue;
      first = lane;
      tag = turn.tag;
    }
    return first;
  }

  /** Whether a lane that may stand elsewhere would go before all that wait here. */
  goesFirst(lane: Lane): boolean {
    const { first } = this;
    if (first === undefined || first === lane) return true;
    if (first.team === lane.team) return lane.isBefore(first);
    const tag = Math.max(this.#turns.get(lane.team)?.tag ?? 0, this.#tag);
    const best = this.#turnOf(first.team).tag;
    return tag < best || (tag === best && cameBefore(lane, first));
  }

  /** What those would take of it who wait here and would go before a call that comes now, as far as can be told. */
  ahead(
    { team, priority, weight }: Pick<Demand, 'team' | 'priority' | 'weight'>,
    amountOf: (waiting: Waiting) => number,
  ): number {
    let [mine, others] = [0, 0];
    let tag = this.#tag;
    for (const [{ name }, turn] of this.#turns) {
      if (name !== team) continue;
      tag = Math.max(tag, turn.tag);
      for (const waiting of waitingIn(turn)) if (waiting.priority >= (priority || 0)) mine += amountOf(waiting);
    }
    // The call's turn comes when its team has had what goes before it there, and every other team as much for its weight.
    tag += mine / positive(weight);
    for (const [{ name }, turn] of this.#turns) {
      if (name === team) continue;
      let reached = turn.tag;
      for (const waiting of waitingIn(turn)) {
        if (reached > tag) break;
        const amount = amountOf(waiting);
        others += amount;
        reached += amount / positive(waiting.demand.weight);
      }
    }
    return mine + others;
  }

  /** Counts what the team takes. */
  charge(team: Team, amount: number, weight: number): void {
    const turn = this.#turnOf(team);
    if (turn.lanes.size === 0) turn.tag = Math.max(turn.tag, this.#tag);
    this.#tag = Math.max(this.#tag, turn.tag);
    turn.tag += amount / positive(weight);
  }

  /** Takes back what `charge` counted, as the team did not get it after all. */
  refund(team: Team, amount: number, weight: number): void {
    this.#turnOf(team).tag -= amount / positive(weight);
  }

  #turnOf(team: Team): Turn {
    let turn = this.#turns.get(team);
    if (turn === undefined) {
      turn = { lanes: new Heap((one, other) => one.isBefore(other)), tag: 0 };
      this.#turns.set(team, turn);
    }
    return turn;
  }
}

function positive(weight: number): number {
  return weight > 0 ? weight : 1;
}

function* waitingIn({ lanes }: Turn): Generator<Waiting, void, undefined> {
  for (const lane of lanes) yield* lane.waiting;
}

function cameBefore(lane: Lane, other: Lane): boolean {
  return (lane.waiting.first?.sequence ?? Infinity) < (other.waiting.first?.sequence ?? Infinity);
}
