/** What the name of a key tells: `chatbot-prod-web` is the key of team `chatbot` for `web` in `prod`. */
export interface KeyNameParts {
  /** Undefined if the name begins with the environment: such a key is for every team. */
  readonly team: string | undefined;
  readonly environment: string | undefined;
  readonly purpose: string | undefined;
}

const ENVIRONMENTS: ReadonlySet<string> = new Set([
  'prod',
  'production',
  'staging',
  'stage',
  'dev',
  'development',
  'test',
  'testing',
  'qa',
  'preview',
  'live',
  'local',
  'sandbox',
  'ci',
  'demo',
]);

/**
 * Takes `{team}-{environment}-{purpose}` apart. Teams and purposes may have dashes of their own: the first part that is a usual
 * word for an environment parts them. A name without one is a team's as a whole.
 */
export function parseKeyName(name: string): KeyNameParts {
  const parts = name.split('-');
  const index = parts.findIndex((part) => ENVIRONMENTS.has(part.toLowerCase()));
  if (index < 0) return { team: name, environment: undefined, purpose: undefined };
  const joined = (some: readonly string[]): string | undefined => some.join('-') || undefined;
  return { team: joined(parts.slice(0, index)), environment: parts[index], purpose: joined(parts.slice(index + 1)) };
}
