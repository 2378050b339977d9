// Engines keep text as UTF-8, some of them without NUL characters, and half of a surrogate pair has no UTF-8; names may have both.

const NUL = '\u0000';
const ESCAPE = '\u001b';
// Surrogates in pairs are fine, but telling them apart is several times slower, and almost no name has any.
const SUSPICIOUS = new RegExp(`[${NUL}${ESCAPE}\\ud800-\\udfff]`);
const UNSTORABLE = new RegExp(`[${NUL}${ESCAPE}\\p{Surrogate}]`, 'gu');
const ESCAPED = new RegExp(`${ESCAPE}([0-9a-f]{4})`, 'g');

/** Any string as one that every engine can store and compare, different for different strings. Almost all are as they were. */
export function storedName(name: string): string {
  if (!SUSPICIOUS.test(name)) return name;
  return name.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** Undoes `storedName`. */
export function restoredName(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replace(ESCAPED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
