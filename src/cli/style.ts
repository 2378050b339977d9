import type { Io } from './io';

/** Marks a text for the eye, or leaves it as it is where nobody would see it. */
export interface Style {
  readonly bold: Mark;
  readonly dim: Mark;
  readonly red: Mark;
  readonly green: Mark;
  readonly yellow: Mark;
  readonly cyan: Mark;
}

type Mark = (text: string) => string;

const mark =
  (on: number, off: number): Mark =>
  (text) =>
    text === '' ? '' : `\u001B[${on}m${text}\u001B[${off}m`;
const asIs: Mark = (text) => text;

const COLOURED: Style = {
  bold: mark(1, 22),
  dim: mark(2, 22),
  red: mark(31, 39),
  green: mark(32, 39),
  yellow: mark(33, 39),
  cyan: mark(36, 39),
};
const PLAIN: Style = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs, cyan: asIs };

export const styleOf = (coloured: boolean): Style => (coloured ? COLOURED : PLAIN);

/** Whether to write in colour: `--no-color`, `NO_COLOR` and `FORCE_COLOR` decide, else whether a person looks at it. */
export function wantsColour({ env }: Pick<Io, 'env'>, option: boolean, isTTY: boolean): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env;
  if (!option || NO_COLOR || FORCE_COLOR === '0' || FORCE_COLOR === 'false') return false;
  if (FORCE_COLOR) return true;
  return isTTY && TERM !== 'dumb';
}
