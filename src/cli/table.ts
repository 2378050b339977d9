import CliTable from 'cli-table3';
import { printable, shortened, textWidth } from '../report/names';
import type { Style } from './style';

/** A column of a table that fits its terminal. */
export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
  /** Its texts may be shortened to this width before columns are left out, and further after that; without it they are whole. */
  readonly shrinkTo?: number;
  /** Columns with a rank may be left out where there is no room, the highest first. */
  readonly rank?: number;
}

/** What stands in a cell; names that come from outside may be given as they are. */
export type Cell = string | { readonly text: string; readonly mark: (text: string) => string };

const GAP = '  ';
/** What names are shortened to when all else is gone. */
const LEAST_WIDTH = 6;
const LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
};

/** Lines of a table, each at most `width` columns wide if that can be done; a column of which all cells are empty is left out. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { width, style }: { readonly width: number | undefined; readonly style: Style },
): string[] {
  const texts = rows.map((row) => row.map((cell) => printable(typeof cell === 'string' ? cell : cell.text)));
  const natural = columns.map(({ head }, index) =>
    Math.max(textWidth(head), ...texts.map((row) => textWidth(row[index] ?? ''))),
  );
  const filled = columns.flatMap((_, index) =>
    texts.some((row) => row[index]) ? [{ index, width: natural[index] ?? 0 }] : [],
  );
  const shown = fitted(columns, filled, width ?? Infinity);
  const table = new CliTable({
    chars: LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    head: shown.map(({ index, width: room }) => style.bold(shortened(columns[index]?.head ?? '', room))),
    colAligns: shown.map(({ index }) => columns[index]?.align ?? 'left'),
    colWidths: shown.map((column) => column.width),
    truncate: '…',
  });
  rows.forEach((row, line) => {
    table.push(
      shown.map(({ index, width: room }) => {
        const cell = row[index] ?? '';
        const text = shortened(texts[line]?.[index] ?? '', room);
        return typeof cell === 'string' ? text : cell.mark(text);
      }),
    );
  });
  const [head = '', ...body] = table.toString().split('\n');
  const rule = shown.map(({ index, width: room }) => (columns[index]?.head === '' ? ' ' : '─').repeat(room)).join(GAP);
  return [head, style.dim(rule), ...body].map((line) => line.trimEnd());
}

interface Shown {
  readonly index: number;
  readonly width: number;
}

function fitted(columns: readonly Column[], all: readonly Shown[], width: number): readonly Shown[] {
  let shown = all;
  for (;;) {
    const over = shown.reduce((sum, column) => sum + column.width + GAP.length, -GAP.length) - width;
    if (over <= 0) return shown;
    const shrunk = shrink(shown, over, ({ index }) => columns[index]?.shrinkTo);
    if (shrunk !== undefined) return shrunk;
    const last = shown.reduce<Shown | undefined>(
      (most, column) => (rankOf(columns, column) > (most ? rankOf(columns, most) : 0) ? column : most),
      undefined,
    );
    // What is left is needed: names give way now, but longer lines are better than a table without its figures.
    if (last === undefined) return shrink(shown, over, ({ index }) => columns[index]?.shrinkTo && LEAST_WIDTH) ?? shown;
    shown = shown.filter((column) => column !== last);
  }
}

const rankOf = (columns: readonly Column[], { index }: Shown): number => columns[index]?.rank ?? 0;

/** Takes `over` from the columns that can spare it, the widest first; undefined if they cannot. */
function shrink(shown: readonly Shown[], over: number, shrinkTo: (column: Shown) => number | undefined): Shown[] | undefined {
  const widths = shown.map((column) => column.width);
  const least = shown.map((column) => Math.min(column.width, shrinkTo(column) ?? column.width));
  const spare = widths.reduce((sum, width, at) => sum + width - (least[at] ?? width), 0);
  if (spare < over) return undefined;
  for (let left = over; left > 0; left--) {
    let widest = -1;
    widths.forEach((width, at) => {
      if (width > (least[at] ?? width) && width > (widths[widest] ?? 0)) widest = at;
    });
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return shown.map((column, at) => ({ ...column, width: widths[at] ?? column.width }));
}
