/** Throws a TypeError that names what is wrong, unless `options` is an object and has none but the `known` members. */
export function checkOptionNames(of: string, options: unknown, known: readonly string[]): void {
  const names = known.join(', ');
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${of}: expected an object with ${names}, got ${options === null ? 'null' : typeof options}`);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`${of}: unknown option ${JSON.stringify(unknown)}; known are ${names}`);
}
