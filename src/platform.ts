// What the runtime offers beyond the web platform, where it does. The only place that asks the process.

interface Process {
  readonly env?: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(name: string): unknown;
}

function currentProcess(): Process | undefined {
  return (globalThis as { readonly process?: Process }).process;
}

/** The value of an environment variable; undefined if it is not set, or there are none. */
export function environmentVariable(name: string): string | undefined {
  return currentProcess()?.env?.[name];
}

/** Node's file system, for what must be read at once. Undefined on the edge, and on Node before 20.16. */
export function fileSystem(): typeof import('node:fs') | undefined {
  return currentProcess()?.getBuiltinModule?.('node:fs') as typeof import('node:fs') | undefined;
}
