import type { Clock } from '../clock';
import type { Amounts, LimitKind, LimitSnapshot } from '../limit/rate-limiter';
import type { SharedChange, SharedDemand, SharedGrant, SharedLimits, SharedNeed, SharedState } from '../limit/shared-limits';
import { CHANGE, LEARN } from './change-script';
import { numeral, optional, type Engine } from './engine';
import { storedName } from '../stored-name';
import { LOOK, TAKE } from './take-script';

type Actual = SharedChange['actual'];

const KINDS = ['requests', 'tokens', 'inputTokens', 'outputTokens', 'audioSeconds'] as const satisfies readonly LimitKind[];

/** The counters of rate limits in Redis. By the server's time, unless there is a clock. */
export class RedisSharedLimits implements SharedLimits {
  readonly #engine: Engine;
  readonly #clock: Clock | undefined;

  constructor({ engine, clock }: { readonly engine: Engine; readonly clock: Clock | undefined }) {
    this.#engine = engine;
    this.#clock = clock;
  }

  async take(demands: readonly SharedDemand[]): Promise<readonly SharedGrant[]> {
    if (demands.length === 0) return [];
    const args = [this.#now()];
    for (const { id, leaseMs, needs, provider } of demands) {
      args.push(storedName(id), numeral(leaseMs));
      pushNeeds(args, needs);
      pushProvider(args, provider);
    }
    const reply = await this.#engine.run(TAKE, args);
    return demands.map(() => {
      const answer = reply.number();
      if (answer === GRANTED) return { granted: true };
      return { granted: false, stop: answer === PROVIDER ? 'provider' : answer, retryInMs: reply.number() };
    });
  }

  async change(changes: readonly SharedChange[]): Promise<void> {
    if (changes.length === 0) return;
    const args = [this.#now()];
    for (const { demand, begun, released, actual } of changes) {
      args.push(storedName(demand.id), begun ? '1' : '0', released ? '1' : '0');
      pushNeeds(args, demand.needs, actual);
      pushProvider(args, demand.provider, actual);
    }
    await this.#engine.run(CHANGE, args);
  }

  async learn(snapshots: readonly LimitSnapshot[]): Promise<void> {
    if (snapshots.length === 0) return;
    const args = [this.#now()];
    for (const { provider, limits, pauseMs = 0 } of snapshots) {
      // A limit of nothing would refuse every call from here on, and with it whatever could correct it.
      const known = limits.filter(({ max, windowMs }) => max >= 1 && max < Infinity && windowMs > 0 && windowMs < Infinity);
      args.push(storedName(provider), numeral(amount(pauseMs) ?? 0), String(known.length));
      for (const { kind, windowMs, max, remaining } of known) {
        args.push(kind, numeral(windowMs), numeral(max), optional(amount(remaining)));
      }
    }
    await this.#engine.run(LEARN, args);
  }

  async look({ needs, provider }: SharedDemand): Promise<readonly SharedState[]> {
    const args = [this.#now()];
    pushNeeds(args, needs);
    pushProvider(args, provider);
    const reply = await this.#engine.run(LOOK, args);
    const states: SharedState[] = needs.map((_, index) => ({ of: index, used: reply.number(), roomInMs: reply.number() }));
    if (provider !== undefined) states.push({ of: 'pause', used: 0, roomInMs: reply.number() });
    while (!reply.isAtEnd) {
      const name = reply.text();
      const kind = KINDS.find((known) => known === name);
      const [windowMs, max, used] = [reply.number(), reply.number(), reply.number()];
      const roomInMs = reply.number();
      // Another version may have learnt of a kind that this one does not know.
      if (kind !== undefined) states.push({ of: { kind, windowMs, max }, used, roomInMs });
    }
    return states;
  }

  #now(): string {
    return this.#clock === undefined ? '' : numeral(this.#clock.now());
  }
}

const GRANTED = -2;
const PROVIDER = -1;

function pushNeeds(args: string[], needs: readonly SharedNeed[], actual?: Actual): void {
  args.push(String(needs.length));
  for (const need of needs) {
    if (need.type === 'window') {
      const { key, max, windowMs, kind } = need;
      const used = optional(amount(actual?.[kind]));
      args.push('w', storedName(key), numeral(max), numeral(windowMs), numeral(need.amount), used);
    } else {
      args.push('k', storedName(need.key), numeral(need.max), '', '1', '');
    }
  }
}

function pushProvider(args: string[], provider: SharedDemand['provider'], actual?: Actual): void {
  if (provider === undefined) {
    args.push('0', '', '0');
    return;
  }
  const kinds = KINDS.filter((kind) => takes(provider.amounts, kind) || actual?.[kind] !== undefined);
  args.push('1', storedName(provider.name), String(kinds.length));
  for (const kind of kinds) args.push(kind, numeral(provider.amounts[kind]), optional(amount(actual?.[kind])));
}

function takes(amounts: Amounts, kind: LimitKind): boolean {
  return amounts[kind] > 0;
}

/** An amount that can be counted, or nothing. */
function amount(value: number | undefined): number | undefined {
  return value !== undefined && value >= 0 && value < Infinity ? value : undefined;
}
