import type { BudgetState, BudgetStore, Hold, HoldLine } from '../../src/budget/budget-store';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { Clock } from '../../src/clock';
import { type ManualClock, manualClock } from '../../src/testing/manual-clock';

export const START: number = Date.UTC(2026, 10, 21, 12);
export const TODAY = { startsAt: START - 43_200_000, resetsAt: START + 43_200_000 };
/** One unit of the tests' money, so that slices of whole dollars pay for many. */
export const UNIT = 10_000_000;
/** How long holds live unless a test says otherwise. */
export const LIFE_MS = 60_000;

export function line(account: string, limitNanos: number, nanos: number): HoldLine {
  return { account, limitNanos, nanos, window: TODAY };
}

export function hold(id: string, at: number, lines: readonly HoldLine[], lifeMs: number = LIFE_MS): Hold {
  return { id, at, expiresAt: at + lifeMs, lines };
}

export function amounts(states: readonly BudgetState[]): readonly (readonly number[])[] {
  return states.map(({ spentNanos, heldNanos }) => [spentNanos, heldNanos]);
}

/** What the shared store holds or has booked under one id. */
export interface Taken {
  readonly lines: readonly HoldLine[];
  settledNanos: number | undefined;
}

/** One process's way to a shared store: counts what travels, takes time, and can be cut. */
export class Link implements BudgetStore {
  readonly inner: BudgetStore;
  readonly taken: Map<string, Taken> = new Map();
  /** All that was sent, in order. */
  readonly sent: string[] = [];
  /** How long one way takes; nothing by default, not even a turn. */
  delayMs: (() => number) | undefined;
  /** `'asked'`: nothing arrives. `'answered'`: answers are lost. `'dead'`: nobody is told of either. */
  cut: 'asked' | 'answered' | 'dead' | undefined;
  /** Called when something has changed in the shared store. */
  onChange: (() => Promise<void>) | undefined;
  readonly #clock: Clock;

  constructor(inner: BudgetStore, clock: Clock) {
    this.inner = inner;
    this.#clock = clock;
  }

  get trips(): number {
    return this.sent.length;
  }

  reserve(asked: Hold): ReturnType<BudgetStore['reserve']> {
    return this.#travel('reserve', async () => {
      const answer = await this.inner.reserve(asked);
      if (answer.ok && !this.taken.has(asked.id)) this.taken.set(asked.id, { lines: asked.lines, settledNanos: undefined });
      return answer;
    });
  }

  settle(settlement: Parameters<BudgetStore['settle']>[0]): ReturnType<BudgetStore['settle']> {
    return this.#travel(settlement.usage === undefined ? 'settle' : 'settle with usage', async () => {
      const answer = await this.inner.settle(settlement);
      const taken = this.taken.get(settlement.id);
      if (taken !== undefined) taken.settledNanos ??= settlement.spentNanos;
      return answer;
    });
  }

  read(accounts: readonly string[], at: number): ReturnType<BudgetStore['read']> {
    return this.#travel('read', () => this.inner.read(accounts, at));
  }

  async openHolds(at: number): ReturnType<NonNullable<BudgetStore['openHolds']>> {
    return (await this.inner.openHolds?.(at)) ?? [];
  }

  async #travel<T>(what: string, arrive: () => Promise<T>): Promise<T> {
    this.sent.push(what);
    if (this.delayMs) await this.#clock.sleep(this.delayMs());
    if (this.cut === 'dead') return new Promise(() => undefined);
    if (this.cut === 'asked') throw new Error('cut off');
    const answer = await arrive();
    await this.onChange?.();
    if (this.delayMs) await this.#clock.sleep(this.delayMs());
    if (this.isDead()) return new Promise(() => undefined);
    if (this.cut === 'answered') throw new Error('answer lost');
    return answer;
  }

  // It may have died on the way.
  isDead(): boolean {
    return this.cut === 'dead';
  }
}

/** A memory store that several processes share over links of their own. */
export function sharedStore(): { clock: ManualClock; store: BudgetStore; link: () => Link } {
  const clock = manualClock(START);
  const store = memoryBudgetStore();
  return { clock, store, link: () => new Link(store, clock) };
}

/** A clock that is always `offsetMs` ahead of another, and never wakes anybody once its process is dead. */
export function skewed(clock: Clock, offsetMs: number, isDead: () => boolean = () => false): Clock {
  return {
    now: () => clock.now() + offsetMs,
    async sleep(ms, signal) {
      await clock.sleep(ms, signal);
      if (isDead()) await new Promise(() => undefined);
    },
  };
}

/** Numbers in [0, 1) that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
