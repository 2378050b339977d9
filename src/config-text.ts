import { YAMLException, load } from 'js-yaml';
import { GovernanceConfigError } from './errors';

/** The kinds of configuration file that are data: no program is run to read them. */
export const DATA_FILE: RegExp = /\.(json|ya?ml)$/i;

/**
 * Parses the text of a configuration file, as JSON or YAML by the ending of its path. Throws a `GovernanceConfigError` with the
 * line and column of what cannot be read.
 */
export function parseConfig(text: string, path: string): unknown {
  if (text.trim() === '') throw new GovernanceConfigError([{ path, message: 'The file is empty' }]);
  return /\.json$/i.test(path) ? parseJson(text, path) : parseYaml(text, path);
}

function parseJson(text: string, path: string): unknown {
  try {
    // A byte order mark is what some editors begin a file with.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw unreadable(path, 'JSON', error instanceof Error ? jsonPlace(error.message, text) : '');
  }
}

function parseYaml(text: string, path: string): unknown {
  try {
    return load(text);
  } catch (error) {
    const place =
      error instanceof YAMLException && error.mark ? ` at line ${error.mark.line + 1}, column ${error.mark.column + 1}` : '';
    throw unreadable(path, 'YAML', place);
  }
}

// The parser's own words quote the text, in which a secret may stand.
function jsonPlace(message: string, text: string): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return ` at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function unreadable(path: string, format: string, place: string): GovernanceConfigError {
  return new GovernanceConfigError([{ path, message: `Expected ${format}, but it cannot be read${place}` }]);
}
