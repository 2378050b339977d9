// SQLite's drivers cut text off at a NUL, and UTF-8 has no lone surrogates; names may have both.

const NUL = '\u0000';
const ESCAPE = '\u001b';
const SUSPICIOUS = new RegExp(`[${NUL}${ESCAPE}\\ud800-\\udfff]`);
const UNSTORABLE = new RegExp(`[${NUL}${ESCAPE}\\p{Surrogate}]`, 'gu');
const ESCAPED = new RegExp(`${ESCAPE}([0-9a-f]{4})`, 'g');

/** The text as it can be stored and compared; `decoded` gives it back. */
export function encoded(text: string): string {
  // Surrogates in pairs are fine, but telling them apart is slower, and almost no name has any.
  if (!SUSPICIOUS.test(text)) return text;
  return text.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** Undoes `encoded`. */
export function decoded(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
