import type { Amounts, LimitKind, LimitSnapshot } from './rate-limiter';

/** One thing that an attempt takes of what several processes share. */
export type SharedNeed =
  | {
      /** Never more than `max` in any span of `windowMs`. */
      readonly type: 'window';
      readonly key: string;
      readonly max: number;
      readonly windowMs: number;
      readonly kind: LimitKind;
      /** What it takes at most; above 0. */
      readonly amount: number;
    }
  | {
      /** At most `max` attempts at once; each counts until it is released, or its lease is over. */
      readonly type: 'concurrency';
      readonly key: string;
      readonly max: number;
    };

/** What one attempt asks of an engine. */
export interface SharedDemand {
  /** Unique per attempt. Taking it again while it is taken changes nothing and is granted. */
  readonly id: string;
  readonly needs: readonly SharedNeed[];
  /** Whose pause and learnt limits it counts against, and with what. */
  readonly provider: { readonly name: string; readonly amounts: Amounts } | undefined;
  /** From the grant, in milliseconds: not begun or not released by then, it counts as begun or released. */
  readonly leaseMs: number;
}

/** Whether it was taken. */
export type SharedGrant =
  | { readonly granted: true }
  | {
      readonly granted: false;
      /** The first that has no room, in the order of the needs; `'provider'` if all of them have, and something of the provider's not. */
      readonly stop: number | 'provider';
      /**
       * How long until that may have room, in milliseconds above 0, if nothing is given back before: of the provider's pause and
       * limits, the longest. `Infinity` if only others' releases make room, or nothing does.
       */
      readonly retryInMs: number;
    };

/** What has become of an attempt that was taken. */
export interface SharedChange {
  readonly demand: SharedDemand;
  /** It has departed: in sliding windows it counts from now on for `windowMs`. False for one that is given back untouched. */
  readonly begun: boolean;
  /** It has ended: its concurrency is free, and what it took is corrected to `actual`. */
  readonly released: boolean;
  readonly actual?: { readonly [kind in LimitKind]?: number | undefined } | undefined;
}

/** A limit as it stands, for `explain()`. */
export interface SharedState {
  /** As in `SharedGrant`, and the learnt limits of the provider by kind and window. */
  readonly of: number | 'pause' | { readonly kind: LimitKind; readonly windowMs: number; readonly max: number };
  readonly used: number;
  /** 0 if there is room now, `Infinity` if only releases make room. */
  readonly roomInMs: number;
}

/**
 * The counters of rate limits in an engine that several processes share. The engine's own clock decides, unless the backend was
 * given one, so that a process whose clock is wrong breaks no limit. Each method is one trip; each item in it is one atomic step,
 * in the order given. All is forgotten by itself once it can no longer count.
 */
export interface SharedLimits {
  /** Takes all of a demand, or nothing and writes nothing. */
  take(demands: readonly SharedDemand[]): Promise<readonly SharedGrant[]>;
  /** Of a demand that is not taken, or no longer, nothing is changed. */
  change(changes: readonly SharedChange[]): Promise<void>;
  /**
   * What a response told about the provider's limits, for all who share `provider`. It has just been received: `at` is of the
   * asking process's clock, and the engine goes by its own.
   */
  learn(snapshots: readonly LimitSnapshot[]): Promise<void>;
  /** How the limits of a demand stand, taking nothing. */
  look(demand: SharedDemand): Promise<readonly SharedState[]>;
}
