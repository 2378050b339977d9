// Garbage collected on demand, on every runtime that can be made to.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects garbage now. It throws on a runtime that cannot be made to: ask `canCollect` first. */
export const collectGarbage: () => void = collector();
/** Why tests that need a collection cannot run here; undefined if they can. */
export const canCollect: boolean = collectGarbage !== unable;

function collector(): () => void {
  const { Bun: bun } = globalThis as { Bun?: { gc(isForced: boolean): void } };
  if (bun !== undefined) return () => bun.gc(true);
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('typeof gc === "function" ? gc : undefined');
  return typeof gc === 'function' ? (gc as () => void) : unable;
}

function unable(): void {
  throw new Error('this runtime does not collect garbage on demand');
}
