import type { Report, ReportRow } from '../usage-report';
import { type Column, IMPORTANCE, columnsOf, rowsInOrder } from './columns';
import { budgetLevel } from './figures';
import { shortened, textWidth } from './names';
import { periodText } from './period';
import { raisedTexts } from './raised';

/** How a table is laid out. */
export interface TableLayout {
  /** Columns of the terminal; fewer than 20 count as 20. */
  readonly width: number;
  readonly color: boolean;
  readonly title: string;
}

interface Cell {
  readonly text: string;
  readonly paint?: Paint | undefined;
}

interface Placed {
  readonly column: Column;
  readonly width: number;
  readonly cells: readonly Cell[];
}

const LEAST_WIDTH = 20;
const GAP = '  ';
const BAR_WIDTH = 10;
/** A budget's share once more, for the eye. */
const BAR: Column = {
  id: 'budgetBar',
  title: '',
  kind: 'bar',
  value: ({ budgetUsed }) => budgetUsed,
  text: ({ budgetUsed }) => {
    if (budgetUsed === undefined) return '';
    const full = Math.max(0, Math.min(BAR_WIDTH, Math.floor(budgetUsed * BAR_WIDTH)));
    return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
  },
};

/** What texts are shortened to before a column goes; at last names give way rather than cost. */
const TEXT_WIDTHS = [16, 8, 4, 1] as const;

const PAINTS = { bold: [1, 22], dim: [2, 22], red: [31, 39], yellow: [33, 39], green: [32, 39] } as const;
type Paint = keyof typeof PAINTS;

/** A report as a table for a terminal, each line with its end. No line is wider than `width`. */
export function tableText(report: Report, { width, color, title }: TableLayout): string {
  const room = Math.max(LEAST_WIDTH, Math.floor(width));
  const paint = (text: string, paintName: Paint | undefined): string =>
    color && paintName && text !== '' ? `\u001b[${PAINTS[paintName][0]}m${text}\u001b[${PAINTS[paintName][1]}m` : text;
  const lines = [
    ...wrapped(title, room).map((line) => paint(line, 'bold')),
    ...wrapped(periodText(report), room).map((line) => paint(line, 'dim')),
    '',
  ];
  if (report.rows.length === 0) return ended([...lines, ...wrapped('There were no calls in this time.', room)]);

  const columns = columnsOf(report).flatMap((column) => (column.id === 'budgetUsed' ? [column, BAR] : [column]));
  const rows = rowsInOrder(report);
  const placed = place(columns, rows, report.by.length > 0 ? [report.total] : [], room);
  const rule = paint(placed.map((each) => '─'.repeat(each.width)).join(GAP), 'dim');
  const body = rows.map((_, index) => line(placed, (each) => each.cells[index], paint));
  const total = line(placed, (each) => each.cells[rows.length], paint);
  lines.push(
    line(placed, ({ column, width: widest }) => ({ text: shortened(column.title, widest), paint: 'bold' }), paint),
    rule,
    ...body,
    ...(report.by.length > 0 ? [rule, total] : []),
  );
  const left = columns.filter((column) => column !== BAR && !placed.some((each) => each.column === column));
  if (left.length > 0) {
    const note = `No room for: ${left.map((column) => column.title).join(', ')}.`;
    lines.push('', ...wrapped(note, room).map((each) => paint(each, 'dim')));
  }
  for (const text of raisedTexts(report)) lines.push('', ...wrapped(text, room));
  return ended(lines);
}

const ended = (lines: readonly string[]): string => lines.map((each) => `${each.trimEnd()}\n`).join('');

/** Chooses the columns that fit and gives them their widths. The total's cells come last. */
function place(columns: readonly Column[], rows: readonly ReportRow[], total: readonly ReportRow[], room: number): Placed[] {
  const full = columns.map((column): Placed => {
    const cells = [...rows.map((row) => cellOf(column, row)), ...total.map((row) => totalCell(column, row))];
    return {
      column,
      cells,
      width: cells.reduce((widest, { text }) => Math.max(widest, textWidth(text)), textWidth(column.title)),
    };
  });
  const groups = full.filter(({ column }) => column.kind === 'group');
  const ranked = [...groups, ...IMPORTANCE.flatMap((id) => full.filter(({ column }) => column.id === id))];
  const least = ranked.slice(0, groups.length + 2);
  const textLimit = TEXT_WIDTHS.find((limit) => leastSum(least, limit) <= room) ?? 1;
  const kept = ranked.slice(0, ranked.findLastIndex((_, index) => leastSum(ranked.slice(0, index + 1), textLimit) <= room) + 1);
  return widened(
    full.filter((each) => kept.includes(each)),
    textLimit,
    room,
  );
}

const isText = ({ column: { kind } }: Placed): boolean => kind === 'group' || kind === 'text';
const leastWidth = (each: Placed, textLimit: number): number => (isText(each) ? Math.min(each.width, textLimit) : each.width);
const leastSum = (all: readonly Placed[], textLimit: number): number =>
  all.reduce((sum, each) => sum + leastWidth(each, textLimit), GAP.length * (all.length - 1));

/** Gives the room that is left to the texts that were to be shortened, from left to right, and shortens what still must be. */
function widened(all: readonly Placed[], textLimit: number, room: number): Placed[] {
  let spare = room - leastSum(all, textLimit);
  return all.map((each) => {
    const least = leastWidth(each, textLimit);
    const width = Math.min(each.width, least + spare);
    spare -= width - least;
    return { ...each, width, cells: each.cells.map((cell) => ({ ...cell, text: shortened(cell.text, width) })) };
  });
}

function cellOf(column: Column, row: ReportRow): Cell {
  const text = column.text(row);
  if ((column.id !== 'budgetUsed' && column !== BAR) || row.budgetUsed === undefined) return { text };
  return { text, paint: ({ full: 'red', near: 'yellow', calm: 'green' } as const)[budgetLevel(row.budgetUsed)] };
}

/** The total stands in bold, and has no budget: those of the groups reset at different times. */
function totalCell(column: Column, total: ReportRow): Cell {
  if (column.kind === 'group') return { text: column.id === 'group0' ? 'total' : '', paint: 'bold' };
  return { text: column.value(total) === undefined ? '' : column.text(total), paint: 'bold' };
}

function line(
  placed: readonly Placed[],
  cellIn: (each: Placed) => Cell | undefined,
  paint: (text: string, name: Paint | undefined) => string,
): string {
  return placed
    .map((each) => {
      const { text, paint: name } = cellIn(each) ?? { text: '' };
      const padding = ' '.repeat(Math.max(0, each.width - textWidth(text)));
      return isText(each) ? paint(text, name) + padding : padding + paint(text, name);
    })
    .join(GAP);
}

/** The words of a text in lines of at most so many columns; a word that is longer is shortened. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').map((each) => shortened(each, width))) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(last) + 1 + textWidth(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
