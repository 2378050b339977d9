// PostgreSQL keeps text as UTF-8 without NUL characters, and half of a surrogate pair has no UTF-8; names may have both.

const ESCAPE = '\u001b';
const NUL = '\u0000';
const UNSTORABLE = new RegExp(`[${NUL}${ESCAPE}\\p{Surrogate}]`, 'gu');
// Several times cheaper to test, and almost all names pass it.
const SUSPICIOUS = new RegExp(`[${NUL}${ESCAPE}\\ud800-\\udfff]`);
const ESCAPED = new RegExp(`${ESCAPE}([0-9a-f]{4})`, 'g');

/** Any string as one that can be stored, different for different strings. Almost all are as they were. */
export function storable(name: string): string {
  if (!SUSPICIOUS.test(name)) return name;
  return name.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** Undoes `storable`. */
export function original(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replace(ESCAPED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
