// Pairs of reserve and settle, on a store or on its floor.

const NANOS = 20_000;
let count = 0;

/** One pair on one account, as a call makes it. */
export async function pair({ stores, floor }, what) {
  const id = `${process.pid}-${(count++).toString(36)}`;
  if (what === 'floor') return floor(id, NANOS);
  const { budgetStore } = stores;
  const at = Date.now();
  const startsAt = at - (at % 86_400_000);
  const window = { startsAt, resetsAt: startsAt + 86_400_000 };
  const line = { account: 'team:bench/day', limitNanos: Number.MAX_SAFE_INTEGER, nanos: NANOS, window };
  const { ok } = await budgetStore.reserve({ id, at, expiresAt: at + 900_000, lines: [line] });
  if (!ok) throw new Error('refused');
  return budgetStore.settle({ id, spentNanos: NANOS / 2, at });
}

/** With so many under way at once, for so long. */
export async function pairsPerSecond(engine, what, inFlight, forMs) {
  const from = performance.now();
  let pairs = 0;
  const one = async () => {
    while (performance.now() < from + forMs) {
      await pair(engine, what);
      pairs++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return (pairs * 1000) / (performance.now() - from);
}
