/** FNV-1a, 32 bits: small, the same everywhere, and good enough to derive test data from a text. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** How `mock.calls` shows an API key: enough to tell two keys apart, too little to get one back. */
export function keyFingerprint(apiKey: string): string {
  return apiKey === '' ? '' : `key-${hashOf(apiKey).toString(16).padStart(8, '0')}`;
}
