/** What a limit counts. */
export type LimitKind = 'requests' | 'tokens' | 'inputTokens' | 'outputTokens' | 'audioSeconds';

/** What one attempt takes, at most. */
export type Amounts = Readonly<Record<LimitKind, number>>;

/** A limit that the user set: never more than `max` in **any** window of `windowMs`. */
export interface LimitDemand {
  /** Shared by all demands that count against the same limit, e.g. `team:chatbot/requests/60000`. */
  readonly key: string;
  /** For messages and reports, e.g. `chatbot/requests per minute`. */
  readonly name: string;
  readonly kind: LimitKind;
  /** One number per key: what a demand brings holds for those that wait, too. */
  readonly max: number;
  readonly windowMs: number;
}

/** What one attempt asks for. All of it is granted together, or nothing. */
export interface Demand {
  /** Unique per attempt. */
  readonly id: string;
  readonly team: string;
  readonly amounts: Amounts;
  /**
   * What it will most likely take; default `amounts`. The provider's limits are mirrored with these, because they are what it
   * will count, and only a demand that is expected to be above a limit can never fit.
   */
  readonly expected?: Amounts;
  readonly limits: readonly LimitDemand[];
  /** At most `max` slots with this key are out at once; again one number per key. */
  readonly concurrency: readonly { readonly key: string; readonly name: string; readonly max: number }[];
  /**
   * Which edition of the rules `limits` and `concurrency` are from; default 0. One `max` holds for all demands with a key, those
   * that wait included: the one that came last, of those with the highest edition. So a call that began before an edit and is
   * tried again after it does not bring the old `max` back.
   */
  readonly edition?: number;
  /**
   * Whose limits at the provider the attempt counts against: one name per organisation and model. What `observe()` learns
   * under that name holds for all demands that carry it.
   */
  readonly provider?: string;
  /** Higher goes first within a team; default 0. */
  readonly priority: number;
  /** A team's share of what teams compete for, above 0; default 1. */
  readonly weight: number;
  /** How long it may wait, in milliseconds; `Infinity` for no bound. */
  readonly maxWaitMs: number;
  /** Refused at once if the provider's own limits ask for a longer wait than this; default `Infinity`. */
  readonly maxProviderWaitMs?: number;
  /** How many demands of the team may wait at once. */
  readonly maxQueueSize: number;
  /** A slot that is not released by then no longer counts as running, in milliseconds from the grant. */
  readonly leaseMs: number;
}

/** Leave to make one attempt. */
export interface Slot {
  /** How long it had to wait, in milliseconds: 0 if there was room at once. Measured by the caller if left out. */
  readonly waitedMs?: number;
  /**
   * The attempt is leaving now. Sliding windows count from here, so that a delay between grant and departure cannot push two
   * windows' worth into one. A slot released without having begun gives everything back.
   */
  begin?(): void;
  /** Ends the attempt and corrects what it took; what is left out stays as it was estimated. A second call changes nothing. */
  release(actual?: { readonly [kind in LimitKind]?: number | undefined }): void;
}

/** One limit of the provider, as its headers or an error's text show it. */
export interface ProviderLimit {
  readonly kind: LimitKind;
  /** 60_000, 3_600_000 or 86_400_000. */
  readonly windowMs: number;
  readonly max: number;
  /** What was left when the response was made; undefined if the provider did not say. */
  readonly remaining?: number | undefined;
}

/** What a response tells about the provider's limits. */
export interface LimitSnapshot {
  readonly provider: string;
  /** When it was received, epoch milliseconds. */
  readonly at: number;
  readonly limits: readonly ProviderLimit[];
  /** The provider refused and asked for this pause: nobody who shares `provider` starts before `at + pauseMs`. */
  readonly pauseMs?: number | undefined;
}

/** One limit as a demand would meet it now, for `explain()`. */
export interface LimitState {
  readonly name: string;
  readonly kind: LimitKind | 'concurrency' | 'pause';
  readonly cap: number;
  readonly used: number;
  readonly requested: number;
  /**
   * When there would be room for the demand, epoch milliseconds; now or earlier if there is; `Infinity` if never. Behind others
   * that wait for the same, it is an estimate of when its turn would come.
   */
  readonly availableAt: number;
}

/** Makes attempts wait their turn. */
export interface RateLimiter {
  /**
   * The slot itself if the attempt may start at once, else a promise of it. All limits are taken together or not at all; a
   * demand that is refused or aborted takes nothing. Rejects (never throws) with `RateLimitWaitError` if the demand can never
   * fit, would wait longer than `maxWaitMs`, or finds the queue full; with the signal's reason if it is aborted.
   */
  acquire(demand: Demand, signal?: AbortSignal): Slot | Promise<Slot>;
  /** Learns from the provider. */
  observe?(snapshot: LimitSnapshot): void;
  /** The limits that the demand would meet, taking nothing. */
  peek?(demand: Demand): readonly LimitState[] | Promise<readonly LimitState[]>;
  /** What the provider's limits can still pay of `kind` in one request, as far as is known; `Infinity` if nothing is. */
  headroom?(provider: string, kind: LimitKind): number;
  close?(): Promise<void>;
}
