// What comes from outside (a driver's error, a configuration's own) may carry a secret; nothing that is shown does.

const SHORTEST_SECRET = 8;

/** The text without Groq keys, passwords in addresses, and the values of environment variables that are named like secrets. */
export function redact(text: string, env: Readonly<Record<string, string | undefined>>): string {
  let clean = text
    .replaceAll(/gsk_[\w-]{4,}/g, 'gsk_…')
    // Up to the last @: a password that nobody has escaped may hold a slash or an @ itself.
    .replaceAll(/\b([a-z][a-z\d+.-]*:\/\/)[^\s/@:]*(?::\S*)?@/gi, '$1…@')
    .replaceAll(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, '$1 …');
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value.length < SHORTEST_SECRET || !/KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL/i.test(name))
      continue;
    // The name of a file or a folder is no secret, and errors are about files.
    if (/^[./~]|^[A-Z]:\\/i.test(value)) continue;
    clean = clean.replaceAll(value, `…`);
  }
  return clean;
}
