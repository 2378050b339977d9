// Redis keeps bytes, and half of a surrogate pair has none in UTF-8: it would become U+FFFD, and two names one.
const ESCAPE = '\u001b';
const UNSAFE = new RegExp(`[${ESCAPE}\\ud800-\\udfff]`, 'u');
const EACH_UNSAFE = new RegExp(UNSAFE, 'gu');
const EACH_ESCAPED = new RegExp(`${ESCAPE}([0-9a-f]{4})`, 'gu');

/** Any string as one that survives UTF-8, different for different strings. Almost all are as they were. */
export function storedName(name: string): string {
  if (!UNSAFE.test(name)) return name;
  return name.replace(EACH_UNSAFE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** Undoes `storedName`. */
export function restoredName(stored: string): string {
  if (!stored.includes(ESCAPE)) return stored;
  return stored.replace(EACH_ESCAPED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
