import fc from 'fast-check';
import type { ProviderLimit } from '../../src/limit/rate-limiter';
import type { SharedChange, SharedDemand, SharedLimits, SharedNeed } from '../../src/limit/shared-limits';
import { manualClock, type ManualClock } from '../../src/testing/manual-clock';
import { MemorySharedLimits } from './memory-shared-limits';
import type { TestRunner } from '../../src/testing/contracts/runner';
import { type MakeLimits, newKey, window, gate, demandOf, demandAt } from './shared-limits-fixtures';

type Command =
  | { readonly do: 'take'; readonly demands: readonly Wanted[] }
  | { readonly do: 'begin' | 'release'; readonly pick: number; readonly used: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'learn'; readonly remaining: number | undefined; readonly pauseMs: number };

interface Wanted {
  readonly windows: readonly number[];
  readonly gates: readonly number[];
  readonly provider: boolean;
  readonly tokens: number;
  readonly leaseMs: number;
}

const wanted = fc.record<Wanted>({
  windows: fc.subarray([0, 1, 2]),
  gates: fc.subarray([0, 1]),
  provider: fc.boolean(),
  tokens: fc.integer({ min: 1, max: 400 }),
  leaseMs: fc.constantFrom(300, 2000, 100_000),
});
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('take' as const), demands: fc.array(wanted, { minLength: 1, maxLength: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('begin' as const, 'release' as const),
      pick: fc.nat(30),
      used: fc.integer({ min: 0, max: 500 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 50, 300, 700, 1000, 1999, 2000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('learn' as const),
      remaining: fc.option(fc.integer({ min: 0, max: 1000 }), { nil: undefined }),
      pauseMs: fc.constantFrom(0, 0, 0, 40),
    }),
  },
);

// Every rule at once: the answers and the counters are the reference's after each step.
export function describeHistory({ describe, it, expect }: TestRunner, makeLimits: MakeLimits): void {
  describe('any history', () => {
    it('counts as the reference does', async () => {
      const clock = manualClock();
      const engine = await makeLimits({ clock });
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
          const history = new History(clock, engine, new MemorySharedLimits({ clock }));
          for (const each of commands) {
            const [tested, reference] = await history.run(each);
            expect(tested).toEqual(reference);
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}

class History {
  readonly #prefix = newKey();
  readonly #clock: ManualClock;
  readonly #engines: readonly [SharedLimits, SharedLimits];
  readonly #demands: SharedDemand[] = [];
  readonly #begun: Set<SharedDemand> = new Set();
  readonly #windows: readonly SharedNeed[];
  readonly #gates: readonly SharedNeed[];

  constructor(clock: ManualClock, engine: SharedLimits, reference: SharedLimits) {
    this.#clock = clock;
    this.#engines = [engine, reference];
    const key = (name: string): string => `${this.#prefix}/${name}`;
    this.#windows = [
      window(3, 1, { key: key('requests'), windowMs: 1000 }),
      window(900, 1, { key: key('tokens'), windowMs: 2000, kind: 'tokens' }),
      window(500, 1, { key: key('other'), windowMs: 700, kind: 'tokens' }),
    ];
    this.#gates = [gate(2, key('gate')), gate(4, key('wide'))];
  }

  /** What the engine and the reference make of it, and how all limits stand then. */
  async run(command: Command): Promise<readonly [unknown, unknown]> {
    if (command.do === 'advance') await this.#clock.advance(command.ms);
    const demands = command.do === 'take' ? command.demands.map((each) => this.#demandOf(each)) : [];
    const change = command.do === 'begin' || command.do === 'release' ? this.#changeOf(command) : undefined;
    const all = demandAt(`${this.#prefix}/p`, { tokens: 400 }, { needs: [...this.#windows, ...this.#gates] });
    const outcomes: unknown[] = [];
    for (const engine of this.#engines) {
      const grants = demands.length > 0 ? await engine.take(demands) : [];
      if (change) await engine.change([change]);
      // Of 1 a millisecond, so that the sums are whole numbers and no rounding can differ.
      if (command.do === 'learn') {
        const limit: ProviderLimit = { kind: 'tokens', windowMs: 1000, max: 1000, remaining: command.remaining };
        await engine.learn([
          { provider: `${this.#prefix}/p`, at: this.#clock.now(), limits: [limit], pauseMs: command.pauseMs },
        ]);
      }
      const states = await engine.look(all);
      outcomes.push({
        grants: grants.map((grant, index) => {
          if (grant.granted) return grant;
          const { stop, retryInMs } = grant;
          return { stop, retry: certain(retryInMs, stop === 'provider' ? undefined : demands[index]?.needs[stop]) };
        }),
        states: states
          .filter(({ of }) => of !== 'pause')
          .map(({ of, used, roomInMs }) => [of, used, certain(roomInMs, typeof of === 'number' ? all.needs[of] : undefined)]),
        pausedMs: states.find(({ of }) => of === 'pause')?.roomInMs ?? 0,
      });
    }
    return [outcomes[0], outcomes[1]];
  }

  #demandOf({ windows, gates, provider, tokens, leaseMs }: Wanted): SharedDemand {
    const needs = [
      ...windows.flatMap((index) => this.#windows[index] ?? []),
      ...gates.flatMap((index) => this.#gates[index] ?? []),
    ].map((need) => (need.type === 'window' && need.kind === 'tokens' ? { ...need, amount: tokens } : need));
    const fields = { needs, leaseMs, id: `${this.#prefix}/${this.#demands.length}` };
    const demand = provider ? demandAt(`${this.#prefix}/p`, { tokens }, fields) : demandOf(needs, fields);
    this.#demands.push(demand);
    return demand;
  }

  #changeOf({ do: what, pick, used }: Command & { readonly do: 'begin' | 'release' }): SharedChange | undefined {
    const demand = this.#demands[pick % Math.max(1, this.#demands.length)];
    if (demand === undefined) return undefined;
    if (what === 'begin') this.#begun.add(demand);
    return { demand, begun: this.#begun.has(demand), released: what === 'release', actual: { tokens: used } };
  }
}

/** A wait that depends on what has not departed yet, or on releases, can be told in more than one way. */
function certain(ms: number, need: SharedNeed | undefined): number | 'depends' {
  if (ms === 0 || need === undefined) return ms;
  return need.type === 'window' && ms < need.windowMs ? ms : 'depends';
}
