import type { Groq } from 'groq-sdk';
import type { AlertLogger } from '../alerts';

const LEVELS = { off: 0, error: 200, warn: 300, info: 400, debug: 500 } as const;

/** The client's logger, at the client's level, as both are when something is logged. */
export function loggerOf(client: Groq): AlertLogger {
  const write = (level: 'error' | 'warn' | 'info', message: string): void => {
    if (LEVELS[level] <= LEVELS[client.logLevel ?? 'off']) client.logger?.[level](message);
  };
  return {
    error: (message) => write('error', message),
    warn: (message) => write('warn', message),
    info: (message) => write('info', message),
  };
}
