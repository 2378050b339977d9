import type { Percentiles } from './usage-log';

const EXACT_MS = 100;
const LONGEST_MS = 1e16;

/** How far apart the lengths are that durations are counted as: never more than a twentieth of the duration. */
function stepOf(ms: number): number {
  if (ms <= EXACT_MS) return 1;
  let unit = EXACT_MS;
  while (ms > 10 * unit) unit *= 10;
  return ms <= 2 * unit ? unit / 20 : ms <= 5 * unit ? unit / 10 : unit / 4;
}

/** What a duration is counted as: the whole milliseconds, or up to 5 % more. What is no duration is counted as 0. */
export function countedMs(ms: number): number {
  if (!(ms > 0 && ms <= LONGEST_MS)) return 0;
  const whole = Math.ceil(ms);
  const step = stepOf(whole);
  return Math.ceil(whole / step) * step;
}

/** All that durations are counted as, from short to long, for engines that count by themselves. */
export function countedLengths(): number[] {
  const lengths = [0];
  for (let ms = 0; ms < LONGEST_MS; lengths.push(ms)) ms += stepOf(ms + 1);
  return lengths;
}

/** How many durations there were of each length, in bounded memory. Adding up histograms loses nothing. */
export class DurationHistogram {
  // By itself: most calls do not wait.
  #zeros = 0;
  #counts: Map<number, number> | undefined;

  /** Counts a duration. */
  add(ms: number): void {
    this.addCounted(countedMs(ms), 1);
  }

  /** Counts durations by what they are counted as. */
  addCounted(ms: number, times: number): void {
    if (ms === 0) {
      this.#zeros += times;
      return;
    }
    const counts = (this.#counts ??= new Map<number, number>());
    counts.set(ms, (counts.get(ms) ?? 0) + times);
  }

  /** Adds what another has counted. */
  addAll(other: DurationHistogram): void {
    this.#zeros += other.#zeros;
    if (other.#counts === undefined) return;
    if (this.#counts === undefined) this.#counts = new Map(other.#counts);
    else for (const [ms, times] of other.#counts) this.addCounted(ms, times);
  }

  /** By nearest rank: of the counted durations in order, the first that so many in a hundred do not exceed. Undefined if there are none. */
  percentiles(): Percentiles | undefined {
    const counts = [...(this.#counts ?? [])].sort(([a], [b]) => a - b);
    if (this.#zeros > 0) counts.unshift([0, this.#zeros]);
    const total = counts.reduce((sum, [, times]) => sum + times, 0);
    return total === 0 ? undefined : { p50: ranked(counts, total, 50), p95: ranked(counts, total, 95) };
  }
}

function ranked(counts: readonly (readonly [ms: number, times: number])[], total: number, percent: number): number {
  let left = Math.ceil((total * percent) / 100);
  for (const [ms, times] of counts) {
    left -= times;
    if (left <= 0) return ms;
  }
  return 0;
}
