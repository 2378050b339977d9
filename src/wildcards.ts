/** True if a name is in a list with wildcards. */
export type Matcher = (name: string) => boolean;

/** Exact names and `*` wildcards. */
export function matcher(patterns: readonly string[]): Matcher {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const wild = patterns.filter((pattern) => pattern.includes('*')).map(wildcard);
  return (name) => exact.has(name) || wild.some((pattern) => pattern.test(name));
}

function wildcard(pattern: string): RegExp {
  const parts = pattern.split(/\*+/).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}
