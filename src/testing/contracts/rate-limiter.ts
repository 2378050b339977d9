import type { Clock } from '../../clock';
import type { RateLimiter } from '../../limit/rate-limiter';
import { manualClock } from '../manual-clock';
import { atOnce, demand, limit, MINUTE, rateLimiterScene, requests, tokens, type RateLimiterScene } from './rate-limiter-scene';
import type { TestRunner } from './runner';

type Test = (name: string, body: (scene: RateLimiterScene) => Promise<void>) => void;

/**
 * What every `RateLimiter` must do, as tests. `makeLimiter` is called once per test and returns a limiter that nothing counts
 * against yet and that waits with the clock it is given; it is closed at the end if it has `close`. `observe`, `headroom` and
 * `peek` are tested if they are there.
 */
export function describeRateLimiter(
  runner: TestRunner,
  makeLimiter: (options: { readonly clock: Clock }) => RateLimiter | Promise<RateLimiter>,
): void {
  runner.describe('RateLimiter', () => {
    const test: Test = (name, body) =>
      runner.it(name, async () => {
        const clock = manualClock();
        const limiter = await makeLimiter({ clock });
        try {
          await body(rateLimiterScene(limiter, clock));
        } finally {
          await limiter.close?.();
        }
      });
    describeWindows(runner, test);
    describeAtomicity(runner, test);
    describeCorrection(runner, test);
    describeConcurrency(runner, test);
    describeOrder(runner, test);
    describeRefusals(runner, test);
    describeProvider(runner, test);
  });
}

const nameOf = (error: unknown): unknown => (error instanceof Error ? error.name : error);

// A limit is a promise about every window, wherever it begins; a window that starts anew on the minute lets twice the limit through.
function describeWindows(runner: TestRunner, test: Test): void {
  runner.describe('never more than the limit in any window', () => {
    test('grants up to the limit at once, and the next exactly one window after the first departure', async ({
      waitOf,
      clock,
    }) => {
      const limits = [limit(2)];
      runner.expect(await waitOf(demand({ limits }))).toBe(0);
      await clock.advance(10_000);
      runner.expect(await waitOf(demand({ limits }))).toBe(0);
      runner.expect(await waitOf(demand({ limits }))).toBe(50_000);
      runner.expect(await waitOf(demand({ limits }))).toBe(10_000);
    });
    test('counts from the departure, not from the grant', async ({ clock, limiter, waitOf }) => {
      const limits = [limit(1)];
      const slot = await limiter.acquire(demand({ limits }));
      await clock.advance(30_000);
      slot.begin?.();
      slot.release();
      runner.expect(await waitOf(demand({ limits }))).toBe(MINUTE);
    });
    test('counts each amount against its own kind', async ({ waitOf }) => {
      const limits = [limit(450, 'tokens'), limit(1000, 'inputTokens')];
      for (let call = 0; call < 3; call++) runner.expect(await waitOf(demand({ limits }))).toBe(0);
      runner.expect(await waitOf(demand({ limits }))).toBe(MINUTE);
    });
    test('uses the limit in full while many wait', async ({ queue, clock }) => {
      const limits = [limit(10, 'requests', 1000)];
      const at: number[] = [];
      const all = Promise.all(Array.from({ length: 50 }, () => queue(demand({ limits }), at)));
      await clock.runUntil(all);
      runner.expect(at).toEqual(Array.from({ length: 50 }, (_, index) => Math.floor(index / 10) * 1000));
    });
  });
}

// A demand that took some of its limits while it waits for others would starve demands that need only those.
function describeAtomicity(runner: TestRunner, test: Test): void {
  runner.describe('all limits of a demand together, or none', () => {
    test('takes nothing while it waits, and nothing when it gives up', async ({ waitOf, refusal }) => {
      const [full, free] = [limit(1), limit(1)];
      await waitOf(demand({ limits: [full] }));
      const { error } = await refusal(demand({ limits: [free, full], maxWaitMs: 1000 }));
      runner.expect(nameOf(error)).toBe('RateLimitWaitError');
      runner.expect(await waitOf(demand({ limits: [free] }))).toBe(0);
    });
    test('rejects with the reason of the signal, and takes nothing', async ({ waitOf, queue, clock }) => {
      const limits = [limit(1)];
      await waitOf(demand({ limits }));
      const at: number[] = [];
      const controller = new AbortController();
      const aborted = queue(demand({ limits }), at, controller.signal).catch((error: unknown) => error);
      const next = queue(demand({ limits }), at);
      await clock.advance(1000);
      const reason = new Error('changed my mind');
      controller.abort(reason);
      runner.expect((await aborted) === reason).toBe(true);
      await clock.runUntil(next);
      runner.expect(at).toEqual([MINUTE]);
    });
    test('rejects at once if the signal is aborted already', async ({ refusal, waitOf }) => {
      const limits = [limit(1)];
      const { error } = await refusal(demand({ limits }), AbortSignal.abort('gone'));
      runner.expect(error).toBe('gone');
      runner.expect(await waitOf(demand({ limits }))).toBe(0);
    });
    test('does not hold up demands that share no full limit with those that wait', async ({
      waitOf,
      refusal,
      queue,
      clock,
    }) => {
      const [team, ann, bob] = [limit(100), limit(1), limit(1)];
      await waitOf(demand({ limits: [team, ann] }));
      const at: number[] = [];
      const waiting = queue(demand({ limits: [team, ann] }), at);
      runner.expect(await waitOf(demand({ limits: [team, bob] }))).toBe(0);
      await clock.runUntil(waiting);
      runner.expect(at).toEqual([MINUTE]);
      runner.expect(nameOf((await refusal(demand({ limits: [team, ann], maxWaitMs: 0 }))).error)).toBe('RateLimitWaitError');
    });
  });
}

// What is taken is an estimate; what counts in the end is what was used.
function describeCorrection(runner: TestRunner, test: Test): void {
  runner.describe('correction', () => {
    test('gives back what was not used', async ({ go, waitOf }) => {
      const limits = [limit(1000, 'tokens')];
      const slot = await go(demand({ limits, amounts: tokens(900) }));
      slot.release({ tokens: 300 });
      runner.expect(await waitOf(demand({ limits, amounts: tokens(700) }))).toBe(0);
      runner.expect(await waitOf(demand({ limits, amounts: tokens(1) }))).toBe(MINUTE);
    });
    test('counts what was used above the estimate, also above the limit', async ({ go, waitOf }) => {
      const limits = [limit(1000, 'tokens')];
      const slot = await go(demand({ limits, amounts: tokens(500) }));
      slot.release({ tokens: 1200 });
      runner.expect(await waitOf(demand({ limits, amounts: tokens(1) }))).toBe(MINUTE);
    });
    test('gives everything back if the attempt never departed, and only once', async ({ limiter, go, waitOf }) => {
      const limits = [limit(2)];
      await go(demand({ limits }));
      const slot = await limiter.acquire(demand({ limits }));
      slot.release();
      slot.release();
      runner.expect(await waitOf(demand({ limits }))).toBe(0);
      runner.expect(await waitOf(demand({ limits }))).toBe(MINUTE);
    });
  });
}

// Slots of a process that died must come back, or the team stands still for ever.
function describeConcurrency(runner: TestRunner, test: Test): void {
  runner.describe('concurrency', () => {
    test('never has more slots out than allowed', async ({ go, queue, clock }) => {
      const concurrency = [atOnce(2)];
      const first = await go(demand({ concurrency }));
      await go(demand({ concurrency }));
      const at: number[] = [];
      const third = queue(demand({ concurrency }), at);
      await clock.advance(5000);
      runner.expect(at).toEqual([]);
      first.release();
      first.release();
      await clock.runUntil(third);
      runner.expect(at).toEqual([5000]);
    });
    test('no longer counts a slot after its lease, and takes its late release well', async ({ go, waitOf, refusal }) => {
      const concurrency = [atOnce(1)];
      const lost = await go(demand({ concurrency, leaseMs: 20_000 }));
      runner.expect(await waitOf(demand({ concurrency }))).toBe(20_000);
      await go(demand({ concurrency }));
      lost.release();
      runner.expect(nameOf((await refusal(demand({ concurrency, maxWaitMs: 0 }))).error)).toBe('RateLimitWaitError');
    });
  });
}

// Priorities are a team's own affair; between teams the weight decides, and nobody waits for ever.
function describeOrder(runner: TestRunner, test: Test): void {
  runner.describe('order', () => {
    test('higher priority first, then first come first served', async ({ waitOf, queue, clock }) => {
      const limits = [limit(1, 'requests', 1000)];
      await waitOf(demand({ limits }));
      const order: string[] = [];
      const waiting = [0, 5, 0, 9, 5].map((priority, index) =>
        queue(demand({ limits, priority }), []).then(() => void order.push(`${priority}#${index}`)),
      );
      await clock.runUntil(Promise.all(waiting));
      runner.expect(order).toEqual(['9#3', '5#1', '5#4', '0#0', '0#2']);
    });
    test('shares between teams by weight', async ({ waitOf, queue, clock }) => {
      const limits = [limit(1, 'requests', 1000)];
      await waitOf(demand({ limits }));
      const [heavy, light]: [number[], number[]] = [[], []];
      for (let call = 0; call < 60; call++) {
        queue(demand({ limits, team: 'light' }), light).catch(() => undefined);
        queue(demand({ limits, team: 'heavy', weight: 3 }), heavy).catch(() => undefined);
      }
      await clock.advance(40_000);
      runner.expect(heavy.length + light.length).toBe(40);
      runner.expect(Math.abs(light.length - 10) <= 1).toBe(true);
    });
    test('a large demand is not overtaken by small ones that came later', async ({ waitOf, queue, clock }) => {
      const limits = [limit(4)];
      await waitOf(demand({ limits, amounts: requests(3) }));
      await clock.advance(1000);
      const [large, small]: [number[], number[]] = [[], []];
      const waiting = [queue(demand({ limits, amounts: requests(4) }), large), queue(demand({ limits }), small)];
      await clock.runUntil(Promise.all(waiting));
      runner.expect(large).toEqual([MINUTE]);
      runner.expect(small).toEqual([2 * MINUTE]);
    });
  });
}

// Whoever cannot be served must hear it as early as that is certain, with what to do about it.
function describeRefusals(runner: TestRunner, test: Test): void {
  runner.describe('refusals', () => {
    test('refuses at once what can never fit', async ({ refusal, waitOf }) => {
      const limits = [limit(100, 'tokens')];
      const { error, afterMs } = await refusal(demand({ limits, amounts: tokens(101) }));
      runner.expect(afterMs).toBe(0);
      runner.expect(factsOf(error)).toEqual({ name: 'RateLimitWaitError', limit: limits[0]?.name, retryAfterMs: Infinity });
      runner.expect(await waitOf(demand({ limits, amounts: tokens(100) }))).toBe(0);
    });
    test('waits no longer than maxWaitMs', async ({ go, refusal }) => {
      const limits = [limit(1)];
      await go(demand({ limits }));
      const { error, afterMs } = await refusal(demand({ limits, maxWaitMs: 5000 }));
      runner.expect(afterMs <= 5000).toBe(true);
      runner
        .expect(factsOf(error))
        .toEqual({ name: 'RateLimitWaitError', limit: limits[0]?.name, retryAfterMs: MINUTE - afterMs });
    });
    test('lets no more wait than maxQueueSize, in each team', async ({ waitOf, refusal, queue, clock }) => {
      const limits = [limit(1)];
      await waitOf(demand({ limits }));
      const at: number[] = [];
      const waiting = [
        queue(demand({ limits, maxQueueSize: 1 }), at),
        queue(demand({ limits, team: 'other', maxQueueSize: 1 }), at),
      ];
      const { error, afterMs } = await refusal(demand({ limits, maxQueueSize: 1 }));
      runner.expect([nameOf(error), afterMs]).toEqual(['RateLimitWaitError', 0]);
      await clock.runUntil(Promise.all(waiting));
      runner.expect(at).toEqual([MINUTE, 2 * MINUTE]);
    });
  });
}

function factsOf(error: unknown): Record<string, unknown> {
  return {
    name: nameOf(error),
    limit: Reflect.get(Object(error), 'limit'),
    retryAfterMs: Reflect.get(Object(error), 'retryAfterMs'),
  };
}

// The provider's limits refill all the time and are charged in advance; one refusal concerns all who share them.
function describeProvider(runner: TestRunner, test: Test): void {
  runner.describe('what the provider says', () => {
    test('a pause holds up all who share the provider; it can be prolonged, not shortened', async ({
      limiter,
      clock,
      queue,
      waitOf,
    }) => {
      if (!limiter.observe) return;
      const at = clock.now();
      limiter.observe({ provider: 'model-a', at, limits: [], pauseMs: 8000 });
      limiter.observe({ provider: 'model-a', at, limits: [], pauseMs: 2000 });
      const granted: number[] = [];
      const waiting = [
        queue(demand({ provider: 'model-a' }), granted),
        queue(demand({ provider: 'model-a', team: 'other' }), granted),
      ];
      runner.expect(await waitOf(demand({ provider: 'model-b' }))).toBe(0);
      await clock.runUntil(Promise.all(waiting));
      runner.expect(granted).toEqual([8000, 8000]);
    });
    test('waits as long as the provider would make it wait', async ({ limiter, clock, waitOf }) => {
      if (!limiter.observe) return;
      const learnt = { kind: 'tokens', windowMs: MINUTE, max: 6000, remaining: 966 } as const;
      limiter.observe({ provider: 'model-a', at: clock.now(), limits: [learnt] });
      runner.expect(limiter.headroom?.('model-a', 'tokens') ?? 6000).toBe(6000);
      runner.expect(await waitOf(demand({ provider: 'model-a', amounts: tokens(1443) }))).toBe(4770);
    });
    test('refuses what is larger than the provider ever allows', async ({ limiter, clock, refusal }) => {
      if (!limiter.observe) return;
      limiter.observe({ provider: 'model-a', at: clock.now(), limits: [{ kind: 'tokens', windowMs: MINUTE, max: 6000 }] });
      const { error, afterMs } = await refusal(demand({ provider: 'model-a', amounts: tokens(6001) }));
      runner
        .expect([nameOf(error), Reflect.get(Object(error), 'retryAfterMs'), afterMs])
        .toEqual(['RateLimitWaitError', Infinity, 0]);
    });
    test('shows what a demand would meet, taking nothing', async ({ limiter, clock, waitOf }) => {
      if (!limiter.peek) return;
      const limits = [limit(1)];
      const before = await limiter.peek(demand({ limits }));
      runner
        .expect(before.map(({ kind, cap, used, requested }) => [kind, cap, used, requested]))
        .toEqual([['requests', 1, 0, 1]]);
      runner.expect(await waitOf(demand({ limits }))).toBe(0);
      const [after] = await limiter.peek(demand({ limits }));
      runner.expect([after?.used, after?.availableAt]).toEqual([1, clock.now() + MINUTE]);
    });
  });
}
