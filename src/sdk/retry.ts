// What the SDK does after an attempt that failed.

import { random } from '../id';

/** Whether the SDK tries again after such an answer. */
export function isRetried(status: number, headers: { get(name: string): string | null }): boolean {
  const told = headers.get('x-should-retry');
  if (told === 'true') return true;
  if (told === 'false') return false;
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** How long it waits after so many attempts: 0.5 s doubling up to 8 s, less up to a quarter. */
export function backOffMs(attempts: number): number {
  return Math.min(500 * 2 ** (attempts - 1), 8000) * (1 - random() * 0.25);
}
