/** Makes ids that are unique across processes: one random prefix, then a counter. The only source of randomness for names. */
export function idSource(): () => string {
  const prefix = globalThis.crypto.randomUUID().replaceAll('-', '').slice(0, 16);
  let count = 0;
  return () => `${prefix}-${(count++).toString(36)}`;
}

/** A number in [0, 1), for jitter only. */
export const random = (): number => Math.random();
