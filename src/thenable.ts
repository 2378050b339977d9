/** Whether a value can be awaited, whichever realm or library it comes from. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}

/** Hands the rejection of whatever was returned to `report`; what was returned need not be a promise. */
export function onRejection(returned: unknown, report: (error: unknown) => void): void {
  if (isThenable(returned)) Promise.resolve(returned).catch(report);
}
