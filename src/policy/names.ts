/** Throws a TypeError on anything but names: a list among them would match nothing, and deny nothing. */
export function checkNames(of: string, names: readonly unknown[]): void {
  for (const name of names) {
    if (typeof name === 'string' && name !== '') continue;
    const got = Array.isArray(name) ? 'a list; write ...list' : name === '' ? 'no text' : typeof name;
    throw new TypeError(`${of}: expected names, e.g. ${of}('first', 'second'), got ${got}`);
  }
}
