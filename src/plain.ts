/** Whether a value is an object as `{}` makes it, of this realm or another. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm have another Object.prototype, which is the end of its chain all the same.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
