const SHOWN = 8;

/** The first eight hex digits of a secret's SHA-256; undefined where there is no Web Crypto. Enough to tell keys apart by. */
export async function fingerprintOf(secret: string): Promise<string | undefined> {
  // Pages that are not served over HTTPS have no `subtle`, whatever its type says.
  const { subtle } = globalThis.crypto as { subtle?: SubtleCrypto };
  if (subtle === undefined) return undefined;
  const hash = await subtle.digest('SHA-256', new TextEncoder().encode(secret));
  return [...new Uint8Array(hash)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .slice(0, SHOWN);
}
