import type { Amounts, LimitKind, ProviderLimit } from '../../src/limit/rate-limiter';
import type { SharedChange, SharedDemand, SharedGrant, SharedLimits, SharedNeed } from '../../src/limit/shared-limits';
import type { ManualClock } from '../../src/testing/manual-clock';
import { NOTHING } from './support';

export const MINUTE = 60_000;
export const LEASE_MS = 600_000;

export type WindowNeed = SharedNeed & { readonly type: 'window' };
export type MakeLimits = (options: { readonly clock: ManualClock }) => SharedLimits | Promise<SharedLimits>;
export type Test = (name: string, body: (scene: Scene) => Promise<void>) => void;

export interface Scene {
  readonly clock: ManualClock;
  readonly limits: SharedLimits;
  /** Takes one demand. */
  readonly take: (demand: SharedDemand) => Promise<SharedGrant>;
  /** Takes demands until one is refused; how many were granted. */
  readonly count: (make: () => SharedDemand, most?: number) => Promise<number>;
  readonly begin: (demand: SharedDemand) => Promise<void>;
  /** Ends one that has begun, now or earlier. */
  readonly end: (demand: SharedDemand, actual?: SharedChange['actual']) => Promise<void>;
  readonly giveBack: (demand: SharedDemand) => Promise<void>;
  /** Takes, begins and ends. */
  readonly spend: (demand: SharedDemand) => Promise<void>;
  readonly learn: (provider: string, limits: readonly ProviderLimit[], pauseMs?: number) => Promise<void>;
  /** What counts against a need, or against what the provider was learnt to allow. */
  readonly used: (of: SharedNeed | { readonly provider: string; readonly kind: LimitKind }) => Promise<number>;
}

let unique = 0;
export const newKey = (): string => `contract/${++unique}`;

/** At most `max` of `kind` per window, of which `amount` is taken. */
export function window(max: number, amount = 1, fields: Partial<WindowNeed> = {}): WindowNeed {
  return { type: 'window', key: newKey(), max, windowMs: MINUTE, kind: 'requests', amount, ...fields };
}

export function gate(max: number, key: string = newKey()): SharedNeed {
  return { type: 'concurrency', key, max };
}

export function demandOf(needs: readonly SharedNeed[], fields: Partial<SharedDemand> = {}): SharedDemand {
  return { id: `attempt-${++unique}`, needs, provider: undefined, leaseMs: LEASE_MS, ...fields };
}

export function demandAt(name: string, amounts: Partial<Amounts>, fields: Partial<SharedDemand> = {}): SharedDemand {
  return demandOf([], { provider: { name, amounts: { ...NOTHING, ...amounts } }, ...fields });
}

export const perMinute = (max: number, remaining?: number): ProviderLimit => ({
  kind: 'tokens',
  windowMs: MINUTE,
  max,
  remaining,
});

export const GRANTED: SharedGrant = { granted: true };
export const refused = (stop: number | 'provider', retryInMs: number): SharedGrant => ({ granted: false, stop, retryInMs });
export const stopOf = (grant: SharedGrant | undefined): unknown => (grant?.granted === false ? grant.stop : grant);
export const retryOf = (grant: SharedGrant): number => (grant.granted ? 0 : grant.retryInMs);

export function sceneOf(limits: SharedLimits, clock: ManualClock): Scene {
  const take = async (demand: SharedDemand): Promise<SharedGrant> => {
    const [grant] = await limits.take([demand]);
    if (grant === undefined) throw new Error('take() gave no answer');
    return grant;
  };
  const begin = (demand: SharedDemand): Promise<void> => limits.change([{ demand, begun: true, released: false }]);
  const end = (demand: SharedDemand, actual?: SharedChange['actual']): Promise<void> =>
    limits.change([{ demand, begun: true, released: true, actual }]);
  return {
    clock,
    limits,
    take,
    begin,
    end,
    giveBack: (demand) => limits.change([{ demand, begun: false, released: true }]),
    async count(make, most = 100) {
      let granted = 0;
      while (granted < most && (await take(make())).granted) granted++;
      return granted;
    },
    async spend(demand) {
      await take(demand);
      await begin(demand);
      await end(demand);
    },
    learn: (provider, learnt, pauseMs) => limits.learn([{ provider, at: clock.now(), limits: learnt, pauseMs }]),
    async used(of) {
      if ('type' in of) return (await limits.look(demandOf([of])))[0]?.used ?? NaN;
      const states = await limits.look(demandAt(of.provider, {}));
      return states.find((state) => typeof state.of === 'object' && state.of.kind === of.kind)?.used ?? NaN;
    },
  };
}
