// Random histories of calls, answers, revocations and operations: what must hold in all of them.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type KeyRegistry, keyRegistry } from '../../src/keys/key-registry';
import { MINUTE, SECOND, T0, type Asked, ask } from './support';

const KEYS = [0, 1, 2, 3].map((number) => `chatbot-prod-${number}`);
const nameOf = (index: number): string => KEYS[index % KEYS.length] ?? '';

type Step =
  | { readonly do: 'call' }
  | { readonly do: 'answer'; readonly which: number; readonly status: number | undefined }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'revoke' | 'restore' | 'add' | 'retire' | 'remove'; readonly key: number };

const key = fc.nat(KEYS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: 'call' } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      which: fc.nat(9),
      status: fc.oneof({ weight: 3, arbitrary: fc.constant(200) }, fc.constantFrom(400, 429, 500, undefined)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(SECOND, 11 * SECOND, MINUTE, 11 * MINUTE) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('revoke' as const, 'restore' as const, 'add' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('retire' as const, 'remove' as const), key }) },
);

interface Flight {
  readonly call: Asked;
  readonly id: string;
  readonly isValid: boolean;
  readonly isMoved: boolean;
}

/** What is known of a key from outside. */
interface Known {
  retired: boolean;
  proved: boolean;
  rejectedAt: number | undefined;
  /** The call that was last given it to try it. */
  trial: { readonly callId: string; readonly at: number } | undefined;
}

class History {
  readonly #times: number;
  readonly #registry: KeyRegistry = keyRegistry([]);
  readonly #known: Map<string, Known> = new Map();
  readonly #revoked: Set<string> = new Set();
  readonly #flights: Flight[] = [];
  #now = T0;
  readonly given: (string | undefined)[] = [];

  /** `times` is how often each operation is done. */
  constructor(times: number) {
    this.#times = times;
  }

  run(steps: readonly Step[]): this {
    for (const each of steps) this.#step(each);
    return this;
  }

  #step(each: Step): void {
    if (each.do === 'pass') this.#now += each.ms;
    else if (each.do === 'call') this.#call();
    else if (each.do === 'answer') this.#answer(each);
    else if (each.do === 'revoke') this.#revoked.add(nameOf(each.key));
    else if (each.do === 'restore') this.#revoked.delete(nameOf(each.key));
    else this.#operate(each.do, nameOf(each.key));
  }

  #operate(operation: 'add' | 'retire' | 'remove', name: string): void {
    const known = this.#known.get(name);
    if (operation === 'retire' && known === undefined) return;
    for (let times = 0; times < this.#times; times++) {
      if (operation === 'add') this.#registry.add({ name, secret: `gsk_${name}` });
      else if (operation === 'retire') this.#registry.retire(name, this.#now);
      else this.#registry.remove(name);
    }
    if (operation === 'remove') this.#known.delete(name);
    else if (known) known.retired = operation === 'retire';
    else this.#known.set(name, { retired: false, proved: false, rejectedAt: undefined, trial: undefined });
  }

  #call(moved?: Flight): void {
    const call = ask(this.#registry, {
      at: this.#now,
      ...(moved && { callId: moved.call.callId, rejectedKeyId: moved.id }),
    });
    const { id, callId } = call;
    this.given.push(id);
    this.#check(id, callId);
    if (id !== undefined) this.#flights.push({ call, id, isValid: !this.#revoked.has(id), isMoved: moved !== undefined });
  }

  /** The newest first. Keys are added at the end, and keep their place. */
  #live(): readonly (readonly [string, Known])[] {
    return [...this.#known].reverse().filter(([, { retired }]) => !retired);
  }

  #check(id: string | undefined, callId: string): void {
    const live = this.#live();
    const good = live.filter(([, { rejectedAt }]) => rejectedAt === undefined);
    // No call is without a key as long as a good one exists.
    if (good.length > 0) expect(id).toBeDefined();
    if (id === undefined) return;
    const known = this.#known.get(id);
    expect(known?.retired).toBe(false);
    if (known === undefined) return;
    const proved = good.find(([, { proved: isProved }]) => isProved);
    // After proof nothing goes to an older one.
    if (proved) expect(live.findIndex(([name]) => name === id)).toBeLessThanOrEqual(live.indexOf(proved));
    // Who is refused rests, and then is tried.
    if (known.rejectedAt !== undefined) {
      expect(this.#now - known.rejectedAt).toBeGreaterThanOrEqual(good.length > 0 ? 10 * MINUTE : 10 * SECOND);
      expect(known.trial === undefined || this.#now - known.trial.at >= MINUTE).toBe(true);
      known.trial = { callId, at: this.#now };
      return;
    }
    const isOldest = good.at(-1)?.[0] === id;
    const others = good.some(([name]) => name !== id);
    if (known.proved || !others || isOldest) return;
    // Never more than one call at a time tries a new one.
    expect(known.trial === undefined || this.#now - known.trial.at >= MINUTE).toBe(true);
    known.trial = { callId, at: this.#now };
  }

  #answer({ which, status: wished }: Extract<Step, { do: 'answer' }>): void {
    const [flight] = this.#flights.splice(which % Math.max(1, this.#flights.length), 1);
    if (flight === undefined) return;
    const { call, id, isValid, isMoved } = flight;
    const status = isValid ? wished : 401;
    call.answered(status, this.#now);
    const known = this.#known.get(id);
    if (known) this.#learn(known, call.callId, status);
    if (status === 401 && !isMoved) this.#call(flight);
  }

  #learn(known: Known, callId: string, status: number | undefined): void {
    const wasTrial = known.trial?.callId === callId;
    if (wasTrial) known.trial = undefined;
    if (status === 401) {
      if (known.rejectedAt === undefined) known.trial = undefined;
      known.rejectedAt = this.#now;
      known.proved = false;
    } else if ((status === 200 || status === 400) && (wasTrial || known.rejectedAt === undefined)) {
      Object.assign(known, { rejectedAt: undefined, proved: true, trial: undefined });
    }
  }
}

// Fingerprints are computed meanwhile, and must not pile up.
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('in every history each rule holds, and an operation done twice is done once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 100, size: 'max' }), async (steps) => {
      await breath();
      expect(new History(2).run(steps).given).toEqual(new History(1).run(steps).given);
    }),
    { numRuns: 500 },
  );
});

it('a key that works ends up with all calls once those before it are gone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      await breath();
      const history = new History(1).run(steps);
      const last = { do: 'add', key: 0 } as const;
      const clean: Step[] = [1, 2, 3].map((index) => ({ do: 'remove', key: index }));
      const quiet: Step[] = Array.from({ length: 130 }, () => ({ do: 'answer', which: 0, status: 200 }));
      const use: Step[] = [{ do: 'call' }, { do: 'answer', which: 0, status: 200 }];
      history.run([
        ...clean,
        last,
        { do: 'restore', key: 0 },
        ...quiet,
        { do: 'pass', ms: 11 * MINUTE },
        ...quiet,
        ...use,
        ...use,
      ]);
      const before = history.given.length;
      history.run([{ do: 'call' }, { do: 'call' }, { do: 'call' }]);
      expect(history.given.slice(before)).toEqual([KEYS[0], KEYS[0], KEYS[0]]);
    }),
    { numRuns: 200 },
  );
});
