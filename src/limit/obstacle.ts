import type { Need } from './constraint';
import type { Lane } from './lane';

/** The first constraint that has no room, or where others come first; undefined if the demand can be granted. */
export function obstacle(
  needs: readonly Need[],
  amounts: readonly number[],
  now: number,
  lane: Lane | undefined,
): Need | undefined {
  let index = 0;
  for (const need of needs) {
    const amount = amounts[index++] ?? 0;
    if (amount === 0) continue;
    const { constraint } = need;
    // Less than nothing must not make room; whoever waits for it is refused.
    if (!(amount > 0)) return need;
    if (constraint.line !== undefined && (lane === undefined || !constraint.line.goesFirst(lane))) return need;
    if (!constraint.fits(amount, need.max, now, lane)) return need;
  }
  return undefined;
}
