import type { Clock } from '../../src/clock';
import type { RateLimiter } from '../../src/limit/rate-limiter';
import { sharedRateLimiter } from '../../src/limit/shared';
import type { SharedLimits } from '../../src/limit/shared-limits';
import type { ManualClock } from '../../src/testing/manual-clock';
import { MemorySharedLimits } from './memory-shared-limits';

/** Answers after a few random turns of the event loop, on which the manual clock waits: trips overtake each other. */
export function delayed(limits: SharedLimits, clock: Clock): SharedLimits {
  const turns = async (): Promise<void> => {
    for (let turn = Math.floor(Math.random() * 4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
  };
  const during = <T>(work: Promise<T>): Promise<T> => (isManual(clock) ? clock.during(work) : work);
  const slow = async <T>(work: () => Promise<T>): Promise<T> => {
    await turns();
    const answer = await work();
    await turns();
    return answer;
  };
  return {
    take: (demands) => during(slow(() => limits.take(demands))),
    change: (changes) => during(slow(() => limits.change(changes))),
    learn: (snapshots) => during(slow(() => limits.learn(snapshots))),
    look: (demand) => during(slow(() => limits.look(demand))),
  };
}

function isManual(clock: Clock): clock is ManualClock {
  return 'during' in clock;
}

/** As if so many processes shared one engine. */
export function limitersOver(
  count: number,
  clock: Clock,
  limits: SharedLimits = new MemorySharedLimits({ clock }),
): Required<RateLimiter>[] {
  return Array.from({ length: count }, () => sharedRateLimiter({ limits: delayed(limits, clock), clock }));
}
