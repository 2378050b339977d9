import type { Report } from '../usage-report';
import { type Column, columnsOf, rowsInOrder } from './columns';
import { textWidth } from './names';
import { periodText } from './period';
import { raisedTexts } from './raised';

/** A report as a heading, its time and a GitHub table, the total in bold. */
export function markdownText(report: Report, title: string): string {
  const head = `## ${escaped(title)}\n\n${escaped(periodText(report))}\n\n`;
  if (report.rows.length === 0) return `${head}There were no calls in this time.\n`;
  const columns = columnsOf(report);
  const lines = [
    columns.map(({ title: name }) => escaped(name)),
    ...rowsInOrder(report).map((row) => columns.map((column) => escaped(column.text(row)))),
    ...(report.by.length > 0 ? [columns.map((column) => totalText(column, report))] : []),
  ];
  const widths = columns.map((_, index) => lines.reduce((widest, line) => Math.max(widest, textWidth(line[index] ?? '')), 3));
  const rule = columns.map((column, index) => ruleText(column, widths[index] ?? 3));
  const [header = [], ...body] = lines.map((line) =>
    line.map((text, index) => padded(text, widths[index] ?? 0, isEnd(columns[index]))),
  );
  const raised = raisedTexts(report).map((text) => `\n${escaped(text)}\n`);
  return head + [header, rule, ...body].map((line) => `| ${line.join(' | ')} |\n`).join('') + raised.join('');
}

const isEnd = (column: Column | undefined): boolean => column?.kind === 'number' || column?.kind === 'time';

const ruleText = (column: Column, width: number): string => (isEnd(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width));

function padded(text: string, width: number, end: boolean): string {
  const padding = ' '.repeat(Math.max(0, width - textWidth(text)));
  return end ? padding + text : text + padding;
}

function totalText(column: Column, { total }: Report): string {
  if (column.kind === 'group') return column.id === 'group0' ? '**total**' : '';
  return column.value(total) === undefined ? '' : `**${escaped(column.text(total))}**`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  // A bar ends a cell and a backslash before it keeps it; what does so in code is not the same in all readers.
  '|': '&#124;',
  '\\': '&#92;',
  '`': '&#96;',
  // With a space of no width people and issues of that name are not called.
  '@': '@&#8203;',
  '#': '#&#8203;',
};

/** Printable text as Markdown that shows just it: no cell, markup, link, mention or HTML of its own. */
function escaped(text: string): string {
  return text
    .replace(/[&<>|\\`@#]/g, (character) => ENTITIES[character] ?? '')
    .replace(/[*_~[\]]/g, '\\$&')
    .replace(/:\/\//g, '&#58;//')
    .replace(/www\./gi, (www) => `${www.slice(0, 3)}&#46;`);
}
