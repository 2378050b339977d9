// PostgreSQL keeps text as UTF-8 without NUL characters, and half of a surrogate pair has no UTF-8; names may have both.

const ESCAPE = '\u001b';
const UNSTORABLE = /[\u0000\u001b\p{Surrogate}]/gu;
const ESCAPED = /\u001b([0-9a-f]{4})/g;

/** Any string as one that can be stored, different for different strings. Almost all are as they were. */
export function storable(name: string): string {
  // The first test is several times cheaper, and almost all names pass it.
  if (!/[\u0000\u001b\ud800-\udfff]/.test(name)) return name;
  return name.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** Undoes `storable`. */
export function original(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replace(ESCAPED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
